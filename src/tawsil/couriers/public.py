"""What other contexts may ask of couriers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from tawsil.couriers import cash_store, list_store, service, store
from tawsil.couriers.access import check_reached
from tawsil.couriers.cash_store import Cash
from tawsil.couriers.events import Availability, Fault, Reason, Vehicle
from tawsil.couriers.list_store import SORTS, Filter, Within, reached
from tawsil.couriers.model import (
    BREAK_AFTER_MISSED,
    MISSED_IN_A_ROW,
    SHORTEST_BREAK,
    Courier,
)
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
    Resume,
    StartShift,
    TakeBreak,
    end_shift,
    mark_safe,
    mark_unsafe,
    prefer,
    resume,
    start_shift,
    take_break,
)
from tawsil.couriers.store import Rated, Span, rate
from tawsil.geography import public as geography
from tawsil.identity import public as identity
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Refusal
from tawsil.kernel.lists import Slice, Take
from tawsil.kernel.reach import Reach

__all__ = [
    "BREAK_AFTER_MISSED",
    "MISSED_IN_A_ROW",
    "SHORTEST_BREAK",
    "SORTS",
    "Availability",
    "Cash",
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
    "Rated",
    "Reason",
    "Release",
    "Resume",
    "Span",
    "StartShift",
    "TakeBreak",
    "Vehicle",
    "cash_room",
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
    "rate",
    "reached",
    "release",
    "resume",
    "search",
    "set_cash",
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


async def set_cash(tx: Tx, held: Sequence[Cash]) -> None:
    """Whoever keeps the books says what couriers hold now, and whether they may collect more."""
    await cash_store.keep(tx, held)


async def cash_room(
    tx: Tx, *, city_id: UUID, courier_ids: Sequence[UUID], currency: str
) -> dict[UUID, int]:
    """How much more cash each courier may come to hold, by their own limit or the city's.

    Who is in a city that sets no limit, and has none, is left out. It may be below zero.
    """
    found = await geography.cities_by_id(tx, ids=[city_id])
    rules = found[city_id].rules if city_id in found else geography.CityRules()
    usual_minor = rules.cash.limit_minor
    held = await cash_store.held_by(tx, courier_ids=courier_ids, currency=currency)
    room: dict[UUID, int] = {}
    for id_ in courier_ids:
        cash = held.get(id_)
        own_minor = cash.limit_minor if cash else None
        limit_minor = usual_minor if own_minor is None else own_minor
        if cash is not None and cash.blocked:
            room[id_] = 0
        elif limit_minor is not None:
            room[id_] = limit_minor - (cash.held_minor if cash else 0)
    return room
