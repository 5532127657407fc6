"""Requests as fast as they are answered, from a process of its own.

`python -m tawsil.apps.bench.load` reads a `Load` a line and answers each with a `Measured`. It
speaks just enough HTTP/1.1 to cost far less than what it measures: answers must have a length, or
say that they have none.
"""

import asyncio
import sys
from array import array
from time import perf_counter
from typing import Final, cast

import msgspec
import uvloop
from msgspec import Struct

HEAD_END: Final = b"\r\n\r\n"
LENGTH: Final = b"content-length: "


class Sender(Struct, frozen=True, kw_only=True):
    """One client: where its connection comes from, and what it asks for, over and over."""

    source: str
    requests: tuple[str, ...]


class Load(Struct, frozen=True, kw_only=True):
    """Every client asks again as soon as it is answered. The first `warm_s` do not count."""

    port: int
    senders: tuple[Sender, ...]
    seconds: float
    warm_s: float


class Measured(Struct, frozen=True, kw_only=True):
    """`errors`: answers that were no success, by status; 0 for a connection that broke."""

    seconds: float
    answers: int
    bytes_each: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    errors: dict[int, int]


class _Counts:
    def __init__(self) -> None:
        self.counting = False
        self.over = False
        self.latencies = array("d")
        self.size = 0
        self.errors: dict[int, int] = {}

    def answered(self, status: int, *, latency_s: float, size: int) -> None:
        if not self.counting:
            return
        self.latencies.append(latency_s)
        self.size += size
        if not 200 <= status < 400:
            self.failed(status)

    def failed(self, status: int) -> None:
        self.errors[status] = self.errors.get(status, 0) + 1


class _Client(asyncio.Protocol):
    """One connection, kept alive: one request at a time."""

    def __init__(self, requests: tuple[bytes, ...], counts: _Counts) -> None:
        self._requests = requests
        self._counts = counts
        self._next = 0
        self._unread = b""
        self._sent_at = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is none by its class
        self._ask()

    def data_received(self, data: bytes) -> None:
        whole = self._unread + data if self._unread else data
        end = _end_of(whole)
        if end is None or len(whole) < end:
            self._unread = whole
            return
        assert len(whole) == end, "nobody answers what was not asked"
        self._unread = b""
        latency_s = perf_counter() - self._sent_at
        self._counts.answered(int(whole[9:12]), latency_s=latency_s, size=end)
        if self._counts.over:
            self.close()
        else:
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if not self._counts.over:
            self._counts.failed(0)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _ask(self) -> None:
        assert self._transport is not None
        request = self._requests[self._next % len(self._requests)]
        self._next += 1
        self._sent_at = perf_counter()
        self._transport.write(request)


def _end_of(answer: bytes) -> int | None:
    """Where an answer ends, once its head is there."""
    head = answer.find(HEAD_END)
    if head < 0:
        return None
    start = answer.find(LENGTH, 0, head)
    if start < 0:
        assert answer[9:12] in {b"204", b"304"}, "an answer with a body says how long it is"
        return head + len(HEAD_END)
    start += len(LENGTH)
    return head + len(HEAD_END) + int(answer[start : answer.find(b"\r", start)])


async def measure(load: Load) -> Measured:
    """Load one server for a while."""
    counts, loop = _Counts(), asyncio.get_running_loop()
    clients = [_Client(tuple(r.encode() for r in s.requests), counts) for s in load.senders]
    for client, sender in zip(clients, load.senders, strict=True):
        await loop.create_connection(
            lambda client=client: client, "127.0.0.1", load.port, local_addr=(sender.source, 0)
        )
    await asyncio.sleep(load.warm_s)
    counts.counting, began = True, perf_counter()
    await asyncio.sleep(load.seconds)
    counts.counting, seconds = False, perf_counter() - began
    counts.over = True
    for client in clients:
        client.close()
    found = sorted(counts.latencies)
    return Measured(
        seconds=seconds,
        answers=len(found),
        bytes_each=counts.size // max(1, len(found)),
        p50_ms=_percentile_ms(found, 50),
        p95_ms=_percentile_ms(found, 95),
        p99_ms=_percentile_ms(found, 99),
        errors=counts.errors,
    )


def _percentile_ms(ordered: list[float], percent: int) -> float:
    if not ordered:
        return 0.0
    return round(ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] * 1000, 3)


def main() -> None:
    """Do what each line asks for, until there are no more."""
    for line in sys.stdin.buffer:
        found = uvloop.run(measure(msgspec.json.decode(line, type=Load)))
        sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
