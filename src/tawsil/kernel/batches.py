"""Batches: concurrent requests for the same thing share one transaction.

A handler takes a list of commands and returns a list of outcomes, in order. Whoever submits while a
batch runs waits for the next one; a lone request is a batch of one. One code path.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Generic, TypeVar

import asyncpg
import structlog
from msgspec import Struct

from tawsil.kernel import idempotency
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import Command, Refusal
from tawsil.kernel.idempotency import Answer, Key, Reused

C = TypeVar("C", bound=Command)
log = structlog.get_logger(__name__)

MOST_PER_BATCH: Final = 256
MOST_WAITING: Final = 2_000
DEADLOCK_RETRIES: Final = 3

Handle = Callable[[Tx, Sequence[C]], Awaitable[Sequence[Any]]]
Render = Callable[[Any], Answer]


class OverloadedError(Exception):
    """More requests wait than can be answered in time; nothing was done."""


class KeyInFlightError(Exception):
    """A request with the same idempotency key is being worked on."""


class KeyReusedError(Exception):
    """The idempotency key was used before for another request."""


class _Waiting(Struct, Generic[C]):
    command: C
    key: Key | None
    render: Render
    done: "asyncio.Future[Answer]"


class Batcher(Generic[C]):
    """Gathers commands for one handler and runs them in batches, one batch at a time."""

    def __init__(
        self,
        handle: Handle[C],
        *,
        database: Database,
        most_per_batch: int = MOST_PER_BATCH,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._handle = handle
        self._database = database
        self._most_per_batch = most_per_batch
        self._most_waiting = most_waiting
        self._waiting: deque[_Waiting[C]] = deque()
        self._keys: set[tuple[object, str]] = set()
        self._running: asyncio.Task[None] | None = None

    async def submit(self, command: C, *, render: Render, key: Key | None = None) -> Answer:
        """The answer to one command, after its transaction has committed.

        Raises:
            OverloadedError: the queue is full.
            KeyInFlightError: the same key is being worked on here.
            KeyReusedError: the key belongs to another request.
        """
        if len(self._waiting) >= self._most_waiting:
            raise OverloadedError
        if key is not None:
            if (key.user_id, key.key) in self._keys:
                raise KeyInFlightError
            self._keys.add((key.user_id, key.key))
        waiting = _Waiting(command, key, render, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        # A caller that goes away does not undo what others share: the batch runs on.
        return await asyncio.shield(waiting.done)

    async def _run(self) -> None:
        while self._waiting:
            size = min(len(self._waiting), self._most_per_batch)
            batch = [self._waiting.popleft() for _ in range(size)]
            try:
                await self._run_batch(batch)
            finally:
                self._keys.difference_update((w.key.user_id, w.key.key) for w in batch if w.key)

    async def _run_batch(self, batch: Sequence[_Waiting[C]]) -> None:
        try:
            answers = await self._commit(batch)
        except Exception as error:  # noqa: BLE001 - handed to whoever asked
            if len(batch) > 1:
                log.warning("batch.failed", size=len(batch), error=repr(error))
                for one in batch:
                    await self._run_batch([one])
                return
            answers = [error]
        for waiting, answer in zip(batch, answers, strict=True):
            if waiting.done.cancelled():
                continue
            if isinstance(answer, Exception):
                waiting.done.set_exception(answer)
                waiting.done.exception()  # retrieved: the caller may have gone away
            else:
                waiting.done.set_result(answer)

    async def _commit(self, batch: Sequence[_Waiting[C]]) -> Sequence[Answer | Exception]:
        theirs = self._database.within({w.command.by.tenant_id for w in batch})
        for attempt in range(DEADLOCK_RETRIES + 1):
            try:
                async with theirs.transaction() as tx:
                    return await self._answer(tx, batch)
            except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
                if attempt == DEADLOCK_RETRIES:
                    raise
        raise AssertionError("unreachable")

    async def _answer(self, tx: Tx, batch: Sequence[_Waiting[C]]) -> Sequence[Answer | Exception]:
        before = await idempotency.claim(tx, [w.key for w in batch if w.key])
        fresh = [w for w in batch if w.key is None or w.key not in before]
        outcomes: Sequence[Any] = (
            await self._handle(tx, [w.command for w in fresh]) if fresh else ()
        )
        rendered = [w.render(outcome) for w, outcome in zip(fresh, outcomes, strict=True)]
        await idempotency.keep(
            tx, [(w.key, answer) for w, answer in zip(fresh, rendered, strict=True) if w.key]
        )
        new = iter(rendered)
        return [
            next(new) if w.key is None or w.key not in before else _replay(before[w.key])
            for w in batch
        ]


def _replay(before: Answer | Reused) -> Answer | Exception:
    return KeyReusedError() if isinstance(before, Reused) else before


async def one(handle: Handle[C], tx: Tx, command: C) -> Any | Refusal:
    """Run a single command in a transaction that is already open."""
    (outcome,) = await handle(tx, [command])
    return outcome
