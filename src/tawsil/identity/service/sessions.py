"""Starting sessions, refreshing their tokens, ending them."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.identity import model, store
from tawsil.identity.events import RevokedBecause
from tawsil.identity.model.sessions import SESSION_ENDED, Device, RefreshToken, Session
from tawsil.identity.model.users import TENANT_SUSPENDED, User
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import (
    Accepted,
    By,
    Command,
    Decision,
    Refusal,
    accepted,
    refuse,
)


class StartSession(Command, frozen=True, kw_only=True):
    """Sign a user in. `first` is the refresh token that was issued for the session."""

    user_id: UUID
    device: Device
    first: RefreshToken


class Refresh(Command, frozen=True, kw_only=True):
    """Spend a refresh token, whose signature was verified, for its successor."""

    jti: UUID
    token_hash: bytes
    successor: RefreshToken
    device: Device = Device()


class Revoke(Command, frozen=True, kw_only=True):
    session_id: UUID
    because: RevokedBecause


class EndSession(Command, frozen=True, kw_only=True):
    """End one of a user's own sessions."""

    user_id: UUID
    session_id: UUID


class EndAll(Command, frozen=True, kw_only=True):
    """End every session of a user, except perhaps the one that asks for it."""

    user_id: UUID
    because: RevokedBecause = RevokedBecause.LOGGED_OUT
    except_id: UUID | None = None


class Refreshed(Struct, frozen=True):
    session: Session
    user: User


async def start_sessions(tx: Tx, commands: Sequence[StartSession]) -> list[Session | Refusal]:
    """Start sessions, except of users who were disabled since their passwords were checked."""
    users = await store.users.lock(tx, [command.user_id for command in commands])
    started: list[tuple[StartSession, Accepted[Session]]] = []
    outcomes: list[Session | Refusal] = []
    for command in commands:
        decision = model.sessions.start_session(
            users[command.user_id],
            session_id=command.first.session_id,
            device=command.device,
            at=tx.now,
        )
        if isinstance(decision, Refusal):
            outcomes.append(decision)
            continue
        started.append((command, decision))
        outcomes.append(decision.state)
    await store.sessions.add(tx, [decision.state for _, decision in started])
    await store.sessions.put_refresh_tokens(tx, [command.first for command, _ in started])
    await tx.record(started)
    return outcomes


async def refresh(tx: Tx, commands: Sequence[Refresh]) -> list[Refreshed | Refusal]:
    """Spend tokens for their successors; a token spent before ends its session, which commits."""
    sessions = await store.sessions.lock(tx, [c.successor.session_id for c in commands])
    users = await store.users.get_many(tx, [session.user_id for session in sessions.values()])
    tokens = await store.sessions.refresh_tokens(tx, [command.jti for command in commands])
    shut = await store.tenants.shut_among(tx, {s.tenant_id for s in sessions.values()})
    decided: list[tuple[Command | By, Decision[Session]]] = []
    changed: dict[UUID, RefreshToken] = {}
    outcomes: list[Refreshed | Refusal] = []
    for command in commands:
        session = sessions.get(command.successor.session_id)
        if session is not None and session.tenant_id in shut:
            outcomes.append(TENANT_SUSPENDED)
            continue
        decision = _rotate(tx, command, sessions=sessions, users=users, tokens=tokens)
        decided.append((command, decision))
        if isinstance(decision, Refusal):
            outcomes.append(decision)
            continue
        session = sessions[decision.state.id] = decision.state
        if session.revoked_at is not None:
            outcomes.append(SESSION_ENDED)
            continue
        used = replace(command.device, id=session.device.id)
        session = sessions[session.id] = replace(session, device=used, last_used_at=tx.now)
        spent = replace(tokens[command.jti], spent_at=tx.now)
        for token in (spent, command.successor):
            tokens[token.jti] = changed[token.jti] = token
        outcomes.append(Refreshed(session, users[session.user_id]))
    await store.sessions.put_refresh_tokens(tx, list(changed.values()))
    await store.sessions.touch(tx, [o.session for o in outcomes if isinstance(o, Refreshed)])
    await _save(tx, decided)
    return outcomes


def _rotate(
    tx: Tx,
    command: Refresh,
    *,
    sessions: Mapping[UUID, Session],
    users: Mapping[UUID, User],
    tokens: Mapping[UUID, RefreshToken],
) -> Decision[Session]:
    session = sessions.get(command.successor.session_id)
    token = tokens.get(command.jti)
    if session is None or token is None or token.token_hash != command.token_hash:
        return SESSION_ENDED
    return model.sessions.rotate(
        session,
        token=token,
        user_disabled=users[session.user_id].disabled_at is not None,
        now=tx.now,
    )


async def revoke(tx: Tx, commands: Sequence[Revoke]) -> list[Session | Refusal]:
    sessions = await store.sessions.lock(tx, [command.session_id for command in commands])
    decided: list[tuple[Command | By, Decision[Session]]] = []
    outcomes: list[Session | Refusal] = []
    for command in commands:
        session = sessions.get(command.session_id)
        if session is None:
            outcomes.append(refuse("request.not_found", status=404))
            continue
        decision = model.sessions.revoke(session, because=command.because, at=tx.now)
        sessions[session.id] = decision.state
        decided.append((command, decision))
        outcomes.append(decision.state)
    await _save(tx, decided)
    return outcomes


async def end_sessions(tx: Tx, commands: Sequence[EndSession]) -> list[Session | Refusal]:
    """End sessions that are their user's own; another's is answered like one that is not there."""
    sessions = await store.sessions.lock(tx, [command.session_id for command in commands])
    own = [
        session is not None and session.user_id == command.user_id
        for command in commands
        for session in [sessions.get(command.session_id)]
    ]
    ended = iter(
        await revoke(
            tx,
            [
                Revoke(
                    by=command.by,
                    session_id=command.session_id,
                    because=RevokedBecause.LOGGED_OUT,
                )
                for command, is_own in zip(commands, own, strict=True)
                if is_own
            ],
        )
    )
    return [next(ended) if is_own else refuse("request.not_found", status=404) for is_own in own]


async def end_all(tx: Tx, commands: Sequence[EndAll]) -> list[int]:
    """End the sessions of users; how many of each."""
    by_user = {command.user_id: command for command in commands}
    live = await store.sessions.live_of(tx, list(by_user))
    ending = [
        Revoke(by=command.by, session_id=session_id, because=command.because)
        for session_id, user_id in live.items()
        for command in [by_user[user_id]]
        if session_id != command.except_id
    ]
    await revoke(tx, ending)
    ended = {revoked.session_id for revoked in ending}
    return [
        sum(
            session_id in ended and user_id == command.user_id
            for session_id, user_id in live.items()
        )
        for command in commands
    ]


async def _save(tx: Tx, decided: Sequence[tuple[Command | By, Decision[Session]]]) -> None:
    await store.sessions.save(tx, accepted([decision for _, decision in decided]))
    await tx.record(
        [(command, decision) for command, decision in decided if isinstance(decision, Accepted)]
    )
