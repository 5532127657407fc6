"""The order board of a merchant over HTTP: everything on it, in one answer."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath

from tawsil.catalog import public as catalog
from tawsil.dispatch import public as dispatch
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.http import Envelope, allow, envelope, not_found
from tawsil.kernel.reach import Reach
from tawsil.ordering import store as orders
from tawsil.ordering.chat import store as chats
from tawsil.ordering.events import Thread, Writer
from tawsil.ordering.kitchen import store
from tawsil.ordering.kitchen.silence import MISSED_IN_A_ROW, was_silent
from tawsil.ordering.kitchen.views import BoardOrderView, BoardView, show_merchant, show_order
from tawsil.ordering.model import Order
from tawsil.tracking import public as tracking

SHOWN_AFTER: Final = timedelta(hours=1)
"""How long what has ended stays on the board."""


@get(
    "/v4/merchants/{merchant_id:uuid}/board",
    opt={"rule": allow("order:read")},
    tags=["Merchants"],
    summary="A merchant's orders, as its kitchen works on them",
)
async def show_board(
    merchant_id: FromPath[UUID], reach: NamedDependency[Reach], database: NamedDependency[Database]
) -> Envelope[BoardView]:
    """Every order that has not ended, and those of the last hour; whether the merchant takes any.

    Live messages tell when to ask again: `new_order`, `order_status_updated`, `order_message`,
    `merchant_updated`, `delivery_courier_arrived`.
    """
    async with database.transaction() as tx:
        found = await catalog.merchants(tx, tenant_id=reach.tenant_id, ids=[merchant_id])
        merchant = found.get(merchant_id)
        if merchant is None or not (
            reach.location_id == merchant_id or reach.city(merchant.city_id)
        ):
            raise not_found()
        (looked_at,) = await catalog.look_at(tx, merchants=[merchant])
        missed = (
            await store.missed_in_a_row(tx, merchant_ids=[merchant_id], most=MISSED_IN_A_ROW)
        )[merchant_id]
        board = BoardView(
            at=tx.now,
            merchant=show_merchant(looked_at, missed=missed, silent=was_silent(merchant, missed)),
            orders=await _orders(tx, merchant_id),
        )
    return envelope(board)


async def _orders(tx: Tx, merchant_id: UUID) -> list[BoardOrderView]:
    shown = await store.on_board(tx, merchant_id=merchant_id, ended_since=tx.now - SHOWN_AFTER)
    ids = [order.id for order in shown]
    items = await orders.items(tx, ids)
    destinations = await orders.destinations(tx, ids)
    unread = await chats.unread(tx, order_ids=ids, thread=Thread.MERCHANT, reader=Writer.MERCHANT)
    deliveries = await dispatch.of_references(tx, reference_ids=ids)
    courier_ids = {order.courier_id for order in shown if order.courier_id is not None}
    seen = await tracking.latest(tx, courier_ids=list(courier_ids))
    return [
        show_order(
            order,
            items=items[order.id],
            notes=destinations[order.id].notes if order.id in destinations else "",
            delivery=deliveries.get(order.id),
            seen_at=_seen_at(order, seen),
            unread=unread.get(order.id, 0),
            now=tx.now,
        )
        for order in shown
    ]


def _seen_at(order: Order, seen: Mapping[UUID, tracking.Position]) -> datetime | None:
    position = seen.get(order.courier_id) if order.courier_id is not None else None
    return None if position is None else position.at


routes: Final[list[Any]] = [show_board]
