"""Mails as they arrive: over real SMTP, in a folder, in both languages."""

import asyncio
import email
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from msgspec.structs import replace

from identity.conftest import Postbox, token_in
from tawsil.identity.events import Role
from tawsil.identity.jobs import MailJobs
from tawsil.identity.letters import Letterhead, letter
from tawsil.identity.model.mails import LINKS, Mail
from tawsil.identity.model.users import User
from tawsil.identity.post import FolderCarrier, SmtpCarrier, carrier_of
from tawsil.identity.service.mails import MailJob
from tawsil.kernel.db import Database
from tawsil.kernel.settings import Settings

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
HEAD = Letterhead(sender="Tawsil <tawsil@example.org>", public_url="https://tawsil.test")
MONA = User(
    id=UUID(int=3),
    tenant_id=UUID(int=2),
    email="mona@example.org",
    name="Mona <b>Haddad</b>",
    roles=(Role.CUSTOMER,),
    phone=None,
    locale="en",
    location_id=None,
    created_at=AT,
)


def written(mail: Mail, to: User = MONA) -> EmailMessage:
    return letter(HEAD, mail=mail, to=to, token="a-token", id_=UUID(int=9), at=AT)


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return body.get_content()


@pytest.mark.parametrize("locale", ["en", "ar"])
@pytest.mark.parametrize("mail", list(Mail))
def test_every_mail_is_whole_in_both_languages(mail: Mail, locale: str):
    message = written(mail, replace(MONA, locale=locale))
    plain, html = part(message, "plain"), part(message, "html")
    assert "identity.mail" not in f"{message['Subject']} {plain} {html}"
    assert "{" not in plain
    assert f'lang="{locale}" dir="{"rtl" if locale == "ar" else "ltr"}"' in html
    assert any("\u0600" <= letter_ <= "\u06ff" for letter_ in plain) == (locale == "ar")
    assert "Mona &lt;b&gt;Haddad&lt;/b&gt;" in html
    assert "Mona <b>Haddad</b>" in plain
    link = f"https://tawsil.test{LINKS[mail].path}?token=a-token" if mail in LINKS else "token="
    for body in (plain, html):
        assert (link in body) == (mail in LINKS)


def test_a_line_break_in_an_address_adds_no_header():
    with pytest.raises(ValueError, match=r"linefeed|newline|header"):
        written(Mail.VERIFY_EMAIL, replace(MONA, email="a@example.org\r\nBcc: b@example.org"))


class Received:
    """A real SMTP server that keeps what it is handed."""

    def __init__(self) -> None:
        self.to: list[str] = []
        self.messages: list[EmailMessage] = []
        self.logins: list[bytes] = []
        self.refusing = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - its name there
        del server, session
        if self.refusing:
            return "451 Come back later"
        self.to += envelope.rcpt_tos
        parsed = email.message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        self.messages.append(parsed)
        return "250 OK"

    def authenticate(self, *rest: Any) -> AuthResult:
        *_, data = rest
        assert isinstance(data, LoginPassword)
        self.logins.append(data.login)
        return AuthResult(success=data.password == b"s3cret/")


@pytest.fixture
async def received() -> Received:
    return Received()


@pytest.fixture
async def smtp_url(received: Received) -> AsyncIterator[str]:
    def server() -> SMTP:
        return SMTP(
            received,
            authenticator=received.authenticate,
            auth_require_tls=False,
            hostname="127.0.0.1",
        )

    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    yield f"smtp://mailer:s3cret%2F@127.0.0.1:{port}"
    listening.close()
    await listening.wait_closed()


async def test_a_mail_arrives_over_smtp(received: Received, smtp_url: str):
    await SmtpCarrier(smtp_url).carry(written(Mail.VERIFY_EMAIL, replace(MONA, locale="ar")))
    assert received.to == ["mona@example.org"]
    assert received.logins == [b"mailer"]
    (message,) = received.messages
    assert message["Subject"] == "أكّد عنوان بريدك الإلكتروني"
    assert message["From"] == "Tawsil <tawsil@example.org>"
    assert token_in(message) == "a-token"
    assert 'dir="rtl"' in part(message, "html")


async def test_a_mail_that_could_not_be_sent_is_sent_again_with_another_token(
    received: Received,
    smtp_url: str,
    client: Any,
    mona: dict[str, Any],
    database: Database,
    postbox: Postbox,
):
    carrier = carrier_of(Settings(smtp_url=smtp_url))
    mailing = MailJobs(database=database, carrier=carrier, head=HEAD)
    job = MailJob(user_id=UUID(mona["user"]["id"]), mail=Mail.VERIFY_EMAIL)
    received.refusing = True
    with pytest.raises(Exception, match="Come back later"):
        await mailing.send(job)
    received.refusing = False
    await mailing.send(job)
    tokens = [token_in(message) for message in [*received.messages, *await postbox.empty()]]
    assert len(set(tokens)) == 2
    assert await database.pool.fetchval("select count(*) from identity.mail_proof") == 3
    answer = await client.post("/v4/auth/verify-email", json={"token": tokens[0]})
    assert answer.status_code == 200


async def test_without_a_server_mails_lie_in_a_folder_for_its_owner_alone(tmp_path: Path):
    carrier = carrier_of(Settings(data=tmp_path))
    assert isinstance(carrier, FolderCarrier)
    await carrier.carry(written(Mail.RESET_PASSWORD, replace(MONA, locale="ar")))
    (file,) = (tmp_path / "mail").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert "https://tawsil.test/reset-password?token=a-token" in file.read_text()
    assert "كلمة مرور جديدة" in file.read_text()
    parsed = email.message_from_bytes(file.read_bytes(), policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    assert token_in(parsed) == "a-token"
