"""Users, and what their passwords must be."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar, Final
from unicodedata import normalize
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.identity.events import (
    EmailVerified,
    PasswordChanged,
    Role,
    RolesChanged,
    UserDisabled,
    UserEnabled,
    UserRegistered,
)
from tawsil.kernel.decisions import Accepted, By, Deadline, Refusal, accept, refuse

SHORTEST_PASSWORD: Final = 8
LONGEST_PASSWORD: Final = 128
PLACED: Final = frozenset(
    {
        Role.MERCHANT,
        Role.COUNTRY_DISTRIBUTOR,
        Role.REGIONAL_MANAGER,
        Role.DISTRICT_MANAGER,
        Role.MUNICIPAL_MANAGER,
    }
)
"""Roles that mean nothing without a location: a merchant, or an area."""
LEAST_OF_ITS_OWN: Final = 4  # characters of a password besides its user's name and address
TENANT_SUSPENDED: Final = refuse("identity.tenant_suspended", status=403)
LOGIN_FAILED: Final = refuse("identity.login_failed", status=401)
NOT_YOURSELF: Final = refuse("identity.not_yourself", status=403)
STRONGER: Final = refuse("identity.stronger_than_you", status=403)
EMAIL_TAKEN: Final = refuse("identity.email_taken")


class NewUser(Struct, frozen=True, kw_only=True):
    """Somebody to be registered. A merchant user's `location_id` is the merchant's id.

    Without a password hash they come in another way, or choose a password by a mailed link.
    """

    id: UUID
    tenant_id: UUID
    email: str
    name: str
    password_hash: str | None
    roles: tuple[Role, ...] = (Role.CUSTOMER,)
    phone: str | None = None
    locale: str = "en"
    location_id: UUID | None = None
    city_id: UUID | None = None
    email_verified: bool = True


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
    city_id: UUID | None = None
    created_at: datetime
    email_verified_at: datetime | None = None
    disabled_at: datetime | None = None

    @property
    def deadline(self) -> Deadline | None:
        return None

    def acting(self, *, correlation_id: UUID) -> By:
        """The user as the one on whose behalf something is done."""
        return By(
            tenant_id=self.tenant_id,
            actor_id=self.id,
            role=self.roles[0].value,
            correlation_id=correlation_id,
        )


def email_key(email: str) -> str:
    """What makes an e-mail address the same as another: neither case nor Unicode form counts."""
    return normalize("NFKC", email.strip()).casefold()


def check_password(password: str, *, email: str, name: str) -> Refusal | None:
    """Why this may not become somebody's password, if so.

    Asked are a length, and that it is not what everybody knows of its user (NIST SP 800-63B).
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        return refuse(
            "identity.password_length", status=422, least=SHORTEST_PASSWORD, most=LONGEST_PASSWORD
        )
    rest = normalize("NFKC", password).casefold()
    for known in _known_of(email, name):
        rest = rest.replace(known, "")
    if len(set(password)) < LEAST_OF_ITS_OWN or len(rest) < LEAST_OF_ITS_OWN:
        return refuse("identity.password_guessable", status=422)
    return None


def _known_of(email: str, name: str) -> list[str]:
    """The words of an address and a name, the longest first; those too short say nothing."""
    key, names = email_key(email), normalize("NFKC", name).casefold()
    words = {key, key.partition("@")[0], names, *re.split(r"[\W_]+", f"{key} {names}")}
    return sorted((word for word in words if len(word) > 2), key=len, reverse=True)


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
        city_id=new.city_id,
        created_at=at,
        email_verified_at=at if new.email_verified else None,
    )
    return accept(
        user, UserRegistered(user_id=user.id, roles=user.roles, location_id=user.location_id)
    )


def verify_email(user: User, *, at: datetime) -> Accepted[User]:
    """Whoever read the mail has shown that the address is theirs."""
    if user.email_verified_at is not None:
        return accept(user)
    return accept(replace(user, email_verified_at=at), EmailVerified(user_id=user.id))


def change_password(user: User) -> Accepted[User]:
    return accept(user, PasswordChanged(user_id=user.id))


def disable(user: User, *, at: datetime) -> Accepted[User]:
    """Keep the user out."""
    if user.disabled_at is not None:
        return accept(user)
    return accept(replace(user, disabled_at=at), UserDisabled(user_id=user.id))


def enable(user: User) -> Accepted[User]:
    """Let the user in again."""
    if user.disabled_at is None:
        return accept(user)
    return accept(replace(user, disabled_at=None), UserEnabled(user_id=user.id))


def check_grant(
    roles: Iterable[Role], *, location_id: UUID | None, grantable: frozenset[Role]
) -> Refusal | None:
    """Why somebody may not give these roles, if so."""
    if refused := sorted(set(roles) - grantable):
        return refuse("identity.may_not_grant", status=403, roles=refused)
    if location_id is None and PLACED.intersection(roles):
        return refuse("identity.location_missing", status=422)
    return None


def check_manages(user: User, *, by: By, grantable: frozenset[Role]) -> Refusal | None:
    """Why somebody may not change or keep out another: themselves, or who may do more."""
    if user.id == by.actor_id:
        return NOT_YOURSELF
    return None if grantable.issuperset(user.roles) else STRONGER


def change_roles(user: User, *, roles: tuple[Role, ...]) -> Accepted[User]:
    assert roles, "a user has a role"
    if roles == user.roles:
        return accept(user)
    changed = RolesChanged(user_id=user.id, roles=roles, before=user.roles)
    return accept(replace(user, roles=roles), changed)
