"""Requests that come together share a transaction, and nothing else."""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import httpx
import pytest
from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Struct

from tawsil.kernel.batches import Batcher, OverloadedError
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import By, Command, Refusal, refuse
from tawsil.kernel.http import SIGNED_IN, Caller, Commands, Envelope
from tawsil.kernel.i18n import text
from tawsil.kernel.idempotency import Answer


class Add(Command, frozen=True, kw_only=True):
    n: int


class Adding:
    """A handler that writes numbers, and the transactions and batches it was called in."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.transactions: set[int] = set()
        self.bad: set[int] = set()
        self.started = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def __call__(self, tx: Tx, commands: Sequence[Add]) -> list[int]:
        self.batches.append([command.n for command in commands])
        self.started.set()
        await self.go_on.wait()
        for command in commands:
            await tx.execute("insert into added values ($1)", command.n)
            if command.n in self.bad:
                raise ArithmeticError(command.n)
        self.transactions.add(await tx.value("select pg_current_xact_id()::text::bigint"))
        return [command.n * 10 for command in commands]


def render(outcome: Any) -> Answer:
    return Answer(status=200, body=str(outcome).encode())


@pytest.fixture
async def adding(database: Database) -> Any:
    await database.pool.execute("create table added (n int); grant all on added to tawsil_tenant")
    yield Adding()
    await database.pool.execute("drop table added")


async def kept(database: Database) -> list[int]:
    return [r["n"] for r in await database.pool.fetch("select n from added order by n")]


async def test_who_comes_meanwhile_shares_the_next_transaction(
    database: Database, adding: Adding, by: By
) -> None:
    batcher = Batcher(adding, database=database, most_per_batch=20)
    adding.go_on.clear()
    first = asyncio.create_task(batcher.submit(Add(by=by, n=0), render=render))
    await adding.started.wait()
    rest = [
        asyncio.create_task(batcher.submit(Add(by=by, n=n), render=render)) for n in range(1, 51)
    ]
    await asyncio.sleep(0)
    adding.go_on.set()
    answers = await asyncio.gather(first, *rest)
    assert [int(answer.body) for answer in answers] == [n * 10 for n in range(51)]
    assert [len(batch) for batch in adding.batches] == [1, 20, 20, 10]
    assert [n for batch in adding.batches for n in batch] == list(range(51)), "first come"
    assert len(adding.transactions) == 4
    assert await kept(database) == list(range(51))


async def test_one_that_fails_does_not_take_the_others_down(
    database: Database, adding: Adding, by: By
) -> None:
    batcher = Batcher(adding, database=database)
    adding.bad = {3, 7}
    answers = await asyncio.gather(
        *[batcher.submit(Add(by=by, n=n), render=render) for n in range(10)],
        return_exceptions=True,
    )
    failed = [n for n, answer in enumerate(answers) if isinstance(answer, ArithmeticError)]
    assert failed == [3, 7]
    assert await kept(database) == [n for n in range(10) if n not in {3, 7}]
    assert await batcher.submit(Add(by=by, n=20), render=render) == render(200)


async def test_an_answer_that_cannot_be_rendered_undoes_only_its_own(
    database: Database, adding: Adding, by: By
) -> None:
    def unspeakable(_: Any) -> Answer:
        raise LookupError

    batcher = Batcher(adding, database=database)
    answers = await asyncio.gather(
        batcher.submit(Add(by=by, n=1), render=render),
        batcher.submit(Add(by=by, n=2), render=unspeakable),
        return_exceptions=True,
    )
    assert answers[0] == render(10)
    assert isinstance(answers[1], LookupError)
    assert await kept(database) == [1]


async def test_a_caller_that_leaves_undoes_nothing(
    database: Database, adding: Adding, by: By
) -> None:
    batcher = Batcher(adding, database=database)
    adding.go_on.clear()
    tasks = [asyncio.create_task(batcher.submit(Add(by=by, n=n), render=render)) for n in range(5)]
    await adding.started.wait()
    tasks[0].cancel()
    tasks[3].cancel()
    await asyncio.sleep(0)
    adding.go_on.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    left = [n for n, answer in enumerate(answers) if isinstance(answer, asyncio.CancelledError)]
    assert left == [0, 3]
    assert await kept(database) == [0, 1, 2, 3, 4], "what was asked is done"


async def test_a_full_queue_refuses_and_then_goes_on(
    database: Database, adding: Adding, by: By
) -> None:
    batcher = Batcher(adding, database=database, most_waiting=3)
    adding.go_on.clear()
    first = asyncio.create_task(batcher.submit(Add(by=by, n=0), render=render))
    await adding.started.wait()
    waiting = [
        asyncio.create_task(batcher.submit(Add(by=by, n=n), render=render)) for n in (1, 2, 3)
    ]
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError):
        await batcher.submit(Add(by=by, n=4), render=render)
    adding.go_on.set()
    await asyncio.gather(first, *waiting)
    await batcher.submit(Add(by=by, n=5), render=render)
    assert await kept(database) == [0, 1, 2, 3, 5]


async def test_two_batches_that_lock_each_other_out_are_both_done(
    database: Database, by: By
) -> None:
    """A real deadlock: PostgreSQL ends one of the two, which is tried again."""
    await database.pool.execute(
        """
        create table pair (id int primary key, n int);
        insert into pair values (1, 0), (2, 0);
        grant all on pair to tawsil_tenant
        """
    )
    tries = 0
    both = asyncio.Barrier(2)

    async def bump(tx: Tx, commands: Sequence[Add]) -> list[int]:
        nonlocal tries
        tries += 1
        (command,) = commands
        await tx.execute("update pair set n = n + 1 where id = $1", command.n)
        if tries <= 2:
            await both.wait()
        await tx.execute("update pair set n = n + 1 where id = $1", 3 - command.n)
        return [command.n]

    try:
        answers = await asyncio.gather(
            *[
                Batcher(bump, database=database).submit(Add(by=by, n=n), render=render)
                for n in (1, 2)
            ]
        )
        assert [answer.body for answer in answers] == [b"1", b"2"]
        assert tries >= 3, "one of them was tried again"
        rows = await database.pool.fetch("select n from pair order by id")
        assert [row["n"] for row in rows] == [2, 2]
    finally:
        await database.pool.execute("drop table pair")


async def test_a_deadlock_that_never_ends_is_handed_on(database: Database, by: By) -> None:
    tries = 0

    async def stuck(_: Tx, __: Sequence[Add]) -> list[int]:
        nonlocal tries
        tries += 1
        raise asyncpg.DeadlockDetectedError

    with pytest.raises(asyncpg.DeadlockDetectedError):
        await Batcher(stuck, database=database).submit(Add(by=by, n=1), render=render)
    assert tries == 4


class Wish(Struct):
    n: int


async def grant(_: Tx, commands: Sequence[Add]) -> list[int | Refusal]:
    return [c.n if c.n % 2 else refuse("request.not_found", status=404) for c in commands]


@post("/wishes", opt={"rule": SIGNED_IN}, status_code=200)
async def wish(
    data: JSONBody[Wish], caller: NamedDependency[Caller], commands: NamedDependency[Commands]
) -> Response[Envelope[int]]:
    return await commands.submit(grant, Add(by=caller.by, n=data.n), view=int)


async def test_each_answer_is_in_its_own_callers_words(serve: Any, callers: Any, ids: Any) -> None:
    """Whoever began the batch lends it neither their request id nor their language."""
    client: httpx.AsyncClient = await serve([wish])

    async def ask(n: int) -> None:
        request_id, locale = str(ids()), ("en", "ar")[n // 2 % 2]
        answer = await client.post(
            "/wishes",
            json={"n": n},
            headers={
                "Authorization": f"Bearer {callers.token('customer')}",
                "X-Request-ID": request_id,
                "Accept-Language": locale,
            },
        )
        body = answer.json()
        assert body["meta"]["request_id"] == request_id
        if n % 2:
            assert body["data"] == n
        else:
            assert answer.status_code == 404
            assert body["errors"][0]["message"] == text("request.not_found", locale=locale)

    await asyncio.gather(*[ask(n) for n in range(40)])
