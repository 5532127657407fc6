"""Keys of merchants and integrations: never more than their owner, and gone when they should be."""

import asyncio
import re
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.conftest import People, Person
from tawsil.identity import key_text
from tawsil.identity.model.api_keys import MOST_KEYS
from tawsil.identity.narrowing import beyond, narrowed
from tawsil.identity.public import Role, Tokens, authenticator, disable_users
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import By
from tawsil.kernel.http import Authenticator, Caller, Problem
from tawsil.kernel.jobs import HeldJobs
from tawsil.kernel.settings import Settings

HALF_A_SECOND = timedelta(seconds=0.5)
RESOURCES = st.sampled_from(["order", "menu", "user", "*"])
ACTIONS = st.sampled_from(["read", "update", "*"])
SCOPES = st.sampled_from(["", ":own", ":assigned", ":all"])
PERMISSIONS = st.builds("{}:{}{}".format, RESOURCES, ACTIONS, SCOPES)


def caller(permissions: frozenset[str]) -> Caller:
    zero = UUID(int=0)
    return Caller(
        user_id=zero, tenant_id=zero, session_id=zero, roles=("x",), permissions=permissions
    )


@given(asked=st.lists(PERMISSIONS, max_size=5), held=st.lists(PERMISSIONS, max_size=5))
def test_what_is_narrowed_grants_exactly_what_both_grant(asked: list[str], held: list[str]):
    both = caller(narrowed(asked, held=held))
    one, other = caller(frozenset(asked)), caller(frozenset(held))
    for resource in ("order", "menu", "user", "other"):
        for action in ("read", "update", "other"):
            wanted = f"{resource}:{action}"
            a, b = one.scopes(wanted), other.scopes(wanted)
            for scope in ("own", "assigned", "all"):
                granted = {scope, "all"}
                assert bool(both.scopes(wanted) & granted) == bool(a & granted and b & granted)


@given(asked=st.lists(PERMISSIONS, max_size=5), held=st.lists(PERMISSIONS, max_size=5))
def test_nothing_is_beyond_what_is_held_that_narrowing_leaves_whole(
    asked: list[str], held: list[str]
):
    fitting = [permission for permission in asked if permission not in beyond(asked, held=held)]
    whole, left = caller(frozenset(fitting)), caller(narrowed(fitting, held=held))
    for wanted in ("order:read", "menu:update", "other:other"):
        for scope in ("own", "assigned", "all"):
            granted = {scope, "all"}
            assert bool(whole.scopes(wanted) & granted) == bool(left.scopes(wanted) & granted)


@given(st.uuids(), st.data())
def test_a_key_reads_back_and_no_changed_character_passes(id_: UUID, data: st.DataObject):
    text, secret_hash = key_text.mint(id_)
    assert re.fullmatch(r"tws_[0-9a-f]{32}_[0-9A-Za-z]{49}", text)
    shown = key_text.read(text)
    assert shown == key_text.Shown(id_, secret_hash)
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda c: c != text[at]))
    assert key_text.read(text[:at] + other + text[at + 1 :]) is None
    assert key_text.read(text + other) is None
    assert key_text.read(text[:at]) is None


@pytest.fixture
async def baker(person: People, database: Database) -> Person:
    return await person(Role.MERCHANT, location_id=database.ids())


@pytest.fixture
def door(database: Database, settings: Settings, tokens: Tokens) -> Authenticator:
    """Another process than the one that answers."""
    return authenticator(database, settings, tokens=tokens)


async def made(client: httpx.AsyncClient, who: Person, **body: Any) -> dict[str, Any]:
    asked = {"name": "Till", "permissions": ["menu:update:own"], **body}
    answer = await client.post("/v4/api-keys", json=asked, headers=who.headers)
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()["data"]


async def refused(door: Authenticator, secret: str) -> bool:
    try:
        await door(secret)
    except Problem as problem:
        return problem.status == 401
    return False


