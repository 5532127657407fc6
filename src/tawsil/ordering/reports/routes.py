"""Reports over HTTP: to a merchant its own, to operations and managers those of their reach."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from litestar import Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Struct

from tawsil.catalog import public as catalog
from tawsil.geography import public as geography
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.http import HEAVY, Envelope, Problem, allow, envelope, not_found
from tawsil.kernel.http.lists import csv_lines
from tawsil.kernel.i18n import current_locale
from tawsil.kernel.reach import Reach
from tawsil.ordering.reports import store
from tawsil.ordering.reports.store import Cancelled, Sales, Sold, Span

TAGS: Final = ["Reports"]
READ: Final = "analytics:read"
LONGEST: Final = 366
USUALLY: Final = 7
MOST_ITEMS: Final = 200
T = TypeVar("T")


class By(StrEnum):
    DAY = "day"
    HOUR = "hour"


class SpanView(Struct, frozen=True, kw_only=True):
    """Whole days on the clocks of the merchant's city, the last one included."""

    merchant_id: UUID
    currency: str
    timezone: str
    from_day: date
    to_day: date


class SalesRow(Struct, frozen=True, kw_only=True):
    """`period` is a day, or an hour of the day such as `19`."""

    period: str
    orders: int
    gross_minor: int
    deducted_minor: int
    refunded_minor: int
    net_minor: int

    @classmethod
    def of(cls, sales: Sales) -> "SalesRow":
        return cls(**{name: getattr(sales, name) for name in cls.__struct_fields__})


class SalesView(Struct, frozen=True, kw_only=True):
    """Net of what is deducted (commission, the merchant's part of discounts, tax that prices
    include) and of what the merchant bears of refunds: what its account has of these orders.
    """

    span: SpanView
    total: SalesRow
    rows: list[SalesRow]


class ItemRow(Struct, frozen=True, kw_only=True):
    rank: int
    product_id: UUID
    name: str
    name_en: str
    name_ar: str
    quantity: int
    orders: int
    amount_minor: int

    @classmethod
    def of(cls, sold: Sold) -> "ItemRow":
        shown = {name: getattr(sold, name) for name in Sold.__struct_fields__}
        return cls(name=sold.name_ar if current_locale.get() == "ar" else sold.name_en, **shown)


class ItemsView(Struct, frozen=True, kw_only=True):
    span: SpanView
    rows: list[ItemRow]


class CancelledRow(Struct, frozen=True, kw_only=True):
    reason: str
    orders: int
    gross_minor: int

    @classmethod
    def of(cls, cancelled: Cancelled) -> "CancelledRow":
        return cls(**{name: getattr(cancelled, name) for name in cls.__struct_fields__})


class ServiceView(Struct, frozen=True, kw_only=True):
    """How many of the orders it was offered it took, how soon, and how long they took to prepare.

    Half of them took no longer than the p50, nine of ten no longer than the p90.
    """

    span: SpanView
    offered: int
    accepted: int
    cancelled: int
    accept_p50_s: int | None
    accept_p90_s: int | None
    prep_p50_s: int | None
    prep_p90_s: int | None
    cancellations: list[CancelledRow]


class Asked(Struct, frozen=True):
    """Which report: of whom, and of which days."""

    span: Span
    view: SpanView


async def asked_for(
    merchant_id: FromPath[UUID],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
    from_day: Annotated[
        date | None, QueryParameter(description="Such as 2026-11-01; else a week before the last.")
    ] = None,
    to_day: Annotated[
        date | None, QueryParameter(description="The last day, such as 2026-11-30; else today.")
    ] = None,
) -> Asked:
    async with database.transaction() as tx:
        found = await catalog.reached(tx, reach=reach, ids=[merchant_id])
        merchant = found.get(merchant_id)
        if merchant is None:
            raise not_found()
        city = (await geography.cities_by_id(tx, ids=[merchant.city_id]))[merchant.city_id]
        today = tx.now.astimezone(ZoneInfo(city.timezone)).date()
    last = to_day or today
    first = from_day or last - timedelta(days=min(USUALLY - 1, last.toordinal() - 1))
    if not 0 <= (last - first).days < LONGEST or not 1900 <= first.year <= last.year <= 9000:
        raise Problem(400, "report.span_invalid", most=LONGEST)
    return Asked(
        Span(
            merchant_id=merchant_id,
            from_at=_midnight(first, city.timezone),
            to_at=_midnight(last + timedelta(days=1), city.timezone),
            timezone=city.timezone,
        ),
        SpanView(
            merchant_id=merchant_id,
            currency=merchant.currency,
            timezone=city.timezone,
            from_day=first,
            to_day=last,
        ),
    )


def _midnight(day: date, timezone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(timezone))


ASKED: Final = {"asked": Provide(asked_for)}


