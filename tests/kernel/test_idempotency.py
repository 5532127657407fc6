"""A request that is sent again is answered again, and done once."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

import httpx
import pytest
from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Struct

from tawsil.kernel import idempotency
from tawsil.kernel.batches import Batcher, KeyInFlightError, KeyReusedError
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import By, Command, Refusal, refuse
from tawsil.kernel.http import SIGNED_IN, Caller, Commands, Envelope
from tawsil.kernel.idempotency import Answer, Key

Send = Any
BREAKING = 666_666


class Gift(Struct):
    n: int


class Give(Command, frozen=True, kw_only=True):
    n: int


class Giving:
    """Counts its effects in the database; negative gifts are refused, BREAKING fails."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.calls = 0

    async def __call__(self, tx: Tx, commands: Sequence[Give]) -> list[int | Refusal]:
        self.calls += len(commands)
        await self.go_on.wait()
        for command in commands:
            await tx.execute("insert into given values ($1)", command.n)
        assert all(command.n != BREAKING for command in commands)
        return [
            refuse("request.not_found", status=404) if command.n < 0 else command.n
            for command in commands
        ]


@pytest.fixture
async def giving(database: Database) -> Any:
    await database.pool.execute("create table given (n int); grant all on given to tawsil_tenant")
    yield Giving()
    await database.pool.execute("drop table given")


@pytest.fixture
async def send(giving: Giving, serve: Any, callers: Any) -> Send:
    @post("/gifts", opt={"rule": SIGNED_IN})
    async def give(
        data: JSONBody[Gift], caller: NamedDependency[Caller], commands: NamedDependency[Commands]
    ) -> Response[Envelope[int]]:
        return await commands.submit(giving, Give(by=caller.by, n=data.n), view=int, status=201)

    client: httpx.AsyncClient = await serve([give])
    mine = callers.token("customer")

    async def ask(n: int, key: str | None = "k", *, token: str = mine) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        return await client.post("/gifts", json={"n": n}, headers=headers)

    return ask


async def effects(database: Database) -> list[int]:
    return [r["n"] for r in await database.pool.fetch("select n from given order by n")]


async def test_the_first_answer_is_replayed_byte_for_byte(send: Send, database: Database) -> None:
    first, again = await send(1), await send(1)
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["X-Request-ID"] != first.headers["X-Request-ID"]
    assert await effects(database) == [1]


async def test_a_refusal_is_replayed_too(send: Send) -> None:
    first, again = await send(-1), await send(-1)
    assert first.status_code == again.status_code == 404
    assert first.content == again.content
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_a_failure_is_not_kept(send: Send, database: Database) -> None:
    assert [(await send(BREAKING)).status_code for _ in range(2)] == [500, 500]
    assert await effects(database) == []
    assert (await send(1)).status_code == 201, "the key was never used"


async def test_without_a_key_everything_is_done(send: Send, database: Database) -> None:
    assert [(await send(1, None)).status_code for _ in range(2)] == [201, 201]
    assert await effects(database) == [1, 1]


async def test_the_same_key_for_another_request_is_a_422(send: Send, database: Database) -> None:
    await send(1)
    other = await send(2)
    assert other.status_code == 422
    assert other.json()["errors"][0]["code"] == "idempotency.reused"
    assert (await send(1)).status_code == 201
    assert await effects(database) == [1]


async def test_a_key_in_flight_is_a_409(send: Send, giving: Giving, database: Database) -> None:
    giving.go_on.clear()
    first = asyncio.create_task(send(1))
    while not giving.calls:
        await asyncio.sleep(0.001)
    again = await send(1)
    assert again.status_code == 409
    assert again.json()["errors"][0]["code"] == "idempotency.in_flight"
    giving.go_on.set()
    assert (await first).status_code == 201
    assert (await send(1)).headers["Idempotent-Replayed"] == "true"
    assert await effects(database) == [1]


async def test_a_key_belongs_to_one_user(send: Send, callers: Any, database: Database) -> None:
    theirs = callers.token("customer")
    answers = [await send(1), await send(2, token=theirs)]
    assert [answer.json()["data"] for answer in answers] == [1, 2]
    assert await effects(database) == [1, 2]


async def test_a_key_has_at_most_255_characters(send: Send, database: Database) -> None:
    for length, status in ((255, 201), (256, 400), (0, 400)):
        answer = await send(1, "x" * length)
        assert answer.status_code == status, length
        if status == 400:
            assert answer.json()["errors"][0]["code"] == "idempotency.key_invalid"
    assert await effects(database) == [1]


async def test_a_day_later_the_key_is_free(
    send: Send, database: Database, clock: VirtualClock
) -> None:
    await send(1)
    clock.advance(timedelta(hours=24))
    assert (await send(1)).headers["Idempotent-Replayed"] == "true", "a whole day long"
    clock.advance(timedelta(seconds=1))
    assert (await send(2)).json()["data"] == 2
    assert await effects(database) == [1, 2]


async def test_old_keys_are_forgotten(send: Send, database: Database, clock: VirtualClock) -> None:
    await send(1, "old")
    clock.advance(timedelta(hours=12))
    await send(2, "young")
    clock.advance(timedelta(hours=12, seconds=1))
    async with database.transaction() as tx:
        assert await idempotency.forget_old(tx) == 1
        assert [r["key"] for r in await tx.rows("select key from kernel.idempotency")] == ["young"]


@pytest.mark.parametrize("keys", [50, pytest.param(1_000, marks=pytest.mark.soak)])
async def test_many_senders_of_each_key_in_two_processes_have_each_effect_once(
    database: Database, giving: Giving, by: By, ids: Ids, keys: int
) -> None:
    """Two batchers know nothing of each other but the database, like two processes."""
    processes = [
        Batcher(giving, database=database, most_per_batch=32, most_waiting=keys * 20)
        for _ in range(2)
    ]
    user_id, random = ids(), Random(3)
    answers: dict[int, set[bytes]] = {n: set() for n in range(keys)}

    async def sender(n: int, m: int, delay_s: float) -> None:
        process = processes[m % 2]
        await asyncio.sleep(delay_s)
        key = Key(user_id=user_id, key=f"key {n}", request_hash=b"%d" % n)
        while True:
            try:
                answer = await process.submit(
                    Give(by=by, n=n),
                    key=key,
                    render=lambda outcome: Answer(status=200, body=b"%d for %d" % (outcome, m)),
                )
            except KeyInFlightError:
                await asyncio.sleep(keys / 1_000)  # a polite client waits longer when many do
                continue
            answers[n].add(answer.body)
            return

    await asyncio.gather(
        *[sender(n, m, random.random() * keys / 100) for n in range(keys) for m in range(20)]
    )
    assert await effects(database) == list(range(keys))
    assert all(len(bodies) == 1 for bodies in answers.values()), "all heard the first answer"


async def test_two_processes_do_not_confuse_two_requests_of_one_key(
    database: Database, giving: Giving, by: By, ids: Ids
) -> None:
    user_id = ids()
    outcomes = await asyncio.gather(
        *[
            Batcher(giving, database=database).submit(
                Give(by=by, n=n),
                key=Key(user_id=user_id, key="k", request_hash=b"%d" % n),
                render=lambda outcome: Answer(status=200, body=b"%d" % outcome),
            )
            for n in (1, 2)
        ],
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, KeyReusedError) for outcome in outcomes) == 1
    assert len(await effects(database)) == 1
