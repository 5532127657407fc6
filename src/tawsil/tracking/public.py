"""What other contexts may ask of tracking."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tawsil.kernel.db import Tx
from tawsil.tracking import service, store
from tawsil.tracking.events import StopKind
from tawsil.tracking.model import Eta, Ping, Position, arrival, eta_s, spread
from tawsil.tracking.service import Receipt, RecordPositions, RefusedPing, Watch

__all__ = [
    "Eta",
    "Ping",
    "Position",
    "Receipt",
    "RecordPositions",
    "RefusedPing",
    "StopKind",
    "Watch",
    "arrival",
    "eta_s",
    "forget",
    "latest",
    "moved_since",
    "record",
    "spread",
    "trail",
    "unwatch",
    "watch",
]


async def record(tx: Tx, commands: Sequence[RecordPositions]) -> list[Receipt]:
    """Keep pings of many couriers; out of order and twice is as good as once in order."""
    return await service.record(tx, commands)


async def latest(tx: Tx, *, courier_ids: Sequence[UUID]) -> dict[UUID, Position]:
    """The newest believed position of each courier that has one; look at its `at`."""
    return await store.latest(tx, courier_ids=courier_ids)


async def moved_since(tx: Tx, *, since: datetime) -> list[Position]:
    """The live positions that were recorded after an instant, by courier.

    A recording that has not committed yet is not among them, though its instant may be earlier:
    who must see each one asks with an overlap; who only draws a map sees the next one.
    """
    return await store.moved_since(tx, since=since)


async def trail(tx: Tx, *, courier_id: UUID, from_at: datetime, to_at: datetime) -> list[Position]:
    """Where a courier was in [from_at, to_at), by time, the suspect positions among it."""
    return await store.trail(tx, courier_id=courier_id, from_at=from_at, to_at=to_at)


async def watch(tx: Tx, watches: Sequence[Watch]) -> None:
    """Have `geofence.entered.v1` and `geofence.left.v1` recorded, each once per watch.

    There is one watch for a reference and kind: asking again changes nothing, asking for another
    courier or place starts anew.
    """
    await service.watch(tx, watches)


async def unwatch(tx: Tx, *, reference_ids: Sequence[UUID]) -> None:
    await store.unwatch(tx, reference_ids=reference_ids)


async def forget(tx: Tx, *, before_at: datetime) -> int:
    """Delete positions from before an instant, as retention asks; how many."""
    return await store.forget(tx, before_at=before_at)
