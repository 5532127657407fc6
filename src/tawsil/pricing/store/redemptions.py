"""Redemptions, the traces of who redeemed, and what is to be looked at."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from tawsil.kernel.db import Tx
from tawsil.kernel.lists import Key, Slice, Sorts, Take, Where
from tawsil.kernel.lists import rows as listed
from tawsil.kernel.reach import Reach
from tawsil.pricing.model.promotions import Signal
from tawsil.pricing.model.redemptions import Outcome, Redemption, Review, Verdict


async def insert(tx: Tx, redemptions: Sequence[Redemption]) -> None:
    """Reserve, and mark codes for a single use as used."""
    await tx.execute(
        """
        insert into pricing.redemption (quote_id, promotion_id, tenant_id, customer_id, code,
            first_order, amount_minor, borne_minor, outcome, at)
        select *, 'reserved', $9::timestamptz from unnest($1::uuid[], $2::uuid[], $3::uuid[],
            $4::uuid[], $5::text[], $6::boolean[], $7::bigint[], $8::bigint[])
        """,
        [r.quote_id for r in redemptions],
        [r.promotion_id for r in redemptions],
        [r.tenant_id for r in redemptions],
        [r.customer_id for r in redemptions],
        [r.code for r in redemptions],
        [r.first_order for r in redemptions],
        [r.amount_minor for r in redemptions],
        [r.borne_minor for r in redemptions],
        tx.now,
    )
    coded = [(r, r.code) for r in redemptions if r.code is not None]
    if coded:
        await tx.execute(
            """
            update pricing.promotion_code c set used_by = u.quote_id
            from unnest($1::uuid[], $2::text[], $3::uuid[]) u (tenant_id, code, quote_id)
            where c.tenant_id = u.tenant_id and c.code = u.code and c.single_use
            """,
            [r.tenant_id for r, _ in coded],
            [code for _, code in coded],
            [r.quote_id for r, _ in coded],
        )


async def promotions_of(tx: Tx, *, quote_ids: Collection[UUID]) -> set[UUID]:
    """The promotions that some orders hold something of."""
    rows = await tx.rows(
        """
        select distinct promotion_id from pricing.redemption
        where quote_id = any($1::uuid[]) and outcome = 'reserved'
        """,
        list(quote_ids),
    )
    return {row["promotion_id"] for row in rows}


async def end(tx: Tx, *, quote_ids: Collection[UUID], as_: Outcome) -> list[Redemption]:
    """The one outcome of each that is still open; those that were."""
    rows = await tx.rows(
        """
        update pricing.redemption set outcome = $2, ended_at = $3
        where quote_id = any($1::uuid[]) and outcome = 'reserved' returning *
        """,
        list(quote_ids),
        as_,
        tx.now,
    )
    return sorted(
        (
            Redemption(
                quote_id=row["quote_id"],
                promotion_id=row["promotion_id"],
                tenant_id=row["tenant_id"],
                customer_id=row["customer_id"],
                code=row["code"],
                first_order=row["first_order"],
                amount_minor=row["amount_minor"],
                borne_minor=row["borne_minor"],
                outcome=Outcome(row["outcome"]),
            )
            for row in rows
        ),
        key=lambda r: (r.promotion_id, r.quote_id),
    )


async def forget_uses(tx: Tx, *, quote_ids: Collection[UUID]) -> None:
    """Orders that came to nothing leave no trace, and their codes may be used again."""
    await tx.execute("delete from pricing.trace where quote_id = any($1::uuid[])", list(quote_ids))
    await tx.execute(
        "update pricing.promotion_code c set used_by = null from pricing.redemption r "
        "where r.quote_id = any($1::uuid[]) and c.tenant_id = r.tenant_id and c.code = r.code "
        "and c.used_by = r.quote_id",
        list(quote_ids),
    )


async def lock_customers(tx: Tx, customer_ids: Collection[UUID]) -> None:
    """Of one customer's first orders only one is decided about at a time."""
    await tx.execute(
        """
        select pg_advisory_xact_lock(key) from (
            select hashtextextended('first order ' || id::text, 0) as key
            from unnest($1::uuid[]) u (id) order by key
        ) ordered
        """,
        sorted(set(customer_ids)),
    )


class Used(Struct, frozen=True):
    """How often a customer has redeemed a promotion, in all and since an instant."""

    total: int
    since: int


async def used(
    tx: Tx, *, wanted: Collection[tuple[UUID, UUID, datetime]]
) -> dict[tuple[UUID, UUID], Used]:
    """By promotion and customer; what was given back does not count."""
    asked = list(wanted)
    if not asked:
        return {}
    rows = await tx.rows(
        """
        select r.promotion_id, r.customer_id, count(*)::int as total,
            (count(*) filter (where r.at >= u.since_at))::int as since
        from unnest($1::uuid[], $2::uuid[], $3::timestamptz[])
            u (promotion_id, customer_id, since_at)
        join pricing.redemption r using (promotion_id, customer_id)
        where r.outcome <> 'given_back' group by 1, 2
        """,
        [promotion_id for promotion_id, _, _ in asked],
        [customer_id for _, customer_id, _ in asked],
        [since_at for *_, since_at in asked],
    )
    return {
        (row["promotion_id"], row["customer_id"]): Used(row["total"], row["since"]) for row in rows
    }


class Trace(Struct, frozen=True, kw_only=True):
    """That somebody with a signal redeemed a promotion."""

    promotion_id: UUID
    customer_id: UUID
    signal: Signal
    digest: bytes
    first_order: bool


