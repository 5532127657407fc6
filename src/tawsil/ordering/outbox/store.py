"""The tables of what was taken in from couriers' phones, and all SQL on them."""

from collections.abc import Collection, Sequence
from uuid import UUID

import asyncpg
import msgspec

from tawsil.kernel.db import Tx
from tawsil.ordering.outbox.model import Device, Result, Taken


async def lock_devices(tx: Tx, devices: Sequence[Device]) -> dict[tuple[UUID, UUID], Device]:
    """How far the outboxes of these phones were taken in; nobody else goes on with them."""
    named = sorted({(d.courier_id, d.device_id): d for d in devices}.items())
    columns = (
        [courier_id for (courier_id, _), _ in named],
        [device_id for (_, device_id), _ in named],
    )
    await tx.execute(
        """
        insert into ordering.outbox_device (courier_id, device_id, tenant_id, next_seq)
        select u.*, 1 from unnest($1::uuid[], $2::uuid[], $3::uuid[]) u on conflict do nothing
        """,
        *columns,
        [device.tenant_id for _, device in named],
    )
    rows = await tx.rows(
        """
        select courier_id, device_id, tenant_id, next_seq, last_at from ordering.outbox_device
        where (courier_id, device_id) in (select * from unnest($1::uuid[], $2::uuid[]))
        order by courier_id, device_id for update
        """,
        *columns,
    )
    return {(row["courier_id"], row["device_id"]): Device(**row) for row in rows}


async def save_devices(tx: Tx, devices: Collection[Device]) -> None:
    await tx.execute(
        """
        update ordering.outbox_device d set next_seq = u.next_seq, last_at = u.last_at
        from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::timestamptz[])
            u (courier_id, device_id, next_seq, last_at)
        where d.courier_id = u.courier_id and d.device_id = u.device_id
        """,
        [d.courier_id for d in devices],
        [d.device_id for d in devices],
        [d.next_seq for d in devices],
        [d.last_at for d in devices],
    )


async def taken(tx: Tx, asked: Collection[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Taken]:
    """By courier and action, what was taken in before."""
    rows = await tx.rows(
        """
        select courier_id, id, tenant_id, device_id, seq, does, order_id, digest, said_at,
            happened_at, received_at, outcome as result, code, detail, kept
        from ordering.courier_action
        where (courier_id, id) in (select * from unnest($1::uuid[], $2::uuid[]))
        """,
        [courier_id for courier_id, _ in asked],
        [action_id for _, action_id in asked],
    )
    return {(row["courier_id"], row["id"]): _taken(row) for row in rows}


async def add(tx: Tx, new: Sequence[Taken]) -> None:
    await tx.execute(
        """
        insert into ordering.courier_action (courier_id, id, tenant_id, device_id, seq, does,
            order_id, digest, said_at, happened_at, received_at, outcome, code, detail, kept)
        select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[],
            $6::text[], $7::uuid[], $8::bytea[], $9::timestamptz[], $10::timestamptz[],
            $11::timestamptz[], $12::text[], $13::text[], $14::jsonb[], $15::boolean[])
        """,
        [t.courier_id for t in new],
        [t.id for t in new],
        [t.tenant_id for t in new],
        [t.device_id for t in new],
        [t.seq for t in new],
        [t.does for t in new],
        [t.order_id for t in new],
        [t.digest for t in new],
        [t.said_at for t in new],
        [t.happened_at for t in new],
        [t.received_at for t in new],
        [t.result for t in new],
        [t.code for t in new],
        [msgspec.json.encode(t.detail).decode() for t in new],
        [t.kept for t in new],
    )


def _taken(row: asyncpg.Record) -> Taken:
    known = dict(row)
    detail = msgspec.json.decode(known.pop("detail"))
    result = Result(known.pop("result"))
    return Taken(city_id=None, result=result, detail=detail, **known)
