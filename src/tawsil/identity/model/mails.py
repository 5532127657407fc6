"""What is mailed to users, and the tokens that mailed links carry.

A token proves that whoever shows it reads the mail of an address. It is made when its mail is sent,
known afterwards by its hash only, works once and not for long.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.identity.model.users import User
from tawsil.kernel.decisions import Refusal, refuse

MOST_PER_HOUR: Final = 5  # for one purpose: nobody's mailbox is filled through us
LINK_INVALID: Final = refuse("identity.link_invalid", status=422)


class Mail(StrEnum):
    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - a mail, not a password
    INVITATION = "invitation"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a mail, not a password
    SECOND_FACTOR_ENABLED = "second_factor_enabled"
    SECOND_FACTOR_DISABLED = "second_factor_disabled"


class Purpose(StrEnum):
    """What a token may be spent for."""

    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - a purpose, not a password


class Link(Struct, frozen=True):
    """Where a mail leads, and for how long."""

    purpose: Purpose
    path: str
    lives_for: timedelta


LINKS: Final = {
    Mail.VERIFY_EMAIL: Link(Purpose.VERIFY_EMAIL, "/verify-email", timedelta(hours=24)),
    Mail.RESET_PASSWORD: Link(Purpose.RESET_PASSWORD, "/reset-password", timedelta(minutes=30)),
    Mail.INVITATION: Link(Purpose.RESET_PASSWORD, "/reset-password", timedelta(days=7)),
}


class Proof(Struct, frozen=True, kw_only=True):
    """A token that was mailed to a user."""

    token_hash: bytes
    tenant_id: UUID
    user_id: UUID
    purpose: Purpose
    made_at: datetime
    expires_at: datetime
    spent_at: datetime | None = None

    def refused(self, *, purpose: Purpose, at: datetime) -> Refusal | None:
        """Why this may not be spent now, if so: always in the same words."""
        valid = self.purpose is purpose and self.spent_at is None and at < self.expires_at
        return None if valid else LINK_INVALID


def wants(user: User, mail: Mail) -> bool:
    """Whether there is still a reason to send it."""
    if user.disabled_at is not None:
        return False
    return mail is not Mail.VERIFY_EMAIL or user.email_verified_at is None