async def traces(
    tx: Tx, *, tenant_ids: Collection[UUID], digests: Collection[bytes]
) -> list[Trace]:
    rows = await tx.rows(
        """
        select promotion_id, customer_id, signal, digest, first_order from pricing.trace
        where digest = any($1::bytea[]) and tenant_id = any($2::uuid[])
        """,
        list(digests),
        list(tenant_ids),
    )
    return [
        Trace(
            promotion_id=row["promotion_id"],
            customer_id=row["customer_id"],
            signal=Signal(row["signal"]),
            digest=row["digest"],
            first_order=row["first_order"],
        )
        for row in rows
    ]


async def leave_traces(tx: Tx, left: Sequence[tuple[Redemption, Mapping[Signal, bytes]]]) -> None:
    rows = [(r, signal, digest) for r, of in left for signal, digest in of.items()]
    if not rows:
        return
    await tx.execute(
        """
        insert into pricing.trace (quote_id, promotion_id, tenant_id, customer_id, signal, digest,
            first_order)
        select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[],
            $6::bytea[], $7::boolean[])
        """,
        [r.quote_id for r, _, _ in rows],
        [r.promotion_id for r, _, _ in rows],
        [r.tenant_id for r, _, _ in rows],
        [r.customer_id for r, _, _ in rows],
        [signal for _, signal, _ in rows],
        [digest for *_, digest in rows],
        [r.first_order for r, _, _ in rows],
    )


async def add_reviews(tx: Tx, reviews: Sequence[Review]) -> None:
    """One for each customer and promotion; what was decided about it before stands."""
    if not reviews:
        return
    await tx.execute(
        """
        insert into pricing.review (id, tenant_id, promotion_id, customer_id, quote_id, signals,
            refused, at, verdict)
        select u.id, u.tenant_id, u.promotion_id, u.customer_id, u.quote_id,
            string_to_array(u.signals, ','), u.refused, $8::timestamptz, 'open'
        from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[],
            $7::boolean[]) u (id, tenant_id, promotion_id, customer_id, quote_id, signals, refused)
        on conflict (promotion_id, customer_id) do update
        set signals = excluded.signals, refused = excluded.refused, quote_id = excluded.quote_id
        where review.verdict = 'open'
        """,
        [r.id for r in reviews],
        [r.tenant_id for r in reviews],
        [r.promotion_id for r in reviews],
        [r.customer_id for r in reviews],
        [r.quote_id for r in reviews],
        [",".join(r.signals) for r in reviews],
        [r.refused for r in reviews],
        tx.now,
    )


async def reviews_of(
    tx: Tx, *, customer_ids: Collection[UUID], promotion_ids: Collection[UUID]
) -> list[Review]:
    rows = await tx.rows(
        "select * from pricing.review where customer_id = any($1::uuid[]) "
        "and promotion_id = any($2::uuid[])",
        list(customer_ids),
        list(promotion_ids),
    )
    return [_review(row) for row in rows]


async def review(tx: Tx, *, tenant_id: UUID, review_id: UUID) -> Review | None:
    row = await tx.row(
        "select * from pricing.review where id = $1 and tenant_id = $2",
        review_id,
        tenant_id,
    )
    return _review(row) if row else None


async def save_verdict(tx: Tx, review: Review) -> None:
    await tx.execute(
        "update pricing.review set verdict = $2 where id = $1", review.id, review.verdict
    )


class ReviewFilter(Struct, frozen=True, kw_only=True):
    """Which reviews: everything that is set narrows."""

    verdict: Verdict | None = None
    promotion_id: UUID | None = None
    customer_id: UUID | None = None


REVIEW_SORTS: Final = Sorts(keys={"at": Key("at", datetime)}, default="-at")
_FILTERS: Final = {
    "verdict": "verdict = {}",
    "promotion_id": "promotion_id = {}",
    "customer_id": "customer_id = {}",
}


async def search_reviews(tx: Tx, *, reach: Reach, which: ReviewFilter, take: Take) -> Slice[Review]:
    """Only for whoever reaches the whole tenant: they are about customers."""
    where = Where().within(reach, {}).matching(which, _FILTERS)
    found = await listed(tx, columns="*", source="pricing.review", where=where, take=take)
    return found.map(_review)


class Figures(Struct, frozen=True):
    """How often a promotion was used, and for how much, by what became of it."""

    reserved: int
    reserved_minor: int
    spent: int
    spent_minor: int
    customers: int


async def figures(tx: Tx, *, promotion_id: UUID) -> Figures:
    row = await tx.row(
        """
        select count(*) filter (where outcome = 'reserved') as reserved,
            coalesce(sum(amount_minor) filter (where outcome = 'reserved'), 0)::bigint
                as reserved_minor,
            count(*) filter (where outcome = 'spent') as spent,
            coalesce(sum(amount_minor) filter (where outcome = 'spent'), 0)::bigint as spent_minor,
            count(distinct customer_id) as customers
        from pricing.redemption where promotion_id = $1 and outcome <> 'given_back'
        """,
        promotion_id,
    )
    assert row is not None, "an aggregate has one row"
    return Figures(**row)


def _review(row: Any) -> Review:
    return Review(
        id=row["id"],
        tenant_id=row["tenant_id"],
        promotion_id=row["promotion_id"],
        customer_id=row["customer_id"],
        quote_id=row["quote_id"],
        signals=tuple(Signal(signal) for signal in row["signals"]),
        refused=row["refused"],
        at=row["at"],
        verdict=Verdict(row["verdict"]),
    )
