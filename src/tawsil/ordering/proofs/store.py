"""The table of pictures, and all SQL on it."""

from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg

from tawsil.geography.public import Proof
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted
from tawsil.ordering.proofs.model import Picture

_COLUMNS: Final = """
    id, version, order_id, tenant_id, city_id, courier_id, kind, media_type, size_bytes, sha256,
    taken_at, received_at, kept_until_at
"""


async def of_orders(tx: Tx, order_ids: Collection[UUID]) -> dict[UUID, list[Picture]]:
    """What is known of the pictures of orders, oldest first; those forgotten are among them."""
    rows = await tx.rows(
        f"""
        select {_COLUMNS}, content is null as forgotten from ordering.proof
        where order_id = any($1::uuid[]) order by taken_at, id
        """,  # noqa: S608 - the column list is a constant
        list(order_ids),
    )
    found: dict[UUID, list[Picture]] = {order_id: [] for order_id in order_ids}
    for row in rows:
        found[row["order_id"]].append(_picture(row))
    return found


async def content(tx: Tx, *, order_id: UUID, id_: UUID) -> tuple[Picture, bytes] | None:
    """A picture that is still kept."""
    row = await tx.row(
        f"""
        select {_COLUMNS}, false as forgotten, content from ordering.proof
        where order_id = $1 and id = $2 and content is not null
        """,  # noqa: S608 - the column list is a constant
        order_id,
        id_,
    )
    return (_picture(row), row["content"]) if row is not None else None


async def add(tx: Tx, pictures: Sequence[tuple[Picture, bytes]]) -> set[UUID]:
    """Keep new pictures; those of which the id was free."""
    rows = await tx.rows(
        f"""
        insert into ordering.proof ({_COLUMNS}, content)
        select * from unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[],
            $7::text[], $8::text[], $9::int[], $10::bytea[], $11::timestamptz[],
            $12::timestamptz[], $13::timestamptz[], $14::bytea[])
        on conflict do nothing returning id
        """,  # noqa: S608 - the column list is a constant
        [p.id for p, _ in pictures],
        [p.version for p, _ in pictures],
        [p.order_id for p, _ in pictures],
        [p.tenant_id for p, _ in pictures],
        [p.city_id for p, _ in pictures],
        [p.courier_id for p, _ in pictures],
        [p.kind for p, _ in pictures],
        [p.media_type for p, _ in pictures],
        [p.size_bytes for p, _ in pictures],
        [p.sha256 for p, _ in pictures],
        [p.taken_at for p, _ in pictures],
        [p.received_at for p, _ in pictures],
        [p.kept_until_at for p, _ in pictures],
        [content for _, content in pictures],
    )
    return {row["id"] for row in rows}


async def lock(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Picture]:
    rows = await tx.rows(
        f"""
        select {_COLUMNS}, content is null as forgotten from ordering.proof
        where id = any($1::uuid[]) order by id for update
        """,  # noqa: S608 - the column list is a constant
        list(ids),
    )
    return {row["id"]: _picture(row) for row in rows}


async def forget(tx: Tx, forgotten: Sequence[Accepted[Picture]]) -> None:
    touched = await tx.execute(
        """
        update ordering.proof p set content = null, version = u.version
        from unnest($1::uuid[], $2::int[], $3::int[]) u (id, expected, version)
        where p.id = u.id and p.version = u.expected
        """,
        [d.state.id for d in forgotten],
        [d.expected_version for d in forgotten],
        [d.state.version for d in forgotten],
    )
    assert touched == len(forgotten), "a picture changed under its lock"


async def had(tx: Tx, pairs: Collection[tuple[UUID, UUID]]) -> set[tuple[UUID, UUID]]:
    """Of orders and couriers, those who were ever sent for them, by what was recorded."""
    rows = await tx.rows(
        """
        select u.order_id, u.courier_id from unnest($1::uuid[], $2::uuid[]) u (order_id, courier_id)
        where exists (
            select from kernel.event e where e.stream = 'order' and e.stream_id = u.order_id
                and e.type = 'order.courier_assigned.v1'
                and e.data ->> 'courier_id' = u.courier_id::text
        )
        """,
        [order_id for order_id, _ in pairs],
        [courier_id for _, courier_id in pairs],
    )
    return {(row["order_id"], row["courier_id"]) for row in rows}


async def city_ids(tx: Tx, order_ids: Collection[UUID]) -> list[UUID]:
    rows = await tx.rows(
        'select distinct city_id from ordering."order" where id = any($1::uuid[])', list(order_ids)
    )
    return [row["city_id"] for row in rows]


def _picture(row: asyncpg.Record) -> Picture:
    known: dict[str, Any] = {name: row[name] for name in Picture.__struct_fields__}
    known["kind"] = Proof(row["kind"])
    return Picture(**known)
