"""How mails leave: over SMTP, or into a folder where nobody takes them further."""

import asyncio
import os
from email.message import EmailMessage
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib

from tawsil.kernel.settings import Settings

FOLDER: Final = "mail"
PATIENCE_S: Final = 20.0


class Carrier(Protocol):
    async def carry(self, message: EmailMessage) -> None:
        """Take one mail to where it is delivered from; raises if that failed."""
        ...


class SmtpCarrier:
    """Hands mails to a server: `smtp://` (with STARTTLS where it is offered) or `smtps://`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname, "the settings checked that the address names a host"
        self._host, self._tls = parts.hostname, parts.scheme == "smtps"
        self._port = parts.port or (465 if self._tls else 587)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None

    async def carry(self, message: EmailMessage) -> None:
        await aiosmtplib.send(
            message,
            recipients=[str(message["To"])],
            hostname=self._host,
            port=self._port,
            username=self._user,
            password=self._password,
            use_tls=self._tls,
            timeout=PATIENCE_S,
        )


class FolderCarrier:
    """Writes mails where whoever runs a trial can open them; only they can read them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def carry(self, message: EmailMessage) -> None:
        await asyncio.to_thread(self._write, message)

    def _write(self, message: EmailMessage) -> None:
        for part in message.walk():
            if part.get_content_maintype() == "text":  # readable in any editor
                part.set_content(part.get_content(), subtype=part.get_content_subtype(), cte="8bit")
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = str(message["Message-ID"]).strip("<>").partition("@")[0]
        file = os.open(self._folder / f"{name}.eml", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(file, "wb") as opened:
            opened.write(bytes(message))


def carrier_of(settings: Settings) -> Carrier:
    """Over SMTP when the settings name a server."""
    if settings.smtp_url is not None:
        return SmtpCarrier(settings.smtp_url.get_secret_value())
    return FolderCarrier(settings.data / FOLDER)
