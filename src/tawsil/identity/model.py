"""Users, their sessions, and the chain of refresh tokens that keeps a session going.

A session has one refresh token at a time that is not spent. Using it spends it and makes the next.
Whoever shows a spent one has a copy that somebody else has used, so the whole session ends.
"""

from datetime import datetime
from hashlib import sha256
from typing import ClassVar, Final
from unicodedata import normalize
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.identity.events import (
    RevokedBecause,
    Role,
    SessionRevoked,
    SessionStarted,
    UserRegistered,
)
from tawsil.kernel.decisions import Accepted, Deadline, Decision, Refusal, accept, refuse

SHORTEST_PASSWORD: Final = 8
LONGEST_PASSWORD: Final = 128

SESSION_ENDED: Final = refuse("identity.session_ended", status=401)
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


class Session(Struct, frozen=True, kw_only=True):
    """A user signed in on one device, until it is revoked or its last refresh token expires."""

    stream: ClassVar[str] = "session"

    id: UUID
    version: int = 0
    tenant_id: UUID
    user_id: UUID
    device_id: str | None
    started_at: datetime
    revoked_at: datetime | None = None
    revoked_because: RevokedBecause | None = None

    @property
    def city_id(self) -> UUID | None:
        return None

    @property
    def deadline(self) -> Deadline | None:
        return None


class RefreshToken(Struct, frozen=True, kw_only=True):
    """A link of a session's chain, known by its hash only."""

    jti: UUID
    session_id: UUID
    token_hash: bytes
    issued_at: datetime
    expires_at: datetime
    spent_at: datetime | None = None


class SigningKey(Struct, frozen=True, kw_only=True):
    """A private key in PEM. It verifies until `retires_at`; the newest of all signs."""

    kid: str
    private_pem: str
    created_at: datetime
    retires_at: datetime | None = None


def email_key(email: str) -> str:
    """What makes an e-mail address the same as another: neither case nor Unicode form counts."""
    return normalize("NFKC", email.strip()).casefold()


def token_hash(token: str) -> bytes:
    """SHA-256. A signed token has entropy enough that a slow hash would add nothing."""
    return sha256(token.encode()).digest()


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


def start_session(
    user: User, *, session_id: UUID, device_id: str | None, at: datetime
) -> Decision[Session]:
    """Sign the user in. Being disabled is not told apart from a wrong password."""
    if user.disabled_at is not None:
        return LOGIN_FAILED
    session = Session(
        id=session_id,
        tenant_id=user.tenant_id,
        user_id=user.id,
        device_id=device_id,
        started_at=at,
    )
    return accept(session, SessionStarted(session_id=session_id, user_id=user.id))


def rotate(
    session: Session, *, token: RefreshToken, user_disabled: bool, now: datetime
) -> Decision[Session]:
    """May this token be spent for its successor?

    Accepted without a change: yes. Accepted with the session revoked: no, and the session is over,
    because the token was spent before or its user may not come in any more.
    """
    assert token.session_id == session.id, "a token belongs to its session"
    if session.revoked_at is not None or token.expires_at <= now:
        return SESSION_ENDED
    if token.spent_at is not None:
        return revoke(session, because=RevokedBecause.TOKEN_REUSED, at=now)
    if user_disabled:
        return revoke(session, because=RevokedBecause.USER_DISABLED, at=now)
    return accept(session)


def revoke(session: Session, *, because: RevokedBecause, at: datetime) -> Accepted[Session]:
    """End the session; one that has ended stays as it is."""
    if session.revoked_at is not None:
        return accept(session)
    return accept(
        replace(session, revoked_at=at, revoked_because=because),
        SessionRevoked(session_id=session.id, user_id=session.user_id, because=because),
    )