@get(
    "/v4/merchants/{merchant_id:uuid}/reports/sales",
    opt={"rule": allow(READ)},
    dependencies=ASKED,
    tags=TAGS,
    summary="What a merchant sold",
)
async def show_sales(
    asked: NamedDependency[Asked], database: NamedDependency[Database], by: FromQuery[By] = By.DAY
) -> Envelope[SalesView]:
    """By day, or by the hour of the day. An order counts where it was placed."""
    found = await _read(database, lambda tx: store.sales(tx, asked.span, by=by.value))
    return envelope(
        SalesView(
            span=asked.view,
            total=SalesRow.of(_total(found)),
            rows=[SalesRow.of(sales) for sales in found],
        )
    )


@get(
    "/v4/merchants/{merchant_id:uuid}/reports/sales.csv",
    opt={"rule": allow(READ), "limit": HEAVY},
    dependencies=ASKED,
    tags=TAGS,
    summary="What a merchant sold, as a file",
    media_type="text/csv",
)
async def export_sales(
    asked: NamedDependency[Asked], database: NamedDependency[Database], by: FromQuery[By] = By.DAY
) -> Response[str]:
    """The same rows."""
    found = await _read(database, lambda tx: store.sales(tx, asked.span, by=by.value))
    return _file("sales", asked, SalesRow, [SalesRow.of(sales) for sales in found])


@get(
    "/v4/merchants/{merchant_id:uuid}/reports/items",
    opt={"rule": allow(READ)},
    dependencies=ASKED,
    tags=TAGS,
    summary="What was sold most",
)
async def show_items(
    asked: NamedDependency[Asked], database: NamedDependency[Database]
) -> Envelope[ItemsView]:
    """The two hundred dishes that were sold most, by how many."""
    found = await _read(database, lambda tx: store.items(tx, asked.span, limit=MOST_ITEMS))
    return envelope(ItemsView(span=asked.view, rows=[ItemRow.of(sold) for sold in found]))


@get(
    "/v4/merchants/{merchant_id:uuid}/reports/items.csv",
    opt={"rule": allow(READ), "limit": HEAVY},
    dependencies=ASKED,
    tags=TAGS,
    summary="What was sold most, as a file",
    media_type="text/csv",
)
async def export_items(
    asked: NamedDependency[Asked], database: NamedDependency[Database]
) -> Response[str]:
    """The same rows."""
    found = await _read(database, lambda tx: store.items(tx, asked.span, limit=MOST_ITEMS))
    return _file("items", asked, ItemRow, [ItemRow.of(sold) for sold in found])


@get(
    "/v4/merchants/{merchant_id:uuid}/reports/service",
    opt={"rule": allow(READ)},
    dependencies=ASKED,
    tags=TAGS,
    summary="How a merchant kept up",
)
async def show_service(
    asked: NamedDependency[Asked], database: NamedDependency[Database]
) -> Envelope[ServiceView]:
    """Of the orders it was offered: taken, called off and why, and the times it took."""
    pace = await _read(database, lambda tx: store.pace(tx, asked.span))
    found = await _read(database, lambda tx: store.cancellations(tx, asked.span))
    return envelope(
        ServiceView(
            span=asked.view,
            offered=pace.offered,
            accepted=pace.accepted,
            cancelled=pace.cancelled,
            accept_p50_s=_whole(pace.accept_p50_s),
            accept_p90_s=_whole(pace.accept_p90_s),
            prep_p50_s=_whole(pace.prep_p50_s),
            prep_p90_s=_whole(pace.prep_p90_s),
            cancellations=[CancelledRow.of(one) for one in found],
        )
    )


async def _read(database: Database, read: Callable[[Tx], Awaitable[T]]) -> T:
    async with database.transaction() as tx:
        return await read(tx)


def _total(found: Sequence[Sales]) -> Sales:
    return Sales(
        period="",
        orders=sum(one.orders for one in found),
        gross_minor=sum(one.gross_minor for one in found),
        deducted_minor=sum(one.deducted_minor for one in found),
        refunded_minor=sum(one.refunded_minor for one in found),
    )


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)


def _file(name: str, asked: Asked, shape: type[Struct], rows: Sequence[Struct]) -> Response[str]:
    names = ["currency", *shape.__struct_fields__]
    lines = [[asked.view.currency, *(getattr(row, n) for n in names[1:])] for row in rows]
    title = f"{name}-{asked.view.from_day}-{asked.view.to_day}"
    return Response(
        csv_lines([names, *lines]),
        media_type="text/csv; charset=utf-8; header=present",
        headers={"Content-Disposition": f'attachment; filename="{title}.csv"'},
    )


routes: Final[list[Any]] = [
    show_sales,
    export_sales,
    show_items,
    export_items,
    show_service,
]
