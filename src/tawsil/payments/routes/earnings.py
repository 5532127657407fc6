"""What couriers earn: each job with its parts, the sums of days, and today so far."""

from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream
from msgspec import Struct

from tawsil.couriers import public as couriers
from tawsil.geography import public as geography
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.http import (
    HEAVY,
    Asked,
    Envelope,
    FromInstant,
    Pagination,
    ToInstant,
    allow,
    asked_of,
    check_window,
    columns,
    csv_of,
    envelope,
    ordered_of,
)
from tawsil.kernel.reach import Reach
from tawsil.payments import public
from tawsil.payments.public import DayOfEarnings, Earning

READ: Final = "courier:read"


class EarningView(Struct, frozen=True):
    """A job; `total_minor` is the sum of its parts.

    Base, distance, surge and tip come out of what the customer pays, waiting and the incentive from
    the platform; an adjustment is what was booked later. `settled`: it is on the account.
    """

    reference_id: UUID
    currency: str
    base_minor: int
    distance_minor: int
    surge_minor: int
    tip_minor: int
    wait_minor: int
    incentive_minor: int
    adjustment_minor: int
    total_minor: int
    settled: bool
    earned_at: datetime

    @classmethod
    def of(cls, earning: Earning) -> "EarningView":
        return cls(
            reference_id=earning.reference_id,
            currency=earning.currency,
            base_minor=earning.base_minor,
            distance_minor=earning.distance_minor,
            surge_minor=earning.surge_minor,
            tip_minor=earning.tip_minor,
            wait_minor=earning.wait_minor,
            incentive_minor=earning.incentive_minor,
            adjustment_minor=earning.adjustment_minor,
            total_minor=earning.total_minor,
            settled=earning.settled,
            earned_at=earning.earned_at,
        )


class DayView(Struct, frozen=True):
    """The sums of a day of the city's calendar."""

    day: str
    currency: str
    jobs: int
    base_minor: int
    distance_minor: int
    surge_minor: int
    tip_minor: int
    wait_minor: int
    incentive_minor: int
    adjustment_minor: int
    total_minor: int

    @classmethod
    def of(cls, day: DayOfEarnings) -> "DayView":
        return cls(
            day=day.day,
            currency=day.currency,
            jobs=day.jobs,
            base_minor=day.base_minor,
            distance_minor=day.distance_minor,
            surge_minor=day.surge_minor,
            tip_minor=day.tip_minor,
            wait_minor=day.wait_minor,
            incentive_minor=day.incentive_minor,
            adjustment_minor=day.adjustment_minor,
            total_minor=day.total_minor,
        )


class EarningsView(Struct, frozen=True):
    """`jobs` is a page of them; `days` and `today` are whole. `today` has no entry before the first
    job of the day is done.
    """

    courier_id: UUID
    today: list[DayView]
    days: list[DayView]
    jobs: list[EarningView]


@get(
    "/v4/drivers/{courier_id:uuid}/earnings",
    opt={"rule": allow(READ)},
    dependencies=asked_of(public.EARNING_SORTS),
    tags=["Payments"],
    summary="What a courier has earned",
)
async def show_earnings(
    courier_id: FromPath[UUID],
    asked: NamedDependency[Asked],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
    from_at: FromInstant = None,
    to_at: ToInstant = None,
) -> Envelope[EarningsView]:
    """Each job with its parts, the newest first, and the sums of days; and today as it stands."""
    check_window(from_at, to_at)
    which = public.EarningFilter(courier_id=courier_id, from_at=from_at, to_at=to_at)
    async with database.transaction() as tx:
        await couriers.check_reached(tx, reach=reach, courier_id=courier_id)
        zone = await _timezone(tx, courier_id)
        found = await public.search_earnings(tx, which=which, take=asked.take(which))
        days = await public.earning_days(tx, which=which, timezone=zone)
        midnight = tx.now.astimezone(ZoneInfo(zone)).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        since = public.EarningFilter(courier_id=courier_id, from_at=midnight)
        today = await public.earning_days(tx, which=since, timezone=zone)
    return envelope(
        EarningsView(
            courier_id=courier_id,
            today=[DayView.of(day) for day in today],
            days=[DayView.of(day) for day in days],
            jobs=[EarningView.of(earning) for earning in found.items],
        ),
        pagination=Pagination(
            page=None if found.total is None else asked.page,
            limit=asked.limit,
            total=found.total,
            total_pages=None if found.total is None else -(-found.total // asked.limit),
            next_cursor=found.next_cursor,
        ),
    )


COLUMNS: Final = columns(
    "reference_id",
    "earned_at",
    "currency",
    "base_minor",
    "distance_minor",
    "surge_minor",
    "tip_minor",
    "wait_minor",
    "incentive_minor",
    "adjustment_minor",
    "total_minor",
    "settled",
)


@get(
    "/v4/drivers/{courier_id:uuid}/earnings.csv",
    opt={"rule": allow(READ), "limit": HEAVY},
    dependencies=ordered_of(public.EARNING_SORTS),
    tags=["Payments"],
    summary="What a courier has earned, as a file",
    media_type="text/csv",
)
async def export_earnings(
    courier_id: FromPath[UUID],
    asked: NamedDependency[Asked],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
    from_at: FromInstant = None,
    to_at: ToInstant = None,
) -> Stream:
    """A line for each job, with its parts; at most 100,000, whole or not at all."""
    check_window(from_at, to_at)
    which = public.EarningFilter(courier_id=courier_id, from_at=from_at, to_at=to_at)
    async with database.transaction() as tx:
        await couriers.check_reached(tx, reach=reach, courier_id=courier_id)

    return await csv_of(
        "earnings",
        COLUMNS,
        asked.take(which),
        database=database,
        search=partial(public.search_earnings, which=which),
    )


async def _timezone(tx: Tx, courier_id: UUID) -> str:
    """Of the courier's city; of nobody's, who earns nothing either, the world's."""
    courier = (await couriers.get_many(tx, ids=[courier_id])).get(courier_id)
    if courier is None:
        return "UTC"
    cities = await geography.cities_by_id(tx, ids=[courier.city_id])
    return cities[courier.city_id].timezone if courier.city_id in cities else "UTC"


routes: Final = [show_earnings, export_earnings]
