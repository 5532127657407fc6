"""Promotions, their codes, and lists of them."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from tawsil.kernel.db import Tx
from tawsil.kernel.lists import Key, Slice, Sorts, Take, Where, holding
from tawsil.kernel.lists import rows as listed
from tawsil.kernel.reach import Reach
from tawsil.pricing.model.promotions import Promotion, PromotionTerms, Status

_terms = msgspec.json.Decoder(PromotionTerms)


class Filter(Struct, frozen=True, kw_only=True):
    """Which promotions: everything that is set narrows."""

    statuses: tuple[Status, ...] | None = None
    merchant_id: UUID | None = None
    automatic: bool | None = None
    words: str | None = None


SORTS: Final = Sorts(
    keys={
        "created_at": Key("created_at", datetime),
        "from_at": Key("from_at", datetime),
        "name": Key("name_en", str),
        "status": Key("status", str),
        "taken": Key("taken_minor", int),
    },
    default="-created_at",
)
_FILTERS: Final = {
    "statuses": "status = any({}::text[])",
    "merchant_id": "merchant_id = {}",
    "automatic": "automatic = {}",
}
_REACHED: Final = {"location_id": "merchant_id = {}"}


async def insert(tx: Tx, promotions: Sequence[Promotion]) -> None:
    for p in promotions:
        await tx.execute(
            """
            insert into pricing.promotion (id, version, tenant_id, merchant_id, currency, terms,
                name_en, automatic, status, budget_minor, funded_minor, taken_minor, borne_minor,
                redemptions, most_redemptions, from_at, until_at, created_at, ended_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
                $18, $19)
            """,
            p.id,
            p.version,
            p.tenant_id,
            p.merchant_id,
            p.currency,
            msgspec.json.encode(p.terms).decode(),
            p.terms.name_en,
            p.terms.automatic,
            p.status,
            p.budget_minor,
            p.funded_minor,
            p.taken_minor,
            p.borne_minor,
            p.redemptions,
            p.terms.most_redemptions,
            p.terms.from_at,
            p.terms.until_at,
            p.created_at,
            p.ended_at,
        )


async def save(tx: Tx, promotions: Sequence[Promotion]) -> None:
    """Write promotions that are locked, each as its last decision left it."""
    if not promotions:
        return
    saved = await tx.execute(
        """
        update pricing.promotion p
        set version = u.version, terms = u.terms, name_en = u.terms ->> 'name_en',
            automatic = (u.terms -> 'automatic')::boolean, status = u.status,
            budget_minor = u.budget_minor, funded_minor = u.funded_minor,
            taken_minor = u.taken_minor, borne_minor = u.borne_minor, redemptions = u.redemptions,
            most_redemptions = (u.terms ->> 'most_redemptions')::int,
            from_at = (u.terms ->> 'from_at')::timestamptz,
            until_at = (u.terms ->> 'until_at')::timestamptz, ended_at = u.ended_at
        from unnest($1::uuid[], $2::int[], $3::jsonb[], $4::text[], $5::bigint[], $6::bigint[],
            $7::bigint[], $8::bigint[], $9::int[], $10::timestamptz[])
            u (id, version, terms, status, budget_minor, funded_minor, taken_minor, borne_minor,
                redemptions, ended_at)
        where p.id = u.id and p.version <= u.version
        """,
        [p.id for p in promotions],
        [p.version for p in promotions],
        [msgspec.json.encode(p.terms).decode() for p in promotions],
        [p.status for p in promotions],
        [p.budget_minor for p in promotions],
        [p.funded_minor for p in promotions],
        [p.taken_minor for p in promotions],
        [p.borne_minor for p in promotions],
        [p.redemptions for p in promotions],
        [p.ended_at for p in promotions],
    )
    assert saved == len(promotions), "a locked promotion cannot have changed"


async def lock(tx: Tx, *, ids: Iterable[UUID]) -> dict[UUID, Promotion]:
    """In the order of their ids, so that nobody waits in a circle."""
    rows = await tx.rows(
        "select * from pricing.promotion where id = any($1::uuid[]) order by id for update",
        list(set(ids)),
    )
    return {row["id"]: promotion_of(row) for row in rows}


async def get(tx: Tx, *, ids: Iterable[UUID]) -> dict[UUID, Promotion]:
    rows = await tx.rows(
        "select * from pricing.promotion where id = any($1::uuid[])", list(set(ids))
    )
    return {row["id"]: promotion_of(row) for row in rows}


async def automatic(tx: Tx, *, tenant_ids: Collection[UUID], at: datetime) -> list[Promotion]:
    """Those that nobody needs a code for, and that are going on."""
    rows = await tx.rows(
        """
        select * from pricing.promotion
        where tenant_id = any($1::uuid[]) and automatic and status = 'active'
            and from_at <= $2 and (until_at is null or until_at > $2) order by id
        """,
        list(tenant_ids),
        at,
    )
    return [promotion_of(row) for row in rows]


class Coded(Struct, frozen=True):
    """A code, the promotion it opens, and whether it has been used up."""

    code: str
    promotion: Promotion
    single_use: bool
    used: bool


async def of_codes(tx: Tx, *, wanted: Iterable[tuple[UUID, str]]) -> dict[tuple[UUID, str], Coded]:
    """From pairs of tenant and code; those that nobody knows are left out."""
    pairs = sorted(set(wanted))
    if not pairs:
        return {}
    rows = await tx.rows(
        """
        select p.*, c.code, c.single_use, c.used_by is not null as used
        from pricing.promotion_code c
        join unnest($1::uuid[], $2::text[]) u (tenant_id, code) using (tenant_id, code)
        join pricing.promotion p on p.id = c.promotion_id
        """,
        [tenant_id for tenant_id, _ in pairs],
        [code for _, code in pairs],
    )
    return {
        (row["tenant_id"], row["code"]): Coded(
            row["code"], promotion_of(row), row["single_use"], row["used"]
        )
        for row in rows
    }


async def has_codes(tx: Tx, *, promotion_ids: Collection[UUID]) -> set[UUID]:
    rows = await tx.rows(
        "select distinct promotion_id from pricing.promotion_code "
        "where promotion_id = any($1::uuid[])",
        list(promotion_ids),
    )
    return {row["promotion_id"] for row in rows}


async def add_codes(
    tx: Tx, *, promotion: Promotion, codes: Sequence[str], single_use: bool
) -> set[str]:
    """Which of them it has now; those that are taken already are left out."""
    rows = await tx.rows(
        """
        insert into pricing.promotion_code (tenant_id, code, promotion_id, single_use)
        select $1, code, $3, $4 from unnest($2::text[]) u (code)
        on conflict do nothing returning code
        """,
        promotion.tenant_id,
        list(codes),
        promotion.id,
        single_use,
    )
    return {row["code"] for row in rows}


class CodeRow(Struct, frozen=True):
    code: str
    single_use: bool
    used: bool


async def codes(tx: Tx, *, promotion_id: UUID) -> list[CodeRow]:
    rows = await tx.rows(
        "select code, single_use, used_by is not null as used from pricing.promotion_code "
        "where promotion_id = $1 order by code",
        promotion_id,
    )
    return [CodeRow(**row) for row in rows]


async def search(tx: Tx, *, reach: Reach, which: Filter, take: Take) -> Slice[Promotion]:
    where = Where().within(reach, _REACHED)
    where.matching(which, _FILTERS, besides={"words"})
    if which.words is not None:
        where.add(
            "(terms ->> 'name_en' || ' ' || (terms ->> 'name_ar')) ilike {}", holding(which.words)
        )
    found = await listed(tx, columns="*", source="pricing.promotion", where=where, take=take)
    return found.map(promotion_of)


async def reached(tx: Tx, *, reach: Reach, promotion_id: UUID) -> Promotion | None:
    where = Where().within(reach, _REACHED).add("id = {}", promotion_id)
    row = await tx.row(f"select * from pricing.promotion where {where}", *where.args)  # noqa: S608 - fragments of ours
    return promotion_of(row) if row else None


def promotion_of(row: "asyncpg.Record | dict[str, Any]") -> Promotion:
    return Promotion(
        id=row["id"],
        version=row["version"],
        tenant_id=row["tenant_id"],
        merchant_id=row["merchant_id"],
        currency=row["currency"],
        terms=_terms.decode(row["terms"]),
        status=Status(row["status"]),
        budget_minor=row["budget_minor"],
        funded_minor=row["funded_minor"],
        taken_minor=row["taken_minor"],
        borne_minor=row["borne_minor"],
        redemptions=row["redemptions"],
        created_at=row["created_at"],
        ended_at=row["ended_at"],
    )
