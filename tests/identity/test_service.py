from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tawsil.identity import public, service, store
from tawsil.identity.events import RevokedBecause
from tawsil.identity.model.sessions import SESSION_ENDED, Device, RefreshToken, Session
from tawsil.identity.model.users import EMAIL_TAKEN, LOGIN_FAILED, NewUser, User
from tawsil.identity.public import Role
from tawsil.kernel.clock import Ids
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By

HASH = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAA"


def new(by: By, ids: Ids, email: str, **fields: Any) -> NewUser:
    return NewUser(
        **{
            "id": ids(),
            "tenant_id": by.tenant_id,
            "email": email,
            "name": "Somebody",
            "password_hash": HASH,
            **fields,
        }
    )


@pytest.fixture
async def user(tx: Tx, by: By, ids: Ids) -> User:
    (user,) = await public.create_users(tx, users=[new(by, ids, "Mona@example.org")], by=by)
    assert isinstance(user, User)
    return user


def token(session_id: UUID, ids: Ids, tx: Tx, n: int) -> RefreshToken:
    return RefreshToken(
        jti=ids(),
        session_id=session_id,
        token_hash=bytes([n] * 32),
        issued_at=tx.now,
        expires_at=tx.now + timedelta(days=31),
    )


def spend(token_: RefreshToken, successor: RefreshToken, by: By) -> service.sessions.Refresh:
    return service.sessions.Refresh(
        by=by, jti=token_.jti, token_hash=token_.token_hash, successor=successor
    )


async def start(tx: Tx, by: By, ids: Ids, user: User) -> tuple[Session, RefreshToken]:
    first = token(ids(), ids, tx, 1)
    (session,) = await service.sessions.start_sessions(
        tx,
        [
            service.sessions.StartSession(
                by=by, user_id=user.id, device=Device("phone"), first=first
            )
        ],
    )
    assert isinstance(session, Session)
    return session, first


async def events(tx: Tx) -> list[tuple[str, str]]:
    rows = await tx.rows("select type, data::text as data from kernel.event order by seq")
    return [(row["type"], row["data"]) for row in rows]


async def test_a_city_of_people_is_made_at_once(tx: Tx, by: By, ids: Ids):
    people = [new(by, ids, f"person-{n}@example.org") for n in range(500)]
    made = await public.create_users(tx, users=people)
    assert [user.id for user in made if isinstance(user, User)] == [p.id for p in people]
    found = await public.get_many(tx, tenant_id=by.tenant_id, ids=[p.id for p in people])
    assert found == {user.id: user for user in made if isinstance(user, User)}


async def test_users_keep_what_they_were_made_with(tx: Tx, by: By, ids: Ids):
    merchant_id = ids()
    wanted = new(
        by,
        ids,
        "kitchen@example.org",
        roles=(Role.MERCHANT, Role.CUSTOMER),
        location_id=merchant_id,
        phone="+9613123456",
        locale="ar",
    )
    await public.create_users(tx, users=[wanted])
    user = (await public.get_many(tx, tenant_id=by.tenant_id, ids=[wanted.id]))[wanted.id]
    assert user.roles == (Role.MERCHANT, Role.CUSTOMER)
    assert (user.location_id, user.phone, user.locale) == (merchant_id, "+9613123456", "ar")


async def test_an_address_is_taken_in_any_case_but_only_in_its_tenant(
    tx: Tx, by: By, ids: Ids, user: User
):
    elsewhere = new(by, ids, "mona@example.org", tenant_id=ids())
    outcomes = await public.create_users(
        tx,
        users=[
            new(by, ids, "MONA@EXAMPLE.ORG"),
            new(by, ids, "twice@example.org"),
            new(by, ids, "Twice@example.org"),
            elsewhere,
        ],
    )
    assert outcomes[0] == EMAIL_TAKEN
    assert isinstance(outcomes[1], User)
    assert outcomes[2] == EMAIL_TAKEN
    assert isinstance(outcomes[3], User)
    registered = [kind for kind, _ in await events(tx) if kind == "user.registered.v1"]
    assert len(registered) == 3
    assert await public.get_many(tx, tenant_id=by.tenant_id, ids=[elsewhere.id]) == {}
    assert user.email == "Mona@example.org"


async def test_events_name_nobody(tx: Tx, by: By, ids: Ids, user: User):
    await start(tx, by, ids, user)
    kinds = [kind for kind, _ in await events(tx)]
    assert kinds == ["user.registered.v1", "session.started.v1"]
    assert not any("mona" in data.lower() for _, data in await events(tx))


