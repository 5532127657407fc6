"""What answers about users look like."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from tawsil.identity.events import Role
from tawsil.identity.model.users import User


class UserView(Struct, frozen=True, kw_only=True):
    id: UUID
    email: str
    name: str
    phone: str | None
    locale: str
    roles: tuple[Role, ...]
    location_id: UUID | None
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> "UserView":
        return cls(
            id=user.id,
            email=user.email,
            name=user.name,
            phone=user.phone,
            locale=user.locale,
            roles=user.roles,
            location_id=user.location_id,
            created_at=user.created_at,
        )


class SignedIn(Struct, frozen=True, kw_only=True):
    """Both tokens; `expires_in` is the access token's, in seconds."""

    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int
    user: UserView
