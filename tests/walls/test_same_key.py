"""A thousand keys, each sent by twenty at once to several processes: a thousand effects."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, Final, cast

import asyncpg
import httpx
import pytest
from msgspec import Struct

from ordering.conftest import Street
from tawsil.apps import wiring
from tawsil.geography import public as geography
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database, connect
from tawsil.kernel.decisions import By
from tawsil.kernel.http.app import create_app
from tawsil.kernel.jobs import HeldJobs
from tawsil.ordering import routes as order_routes
from tawsil.payments.public import Provider
from tawsil.pricing import routes as pricing_routes

PROCESSES: Final = 3
SENDERS: Final = 20
KEYS_AT_ONCE: Final = 50


class Shop(Struct):
    """Several processes on one database, each with connections of its own, and who asks them."""

    clients: list[httpx.AsyncClient]
    street: Street
    headers: dict[str, str]
    other: dict[str, str]

    async def storm(self, path: str, bodies: dict[str, Any]) -> dict[str, list[httpx.Response]]:
        """Each body under its key from twenty senders at once; many keys at a time."""
        answers: dict[str, list[httpx.Response]] = {}
        keys = list(bodies)
        for begin in range(0, len(keys), KEYS_AT_ONCE):
            wave = keys[begin : begin + KEYS_AT_ONCE]
            told = await asyncio.gather(
                *(
                    self.post(path, key=key, body=bodies[key], process=sender)
                    for sender in range(SENDERS)
                    for key in wave
                )
            )
            for n, answer in enumerate(told):
                answers.setdefault(wave[n % len(wave)], []).append(answer)
        return answers

    async def post(
        self, path: str, *, key: str, body: Any, process: int = 0, **headers: str
    ) -> httpx.Response:
        client = self.clients[process % len(self.clients)]
        sent = self.headers | {"Idempotency-Key": key} | headers
        return await client.post(path, json=body, headers=sent)

    def quote(self, n: int) -> dict[str, Any]:
        return {
            "merchant_id": str(self.street.merchant_id),
            "lines": [{"product_id": str(self.street.product_id), "quantity": 1 + n % 5}],
            "dropoff": {"latitude": 24.13, "longitude": 53.1, "address": f"Corniche {n}"},
        }


@pytest.fixture
async def shop(
    database: Database,
    postgres_url: str,
    clock: VirtualClock,
    jobs: HeldJobs,
    by: By,
    ids: Ids,
    callers: Any,
) -> AsyncIterator[Shop]:
    street = Street(by, ids)
    async with database.transaction() as tx:
        await street.open(tx)
    allowed = ("order:create", "order:read:own")
    token = callers.token("customer", *allowed, user_id=street.customer_id)
    other = callers.token("customer", *allowed)
    async with AsyncExitStack() as opened:
        clients: list[httpx.AsyncClient] = []
        for _ in range(PROCESSES):
            pool = await connect(postgres_url, most=4)
            opened.push_async_callback(pool.close)
            mine = Database(pool, now=clock, ids=Ids(clock), jobs=jobs)
            app = create_app(
                routes=[*pricing_routes.routes, *order_routes.routes],
                database=mine,
                authenticate=callers,
                state={"registry": wiring.REGISTRY, "providers": (Provider.DIRECT,)},
                cities_below=geography.CitiesBelow(mine),
            )
            transport = httpx.ASGITransport(cast("Any", app), raise_app_exceptions=False)
            client = httpx.AsyncClient(transport=transport, base_url="http://tawsil.test")
            clients.append(await opened.enter_async_context(client))
        yield Shop(
            clients,
            street,
            {"Authorization": f"Bearer {token}"},
            {"Authorization": f"Bearer {other}"},
        )


def settled(answers: dict[str, list[httpx.Response]]) -> dict[str, httpx.Response]:
    """The one answer of each key: every other was the same bytes, or that it is being worked on."""
    first: dict[str, httpx.Response] = {}
    for key, told in answers.items():
        assert len(told) == SENDERS
        good = [answer for answer in told if answer.status_code == 201]
        busy = [answer for answer in told if answer.status_code == 409]
        assert len(good) + len(busy) == SENDERS, Counter(a.status_code for a in told)
        assert {a.json()["errors"][0]["code"] for a in busy} <= {"idempotency.in_flight"}
        assert len({answer.content for answer in good}) == 1, "the same bytes for everybody"
        fresh = [answer for answer in good if "Idempotent-Replayed" not in answer.headers]
        assert len(fresh) == 1, "one did it, the others heard of it"
        first[key] = fresh[0]
    return first


async def prove(shop: Shop, pool: "asyncpg.Pool[asyncpg.Record]", *, keys: int) -> None:
    quoted = settled(await shop.storm("/v4/quotes", {f"q{n}": shop.quote(n) for n in range(keys)}))
    quotes = {answer.json()["data"]["id"] for answer in quoted.values()}
    assert len(quotes) == keys
    assert await pool.fetchval("select count(*) from pricing.quote") == keys

    bodies = {
        f"o{n}": {"quote_id": quote_id, "payment_method": "cash"}
        for n, quote_id in enumerate(sorted(quotes))
    }
    placed = settled(await shop.storm("/v4/orders", bodies))
    assert len({answer.json()["data"]["id"] for answer in placed.values()}) == keys
    assert await pool.fetchval('select count(*) from ordering."order"') == keys
    assert await pool.fetchval("select count(*) from ordering.item") == keys
    assert await pool.fetchval("select count(*) from payments.payment") == keys
    events = "select count(*) from kernel.event where type = $1"
    assert await pool.fetchval(events, "order.placed.v1") == keys
    assert await pool.fetchval("select count(*) from kernel.idempotency") == 2 * keys

    for n, (key, answer) in enumerate(placed.items()):
        again = await shop.post("/v4/orders", key=key, body=bodies[key], process=n)
        assert again.content == answer.content
        assert again.headers["Idempotent-Replayed"] == "true"


async def test_each_key_has_one_effect(shop: Shop, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    await prove(shop, pool, keys=50)


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_a_thousand_keys_have_a_thousand_effects(
    shop: Shop, pool: "asyncpg.Pool[asyncpg.Record]"
) -> None:
    await prove(shop, pool, keys=1_000)


async def test_a_key_is_of_one_person_and_of_one_request(
    shop: Shop, pool: "asyncpg.Pool[asyncpg.Record]"
) -> None:
    mine = await shop.post("/v4/quotes", key="k", body=shop.quote(1))
    theirs = await shop.post("/v4/quotes", key="k", body=shop.quote(1), process=1, **shop.other)
    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert mine.json()["data"]["id"] != theirs.json()["data"]["id"]
    reused = await shop.post("/v4/quotes", key="k", body=shop.quote(2), process=2)
    assert reused.status_code == 422
    assert reused.json()["errors"][0]["code"] == "idempotency.reused"
    assert await pool.fetchval("select count(*) from pricing.quote") == 2
    for key in ("", "k" * 256):
        assert (await shop.post("/v4/quotes", key=key, body=shop.quote(1))).status_code == 400
