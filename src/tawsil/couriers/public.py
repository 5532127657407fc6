"""What other contexts may ask of couriers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from tawsil.couriers import list_store, service, store
from tawsil.couriers.access import check_reached
from tawsil.couriers.events import Availability, Fault, Reason, Vehicle
from tawsil.couriers.list_store import SORTS, Filter, Within, reached
from tawsil.couriers.model import BREAK_AFTER_MISSED, MISSED_IN_A_ROW, Courier
from tawsil.couriers.service import (
    EndShift,
    Engage,
    Hold,
    MarkSafe,
    MarkUnsafe,
    MissOffer,
    NewCourier,
    Prefer,
    Release,
    StartShift,
    TakeBreak,
    end_shift,
    mark_safe,
    mark_unsafe,
    prefer,
    start_shift,
    take_break,
)
from tawsil.couriers.store import Span
from tawsil.geography import public as geography
from tawsil.identity import public as identity
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Refusal
from tawsil.kernel.lists import Slice, Take
from tawsil.kernel.reach import Reach

__all__ = [
    "BREAK_AFTER_MISSED",
    "MISSED_IN_A_ROW",
    "SORTS",
    "Availability",
    "Courier",
    "EndShift",
    "Engage",
    "Fault",
    "Filter",
    "Hold",
    "MarkSafe",
    "MarkUnsafe",
    "MissOffer",
    "NewCourier",
    "Prefer",
    "Reason",
    "Release",
    "Span",
    "StartShift",
    "TakeBreak",
    "Vehicle",
    "check_reached",
    "create_couriers",
    "end_shift",
    "engage",
    "get_many",
    "history",
    "hold",
    "lock",
    "mark_safe",
    "mark_unsafe",
    "missed_offer",
    "on_duty",
    "prefer",
    "reached",
    "release",
    "search",
    "start_shift",
    "take_break",
]


MOST_NAMED: Final = 500  # of whom so many begin alike, they are not told apart by more


async def search(tx: Tx, *, reach: Reach, which: Filter, take: Take) -> Slice[Courier]:
    """Some of the couriers within reach; `take` is made by `SORTS.take(which, …)`."""
    city_ids = ids = None
    if which.area_id is not None:
        city_ids = await geography.cities_below(
            tx, tenant_id=reach.tenant_id, area_id=which.area_id
        )
    if which.words is not None:
        ids = await identity.find(tx, tenant_id=reach.tenant_id, words=which.words, most=MOST_NAMED)
    within = Within(city_ids=city_ids, ids=ids)
    return await list_store.search(tx, reach=reach, which=which, within=within, take=take)


async def create_couriers(tx: Tx, *, couriers: Sequence[NewCourier]) -> list[Courier]:
    """Enrol couriers, off duty; who is enrolled already stays as they are."""
    return await service.join(tx, couriers)


async def get_many(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Courier]:
    return await store.get_many(tx, ids=ids)


async def lock(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Courier]:
    """Couriers whom nobody else changes until the transaction ends.

    Whoever changes couriers in several calls locks them all beforehand, in one: so rows are taken
    in one order, and no two transactions wait for each other in a circle.
    """
    return await store.lock(tx, ids=ids)


async def on_duty(tx: Tx, *, city_id: UUID) -> list[Courier]:
    """Every courier of a city who is not offline, ordered by id.

    Who has an unsafe vehicle (`fault`) is finishing a last job: nothing new is for them.
    """
    return await store.on_duty(tx, city_id=city_id)


async def history(
    tx: Tx, *, courier_ids: Sequence[UUID], from_at: datetime, to_at: datetime
) -> list[Span]:
    """The couriers' availabilities that overlap a window, by courier and time."""
    return await store.history(tx, courier_ids=courier_ids, from_at=from_at, to_at=to_at)


async def hold(tx: Tx, commands: Sequence[Hold]) -> list[Courier | Refusal]:
    """AVAILABLE → ON_OFFER; refused as `courier.move_not_allowed` for anyone else."""
    return await service.hold(tx, commands)


async def release(tx: Tx, commands: Sequence[Release]) -> list[Courier | Refusal]:
    """ON_OFFER or ON_JOB → AVAILABLE, ENDING_SHIFT → OFFLINE; free couriers stay as they are."""
    return await service.release(tx, commands)


async def engage(tx: Tx, commands: Sequence[Engage]) -> list[Courier | Refusal]:
    """ON_OFFER → ON_JOB; by hand also AVAILABLE → ON_JOB."""
    return await service.engage(tx, commands)


async def missed_offer(tx: Tx, commands: Sequence[MissOffer]) -> list[Courier | Refusal]:
    """ON_OFFER → AVAILABLE, or ON_BREAK for a quarter of an hour at the third in a row."""
    return await service.miss_offer(tx, commands)
