"""The table of reviews, and all SQL on it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from tawsil.kernel.db import Tx
from tawsil.kernel.lists import Key, Slice, Sorts, Take, Where, rows
from tawsil.ordering.reviews.model import Opinion, Review


class Filter(Struct, frozen=True, kw_only=True):
    """What was said about a merchant; `least` and `most` narrow by the rating."""

    merchant_id: UUID
    least: int | None = None
    most: int | None = None


SORTS: Final = Sorts(
    keys={"given_at": Key("given_at", datetime), "rating": Key("merchant_rating", int)},
    default="-given_at",
)
_FILTERS: Final = {
    "merchant_id": "merchant_id = {}",
    "least": "merchant_rating >= {}",
    "most": "merchant_rating <= {}",
}
_OPINION: Final = Opinion.__struct_fields__


async def of_orders(tx: Tx, order_ids: Sequence[UUID]) -> dict[UUID, Review]:
    """Whoever changes one has its order locked."""
    found = await tx.rows(
        "select * from ordering.review where id = any($1::uuid[])", list(order_ids)
    )
    return {row["id"]: _review(dict(row)) for row in found}


async def of_merchant(tx: Tx, *, which: Filter, take: Take) -> Slice[Review]:
    where = Where().add("merchant_rating is not null")
    where.matching(which, _FILTERS)
    found = await rows(tx, columns="*", source="ordering.review", where=where, take=take)
    return found.map(_review)


async def save(tx: Tx, reviews: Sequence[Review]) -> None:
    if not reviews:
        return
    await tx.execute(
        """
        insert into ordering.review (id, version, tenant_id, city_id, customer_id,
            merchant_id, courier_id, merchant_rating, merchant_words, courier_rating,
            courier_words, given_at, changed_at)
        select * from unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[], $5::uuid[],
            $6::uuid[], $7::uuid[], $8::int[], $9::text[], $10::int[], $11::text[],
            $12::timestamptz[], $13::timestamptz[])
        on conflict (id) do update set version = excluded.version,
            merchant_rating = excluded.merchant_rating, merchant_words = excluded.merchant_words,
            courier_rating = excluded.courier_rating, courier_words = excluded.courier_words,
            changed_at = excluded.changed_at
        """,
        [r.id for r in reviews],
        [r.version for r in reviews],
        [r.tenant_id for r in reviews],
        [r.city_id for r in reviews],
        [r.customer_id for r in reviews],
        [r.merchant_id for r in reviews],
        [r.courier_id for r in reviews],
        [r.opinion.merchant_rating for r in reviews],
        [r.opinion.merchant_words for r in reviews],
        [r.opinion.courier_rating for r in reviews],
        [r.opinion.courier_words for r in reviews],
        [r.given_at for r in reviews],
        [r.changed_at for r in reviews],
    )


def _review(known: dict[str, Any]) -> Review:
    opinion = Opinion(**{name: known.pop(name) for name in _OPINION})
    return Review(opinion=opinion, **known)
