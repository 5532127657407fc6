"""Charges that may have been made where a payment is not any longer."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg

from tawsil.kernel.db import Tx
from tawsil.payments.events import Provider
from tawsil.payments.model.stray import Outcome, Stray, StrayState


async def add(tx: Tx, strays: Sequence[Stray]) -> None:
    await tx.execute(
        """
        insert into payments.stray (id, version, tenant_id, city_id, payment_id, reference_id,
            provider, state, looks, silences, created_at, since_at)
        select *, 0, 0, $9::timestamptz, $9::timestamptz
        from unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[],
            $7::text[], $8::text[])
        """,
        [s.id for s in strays],
        [s.version for s in strays],
        [s.tenant_id for s in strays],
        [s.city_id for s in strays],
        [s.payment_id for s in strays],
        [s.reference_id for s in strays],
        [s.provider.value for s in strays],
        [s.state.value for s in strays],
        tx.now,
    )


async def lock(tx: Tx, *, payment_id: UUID, provider: Provider) -> Stray | None:
    """A payment's stray at a provider, held until the transaction ends."""
    row = await tx.row(
        "select * from payments.stray where payment_id = $1 and provider = $2 for update",
        payment_id,
        provider.value,
    )
    return None if row is None else _stray(row)


async def lock_ids(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Stray]:
    rows = await tx.rows(
        "select * from payments.stray where id = any($1::uuid[]) order by id for update", list(ids)
    )
    return {row["id"]: _stray(row) for row in rows}


async def of_ids(tx: Tx, *, ids: Sequence[UUID]) -> list[Stray]:
    rows = await tx.rows("select * from payments.stray where id = any($1::uuid[])", list(ids))
    return [_stray(row) for row in rows]


async def find(tx: Tx, *, payment_id: UUID, provider: Provider) -> Stray | None:
    row = await tx.row(
        "select * from payments.stray where payment_id = $1 and provider = $2",
        payment_id,
        provider.value,
    )
    return None if row is None else _stray(row)


async def save(tx: Tx, strays: Sequence[Stray]) -> None:
    """Write strays that are locked."""
    count = await tx.execute(
        """
        update payments.stray s
        set version = u.version, state = u.state, charge_id = u.charge_id, looks = u.looks,
            silences = u.silences, outcome = u.outcome, since_at = u.since_at
        from unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::int[], $6::int[],
            $7::text[], $8::timestamptz[]) as u (id, version, state, charge_id, looks, silences,
            outcome, since_at)
        where s.id = u.id
        """,
        [s.id for s in strays],
        [s.version for s in strays],
        [s.state.value for s in strays],
        [s.charge_id for s in strays],
        [s.looks for s in strays],
        [s.silences for s in strays],
        [s.outcome for s in strays],
        [s.since_at for s in strays],
    )
    assert count == len(strays), "locked strays are there"


def _stray(row: asyncpg.Record) -> Stray:
    fields: Mapping[str, Any] = dict(row) | {
        "provider": Provider(row["provider"]),
        "state": StrayState(row["state"]),
        "outcome": Outcome(row["outcome"]) if row["outcome"] else None,
    }
    return Stray(**fields)