async def test_a_key_is_shown_once_and_is_what_it_was_made_to_be(
    client: httpx.AsyncClient, database: Database, baker: Person, door: Authenticator
):
    shown = await made(client, baker, permissions=["menu:update:own", "order:read:assigned"])
    key_id = UUID(shown["key"]["id"])
    caller = await door(shown["secret"])
    assert caller.permissions == {"menu:update:own", "order:read:assigned"}
    assert caller.user_id == key_id != baker.user.id
    assert (caller.tenant_id, caller.location_id) == (baker.user.tenant_id, baker.user.location_id)
    listed = await client.get("/v4/api-keys", headers=baker.headers)
    assert [key["id"] for key in listed.json()["data"]] == [str(key_id)]
    assert listed.json()["data"][0]["owner_id"] == str(baker.user.id)
    assert shown["secret"] not in listed.text
    stored = await database.pool.fetchrow("select * from identity.api_key")
    secret = shown["secret"].rsplit("_", 1)[1]
    assert secret[:43] not in str(stored)
    logged = await database.pool.fetch("select data::text from kernel.event")
    assert all(secret[:43] not in row["data"] for row in logged)


async def test_a_key_is_sent_in_either_header(client: httpx.AsyncClient, person: People):
    admin = await person(Role.ADMIN)
    shown = await made(client, admin, permissions=["user:read"])
    address = f"/v4/users/{admin.user.id}"
    for headers in (
        {"Authorization": f"Bearer {shown['secret']}"},
        {"X-Api-Key": shown["secret"]},
    ):
        assert (await client.get(address, headers=headers)).status_code == 200
        beyond = await client.post("/v4/api-keys/x/rotate", headers=headers)
        assert beyond.status_code == 404
        listed = await client.get("/v4/api-keys", headers=headers)
        assert listed.status_code == 403
    wrong = {"X-Api-Key": shown["secret"][:-1] + "_"}
    assert (await client.get(address, headers=wrong)).status_code == 401


@pytest.mark.parametrize(
    ("permissions", "status", "code"),
    [
        (["order:read"], 403, "identity.beyond_you"),
        (["menu:update"], 403, "identity.beyond_you"),
        (["menu:update:own", "user:read:own"], 403, "identity.beyond_you"),
        (["menu:update:all"], 403, "identity.beyond_you"),
        (["api_key:create:own"], 422, "identity.api_key_resource"),
        (["*:*"], 422, "identity.api_key_resource"),
        (["*:read:own"], 422, "identity.api_key_resource"),
        ([], 400, "request.invalid"),
        (["menu"], 400, "request.invalid"),
        (["menu:update:everything"], 400, "request.invalid"),
        (["menu:update:own\n"], 400, "request.invalid"),
    ],
)
async def test_nobody_gives_a_key_more_than_they_hold(
    client: httpx.AsyncClient, baker: Person, permissions: list[str], status: int, code: str
):
    body = {"name": "Till", "permissions": permissions}
    answer = await client.post("/v4/api-keys", json=body, headers=baker.headers)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code)
    listed = await client.get("/v4/api-keys", headers=baker.headers)
    assert listed.json()["data"] == []


@pytest.mark.parametrize("field", ["owner_id", "tenant_id", "location_id", "secret", "id"])
async def test_nobody_chooses_whose_a_key_is(client: httpx.AsyncClient, baker: Person, field: str):
    body = {"name": "Till", "permissions": ["menu:update:own"], field: str(UUID(int=5))}
    answer = await client.post("/v4/api-keys", json=body, headers=baker.headers)
    assert answer.status_code == 400


async def test_neither_customers_nor_keys_make_keys(
    client: httpx.AsyncClient, database: Database, person: People
):
    customer = await person(Role.CUSTOMER)
    body = {"name": "Till", "permissions": ["profile:read:own"]}
    answer = await client.post("/v4/api-keys", json=body, headers=customer.headers)
    assert answer.status_code == 403
    admin = await person(Role.ADMIN)
    shown = await made(client, admin, permissions=["user:read"])
    await database.pool.execute(
        "update identity.api_key set permissions = array['api_key:create', 'user:read']"
    )
    answer = await client.post(
        "/v4/api-keys",
        json={"name": "Child", "permissions": ["user:read"]},
        headers={"X-Api-Key": shown["secret"]},
    )
    assert answer.json()["errors"][0]["code"] == "identity.not_a_person"


