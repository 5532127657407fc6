"""The sessions of users, and the chain of refresh tokens that keeps a session going.

A session has one refresh token at a time that is not spent. Using it spends it and makes the next.
Whoever shows a spent one has a copy that somebody else has used, so the whole session ends.
"""

from datetime import datetime
from hashlib import sha256
from typing import ClassVar, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.identity.events import RevokedBecause, SessionRevoked, SessionStarted
from tawsil.identity.model.users import LOGIN_FAILED, User
from tawsil.kernel.decisions import Accepted, Deadline, Decision, accept, refuse

SESSION_ENDED: Final = refuse("identity.session_ended", status=401)


class Device(Struct, frozen=True):
    """What a session is used from, as far as it says: for its user to recognise it."""

    id: str | None = None
    address: str | None = None
    user_agent: str | None = None


class Session(Struct, frozen=True, kw_only=True):
    """A user signed in on one device, until it is revoked or its last refresh token expires."""

    stream: ClassVar[str] = "session"

    id: UUID
    version: int = 0
    tenant_id: UUID
    user_id: UUID
    device: Device
    started_at: datetime
    last_used_at: datetime
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


def token_hash(token: str) -> bytes:
    """SHA-256. A signed token has entropy enough that a slow hash would add nothing."""
    return sha256(token.encode()).digest()


def start_session(
    user: User, *, session_id: UUID, device: Device, at: datetime
) -> Decision[Session]:
    """Sign the user in. Being disabled is not told apart from a wrong password."""
    if user.disabled_at is not None:
        return LOGIN_FAILED
    session = Session(
        id=session_id,
        tenant_id=user.tenant_id,
        user_id=user.id,
        device=device,
        started_at=at,
        last_used_at=at,
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
