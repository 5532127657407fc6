"""What needs whoever pays out: each job reads, asks outside any transaction, records the answer."""

import structlog

from tawsil.kernel.db import Database
from tawsil.payments.model.payee import Payee, Payees, Ready, Said
from tawsil.payments.model.payout import UNSENT, Payout
from tawsil.payments.model.psp import Absent, Refused, Unheard
from tawsil.payments.service import payout_accounts, payouts
from tawsil.payments.service.payout_accounts import CheckJob
from tawsil.payments.service.payouts import PayoutJob
from tawsil.payments.store import payout_accounts as account_store
from tawsil.payments.store import payouts as store

log = structlog.get_logger(__name__)


class NotCheckedError(Exception):
    """The provider did not say whether it knows a destination; the job is to be run again."""


class PayoutJobs:
    """The jobs `payments.pay_out`, `look_payout` and `check_destination`."""

    def __init__(self, *, database: Database, payees: Payees) -> None:
        self._database = database
        self._payees = payees

    async def pay_out(self, job: PayoutJob) -> None:
        """Send it under its own key: doing so twice sends it once."""
        payout = await self._find(job)
        if payout is None or payout.state not in UNSENT or payout.awaits_approval:
            return
        said = await self._pay(payout)
        if isinstance(said, Refused):  # which may mean that it is done already
            seen = await self._look(payout)
            said = said if isinstance(seen, Absent) else seen
        await self._hear(job, said)

    async def look(self, job: PayoutJob) -> None:
        """See what has become of it; what its provider has no trace of is sent, the same again."""
        payout = await self._find(job)
        if payout is None or payout.awaits_approval:
            return
        said = await self._look(payout)
        if payouts.to_be_sent(payout, said):
            await self.pay_out(job)
            return
        if payouts.contradicts(payout, said):
            log.error("payout.denied", payout_id=str(payout.id), state=payout.state)
        await self._hear(job, said)

    async def check(self, job: CheckJob) -> None:
        """Ask a provider whether it can pay to a destination.

        Raises:
            NotCheckedError: nobody answered, or it is not ready yet.
        """
        async with self._database.transaction() as tx:
            account = await account_store.get(tx, account_id=job.account_id)
        if account is None or account.destination.token != job.token:
            return
        payee = self._payees.get(account.destination.provider)
        said = await payee.check(destination=job.token) if payee else Unheard("no such provider")
        if isinstance(said, Absent):
            return
        if not (isinstance(said, Ready) and said.payable):
            raise NotCheckedError(said.why if isinstance(said, Unheard) else "not payable yet")
        async with self._database.transaction() as tx:
            await payout_accounts.verify(
                tx,
                account_id=job.account_id,
                token=job.token,
                correlation_id=job.correlation_id,
            )

    async def _find(self, job: PayoutJob) -> Payout | None:
        async with self._database.transaction() as tx:
            return await store.find(tx, payout_id=job.payout_id)

    async def _pay(self, payout: Payout) -> Said:
        payee = self._payee(payout)
        if payee is None:
            return Unheard("no such provider")
        return await payee.pay(
            key=payout.key,
            reference=str(payout.id),
            destination=payout.destination.token,
            amount_minor=payout.amount_minor,
            currency=payout.currency,
        )

    async def _look(self, payout: Payout) -> Said:
        payee = self._payee(payout)
        if payee is None:
            return Unheard("no such provider")
        return await payee.look(
            reference=str(payout.id), payout_id=payout.provider_payout_id, key=payout.key
        )

    def _payee(self, payout: Payout) -> Payee | None:
        return self._payees.get(payout.destination.provider)

    async def _hear(self, job: PayoutJob, said: Said) -> None:
        async with self._database.transaction() as tx:
            await payouts.hear(
                tx, payout_id=job.payout_id, said=said, correlation_id=job.correlation_id
            )
