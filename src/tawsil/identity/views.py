"""What answers about users look like."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from tawsil.identity.events import Role
from tawsil.identity.model.sessions import Session
from tawsil.identity.model.users import User


class UserView(Struct, frozen=True, kw_only=True):
    id: UUID
    email: str
    name: str
    phone: str | None
    email_verified: bool
    locale: str
    roles: tuple[Role, ...]
    location_id: UUID | None
    city_id: UUID | None
    created_at: datetime
    disabled_at: datetime | None

    @property
    def role_names(self) -> str:
        """In one cell of a table."""
        return " ".join(self.roles)

    @classmethod
    def of(cls, user: User) -> "UserView":
        return cls(
            id=user.id,
            email=user.email,
            name=user.name,
            phone=user.phone,
            email_verified=user.email_verified_at is not None,
            locale=user.locale,
            roles=user.roles,
            location_id=user.location_id,
            city_id=user.city_id,
            created_at=user.created_at,
            disabled_at=user.disabled_at,
        )


class SignedIn(Struct, frozen=True, kw_only=True):
    """Both tokens; `expires_in` is the access token's, in seconds.

    `device_token` is to be kept and shown at the next sign-in on this device.
    """

    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int
    device_token: str | None = None
    user: UserView


class SessionView(Struct, frozen=True, kw_only=True):
    """A session as its user knows it: where it is used, since when, and whether it is this one."""

    id: UUID
    device_id: str | None
    user_agent: str | None
    ip_address: str | None
    started_at: datetime
    last_used_at: datetime
    current: bool

    @classmethod
    def of(cls, session: Session, *, current_id: UUID) -> "SessionView":
        return cls(
            id=session.id,
            device_id=session.device.id,
            user_agent=session.device.user_agent,
            ip_address=session.device.address,
            started_at=session.started_at,
            last_used_at=session.last_used_at,
            current=session.id == current_id,
        )
