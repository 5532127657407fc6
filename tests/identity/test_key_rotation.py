"""Keys that sign tokens follow one another, and nobody is refused for it."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from joserfc.jws import extract_compact
from pydantic import SecretStr
from typer.testing import CliRunner

from identity.conftest import People
from tawsil.apps.cli import app as command_line
from tawsil.identity import store
from tawsil.identity.model import keys as model
from tawsil.identity.model.keys import KeyUse, SigningKey
from tawsil.identity.model.second_factors import SecondFactor, sealed_about
from tawsil.identity.public import Grant, Role, TokenKeys, Tokens, User, authenticator, seal_again
from tawsil.identity.token_keys import KEYS_KEPT, PUBLISHED_BEFORE
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.http import Problem
from tawsil.kernel.sealing import Sealer, UnsealingError
from tawsil.kernel.settings import Settings

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
OLD, NEW = bytes(32), bytes([1] * 32)  # OLD is the tests' own
SECOND = timedelta(seconds=1)
REFRESH = timedelta(days=31)


def kid_of(token: str) -> str:
    return extract_compact(token.encode()).headers()["kid"]


async def status(client: httpx.AsyncClient, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return (await client.get("/v4/users/profile", headers=headers)).status_code


@pytest.fixture
def grant(database: Database) -> Grant:
    return Grant(
        user_id=database.ids(),
        tenant_id=database.ids(),
        session_id=database.ids(),
        device_id=None,
    )


async def published(tokens: Tokens) -> list[str]:
    return [key["kid"] for key in await tokens.keys.public()]


async def test_a_key_is_published_then_signs_and_the_old_one_goes_when_nothing_needs_it(
    tokens: Tokens, grant: Grant, clock: VirtualClock
):
    old = (await published(tokens))[0]
    new = (await tokens.keys.rotate()).kid
    assert await published(tokens) == [new, old]
    clock.advance(PUBLISHED_BEFORE - SECOND)
    last_of_old, _ = await tokens.refresh(grant)
    assert kid_of(last_of_old) == old
    clock.advance(SECOND)
    first_of_new, _ = await tokens.refresh(grant)
    assert kid_of(first_of_new) == new
    clock.advance(REFRESH - 2 * SECOND)
    assert (await tokens.verify_refresh(last_of_old)).sub == grant.user_id
    assert await published(tokens) == [new, old]
    clock.advance(2 * KEYS_KEPT + 2 * SECOND)
    assert await published(tokens) == [new]
    assert await tokens.keys.verifying(old) is None


class Traffic:
    """Two processes on one database, and a service that fetches our public keys once a minute."""

    def __init__(self, database: Database, settings: Settings, user: User, grant: Grant) -> None:
        self._processes = [Tokens(database, settings=settings) for _ in range(2)]
        self._doors = [
            authenticator(database, settings, tokens=tokens) for tokens in self._processes
        ]
        self._user, self._grant = user, grant
        self._strangers_keys: Any = None
        self.about: list[str] = []
        self.shown = self.refused = 0

    async def a_stranger_looks(self) -> None:
        keys: Any = {"keys": await self._processes[0].keys.public()}
        self._strangers_keys = KeySet.import_key_set(keys)

    async def issue(self) -> None:
        self.about += [await each.access(self._user, grant=self._grant) for each in self._processes]

    async def show(self, token: str) -> None:
        for door in self._doors:
            await self._count(door(token))
        await self._count(self._stranger_verifies(token))

    async def _stranger_verifies(self, token: str) -> None:
        jwt.decode(token, self._strangers_keys, algorithms=["RS256"])

    async def _count(self, shown: Awaitable[object]) -> None:
        self.shown += 1
        try:
            await shown
        except (Problem, ValueError):
            self.refused += 1


async def test_nobody_is_refused_while_a_key_follows_another(
    database: Database,
    settings: Settings,
    tokens: Tokens,
    mona: dict[str, Any],
    clock: VirtualClock,
):
    """A quarter of an hour, with a token from each process every five seconds."""
    claims, old = await tokens.verify_access(mona["access_token"])
    async with database.transaction() as tx:
        user = (await store.users.get_many(tx, [claims.sub]))[claims.sub]
    grant = Grant(
        user_id=user.id,
        tenant_id=user.tenant_id,
        session_id=claims.session_id,
        device_id=None,
    )
    traffic = Traffic(database, settings, user, grant)
    for at_s in range(0, 900, 5):
        if at_s == 35:
            new = await Tokens(database, settings=settings).keys.rotate()
        if at_s % 60 == 0:
            await traffic.a_stranger_looks()
        await traffic.issue()
        for token in {*traffic.about[-2:], *traffic.about[-200:-198]}:
            await traffic.show(token)
        clock.advance(timedelta(seconds=5))
    signed = [kid_of(token) for token in traffic.about]
    assert set(signed) == {old, new.kid}
    assert signed == sorted(signed, key=[old, new.kid].index), "once the new one signs, it alone"
    assert (traffic.shown > 1_000, traffic.refused) == (True, 0)


async def test_a_leaked_key_is_worth_nothing_within_seconds(
    client: httpx.AsyncClient,
    database: Database,
    settings: Settings,
    tokens: Tokens,
    mona: dict[str, Any],
    clock: VirtualClock,
):
    assert await status(client, mona["access_token"]) == 200
    made = await TokenKeys(database, settings=settings).replace_all()
    clock.advance(KEYS_KEPT)
    assert await status(client, mona["access_token"]) == 401
    assert await published(tokens) == [made.kid]
    assert (await tokens.keys.signing())[0] == made.kid
    assert await database.pool.fetchval("select count(*) from identity.signing_key") == 1


async def test_an_old_key_is_followed_by_one_however_many_workers_look(
    database: Database, settings: Settings, tokens: Tokens, clock: VirtualClock
):
    workers = [TokenKeys(database, settings=settings) for _ in range(3)]
    clock.advance(timedelta(days=settings.signing_key_days) - SECOND)
    assert [await worker.tend() for worker in workers] == [None, None, None]
    clock.advance(SECOND)
    made = await asyncio.gather(*[worker.tend() for worker in workers])
    assert sum(key is not None for key in made) == 1
    assert len(await published(tokens)) == 2
    clock.advance(REFRESH + timedelta(days=1))
    assert await workers[0].tend() is None
    assert await database.pool.fetchval("select count(*) from identity.signing_key") == 1


async def test_nothing_is_made_before_it_is_needed(database: Database, settings: Settings):
    assert await TokenKeys(database, settings=settings).tend() is None
    assert await database.pool.fetchval("select count(*) from identity.signing_key") == 0


@pytest.mark.usefixtures("tokens")
async def test_keys_are_sealed_and_sealed_again_under_a_new_secret(
    database: Database, settings: Settings, rsa: RSAKey
):
    kid, pem = rsa.thumbprint(), rsa.as_pem(private=True)
    row = await database.pool.fetchrow("select * from identity.signing_key")
    assert row is not None
    assert row["private_pem"] is None
    assert pem not in row["private_sealed"]
    await database.pool.execute(  # as keys were before they were sealed
        "update identity.signing_key set private_sealed = null, private_pem = $1", pem.decode()
    )
    assert (await TokenKeys(database, settings=settings).signing())[0] == kid
    await TokenKeys(database, settings=settings).tend()

    def with_secrets(*secrets: bytes) -> TokenKeys:
        joined = ",".join(b64encode(secret).decode() for secret in secrets)
        return TokenKeys(database, settings=Settings(secret_keys=SecretStr(joined)))

    with pytest.raises(UnsealingError):
        await with_secrets(NEW).signing()
    await with_secrets(NEW, OLD).tend()
    assert (await with_secrets(NEW).signing())[0] == kid
    stored = await database.pool.fetchval("select private_pem from identity.signing_key")
    assert stored is None


async def test_second_factors_are_sealed_again_under_a_new_secret(
    database: Database, person: People
):
    old, both, new = Sealer([OLD]), Sealer([NEW, OLD]), Sealer([NEW])
    users = [(await person(Role.CUSTOMER)).user for _ in range(3)]
    async with database.transaction() as tx:
        for user, sealer in zip(users, (old, old, both), strict=True):
            about = sealed_about(user.id)
            factor = SecondFactor(
                user_id=user.id,
                tenant_id=user.tenant_id,
                sealed_secret=sealer.seal(b"a secret", about=about),
                begun_at=tx.now,
            )
            await store.second_factors.put(tx, factor)
    async with database.transaction() as tx:
        assert [await seal_again(tx, both) for _ in range(2)] == [2, 0]
        for user in users:
            kept = await store.second_factors.get(tx, user.id)
            assert kept is not None
            assert new.unseal(kept.sealed_secret, about=kept.about) == b"a secret"


async def test_unknown_keys_are_looked_for_at_most_once_a_second(
    database: Database, settings: Settings, tokens: Tokens, clock: VirtualClock
):
    keys = TokenKeys(database, settings=settings)
    await keys.signing()
    await tokens.keys.rotate()
    for _ in range(3):
        assert await keys.verifying("made-up") is None
    assert len(await keys.public()) == 1
    clock.advance(SECOND)
    assert await keys.verifying("made-up") is None
    assert len(await keys.public()) == 2


async def test_the_first_key_is_made_once_however_many_need_it(
    database: Database, settings: Settings
):
    makers = [TokenKeys(database, settings=settings) for _ in range(3)]
    made = await asyncio.gather(*[keys.signing() for keys in makers for _ in range(2)])
    assert len({kid for kid, _ in made}) == 1
    assert await database.pool.fetchval("select count(*) from identity.signing_key") == 1


@given(rotations_h=st.lists(st.integers(0, 3_000), max_size=8), asked_h=st.integers(0, 4_000))
def test_at_every_instant_one_key_signs_and_it_was_published_long_enough(
    rotations_h: list[int], asked_h: int
):
    """Keys as `rotate` leaves them behind, at any times."""
    made = [NOON, *(NOON + timedelta(hours=h) for h in sorted(rotations_h))]
    signs = [NOON, *(at + PUBLISHED_BEFORE for at in made[1:])]
    retires = [*(at + REFRESH for at in signs[1:]), None]
    keys = [
        SigningKey(
            kid=str(n), private_pem="", created_at=made[n], signs_at=signs[n], retires_at=end
        )
        for n, end in enumerate(retires)
    ]
    now = NOON + timedelta(hours=asked_h)
    known = [key for key in keys if key.created_at <= now]
    signing = model.signing(known, now=now)
    assert signing is not None
    assert signing.signs_at <= now
    assert signing.retires_at is None or signing.retires_at > now
    assert signing == keys[0] or signing.created_at + PUBLISHED_BEFORE <= now
    uses = model.uses(known, now=now)
    assert [kid for kid, use in uses.items() if use is KeyUse.SIGNING] == [signing.kid]
    assert all(use is not KeyUse.VERIFYING or kid < signing.kid for kid, use in uses.items())


def test_the_command_line_lists_and_rotates(postgres_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", postgres_url)
    monkeypatch.setenv("TAWSIL_SECRET_KEYS", b64encode(bytes(32)).decode())

    def run(*arguments: str) -> list[str]:
        result = CliRunner().invoke(command_line, ["keys", *arguments, "--json"])
        assert result.exit_code == 0, result.output
        return [key["use"] for key in json.loads(result.stdout.splitlines()[-1])["keys"]]

    try:
        assert run("rotate", "--compromised") == ["signing"]
        assert run("rotate") == ["published", "signing"]
        assert run("list") == ["published", "signing"]
        assert run("rotate", "--compromised") == ["signing"]
    finally:
        asyncio.run(_forget_keys(postgres_url))


async def _forget_keys(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("delete from identity.signing_key")
    finally:
        await connection.close()
