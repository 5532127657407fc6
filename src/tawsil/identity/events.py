"""What happens to users and their sessions. Ids only: personal data stays in identity's tables."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from tawsil.kernel.decisions import Event


class Role(StrEnum):
    SUPER_ADMIN = "super_admin"
    ADMIN = "admin"
    COUNTRY_DISTRIBUTOR = "country_distributor"
    REGIONAL_MANAGER = "regional_manager"
    DISTRICT_MANAGER = "district_manager"
    MUNICIPAL_MANAGER = "municipal_manager"
    MERCHANT = "merchant"
    DELIVERY_PARTNER = "delivery_partner"
    CUSTOMER = "customer"
    SUPPORT_STAFF = "support_staff"


class RevokedBecause(StrEnum):
    LOGGED_OUT = "logged_out"
    TOKEN_REUSED = "token_reused"  # noqa: S105 - a reason, not a password
    USER_DISABLED = "user_disabled"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a reason, not a password
    ROLES_CHANGED = "roles_changed"


class UserRegistered(Event, frozen=True, tag="user.registered.v1"):
    user_id: UUID
    roles: tuple[Role, ...]
    location_id: UUID | None = None


class EmailVerified(Event, frozen=True, tag="user.email_verified.v1"):
    user_id: UUID


class PasswordChanged(Event, frozen=True, tag="user.password_changed.v1"):
    user_id: UUID


class SecondFactorEnabled(Event, frozen=True, tag="user.second_factor_enabled.v1"):
    user_id: UUID


class SecondFactorDisabled(Event, frozen=True, tag="user.second_factor_disabled.v1"):
    user_id: UUID


class UserDisabled(Event, frozen=True, tag="user.disabled.v1"):
    user_id: UUID


class UserEnabled(Event, frozen=True, tag="user.enabled.v1"):
    user_id: UUID


class RolesChanged(Event, frozen=True, tag="user.roles_changed.v1"):
    user_id: UUID
    roles: tuple[Role, ...]
    before: tuple[Role, ...]


class SessionStarted(Event, frozen=True, tag="session.started.v1"):
    session_id: UUID
    user_id: UUID


class SessionRevoked(Event, frozen=True, tag="session.revoked.v1"):
    session_id: UUID
    user_id: UUID
    because: RevokedBecause


class UserLinked(Event, frozen=True, tag="user.linked.v1"):
    """Who signs in with another provider is this user from now on."""

    user_id: UUID
    issuer: str


class ApiKeyCreated(Event, frozen=True, tag="api_key.created.v1"):
    api_key_id: UUID
    user_id: UUID
    location_id: UUID | None
    permissions: tuple[str, ...]
    expires_at: datetime | None


class ApiKeyRotated(Event, frozen=True, tag="api_key.rotated.v1"):
    api_key_id: UUID
    old_until_at: datetime


class ApiKeyRevoked(Event, frozen=True, tag="api_key.revoked.v1"):
    api_key_id: UUID


class ServiceAccountCreated(Event, frozen=True, tag="service_account.created.v1"):
    account_id: UUID
    user_id: UUID
    permissions: tuple[str, ...]


class ServiceAccountRemoved(Event, frozen=True, tag="service_account.removed.v1"):
    account_id: UUID


EVENTS: Final = (
    UserRegistered,
    EmailVerified,
    PasswordChanged,
    SecondFactorEnabled,
    SecondFactorDisabled,
    UserDisabled,
    UserEnabled,
    RolesChanged,
    SessionStarted,
    SessionRevoked,
    UserLinked,
    ApiKeyCreated,
    ApiKeyRotated,
    ApiKeyRevoked,
    ServiceAccountCreated,
    ServiceAccountRemoved,
)
