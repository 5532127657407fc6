"""Sending mails. A mail's token is made here, when it is sent, and only its hash is kept."""

from secrets import token_urlsafe
from typing import Final

from tawsil.identity.letters import Letterhead, letter
from tawsil.identity.post import Carrier, carrier_of
from tawsil.identity.service import mails
from tawsil.identity.service.mails import MailJob
from tawsil.kernel.db import Database
from tawsil.kernel.settings import Settings

TOKEN_BYTES: Final = 32


class MailJobs:
    """The job `identity.mail`. Run again after a failure, it sends another token."""

    def __init__(self, *, database: Database, carrier: Carrier, head: Letterhead) -> None:
        self._database = database
        self._carrier = carrier
        self._head = head

    @classmethod
    def of(cls, settings: Settings, *, database: Database) -> "MailJobs":
        head = Letterhead(sender=settings.mail_from, public_url=settings.url)
        return cls(database=database, carrier=carrier_of(settings), head=head)

    async def send(self, job: MailJob) -> None:
        token = token_urlsafe(TOKEN_BYTES)
        async with self._database.transaction() as tx:
            to = await mails.reader(tx, job, token=token)
            id_, at = tx.ids(), tx.now
        if to is not None:
            await self._carrier.carry(
                letter(self._head, mail=job.mail, to=to, token=token, id_=id_, at=at)
            )