async def test_a_token_is_spent_for_its_successor_and_only_once(
    tx: Tx, by: By, ids: Ids, user: User
):
    session, first = await start(tx, by, ids, user)
    second, third = token(session.id, ids, tx, 2), token(session.id, ids, tx, 3)
    (outcome,) = await service.sessions.refresh(tx, [spend(first, second, by)])
    assert isinstance(outcome, service.sessions.Refreshed)
    assert outcome.user == user
    (reused,) = await service.sessions.refresh(tx, [spend(first, third, by)])
    assert reused == SESSION_ENDED
    (newest,) = await service.sessions.refresh(tx, [spend(second, third, by)])
    assert newest == SESSION_ENDED
    assert await store.sessions.refresh_tokens(tx, [third.jti]) == {}
    assert [kind for kind, _ in await events(tx)][-1] == "session.revoked.v1"
    row = await tx.row("select * from identity.session where id = $1", session.id)
    assert row is not None
    assert row["revoked_because"] == RevokedBecause.TOKEN_REUSED
    assert row["revoked_at"] == tx.now


async def test_a_batch_is_decided_one_after_another(tx: Tx, by: By, ids: Ids, user: User):
    session, first = await start(tx, by, ids, user)
    second, third = token(session.id, ids, tx, 2), token(session.id, ids, tx, 3)
    outcomes = await service.sessions.refresh(
        tx, [spend(first, second, by), spend(second, third, by), spend(first, second, by)]
    )
    assert [isinstance(outcome, service.sessions.Refreshed) for outcome in outcomes] == [
        True,
        True,
        False,
    ]
    stored = await store.sessions.refresh_tokens(tx, [t.jti for t in (first, second, third)])
    assert [stored[t.jti].spent_at for t in (first, second, third)] == [tx.now, tx.now, None]
    assert session.id in await store.sessions.revoked_since(tx, tx.now - timedelta(seconds=1))


async def test_a_token_that_is_not_the_stored_one_is_refused_and_ends_nothing(
    tx: Tx, by: By, ids: Ids, user: User
):
    session, first = await start(tx, by, ids, user)
    second = token(session.id, ids, tx, 2)
    wrong = service.sessions.Refresh(by=by, jti=first.jti, token_hash=bytes(32), successor=second)
    unknown = service.sessions.Refresh(
        by=by, jti=ids(), token_hash=first.token_hash, successor=second
    )
    assert await service.sessions.refresh(tx, [wrong, unknown]) == [SESSION_ENDED, SESSION_ENDED]
    (outcome,) = await service.sessions.refresh(tx, [spend(first, second, by)])
    assert isinstance(outcome, service.sessions.Refreshed)


async def test_revoking_says_once_that_it_happened(tx: Tx, by: By, ids: Ids, user: User):
    session, _ = await start(tx, by, ids, user)
    revoke = service.sessions.Revoke(
        by=by, session_id=session.id, because=RevokedBecause.LOGGED_OUT
    )
    unknown = service.sessions.Revoke(by=by, session_id=ids(), because=RevokedBecause.LOGGED_OUT)
    outcomes = await service.sessions.revoke(tx, [revoke, revoke, unknown])
    assert outcomes[0] == outcomes[1]
    assert getattr(outcomes[2], "status", None) == 404
    kinds = [kind for kind, _ in await events(tx)]
    assert kinds.count("session.revoked.v1") == 1


async def test_profiles_change_in_order_and_never_across_tenants(
    tx: Tx, by: By, ids: Ids, user: User
):
    def change(name: str, by: By = by) -> service.users.ChangeProfile:
        return service.users.ChangeProfile(
            by=by, user_id=user.id, name=name, phone=None, locale="ar"
        )

    stranger = By(tenant_id=ids(), correlation_id=ids())
    outcomes = await service.users.change_profile(
        tx, [change("First"), change("Second"), change("Stranger", stranger)]
    )
    assert getattr(outcomes[2], "status", None) == 404
    (stored,) = (await store.users.get_many(tx, [user.id])).values()
    assert (stored.name, stored.locale) == ("Second", "ar")


async def test_disabling_ends_all_sessions_and_admits_no_other(
    tx: Tx, by: By, ids: Ids, user: User
):
    sessions = [(await start(tx, by, ids, user))[0] for _ in range(2)]
    stranger = By(tenant_id=ids(), correlation_id=ids())
    (refused,) = await public.disable_users(tx, ids=[user.id], by=stranger)
    assert getattr(refused, "status", None) == 404
    await public.disable_users(tx, ids=[user.id, user.id], by=by)
    revoked = await store.sessions.revoked_since(tx, tx.now - timedelta(seconds=1))
    assert set(revoked) == {session.id for session in sessions}
    first = token(ids(), ids, tx, 1)
    command = service.sessions.StartSession(by=by, user_id=user.id, device=Device(), first=first)
    assert await service.sessions.start_sessions(tx, [command]) == [LOGIN_FAILED]


async def test_sessions_are_forgotten_when_they_can_no_longer_be_refreshed(
    tx: Tx, by: By, ids: Ids, user: User
):
    session, first = await start(tx, by, ids, user)
    assert await public.forget_old(tx) == 0
    await service.sessions.refresh(tx, [spend(first, token(session.id, ids, tx, 2), by)])
    tx.now += timedelta(days=31)
    assert await public.forget_old(tx) == 1
    assert await store.sessions.refresh_tokens(tx, [first.jti]) == {}
