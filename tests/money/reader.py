"""Somebody who looks into the books ten times a second while others write."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import asyncpg
from msgspec import Struct

EVERY_S = 0.1
OUT_OF_BALANCE = """
    select format('%s %s %s by %s', reference_id, currency, pending, sum(amount_minor)) as what
    from payments.entry group by grouping sets ((currency, pending),
        (reference_id, currency, pending)) having sum(amount_minor) <> 0
"""


class Seen(Struct):
    """How often it looked, and every imbalance that it saw."""

    looks: int = 0
    wrong: list[str] = []


@contextmanager
def reading(url: str) -> Iterator[Seen]:
    """Read in a thread of its own, with a connection of its own, until the block ends."""
    seen, stop = Seen(), Event()
    thread = Thread(target=lambda: asyncio.run(_read(url, seen, stop)))
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


async def _read(url: str, seen: Seen, stop: Event) -> None:
    connection = await asyncpg.connect(url)
    try:
        while not stop.is_set():
            seen.wrong += [row["what"] for row in await connection.fetch(OUT_OF_BALANCE)]
            seen.looks += 1
            await asyncio.sleep(EVERY_S)
    finally:
        await connection.close()