async def test_a_revoked_key_is_refused_within_a_second_everywhere(
    client: httpx.AsyncClient, baker: Person, door: Authenticator, clock: VirtualClock
):
    shown = await made(client, baker)
    await door(shown["secret"])
    address = f"/v4/api-keys/{shown['key']['id']}"
    assert (await client.delete(address, headers=baker.headers)).status_code == 204
    clock.advance(HALF_A_SECOND)
    assert await refused(door, shown["secret"])
    assert (await client.delete(address, headers=baker.headers)).status_code == 404


async def test_what_becomes_of_the_owner_becomes_of_the_key(
    client: httpx.AsyncClient,
    database: Database,
    person: People,
    door: Authenticator,
    clock: VirtualClock,
    by: By,
):
    admin = await person(Role.ADMIN)
    shown = await made(client, admin, permissions=["user:read", "order:update"])

    async def after(**changed: object) -> None:
        for column, value in changed.items():
            statement = f"update identity.app_user set {column} = $2 where id = $1"  # noqa: S608 - ours
            await database.pool.execute(statement, admin.user.id, value)
        clock.advance(HALF_A_SECOND)

    assert (await door(shown["secret"])).permissions == {"user:read", "order:update"}
    await after(roles=["support_staff"])
    assert (await door(shown["secret"])).permissions == {"user:read", "order:update"}
    await after(roles=["customer"])
    assert (await door(shown["secret"])).permissions == {"order:update:own"}
    await after(roles=["admin"], tenant_id=database.ids())
    assert await refused(door, shown["secret"])
    await after(tenant_id=by.tenant_id, location_id=database.ids())
    assert await refused(door, shown["secret"])
    await after(location_id=None)
    assert (await door(shown["secret"])).permissions == {"user:read", "order:update"}
    async with database.transaction() as tx:
        await disable_users(tx, ids=[admin.user.id], by=by)
    clock.advance(HALF_A_SECOND)
    assert await refused(door, shown["secret"])


async def test_a_rotated_key_has_two_secrets_until_the_overlap_ends(
    client: httpx.AsyncClient, baker: Person, door: Authenticator, clock: VirtualClock
):
    first = await made(client, baker)
    address = f"/v4/api-keys/{first['key']['id']}/rotate"
    answer = await client.post(address, json={"overlap_s": 60}, headers=baker.headers)
    second = answer.json()["data"]
    assert second["key"]["id"] == first["key"]["id"]
    clock.advance(timedelta(seconds=59))
    assert (await door(first["secret"])).user_id == (await door(second["secret"])).user_id
    clock.advance(timedelta(seconds=1))
    assert await refused(door, first["secret"])
    await door(second["secret"])
    answer = await client.post(address, json={"overlap_s": 0}, headers=baker.headers)
    clock.advance(HALF_A_SECOND)
    assert await refused(door, second["secret"])
    await door(answer.json()["data"]["secret"])


async def test_nobody_takes_a_stronger_key_for_their_own(client: httpx.AsyncClient, person: People):
    root, admin = await person(Role.SUPER_ADMIN), await person(Role.ADMIN)
    shown = await made(client, root, permissions=["plugin:update"])
    address = f"/v4/api-keys/{shown['key']['id']}"
    answer = await client.post(f"{address}/rotate", json={}, headers=admin.headers)
    assert answer.json()["errors"][0]["code"] == "identity.beyond_you"
    assert (await client.delete(address, headers=admin.headers)).status_code == 204


async def test_a_key_ends_when_it_was_said_to(
    client: httpx.AsyncClient, baker: Person, door: Authenticator, clock: VirtualClock
):
    ends_at = clock() + timedelta(minutes=5)
    shown = await made(client, baker, expires_at=ends_at.isoformat())
    clock.advance(timedelta(minutes=5) - HALF_A_SECOND)
    await door(shown["secret"])
    clock.advance(HALF_A_SECOND)
    assert await refused(door, shown["secret"])
    body = {"name": "Late", "permissions": ["menu:update:own"], "expires_at": ends_at.isoformat()}
    answer = await client.post("/v4/api-keys", json=body, headers=baker.headers)
    assert answer.json()["errors"][0]["code"] == "identity.api_key_expiry_past"
    naive = await client.post(
        "/v4/api-keys",
        json={**body, "expires_at": "2030-01-01T00:00:00"},
        headers=baker.headers,
    )
    assert naive.status_code == 400


