"""Ordering's tables and all its SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted
from tawsil.kernel.places import Place
from tawsil.ordering.amounts import Amounts
from tawsil.ordering.events import Status
from tawsil.ordering.model import Order, PaidBy, PaymentStage
from tawsil.ordering.moves import LIVE
from tawsil.pricing import public as pricing


class Item(Struct, frozen=True, kw_only=True):
    """A line of an order as it was sold: names and prices do not change with the menu."""

    product_id: UUID
    name_en: str
    name_ar: str
    quantity: int
    unit_price_minor: int
    options: list[str]
    options_ar: list[str]
    """The same options in the same order."""
    total_minor: int
    discount_minor: int = 0
    """What of the order's discounts fell on it; `tax_minor` likewise."""
    tax_minor: int = 0


class _Option(Struct, frozen=True):
    en: str
    ar: str


def written(item: Item) -> str:
    """An item's options as they are kept."""
    named = zip(item.options, item.options_ar, strict=True)
    return msgspec.json.encode([_Option(en, ar) for en, ar in named]).decode()


def _options(column: str) -> list[_Option]:
    """Before options had both names on record, the English one stood alone."""
    known = msgspec.json.decode(column, type=list[_Option | str])
    return [_Option(one, one) if isinstance(one, str) else one for one in known]


class Destination(Struct, frozen=True, kw_only=True):
    """Where the order goes, in words. Personal data."""

    address: str
    instructions: str = ""
    notes: str = ""


_taxes = msgspec.json.Decoder(tuple[pricing.TaxLine, ...])
_parts = msgspec.json.Decoder(pricing.DeliveryFeeParts)
_discounts = msgspec.json.Decoder(tuple[pricing.AppliedPromotion, ...])
_AMOUNTS: Final = Amounts.__struct_fields__
_COLUMNS: Final[dict[str, str]] = {
    "id": "uuid",
    "version": "int",
    "tenant_id": "uuid",
    "city_id": "uuid",
    "number": "bigint",
    "quote_id": "uuid",
    "customer_id": "uuid",
    "merchant_id": "uuid",
    "courier_id": "uuid",
    "status": "text",
    "payment": "text",
    "paid_by": "text",
    **dict.fromkeys(_AMOUNTS, "bigint"),
    "currency": "text",
    "tax_included": "boolean",
    "taxes": "jsonb",
    "delivery_fee_parts": "jsonb",
    "pickup_latitude": "float8",
    "pickup_longitude": "float8",
    "dropoff_latitude": "float8",
    "dropoff_longitude": "float8",
    "prep_time_s": "int",
    "travel_time_s": "int",
    "handover_pin": "text",
    "scheduled_for": "timestamptz",
    "placed_at": "timestamptz",
    "offered_at": "timestamptz",
    "accepted_at": "timestamptz",
    "ready_at": "timestamptz",
    "promised_at": "timestamptz",
    "picked_up_at": "timestamptz",
    "delivered_at": "timestamptz",
    "ended_at": "timestamptz",
    "ended_because": "text",
    "reminders": "int",
    "choice_until_at": "timestamptz",
    "discounts": "jsonb",
    "promotion_minor": "bigint",
}
_CHANGING: Final = (
    "paid_by",
    "version",
    "courier_id",
    "status",
    "payment",
    "prep_time_s",
    "offered_at",
    "accepted_at",
    "ready_at",
    "promised_at",
    "picked_up_at",
    "delivered_at",
    "ended_at",
    "ended_because",
    "reminders",
    "choice_until_at",
)
_INSERT: Final = (
    f'insert into ordering."order" ({", ".join(_COLUMNS)}) select * from unnest('  # noqa: S608 - our own column names
    + ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(_COLUMNS.values(), 1))
    + ")"
)
_UPDATE: Final = (
    f'update ordering."order" o set {", ".join(f"{c} = u.{c}" for c in _CHANGING)} from unnest('  # noqa: S608 - our own column names
    "$1::uuid[], $2::int[], "
    + ", ".join(f"${n}::{_COLUMNS[c]}[]" for n, c in enumerate(_CHANGING, 3))
    + f") as u (id, expected_version, {', '.join(_CHANGING)}) "
    "where o.id = u.id and o.version = u.expected_version"
)


def _flat(order: Order) -> dict[str, Any]:
    return {
        **{name: getattr(order, name, None) for name in _COLUMNS},
        **{name: getattr(order.amounts, name) for name in _AMOUNTS},
        "taxes": msgspec.json.encode(order.amounts.taxes).decode(),
        "delivery_fee_parts": msgspec.json.encode(order.amounts.delivery_fee_parts).decode(),
        "pickup_latitude": order.pickup.latitude,
        "pickup_longitude": order.pickup.longitude,
        "dropoff_latitude": order.dropoff.latitude,
        "dropoff_longitude": order.dropoff.longitude,
        "discounts": msgspec.json.encode(order.discounts).decode(),
    }


