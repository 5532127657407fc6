"""The table of rules: each set once, followed by the next."""

from collections.abc import Iterable
from functools import lru_cache
from uuid import UUID

import msgspec
from msgspec.structs import replace

from tawsil.dispatch.model import DEFAULT_RULES, Rules, RulesSet
from tawsil.dispatch.store.rows import page
from tawsil.kernel.db import Tx


async def add_rules(tx: Tx, rules_set: RulesSet) -> None:
    await tx.execute(
        """
        insert into dispatch.rules (id, tenant_id, city_id, set_at, set_by, reason, rules)
        values ($1, $2, $3, $4, $5, $6, $7)
        """,
        rules_set.id,
        rules_set.tenant_id,
        rules_set.city_id,
        rules_set.set_at,
        rules_set.set_by,
        rules_set.reason,
        msgspec.json.encode(replace(rules_set.rules, id=None)).decode(),
    )


async def rules_in_force(tx: Tx, *, city_ids: Iterable[UUID]) -> dict[UUID, Rules]:
    """By city; a city that set none goes by the defaults."""
    wanted = list(set(city_ids))
    rows = await tx.rows(
        """
        select distinct on (city_id) city_id, id from dispatch.rules
        where city_id = any($1::uuid[]) order by city_id, id desc
        """,
        wanted,
    )
    latest = {row["city_id"]: row["id"] for row in rows}
    known = await rules_by_id(tx, ids=latest.values())
    return {
        city_id: known[latest[city_id]] if city_id in latest else DEFAULT_RULES
        for city_id in wanted
    }


async def rules_by_id(tx: Tx, *, ids: Iterable[UUID]) -> dict[UUID, Rules]:
    rows = await tx.rows(
        "select id, rules from dispatch.rules where id = any($1::uuid[])", list(set(ids))
    )
    return {row["id"]: _rules(row["id"], row["rules"]) for row in rows}


@lru_cache(maxsize=256)
def _rules(id_: UUID, document: str) -> Rules:
    """A city has few, and every delivery is read with them."""
    return replace(msgspec.json.decode(document, type=Rules), id=id_)


async def rules_history(
    tx: Tx, *, tenant_id: UUID, city_id: UUID, limit: int, offset: int
) -> tuple[list[RulesSet], int]:
    """What a city set, newest first."""
    rows, total = await page(
        tx,
        """
        select *, count(*) over () as total from dispatch.rules
        where tenant_id = $1 and city_id = $2 order by id desc limit $3 offset $4
        """,
        tenant_id,
        city_id,
        limit=limit,
        offset=offset,
    )
    known = await rules_by_id(tx, ids=[row["id"] for row in rows])
    found = [
        RulesSet(
            id=row["id"],
            version=1,
            rules=known[row["id"]],
            tenant_id=row["tenant_id"],
            city_id=row["city_id"],
            set_at=row["set_at"],
            set_by=row["set_by"],
            reason=row["reason"],
        )
        for row in rows
    ]
    return found, total
