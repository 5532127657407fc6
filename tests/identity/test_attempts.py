"""Guessing is hopeless, and locks nobody else out."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.conftest import Postbox
from tawsil.identity.model import attempts
from tawsil.identity.model.attempts import (
    ELSEWHERE,
    FIRST_WAIT,
    FORGOTTEN_AFTER,
    FREE,
    FREE_ELSEWHERE,
    LONGEST_WAIT,
    Failures,
    Origin,
)
from tawsil.identity.public import Tokens, forget_old
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import Refusal

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
LOGIN = {"email": "mona@example.org", "password": "correct horse"}
From = Callable[[str], httpx.AsyncClient]


def count(source: str = "address 10.0.0.1") -> Failures:
    return Failures(source=source, failures=0, last_at=AT)


@given(st.lists(st.floats(min_value=0, max_value=200_000), max_size=40))
def test_waits_double_up_to_the_longest_and_are_forgotten_after_a_day(pauses_s: list[float]):
    counted, now, since_forgotten = count(), AT, 0
    for pause_s in pauses_s:
        now += timedelta(seconds=pause_s)
        forgotten = now - counted.last_at >= FORGOTTEN_AFTER
        since_forgotten = 1 if forgotten else since_forgotten + 1
        counted = attempts.fail_again(counted, at=now)
        assert counted.failures == since_forgotten
        if since_forgotten < FREE:
            assert attempts.blocked([counted], at=now) is None
            continue
        wait = min(FIRST_WAIT * 2 ** (since_forgotten - FREE), LONGEST_WAIT)
        refusal = attempts.blocked([counted], at=now)
        assert isinstance(refusal, Refusal)
        assert refusal.detail["retry_after_s"] == wait.total_seconds()
        assert attempts.blocked([counted], at=now + wait) is None


def test_places_that_are_known_count_for_themselves():
    origin = Origin(tenant_id=UUID(int=1), account=bytes(32), address="10.0.0.1", device="token")
    device, address = origin.places
    assert "token" not in device
    assert origin.counted_under(frozenset()) == [address, ELSEWHERE]
    assert origin.counted_under(frozenset({address})) == [address]
    assert origin.counted_under(frozenset({address, device})) == [device]


@pytest.fixture
async def from_(client: httpx.AsyncClient) -> AsyncIterator[From]:
    """Clients at other addresses."""
    app: Any = cast("Any", client._transport).app
    opened: dict[str, httpx.AsyncClient] = {}

    def at(address: str) -> httpx.AsyncClient:
        if address not in opened:
            transport = httpx.ASGITransport(app, client=(address, 1))
            opened[address] = httpx.AsyncClient(transport=transport, base_url=client.base_url)
        return opened[address]

    yield at
    for other in opened.values():
        await other.aclose()


async def login(
    client: httpx.AsyncClient, password: str = LOGIN["password"], **more: Any
) -> httpx.Response:
    return await client.post("/v4/auth/login", json={**LOGIN, "password": password, **more})


async def statuses(client: httpx.AsyncClient, n: int, **more: Any) -> list[int]:
    return [(await login(client, "a guess", **more)).status_code for _ in range(n)]


async def test_after_five_failures_one_waits_longer_each_time(
    client: httpx.AsyncClient, mona: dict[str, Any], clock: VirtualClock
):
    assert mona
    assert await statuses(client, 6) == [401] * 5 + [429]
    refused = await login(client)
    assert refused.status_code == 429  # the right password does not help either
    assert refused.headers["retry-after"] == "15"
    assert refused.json()["errors"][0]["code"] == "identity.too_many_attempts"
    clock.advance(timedelta(seconds=15))
    assert await statuses(client, 2) == [401, 429]
    clock.advance(timedelta(seconds=15))
    assert (await login(client)).headers["retry-after"] == "15"
    clock.advance(timedelta(seconds=15))
    assert (await login(client)).status_code == 200
    assert await statuses(client, 6) == [401] * 5 + [429]  # a success begins anew


async def test_an_account_that_does_not_exist_is_slowed_down_alike(client: httpx.AsyncClient):
    assert await statuses(client, 7, email="nobody@example.org") == [401] * 5 + [429] * 2
    assert await statuses(client, 1, email="other@example.org") == [401]


async def test_of_a_hundred_guesses_at_once_five_are_answered(mona: dict[str, Any], from_: From):
    assert mona
    stranger = from_("203.0.113.9")
    answers = await asyncio.gather(
        *[login(stranger, "a guess") for _ in range(99)],
        login(stranger, "another guess", email="nobody@example.org"),
    )
    of_mona = sorted(answer.status_code for answer in answers[:-1])
    assert of_mona == [401] * 5 + [429] * 94
    assert answers[-1].status_code == 401
    assert (await login(stranger)).status_code == 429


async def test_however_many_sign_in_rightly_at_once_nobody_waits(
    client: httpx.AsyncClient, mona: dict[str, Any]
):
    assert mona
    answers = await asyncio.gather(*[login(client) for _ in range(20)])
    assert {answer.status_code for answer in answers} == {200}


async def test_strangers_do_not_delay_the_owner_where_she_has_been_before(
    client: httpx.AsyncClient, mona: dict[str, Any], from_: From
):
    """Neither at her address, nor with her device at an address from which she is attacked."""
    strangers = [from_(f"203.0.113.{n}") for n in range(1, 12)]
    for n, stranger in enumerate(strangers):
        answered = await statuses(stranger, 6)
        if n < FREE_ELSEWHERE // FREE:
            assert answered == [401] * 5 + [429]
    assert await statuses(from_("198.51.100.7"), 1) == [429]  # all unknown places, together
    assert (await login(client)).status_code == 200
    device = mona["device_token"]
    assert (await login(strangers[0])).status_code == 429
    assert (await login(strangers[0], device_token=device)).status_code == 200
    assert await statuses(strangers[1], 1, device_token="made-up") == [429]


async def test_a_device_counts_for_itself_even_where_somebody_else_guesses(
    client: httpx.AsyncClient, mona: dict[str, Any]
):
    """Both behind one address: whoever has no device token waits, she does not."""
    assert await statuses(client, 6) == [401] * 5 + [429]
    device = mona["device_token"]
    assert (await login(client, device_token=device)).status_code == 200
    assert await statuses(client, 6, device_token=device) == [401] * 5 + [429]


async def test_a_device_token_is_good_for_its_own_account_only(
    client: httpx.AsyncClient, mona: dict[str, Any], from_: From
):
    other = await client.post(
        "/v4/auth/register",
        json={"email": "eve@example.org", "password": "an evil plan", "name": "Eve"},
    )
    stranger = from_("203.0.113.9")
    assert await statuses(stranger, 6) == [401] * 5 + [429]
    mine = other.json()["data"]["device_token"]
    assert mine != mona["device_token"]
    assert await statuses(stranger, 1, device_token=mine) == [429]


async def test_what_was_counted_is_forgotten(
    client: httpx.AsyncClient, mona: dict[str, Any], database: Database, clock: VirtualClock
):
    assert mona
    await statuses(client, 6)
    clock.advance(timedelta(days=200))
    async with database.transaction() as tx:
        await forget_old(tx)
    for table in ("failed_attempt", "known_source", "mail_proof", "session"):
        assert await database.pool.fetchval(f"select count(*) from identity.{table}") == 0  # noqa: S608 - a constant


async def test_neither_address_nor_device_stands_beside_a_failure(
    client: httpx.AsyncClient, mona: dict[str, Any], database: Database, tokens: Tokens
):
    """The e-mail address that was tried is kept as a hash: it may be somebody's who is no user."""
    assert tokens
    await statuses(client, 2, email="nobody@example.org")
    rows = await database.pool.fetch("select * from identity.failed_attempt")
    rows += await database.pool.fetch("select * from identity.known_source")
    assert len(rows) > 3
    assert "nobody" not in repr(rows)
    assert mona["device_token"] not in repr(rows)


async def test_after_a_reset_nobody_waits_for_what_they_had_forgotten(
    client: httpx.AsyncClient, mona: dict[str, Any], postbox: Postbox
):
    assert mona
    await postbox.empty()
    assert await statuses(client, 6) == [401] * 5 + [429]
    await client.post("/v4/auth/password-reset", json={"email": LOGIN["email"]})
    body = {"token": await postbox.token(), "password": "tea at the old harbour"}
    reset = await client.post("/v4/auth/password-reset/confirm", json=body)
    assert reset.status_code == 200
    assert (await login(client, body["password"])).status_code == 200