async def test_keys_are_seen_and_touched_by_their_merchant_and_their_tenant_alone(
    client: httpx.AsyncClient, database: Database, person: People, baker: Person
):
    shown = await made(client, baker)
    address = f"/v4/api-keys/{shown['key']['id']}"
    colleague = await person(Role.MERCHANT, location_id=baker.user.location_id)
    admin = await person(Role.ADMIN)
    for friend in (colleague, admin):
        listed = await client.get("/v4/api-keys", headers=friend.headers)
        assert listed.json()["meta"]["pagination"]["total"] == 1
    strangers = [
        await person(Role.MERCHANT, location_id=database.ids()),
        await person(Role.ADMIN, tenant_id=database.ids()),
        await person(Role.MERCHANT, tenant_id=database.ids(), location_id=baker.user.location_id),
    ]
    for stranger in strangers:
        listed = await client.get("/v4/api-keys", headers=stranger.headers)
        assert listed.json()["data"] == []
        assert (await client.delete(address, headers=stranger.headers)).status_code == 404
        rotated = await client.post(f"{address}/rotate", json={}, headers=stranger.headers)
        assert rotated.status_code == 404


async def test_when_a_key_was_last_used_is_written_once_a_minute(
    client: httpx.AsyncClient,
    database: Database,
    baker: Person,
    door: Authenticator,
    clock: VirtualClock,
):
    async def noted() -> Any:
        return await database.pool.fetchval("select last_used_at from identity.api_key")

    shown = await made(client, baker)
    assert await noted() is None
    first_at = clock()
    await asyncio.gather(*[door(shown["secret"]) for _ in range(8)])
    assert await noted() == first_at
    for _ in range(59):
        clock.advance(timedelta(seconds=1))
        await door(shown["secret"])
    assert await noted() == first_at
    clock.advance(timedelta(seconds=1))
    await door(shown["secret"])
    assert await noted() == clock()


class Watched(Database):
    """Counts its transactions."""

    begun = 0

    def transaction(self) -> AbstractAsyncContextManager[Tx]:
        self.begun += 1
        return super().transaction()


async def test_keys_in_use_are_looked_up_together_every_half_second(
    client: httpx.AsyncClient,
    database: Database,
    settings: Settings,
    tokens: Tokens,
    baker: Person,
    clock: VirtualClock,
):
    watched = Watched(database.pool, now=clock, ids=database.ids, jobs=HeldJobs())
    door = authenticator(watched, settings, tokens=tokens)
    secrets = [(await made(client, baker))["secret"] for _ in range(3)]
    for secret in secrets:
        await door(secret)
    watched.begun = 0
    for _ in range(10):
        for secret in secrets * 10:
            await door(secret)
        clock.advance(HALF_A_SECOND)
    assert watched.begun == 2 * 9, "once for the keys, once for what was revoked or shut"


async def test_there_is_an_end_to_how_many_keys_one_owner_has(
    client: httpx.AsyncClient, database: Database, baker: Person
):
    shown = await made(client, baker)
    await database.pool.execute(
        """
        insert into identity.api_key select gen_random_uuid(), version, tenant_id, owner_id,
            location_id, name, permissions, secret_hash, null, null, created_at
        from identity.api_key, generate_series(2, $1)
        """,
        MOST_KEYS,
    )
    body = {"name": "One more", "permissions": ["menu:update:own"]}
    answer = await client.post("/v4/api-keys", json=body, headers=baker.headers)
    assert answer.json()["errors"][0]["code"] == "identity.api_keys_too_many"
    await client.delete(f"/v4/api-keys/{shown['key']['id']}", headers=baker.headers)
    assert (await client.post("/v4/api-keys", json=body, headers=baker.headers)).status_code == 201


async def test_made_up_keys_open_nothing(door: Authenticator):
    for id_ in (UUID(int=0), UUID(int=7)):
        text, _ = key_text.mint(id_)
        assert await refused(door, text)
    for text in ("tws_", "tws_x", "tws_" + "0" * 82, "tws_" + "é" * 82):
        assert await refused(door, text)
