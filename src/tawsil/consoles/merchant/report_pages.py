"""What a merchant sold, of what, and how it kept up: tables, with charts where scripts run."""

import asyncio
from datetime import date, timedelta
from typing import Any, Final, Literal
from urllib.parse import urlencode

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery
from msgspec import Struct

from tawsil.consoles.assets import Asked
from tawsil.consoles.merchant.desk import SlipError, Trouble, day_name
from tawsil.consoles.merchant.frame import merchant_id_of, merchant_page
from tawsil.consoles.own_api import answered, ask_as_caller, refusal_of
from tawsil.consoles.words import isolated
from tawsil.kernel.http import Caller, allow
from tawsil.kernel.money import major

HERE: Final = "/merchant/reports"
SPANS: Final = (7, 28, 90)
SHOWN: Final = 20


class Span(Struct, frozen=True, kw_only=True):
    currency: str
    timezone: str
    from_day: date
    to_day: date

    @property
    def days(self) -> int:
        return (self.to_day - self.from_day).days + 1


class Sales(Struct, frozen=True, kw_only=True):
    period: str
    orders: int
    gross_minor: int
    deducted_minor: int
    refunded_minor: int
    net_minor: int


class SalesReport(Struct, frozen=True, kw_only=True):
    span: Span
    total: Sales
    rows: list[Sales]


class Item(Struct, frozen=True, kw_only=True):
    rank: int
    name: str
    quantity: int
    orders: int
    amount_minor: int


class ItemsReport(Struct, frozen=True, kw_only=True):
    rows: list[Item]


class Cancelled(Struct, frozen=True, kw_only=True):
    reason: str
    orders: int
    gross_minor: int


class ServiceReport(Struct, frozen=True, kw_only=True):
    offered: int
    accepted: int
    cancelled: int
    accept_p50_s: int | None
    accept_p90_s: int | None
    prep_p50_s: int | None
    prep_p90_s: int | None
    cancellations: list[Cancelled]


class Chart(Struct, frozen=True, kw_only=True):
    """What a script draws: the same numbers as the table's, in major units."""

    kind: Literal["days", "hours"]
    x: list[int]
    orders: list[int]
    net: list[float]


@get(HERE, opt={"rule": allow("analytics:read")}, include_in_schema=False)
async def show_reports(
    request: Asked,
    caller: NamedDependency[Caller],
    from_day: FromQuery[str | None] = None,
    to_day: FromQuery[str | None] = None,
) -> Response[str]:
    asked, trouble = _asked(from_day, to_day)
    query = f"?{urlencode(asked)}" if asked else ""
    reports = f"/v4/merchants/{merchant_id_of(caller)}/reports"
    first = await ask_as_caller(request, "GET", f"{reports}/sales{query}")
    if first.status_code == 400:
        trouble, query, asked = refusal_of(first), "", {}
        first = await ask_as_caller(request, "GET", f"{reports}/sales")
    by_day = answered(first, SalesReport)
    hours, items, service = await asyncio.gather(
        ask_as_caller(request, "GET", f"{reports}/sales{query or '?'}&by=hour"),
        ask_as_caller(request, "GET", f"{reports}/items{query}"),
        ask_as_caller(request, "GET", f"{reports}/service{query}"),
    )
    by_hour = answered(hours, SalesReport)
    return await merchant_page(
        request,
        "merchant/reports.html",
        caller=caller,
        section="reports",
        status=400 if trouble else 200,
        here=HERE,
        span=by_day.span,
        by_day=by_day,
        by_hour=by_hour,
        items=answered(items, ItemsReport).rows,
        shown=SHOWN,
        service=answered(service, ServiceReport),
        charts={"days": _days(by_day), "hours": _hours(by_hour)},
        spans=[(n, _last(by_day.span.to_day, n)) for n in SPANS],
        files={
            name: f"{reports}/{name}.csv?{urlencode(_days_of(by_day.span))}"
            for name in ("sales", "items")
        },
        named=_named,
        hour=_hour,
        minutes=_minutes,
        trouble=trouble,
    )


def _asked(from_day: str | None, to_day: str | None) -> tuple[dict[str, str], Trouble | None]:
    """The days that were asked for; what is no date is left out, with a word about it."""
    asked = {name: day for name, day in (("from_day", from_day), ("to_day", to_day)) if day}
    for day in asked.values():
        try:
            date.fromisoformat(day)
        except ValueError:
            return {}, SlipError("date", typed=day).slip
    return asked, None


def _last(to_day: date, days: int) -> str:
    first = to_day - timedelta(days=days - 1)
    return f"{HERE}?{urlencode({'from_day': first, 'to_day': to_day})}"


def _days_of(span: Span) -> dict[str, Any]:
    return {"from_day": span.from_day, "to_day": span.to_day}


def _days(report: SalesReport) -> Chart:
    """Every day of the span, those without sales too."""
    sold = {date.fromisoformat(row.period): row for row in report.rows}
    days = [report.span.from_day + timedelta(days=n) for n in range(report.span.days)]
    epoch = date(1970, 1, 1).toordinal()
    rows = [sold.get(day) for day in days]
    return _chart(report, "days", [(day.toordinal() - epoch) * 86_400 for day in days], rows)


def _hours(report: SalesReport) -> Chart:
    sold = {int(row.period): row for row in report.rows}
    return _chart(report, "hours", list(range(24)), [sold.get(hour) for hour in range(24)])


def _chart(
    report: SalesReport, kind: Literal["days", "hours"], x: list[int], rows: list[Sales | None]
) -> Chart:
    currency = report.span.currency
    return Chart(
        kind=kind,
        x=x,
        orders=[row.orders if row else 0 for row in rows],
        net=[float(major(row.net_minor if row else 0, currency)) for row in rows],
    )


def _named(period: str) -> str:
    return day_name(date.fromisoformat(period))


def _hour(period: str) -> str:
    return isolated(f"{period}:00")


def _minutes(seconds: int | None) -> str:
    return "—" if seconds is None else isolated(f"{seconds // 60}:{seconds % 60:02}")


pages: Final = [show_reports]
