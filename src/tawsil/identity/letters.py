"""Mails as people read them: in their language, as plain text and as HTML."""

from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from typing import Final
from uuid import UUID

from babel.dates import format_timedelta
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from msgspec import Struct

from tawsil.identity.model.mails import LINKS, Mail
from tawsil.identity.model.users import User
from tawsil.kernel.i18n import text

_WRITTEN: Final = Environment(
    loader=PackageLoader("tawsil.identity"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Letterhead(Struct, frozen=True, kw_only=True):
    """Whose mails these are: the sender, and the address that links begin with."""

    sender: str
    public_url: str


def letter(
    head: Letterhead, *, mail: Mail, to: User, token: str, id_: UUID, at: datetime
) -> EmailMessage:
    """A mail to a user. `token` makes its link, if it is one that has a link."""
    link = LINKS.get(mail)

    def say(part: str) -> str:
        params = {
            "name": to.name,
            "lives_for": _in_words(link.lives_for, to.locale) if link else "",
        }
        return text(f"identity.mail.{mail}.{part}", params=params, locale=to.locale)

    known = {
        "locale": to.locale,
        "direction": "rtl" if to.locale == "ar" else "ltr",
        "hello": text("identity.mail.hello", params={"name": to.name}, locale=to.locale),
        "subject": say("subject"),
        "lead": say("lead"),
        "note": say("note"),
        "button": say("button") if link else None,
        "address": f"{head.public_url}{link.path}?token={token}" if link else None,
        "foot": text("identity.mail.foot", params={"site": head.public_url}, locale=to.locale),
    }
    message = EmailMessage(policy=SMTP if to.email.isascii() else SMTPUTF8)
    message["From"] = head.sender
    message["To"] = to.email
    message["Subject"] = known["subject"]
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{id_}@tawsil>"
    message["Auto-Submitted"] = "auto-generated"
    message["Content-Language"] = to.locale
    message.set_content(_WRITTEN.get_template("mail.txt").render(known))
    message.add_alternative(_WRITTEN.get_template("mail.html").render(known), subtype="html")
    return message


def _in_words(span: timedelta, locale: str) -> str:
    return format_timedelta(span, locale=locale, threshold=2)
