"""The tables of flags."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from tawsil.experiments.events import CityRollout, Rollout
from tawsil.experiments.flags.model import Flag
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By

_everywhere = msgspec.json.Decoder(Rollout)
_cities = msgspec.json.Decoder(tuple[CityRollout, ...])


class FlagChange(Struct, frozen=True, kw_only=True):
    """What a flag said from then on, by whose hand, and why."""

    version: int
    at: datetime
    by_id: UUID | None
    by_role: str
    why: str
    everywhere: Rollout
    cities: tuple[CityRollout, ...]


async def lock(tx: Tx, *, tenant_id: UUID, key: str) -> Flag | None:
    """A flag, or that there is none; nobody makes one of this key meanwhile."""
    await tx.execute(
        "select pg_advisory_xact_lock(hashtextextended($1, 0))", f"flag {key} of {tenant_id}"
    )
    return await get(tx, tenant_id=tenant_id, key=key)


async def get(tx: Tx, *, tenant_id: UUID, key: str) -> Flag | None:
    row = await tx.row(
        "select * from experiments.flag where tenant_id = $1 and key = $2", tenant_id, key
    )
    return _flag(row) if row else None


async def of_tenant(tx: Tx, *, tenant_id: UUID) -> list[Flag]:
    rows = await tx.rows(
        "select * from experiments.flag where tenant_id = $1 order by key", tenant_id
    )
    return [_flag(row) for row in rows]


async def save(tx: Tx, flag: Flag, *, by: By, why: str) -> None:
    await tx.execute(
        """
        insert into experiments.flag (id, version, tenant_id, key, description, everywhere, cities,
            changed_at)
        values ($1, $2, $3, $4, $5, $6::jsonb, $7::jsonb, $8)
        on conflict (id) do update set version = excluded.version,
            description = excluded.description, everywhere = excluded.everywhere,
            cities = excluded.cities, changed_at = excluded.changed_at
        """,
        flag.id,
        flag.version,
        flag.tenant_id,
        flag.key,
        flag.description,
        _json(flag.everywhere),
        _json(flag.cities),
        flag.changed_at,
    )
    await tx.execute(
        """
        insert into experiments.flag_change (flag_id, version, tenant_id, at, by_id, by_role, why,
            everywhere, cities)
        values ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9::jsonb)
        """,
        flag.id,
        flag.version,
        flag.tenant_id,
        tx.now,
        by.actor_id,
        by.role,
        why,
        _json(flag.everywhere),
        _json(flag.cities),
    )


async def history(tx: Tx, *, flag_id: UUID, most: int) -> list[FlagChange]:
    """The latest first."""
    rows = await tx.rows(
        """
        select version, at, by_id, by_role, why, everywhere, cities
        from experiments.flag_change where flag_id = $1 order by version desc limit $2
        """,
        flag_id,
        most,
    )
    return [
        FlagChange(
            version=row["version"],
            at=row["at"],
            by_id=row["by_id"],
            by_role=row["by_role"],
            why=row["why"],
            everywhere=_everywhere.decode(row["everywhere"]),
            cities=_cities.decode(row["cities"]),
        )
        for row in rows
    ]


def _json(value: Rollout | Sequence[CityRollout]) -> str:
    return msgspec.json.encode(value).decode()


def _flag(row: asyncpg.Record) -> Flag:
    return Flag(
        id=row["id"],
        version=row["version"],
        tenant_id=row["tenant_id"],
        key=row["key"],
        description=row["description"],
        everywhere=_everywhere.decode(row["everywhere"]),
        cities=_cities.decode(row["cities"]),
        changed_at=row["changed_at"],
    )
