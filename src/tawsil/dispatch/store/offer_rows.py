"""The table of offers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from tawsil.dispatch.events import OfferPayload
from tawsil.dispatch.model import Offer, Offering, OfferState
from tawsil.dispatch.store.rows import Column, array, page
from tawsil.kernel.db import Tx

COLUMNS: Final[Sequence[Column]] = (
    ("id", "uuid", lambda o: o.id),
    ("version", "int", lambda o: o.version),
    ("tenant_id", "uuid", lambda o: o.tenant_id),
    ("city_id", "uuid", lambda o: o.city_id),
    ("correlation_id", "uuid", lambda o: o.correlation_id),
    ("round_id", "uuid", lambda o: o.round_id),
    ("mode", "text", lambda o: o.mode),
    ("courier_id", "uuid", lambda o: o.courier_id),
    ("delivery_ids", "uuid[]", lambda o: array(o.delivery_ids)),
    ("reference_ids", "uuid[]", lambda o: array(o.reference_ids)),
    ("arrival_at", "timestamptz", lambda o: o.arrival_at),
    ("payload", "jsonb", lambda o: msgspec.json.encode(o.payload).decode()),
    ("joins", "boolean", lambda o: o.joins),
    ("made_at", "timestamptz", lambda o: o.made_at),
    ("expires_at", "timestamptz", lambda o: o.expires_at),
    ("state", "text", lambda o: o.state),
    ("answered_at", "timestamptz", lambda o: o.answered_at),
    ("reason", "text", lambda o: o.reason),
    ("declined", "boolean", lambda o: o.declined),
)


async def lock_rounds(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Offer]:
    """Every offer of these rounds, those that have ended among them."""
    rows = await tx.rows(
        "select * from dispatch.offer where round_id = any($1::uuid[]) order by id for update",
        list(ids),
    )
    return {row["id"]: _offer(row) for row in rows}


async def offers(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Offer]:
    rows = await tx.rows("select * from dispatch.offer where id = any($1::uuid[])", list(ids))
    return {row["id"]: _offer(row) for row in rows}


async def offers_of(
    tx: Tx,
    *,
    tenant_id: UUID,
    courier_id: UUID,
    state: OfferState | None,
    from_at: datetime | None,
    to_at: datetime | None,
    limit: int,
    offset: int,
) -> tuple[list[Offer], int]:
    """A courier's offers of a state, made in a window: the pending one, then the newest."""
    rows, total = await page(
        tx,
        """
        select *, count(*) over () as total from dispatch.offer
        where courier_id = $2 and tenant_id = $1 and ($3::text is null or state = $3)
            and ($4::timestamptz is null or made_at >= $4)
            and ($5::timestamptz is null or made_at < $5)
        order by (state = 'pending') desc, made_at desc, id limit $6 offset $7
        """,
        tenant_id,
        courier_id,
        state,
        from_at,
        to_at,
        limit=limit,
        offset=offset,
    )
    return [_offer(row) for row in rows], total


async def offers_about(tx: Tx, *, delivery_id: UUID) -> list[Offer]:
    """Every offer that a delivery was ever in."""
    rows = await tx.rows(
        "select * from dispatch.offer where delivery_ids @> array[$1::uuid] order by made_at, id",
        delivery_id,
    )
    return [_offer(row) for row in rows]


async def pending_of(tx: Tx, *, courier_ids: Sequence[UUID]) -> list[Offer]:
    rows = await tx.rows(
        "select * from dispatch.offer where courier_id = any($1::uuid[]) and state = 'pending'",
        list(courier_ids),
    )
    return [_offer(row) for row in rows]


async def couriers_asked(tx: Tx, *, city_id: UUID) -> set[UUID]:
    """Couriers of a city with an offer on their screen."""
    rows = await tx.rows(
        "select courier_id from dispatch.offer where city_id = $1 and state = 'pending'", city_id
    )
    return {row["courier_id"] for row in rows}


def _offer(row: asyncpg.Record) -> Offer:
    return Offer(
        id=row["id"],
        version=row["version"],
        tenant_id=row["tenant_id"],
        city_id=row["city_id"],
        correlation_id=row["correlation_id"],
        round_id=row["round_id"],
        mode=Offering(row["mode"]),
        courier_id=row["courier_id"],
        delivery_ids=tuple(row["delivery_ids"]),
        reference_ids=tuple(row["reference_ids"]),
        arrival_at=row["arrival_at"],
        payload=msgspec.json.decode(row["payload"], type=OfferPayload),
        joins=row["joins"],
        made_at=row["made_at"],
        expires_at=row["expires_at"],
        state=OfferState(row["state"]),
        answered_at=row["answered_at"],
        reason=row["reason"],
        declined=row["declined"],
    )
