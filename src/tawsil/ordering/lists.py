"""Lists of orders over HTTP, for whoever reaches them: in parts, or as a file."""

from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery, QueryParameter
from litestar.response import Stream

from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    HEAVY,
    Asked,
    Envelope,
    FromInstant,
    ToInstant,
    allow,
    asked_of,
    check_window,
    columns,
    csv_of,
    list_envelope,
    ordered_of,
)
from tawsil.kernel.reach import Reach
from tawsil.ordering import public
from tawsil.ordering.events import Status
from tawsil.ordering.model import PaidBy
from tawsil.ordering.moves import LIVE
from tawsil.ordering.views import OrderView

Minor = Annotated[int | None, QueryParameter(ge=0, le=2**53, description="In minor units.")]
COLUMNS: Final = columns(
    "number",
    "id",
    "status",
    "placed_at",
    "delivered_at",
    "ended_because",
    "city_id",
    "merchant_id",
    "courier_id",
    "customer_id",
    "payment_method",
    "currency",
    "subtotal_minor",
    "delivery_fee_minor",
    "service_fee_minor",
    "small_order_fee_minor",
    "discount_minor",
    "tax_minor",
    "tip_minor",
    "total_minor",
    "points_minor",
    "credit_minor",
    "due_minor",
)


async def asked_for(
    status: FromQuery[list[Status] | None] = None,
    live: FromQuery[bool] = False,  # noqa: FBT002 - a query parameter
    city_id: FromQuery[UUID | None] = None,
    area_id: Annotated[
        UUID | None, QueryParameter(description="Only in the cities below this area.")
    ] = None,
    merchant_id: FromQuery[UUID | None] = None,
    courier_id: FromQuery[UUID | None] = None,
    customer_id: FromQuery[UUID | None] = None,
    payment_method: FromQuery[PaidBy | None] = None,
    from_at: FromInstant = None,
    to_at: ToInstant = None,
    least_total_minor: Minor = None,
    most_total_minor: Minor = None,
    q: Annotated[
        str | None,
        QueryParameter(
            min_length=1,
            max_length=100,
            description="A number; for staff also how a customer's name, e-mail address or "
            "telephone number begins.",
        ),
    ] = None,
) -> public.Filter:
    """Which orders; `live` are those that have not ended, whatever `status` says."""
    check_window(from_at, to_at)
    return public.Filter(
        statuses=tuple(sorted(LIVE)) if live else tuple(status) if status else None,
        city_id=city_id,
        area_id=area_id,
        merchant_id=merchant_id,
        courier_id=courier_id,
        customer_id=customer_id,
        paid_by=payment_method,
        from_at=from_at,
        to_at=to_at,
        least_total_minor=least_total_minor,
        most_total_minor=most_total_minor,
        words=q,
    )


WHICH: Final = {"which": Provide(asked_for)}


@get(
    "/v4/orders",
    opt={"rule": allow("order:read")},
    dependencies={**WHICH, **asked_of(public.SORTS)},
    tags=["Orders"],
    summary="List orders",
)
async def list_orders(
    asked: NamedDependency[Asked],
    which: NamedDependency[public.Filter],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Envelope[list[OrderView]]:
    """The orders the caller may see, newest first unless sorted otherwise."""
    async with database.transaction() as tx:
        found = await public.search_orders(tx, reach=reach, which=which, take=asked.take(which))
        items = await public.items(tx, order_ids=[order.id for order in found.items])
    return list_envelope(found.map(lambda o: OrderView.of(o, items=items[o.id])), asked)


@get(
    "/v4/orders.csv",
    opt={"rule": allow("order:read"), "limit": HEAVY},
    dependencies={**WHICH, **ordered_of(public.SORTS)},
    tags=["Orders"],
    summary="All orders of a list, as a file",
    media_type="text/csv",
)
async def export_orders(
    asked: NamedDependency[Asked],
    which: NamedDependency[public.Filter],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Stream:
    """The same filters and order as the list; at most 100,000 rows, whole or not at all."""
    return await csv_of(
        "orders",
        COLUMNS,
        asked.take(which),
        database=database,
        search=partial(public.search_orders, reach=reach, which=which),
        view=OrderView.of,
    )


routes: Final[list[Any]] = [list_orders, export_orders]