def order_of(known: dict[str, Any]) -> Order:
    """A row as an order; the row is used up."""
    known["taxes"] = _taxes.decode(known["taxes"])
    known["delivery_fee_parts"] = _parts.decode(known["delivery_fee_parts"])
    del known["promotion_minor"]  # follows from the discounts; for whoever reads the table
    amounts = Amounts(**{name: known.pop(name) for name in _AMOUNTS})
    pickup = Place(known.pop("pickup_latitude"), known.pop("pickup_longitude"))
    dropoff = Place(known.pop("dropoff_latitude"), known.pop("dropoff_longitude"))
    return Order(
        amounts=amounts,
        pickup=pickup,
        dropoff=dropoff,
        status=Status(known.pop("status")),
        payment=PaymentStage(known.pop("payment")),
        paid_by=PaidBy(known.pop("paid_by")),
        discounts=_discounts.decode(known.pop("discounts")),
        **known,
    )


async def numbers(tx: Tx, count: int) -> list[int]:
    rows = await tx.rows(
        "select nextval('ordering.order_number') as n from generate_series(1, $1)", count
    )
    return [row["n"] for row in rows]


async def add(tx: Tx, placed: Sequence[tuple[Order, Sequence[Item], Destination]]) -> None:
    """Write new orders with their items and destinations."""
    if not placed:
        return
    flat = [_flat(order) for order, _, _ in placed]
    await tx.execute(_INSERT, *[[row[column] for row in flat] for column in _COLUMNS])
    items = [(o, n, i) for o, of_order, _ in placed for n, i in enumerate(of_order)]
    await tx.execute(
        """
        insert into ordering.item (order_id, position, product_id, name_en, name_ar, quantity,
            unit_price_minor, options, total_minor, tenant_id, discount_minor, tax_minor)
        select * from unnest($1::uuid[], $2::int[], $3::uuid[], $4::text[], $5::text[],
            $6::int[], $7::bigint[], $8::jsonb[], $9::bigint[], $10::uuid[],
            $11::bigint[], $12::bigint[])
        """,
        [order.id for order, _, _ in items],
        [position for _, position, _ in items],
        [item.product_id for *_, item in items],
        [item.name_en for *_, item in items],
        [item.name_ar for *_, item in items],
        [item.quantity for *_, item in items],
        [item.unit_price_minor for *_, item in items],
        [written(item) for *_, item in items],
        [item.total_minor for *_, item in items],
        [order.tenant_id for order, _, _ in items],
        [item.discount_minor for *_, item in items],
        [item.tax_minor for *_, item in items],
    )
    await tx.execute(
        """
        insert into ordering.destination (order_id, address, instructions, notes, tenant_id)
        select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[])
        """,
        [order.id for order, _, _ in placed],
        [to.address for _, _, to in placed],
        [to.instructions for _, _, to in placed],
        [to.notes for _, _, to in placed],
        [order.tenant_id for order, _, _ in placed],
    )


async def save(tx: Tx, changed: Sequence[Accepted[Order]]) -> None:
    """Write changed orders, each only over the version it was decided on."""
    if not changed:
        return
    touched = await tx.execute(
        _UPDATE,
        [c.state.id for c in changed],
        [c.expected_version for c in changed],
        *[[getattr(c.state, column) for c in changed] for column in _CHANGING],
    )
    assert touched == len(changed), "an order changed under a lock"


async def lock(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Order]:
    """Orders for change, locked in the order of their ids."""
    rows = await tx.rows(
        'select * from ordering."order" where id = any($1::uuid[]) order by id for update',
        list(ids),
    )
    return {row["id"]: order_of(dict(row)) for row in rows}


async def get(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Order]:
    rows = await tx.rows('select * from ordering."order" where id = any($1::uuid[])', list(ids))
    return {row["id"]: order_of(dict(row)) for row in rows}


async def items(tx: Tx, order_ids: Sequence[UUID]) -> dict[UUID, list[Item]]:
    rows = await tx.rows(
        "select * from ordering.item where order_id = any($1::uuid[]) order by order_id, position",
        list(order_ids),
    )
    found: dict[UUID, list[Item]] = {order_id: [] for order_id in order_ids}
    for row in rows:
        options = _options(row["options"])
        found[row["order_id"]].append(
            Item(
                product_id=row["product_id"],
                name_en=row["name_en"],
                name_ar=row["name_ar"],
                quantity=row["quantity"],
                unit_price_minor=row["unit_price_minor"],
                options=[one.en for one in options],
                options_ar=[one.ar for one in options],
                total_minor=row["total_minor"],
                discount_minor=row["discount_minor"],
                tax_minor=row["tax_minor"],
            )
        )
    return found


