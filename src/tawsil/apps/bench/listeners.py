"""Thousands of listeners to live streams, in a process of their own.

`python -m tawsil.apps.bench.listeners` takes a `Connect` and then any number of `Listen`, a line
each, and answers each with a line. Of what arrives in one piece only the newest message's delay is
worked out: whoever measures must not be what is slow.
"""

import asyncio
import re
import sys
from array import array
from datetime import UTC, datetime
from time import perf_counter
from typing import Final, cast

import msgspec
import uvloop
from msgspec import Struct

AT_ONCE: Final = 100
_AT: Final = re.compile(rb'"at":"([^"]+)"')
_HEARTBEAT: Final = b": still here"
_EVENT: Final = b"event: "
_POSITION: Final = b"event: delivery_location_updated"
_ORDER: Final = b"event: order_status_updated"


class Connect(Struct, frozen=True, kw_only=True, tag=True):
    port: int
    tokens: tuple[str, ...]


class Listen(Struct, frozen=True, kw_only=True, tag=True):
    seconds: float


class Connected(Struct, frozen=True, kw_only=True):
    seconds: float
    open: int


class Delays(Struct, frozen=True, kw_only=True):
    """From the instant in a message to its arrival."""

    sampled: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


class Heard(Struct, frozen=True, kw_only=True):
    """`lost`: streams that ended; `refused`: those that were never opened."""

    seconds: float
    open: int
    lost: int
    heartbeats: int
    positions: int
    orders: int
    bytes_read: int
    of_positions: Delays
    of_orders: Delays


class _Tally:
    def __init__(self) -> None:
        self.open = 0
        self.lost = 0
        self.clear()

    def clear(self) -> None:
        self.heartbeats = self.positions = self.orders = self.bytes_read = 0
        self.of_positions, self.of_orders = array("d"), array("d")


class _Listener(asyncio.Protocol):
    def __init__(self, request: bytes, tally: _Tally) -> None:
        self._request = request
        self._tally = tally
        self.answered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        tally = self._tally
        if not self.answered.done():
            opened = data.startswith(b"HTTP/1.1 200")
            tally.open += opened
            self.answered.set_result(opened)
            return
        tally.bytes_read += len(data)
        tally.heartbeats += data.count(_HEARTBEAT)
        if _EVENT not in data:
            return
        positions, orders = data.count(_POSITION), data.count(_ORDER)
        tally.positions += positions
        tally.orders += orders
        if at := _AT.findall(data[-1_000:]):
            delay_s = datetime.now(UTC) - datetime.fromisoformat(at[-1].decode())
            delays = tally.of_positions if positions else tally.of_orders
            delays.append(delay_s.total_seconds())

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if not self.answered.done():
            self.answered.set_result(False)
        elif self.answered.result():
            self._tally.open -= 1
            self._tally.lost += 1


def _delays(found: "array[float]") -> Delays:
    ordered = sorted(found)

    def at(percent: int) -> float:
        if not ordered:
            return 0.0
        return round(ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] * 1000, 1)

    return Delays(sampled=len(ordered), p50_ms=at(50), p95_ms=at(95), p99_ms=at(99))


async def connect(asked: Connect, tally: _Tally) -> Connected:
    """Open a stream for each token, some at a time."""
    loop, began = asyncio.get_running_loop(), perf_counter()
    for start in range(0, len(asked.tokens), AT_ONCE):
        listeners = [
            _Listener(_request(token), tally) for token in asked.tokens[start : start + AT_ONCE]
        ]
        for listener in listeners:
            await loop.create_connection(
                lambda listener=listener: listener, "127.0.0.1", asked.port
            )
        await asyncio.gather(*(listener.answered for listener in listeners))
    return Connected(seconds=round(perf_counter() - began, 2), open=tally.open)


def _request(token: str) -> bytes:
    return (
        "GET /v4/live HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
        f"User-Agent: tawsil-bench\r\nAuthorization: Bearer {token}\r\n\r\n"
    ).encode()


async def listen(asked: Listen, tally: _Tally) -> Heard:
    tally.clear()
    began = perf_counter()
    await asyncio.sleep(asked.seconds)
    return Heard(
        seconds=round(perf_counter() - began, 2),
        open=tally.open,
        lost=tally.lost,
        heartbeats=tally.heartbeats,
        positions=tally.positions,
        orders=tally.orders,
        bytes_read=tally.bytes_read,
        of_positions=_delays(tally.of_positions),
        of_orders=_delays(tally.of_orders),
    )


def main() -> None:
    """Do what each line asks for, until there are no more."""
    loop, tally = uvloop.new_event_loop(), _Tally()
    decoder = msgspec.json.Decoder[Connect | Listen](Connect | Listen)
    for line in sys.stdin.buffer:
        asked = decoder.decode(line)
        step = connect(asked, tally) if isinstance(asked, Connect) else listen(asked, tally)
        found = loop.run_until_complete(step)
        sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
