"""Users, and what their passwords must be."""

from datetime import datetime
from typing import ClassVar, Final
from unicodedata import normalize
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.identity.events import Role, UserRegistered
from tawsil.kernel.decisions import Accepted, Deadline, Refusal, accept, refuse

SHORTEST_PASSWORD: Final = 8
LONGEST_PASSWORD: Final = 128
LOGIN_FAILED: Final = refuse("identity.login_failed", status=401)
EMAIL_TAKEN: Final = refuse("identity.email_taken")


class NewUser(Struct, frozen=True, kw_only=True):
    """Somebody to be registered. A merchant user's `location_id` is the merchant's id."""

    id: UUID
    tenant_id: UUID
    email: str
    name: str
    password_hash: str
    roles: tuple[Role, ...] = (Role.CUSTOMER,)
    phone: str | None = None
    locale: str = "en"
    location_id: UUID | None = None


class User(Struct, frozen=True, kw_only=True):
    stream: ClassVar[str] = "user"

    id: UUID
    version: int = 0
    tenant_id: UUID
    email: str
    name: str
    roles: tuple[Role, ...]
    phone: str | None
    locale: str
    location_id: UUID | None
    created_at: datetime
    disabled_at: datetime | None = None

    @property
    def city_id(self) -> UUID | None:
        return None

    @property
    def deadline(self) -> Deadline | None:
        return None


def email_key(email: str) -> str:
    """What makes an e-mail address the same as another: neither case nor Unicode form counts."""
    return normalize("NFKC", email.strip()).casefold()


def check_password(password: str) -> Refusal | None:
    """Why this may not become a password, if so. Length is all that is asked (NIST SP 800-63B)."""
    if SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        return None
    return refuse(
        "identity.password_length", status=422, least=SHORTEST_PASSWORD, most=LONGEST_PASSWORD
    )


def register(new: NewUser, *, at: datetime) -> Accepted[User]:
    """Make somebody a user."""
    assert new.roles, "a user has a role"
    assert Role.MERCHANT not in new.roles or new.location_id, "a merchant user has a merchant"
    user = User(
        id=new.id,
        tenant_id=new.tenant_id,
        email=new.email.strip(),
        name=new.name,
        roles=new.roles,
        phone=new.phone,
        locale=new.locale,
        location_id=new.location_id,
        created_at=at,
    )
    return accept(
        user, UserRegistered(user_id=user.id, roles=user.roles, location_id=user.location_id)
    )


def disable(user: User, *, at: datetime) -> User:
    """Keep the user out; no event, as the sessions it ends say so."""
    return user if user.disabled_at is not None else replace(user, disabled_at=at)
