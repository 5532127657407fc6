"""The table of conditions: one row for each city that ever met other than the usual ones."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import asyncpg
import msgspec

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted
from tawsil.pricing.model.conditions import Conditions, Pressure, Terms

_terms = msgspec.json.Decoder(Terms)


async def conditions_of(tx: Tx, *, city_ids: Iterable[UUID]) -> dict[UUID, Conditions]:
    rows = await tx.rows(
        "select * from pricing.conditions where id = any($1::uuid[])", list(city_ids)
    )
    return {row["id"]: _conditions(row) for row in rows}


async def lock_conditions(tx: Tx, *, city_ids: Iterable[UUID]) -> dict[UUID, Conditions]:
    """Nobody else changes these cities' conditions until the transaction ends, also those of
    cities that have no row yet.
    """
    wanted = sorted(set(city_ids))
    for city_id in wanted:
        await tx.execute(
            "select pg_advisory_xact_lock(hashtextextended('conditions:' || $1::text, 0))",
            str(city_id),
        )
    return await conditions_of(tx, city_ids=wanted)


async def save_conditions(tx: Tx, decisions: Sequence[Accepted[Conditions]]) -> None:
    """Write what was decided under lock."""
    for state in (d.state for d in decisions):
        await tx.execute(
            """
            insert into pricing.conditions (id, version, tenant_id, pressure, terms, since_at,
                held, held_until_at, reason)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            on conflict (id) do update set version = excluded.version,
                pressure = excluded.pressure, terms = excluded.terms,
                since_at = excluded.since_at, held = excluded.held,
                held_until_at = excluded.held_until_at, reason = excluded.reason
            """,
            state.id,
            state.version,
            state.tenant_id,
            int(state.pressure),
            msgspec.json.encode(state.terms).decode(),
            state.since_at,
            state.held,
            state.held_until_at,
            state.reason,
        )


def _conditions(row: asyncpg.Record) -> Conditions:
    return Conditions(
        id=row["id"],
        version=row["version"],
        tenant_id=row["tenant_id"],
        pressure=Pressure(row["pressure"]),
        terms=_terms.decode(row["terms"]),
        since_at=row["since_at"],
        held=row["held"],
        held_until_at=row["held_until_at"],
        reason=row["reason"],
    )
