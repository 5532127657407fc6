"""The tables of refunds, and all SQL on them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted
from tawsil.kernel.lists import Key, Slice, Sorts, Take, Where, rows
from tawsil.kernel.reach import Reach
from tawsil.ordering.moves import Party
from tawsil.ordering.refunds.model import Before, PaidTo, Refund, RefundState
from tawsil.ordering.refunds.parts import Back, Bearers, Borne, Fee, Pieces, Scope
from tawsil.ordering.refunds.reasons import DEFAULTS, Reason

A_DAY: Final = timedelta(days=1)
THIRTY_DAYS: Final = timedelta(days=30)
_pieces: Final = msgspec.json.Decoder(tuple[Pieces, ...])


class Filter(Struct, frozen=True, kw_only=True):
    """Which refunds: everything that is set narrows."""

    states: tuple[RefundState, ...] | None = None
    reason: str | None = None
    paid_to: PaidTo | None = None
    city_id: UUID | None = None
    order_id: UUID | None = None
    merchant_id: UUID | None = None
    customer_id: UUID | None = None
    from_at: datetime | None = None
    to_at: datetime | None = None
    least_minor: int | None = None


SORTS: Final = Sorts(
    keys={
        "asked_at": Key("asked_at", datetime),
        "amount": Key("amount_minor", int),
        "state": Key("state", str),
    },
    default="-asked_at",
)
_FILTERS: Final = {
    "states": "state = any({}::text[])",
    "reason": "reason = {}",
    "paid_to": "paid_to = {}",
    "city_id": "city_id = {}",
    "order_id": "order_id = {}",
    "merchant_id": "merchant_id = {}",
    "customer_id": "customer_id = {}",
    "from_at": "asked_at >= {}",
    "to_at": "asked_at < {}",
    "least_minor": "amount_minor >= {}",
}
_REACHED: Final = {
    "city_ids": "city_id = any({}::uuid[])",
    "user_id": "customer_id = {}",
    "location_id": "merchant_id = {}",
}


async def search(tx: Tx, *, reach: Reach, which: Filter, take: Take) -> Slice[Refund]:
    where = Where().within(reach, _REACHED).matching(which, _FILTERS)
    found = await rows(tx, columns="*", source="ordering.refund", where=where, take=take)
    return found.map(_refund)


async def of_orders(tx: Tx, order_ids: Sequence[UUID]) -> dict[UUID, list[Refund]]:
    """The refunds of orders, oldest first."""
    found = await tx.rows(
        "select * from ordering.refund where order_id = any($1::uuid[]) order by asked_at, id",
        list(order_ids),
    )
    refunds: dict[UUID, list[Refund]] = {order_id: [] for order_id in order_ids}
    for row in found:
        refunds[row["order_id"]].append(_refund(row))
    return refunds


async def get(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Refund]:
    found = await tx.rows("select * from ordering.refund where id = any($1::uuid[])", list(ids))
    return {row["id"]: _refund(row) for row in found}


async def lock(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Refund]:
    """Refunds for change; whoever needs their orders too has locked those before."""
    found = await tx.rows(
        "select * from ordering.refund where id = any($1::uuid[]) order by id for update",
        list(ids),
    )
    return {row["id"]: _refund(row) for row in found}


async def before(tx: Tx, customer_ids: Sequence[UUID]) -> dict[UUID, Before]:
    """What customers were given lately; nobody else gives them anything until this is over."""
    customers = sorted(set(customer_ids))
    await tx.execute(
        """
        select pg_advisory_xact_lock(hashtextextended(id::text, 28))
        from unnest($1::uuid[]) with ordinality as u (id, n) order by n
        """,
        customers,
    )
    found = await tx.rows(
        """
        select customer_id,
            coalesce(sum(amount_minor) filter (
                where decided_by is not null and decided_at > $2), 0)::bigint as today,
            count(*) filter (
                where asked_as = 'customer' and decided_by is null and asked_at > $3) as times
        from ordering.refund
        where customer_id = any($1::uuid[]) and state in ('approved', 'done')
            and asked_at > $3
        group by customer_id
        """,
        customers,
        tx.now - A_DAY,
        tx.now - THIRTY_DAYS,
    )
    known = {
        row["customer_id"]: Before(given_today_minor=row["today"], self_service_times=row["times"])
        for row in found
    }
    return {customer: known.get(customer, Before()) for customer in customers}


_COLUMNS: Final[Mapping[str, str]] = {
    "id": "uuid",
    "version": "int",
    "tenant_id": "uuid",
    "city_id": "uuid",
    "order_id": "uuid",
    "customer_id": "uuid",
    "merchant_id": "uuid",
    "courier_id": "uuid",
    "scope": "text",
    "paid_to": "text",
    "reason": "text",
    "currency": "text",
    "amount_minor": "bigint",
    "items_minor": "bigint",
    "pieces": "jsonb",
    "merchant_minor": "bigint",
    "courier_minor": "bigint",
    "platform_minor": "bigint",
    "tax_minor": "bigint",
    "state": "text",
    "asked_as": "text",
    "asked_by": "uuid",
    "asked_at": "timestamptz",
    "decided_by": "uuid",
    "decided_at": "timestamptz",
    "decided_because": "text",
    "ended_at": "timestamptz",
    "fees": "text",  # joined by commas: an array of arrays would have to be a square
}
_CHANGING: Final = (
    "version",
    "state",
    "decided_by",
    "decided_at",
    "decided_because",
    "ended_at",
)
_INSERT: Final = (
    f"insert into ordering.refund ({', '.join(_COLUMNS)}) "  # noqa: S608 - our own column names
    f"select {', '.join(name for name in _COLUMNS if name != 'fees')}, "
    "string_to_array(fees, ',') from unnest("
    + ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(_COLUMNS.values(), 1))
    + f") as u ({', '.join(_COLUMNS)})"
)
_UPDATE: Final = (
    f"update ordering.refund r set {', '.join(f'{c} = u.{c}' for c in _CHANGING)} "  # noqa: S608 - our own column names
    "from unnest($1::uuid[], $2::int[], "
    + ", ".join(f"${n}::{_COLUMNS[c]}[]" for n, c in enumerate(_CHANGING, 3))
    + f") as u (id, expected_version, {', '.join(_CHANGING)}) "
    "where r.id = u.id and r.version = u.expected_version"
)


async def add(tx: Tx, refunds: Sequence[Refund]) -> None:
    if refunds:
        flat = [_flat(refund) for refund in refunds]
        await tx.execute(_INSERT, *[[row[name] for row in flat] for name in _COLUMNS])


async def save(tx: Tx, changed: Sequence[Accepted[Refund]]) -> None:
    """Write changed refunds, each only over the version it was decided on."""
    if not changed:
        return
    touched = await tx.execute(
        _UPDATE,
        [c.state.id for c in changed],
        [c.expected_version for c in changed],
        *[[getattr(c.state, column) for c in changed] for column in _CHANGING],
    )
    assert touched == len(changed), "a refund changed under a lock"


async def reasons(tx: Tx, *, tenant_id: UUID) -> dict[str, Reason]:
    """Every reason of a tenant by its code: its own, and the usual ones it left as they are."""
    found = await tx.rows(
        "select * from ordering.refund_reason where tenant_id = $1 order by code", tenant_id
    )
    own = {
        row["code"]: Reason(
            code=row["code"],
            by=Bearers(
                merchant_bp=row["merchant_bp"],
                courier_bp=row["courier_bp"],
                platform_bp=row["platform_bp"],
            ),
            fees=tuple(Fee(fee) for fee in row["fees"]),
            self_service=row["self_service"],
            active=row["active"],
        )
        for row in found
    }
    return {**DEFAULTS, **own}


async def put_reasons(tx: Tx, *, tenant_id: UUID, reasons: Sequence[Reason]) -> None:
    await tx.execute(
        """
        insert into ordering.refund_reason (tenant_id, code, merchant_bp, courier_bp, platform_bp,
            fees, self_service, active)
        select $1, code, merchant_bp, courier_bp, platform_bp, string_to_array(fees, ','),
            self_service, active
        from unnest($2::text[], $3::int[], $4::int[], $5::int[], $6::text[], $7::bool[],
            $8::bool[]) as u (code, merchant_bp, courier_bp, platform_bp, fees, self_service,
            active)
        on conflict (tenant_id, code) do update set merchant_bp = excluded.merchant_bp,
            courier_bp = excluded.courier_bp, platform_bp = excluded.platform_bp,
            fees = excluded.fees, self_service = excluded.self_service, active = excluded.active
        """,
        tenant_id,
        [reason.code for reason in reasons],
        [reason.by.merchant_bp for reason in reasons],
        [reason.by.courier_bp for reason in reasons],
        [reason.by.platform_bp for reason in reasons],
        [",".join(reason.fees) for reason in reasons],
        [reason.self_service for reason in reasons],
        [reason.active for reason in reasons],
    )


def _flat(refund: Refund) -> dict[str, Any]:
    borne = refund.borne
    return {
        **{name: getattr(refund, name, None) for name in _COLUMNS},
        "amount_minor": refund.back.amount_minor,
        "items_minor": refund.back.items_minor,
        "pieces": msgspec.json.encode(refund.back.pieces).decode(),
        "fees": ",".join(refund.back.fees),
        **{name: getattr(borne, name) for name in borne.__struct_fields__},
    }


def _refund(row: Any) -> Refund:
    known = dict[str, Any](row)
    borne = Borne(**{name: known.pop(name) for name in Borne.__struct_fields__})
    back = Back(
        amount_minor=known.pop("amount_minor"),
        tax_minor=borne.tax_minor,
        items_minor=known.pop("items_minor"),
        pieces=_pieces.decode(known.pop("pieces")),
        fees=tuple(Fee(fee) for fee in known.pop("fees")),
    )
    return Refund(
        back=back,
        borne=borne,
        scope=Scope(known.pop("scope")),
        paid_to=PaidTo(known.pop("paid_to")),
        state=RefundState(known.pop("state")),
        asked_as=Party(known.pop("asked_as")),
        **known,
    )