async def destinations(tx: Tx, order_ids: Sequence[UUID]) -> dict[UUID, Destination]:
    rows = await tx.rows(
        "select * from ordering.destination where order_id = any($1::uuid[])", list(order_ids)
    )
    return {
        row["order_id"]: Destination(
            address=row["address"], instructions=row["instructions"], notes=row["notes"]
        )
        for row in rows
    }


async def live(tx: Tx, *, city_id: UUID) -> list[Order]:
    """Every order of a city that has not ended, oldest first."""
    rows = await tx.rows(
        """
        select * from ordering."order" where city_id = $1 and status = any($2::text[])
        order by placed_at, id
        """,
        city_id,
        sorted(LIVE),
    )
    return [order_of(dict(row)) for row in rows]


class Remark(Struct, frozen=True, kw_only=True):
    """What somebody said about a step of an order. Personal data."""

    order_id: UUID
    actor_id: UUID | None
    actor_role: str
    words: str


async def add_remarks(tx: Tx, remarks: Sequence[Remark]) -> None:
    if remarks:
        await tx.execute(
            """
            insert into ordering.remark (order_id, actor_id, actor_role, words, at)
            select *, $5::timestamptz from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[])
            """,
            [r.order_id for r in remarks],
            [r.actor_id for r in remarks],
            [r.actor_role for r in remarks],
            [r.words for r in remarks],
            tx.now,
        )


async def remarks(tx: Tx, order_id: UUID) -> list[Remark]:
    """What was said about an order, oldest first."""
    rows = await tx.rows(
        "select order_id, actor_id, actor_role, words from ordering.remark "
        "where order_id = $1 order by at",
        order_id,
    )
    return [Remark(**row) for row in rows]


async def carried_by(tx: Tx, *, courier_ids: Sequence[UUID]) -> list[Order]:
    """The live orders that couriers are on, oldest first."""
    rows = await tx.rows(
        """
        select * from ordering."order"
        where courier_id = any($1::uuid[]) and status = any($2::text[]) order by placed_at, id
        """,
        list(courier_ids),
        sorted(LIVE),
    )
    return [order_of(dict(row)) for row in rows]


async def counts(tx: Tx, *, city_id: UUID, since: datetime) -> dict[str, Any]:
    row = await tx.row(
        """
        select count(*) filter (where placed_at >= $2) as placed,
            count(*) filter (where delivered_at >= $2) as delivered,
            count(*) filter (where status = 'CANCELLED' and ended_at >= $2) as cancelled,
            extract(epoch from percentile_cont(0.5) within group (order by delivered_at - placed_at)
                filter (where delivered_at >= $2))::float8 as median_delivery_s
        from ordering."order" where city_id = $1
            and (placed_at >= $2 or delivered_at >= $2 or ended_at >= $2)
        """,
        city_id,
        since,
    )
    assert row is not None, "an aggregate has one row"
    return dict(row)


async def without_deadline(tx: Tx) -> int:
    """How many live orders nothing will wake. Always 0."""
    return await tx.value(
        """
        select count(*) from ordering."order" o where status = any($1::text[])
            and not exists (
                select from kernel.deadline d where d.subject_id = o.id and d.owner = 'order'
            )
        """,
        sorted(LIVE),
    )


class Cart(Struct, frozen=True, kw_only=True):
    """What a customer is about to order from one merchant."""

    merchant_id: UUID
    lines: list["CartLine"]


class CartLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    product_id: UUID
    quantity: Annotated[int, Meta(ge=1, le=99)]
    option_ids: Annotated[list[UUID], Meta(max_length=50)] = []


async def put_cart(tx: Tx, *, customer_id: UUID, tenant_id: UUID, cart: Cart) -> None:
    await tx.execute(
        """
        insert into ordering.cart (customer_id, tenant_id, merchant_id, lines, changed_at)
        values ($1, $2, $3, $4::jsonb, $5)
        on conflict (customer_id) do update set merchant_id = excluded.merchant_id,
            lines = excluded.lines, changed_at = excluded.changed_at
        """,
        customer_id,
        tenant_id,
        cart.merchant_id,
        msgspec.json.encode(cart.lines).decode(),
        tx.now,
    )


async def cart(tx: Tx, *, customer_id: UUID) -> Cart | None:
    row = await tx.row("select * from ordering.cart where customer_id = $1", customer_id)
    if row is None:
        return None
    lines = msgspec.json.decode(row["lines"], type=list[CartLine])
    return Cart(merchant_id=row["merchant_id"], lines=lines)


async def drop_carts(tx: Tx, customer_ids: Sequence[UUID]) -> None:
    await tx.execute(
        "delete from ordering.cart where customer_id = any($1::uuid[])", list(customer_ids)
    )
