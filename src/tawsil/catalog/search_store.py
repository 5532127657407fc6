"""The tables of catalog: words by which merchants and dishes are found."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import asyncpg
from msgspec import Struct

from tawsil.catalog.search_words import (
    LEAST_BEGINNING,
    compared,
    edits_made,
    meant,
    near,
    shortened,
    words,
)
from tawsil.kernel.db import Tx
from tawsil.kernel.lists import starting

MOST_BEGINNINGS: Final = 20
"""Known words that what was typed may be the beginning of."""


async def project(tx: Tx, *, merchant_ids: Sequence[UUID]) -> None:
    """Write anew by what words these merchants and what they sell are found."""
    merchants = await tx.rows(
        """
        select m.id, m.tenant_id, m.city_id, m.name_en, m.name_ar,
            (select percentile_disc(0.5) within group (order by price_minor)
                from catalog.product p where p.merchant_id = m.id and p.retired_at is null
            ) as typical_minor,
            translate(m.cuisine, '_-', '  ') || array(
                select concat_ws(' ', c.name_en, c.name_ar)
                from catalog.category c where c.merchant_id = m.id and c.retired_at is null
            ) as besides
        from catalog.merchant m where m.id = any($1::uuid[]) order by m.id for update of m
        """,
        list(merchant_ids),
    )
    dishes = await tx.rows(
        """
        select p.id, p.merchant_id, m.tenant_id, p.name_en, p.name_ar,
            array[p.description_en, p.description_ar, c.name_en, c.name_ar, m.name_en, m.name_ar]
                as besides
        from catalog.product p
            join catalog.category c on c.id = p.category_id
            join catalog.merchant m on m.id = p.merchant_id
        where p.merchant_id = any($1::uuid[]) and p.retired_at is null and c.retired_at is null
        order by p.id
        """,
        list(merchant_ids),
    )
    await _write_merchants(tx, merchants)
    await _write_dishes(tx, merchant_ids, dishes)
    await _write_words(tx, merchants, dishes)


async def _write_merchants(tx: Tx, rows: Sequence[asyncpg.Record]) -> None:
    await tx.execute(
        """
        insert into catalog.search_merchant (merchant_id, tenant_id, city_id, names, words,
            typical_minor)
        select id, tenant_id, city_id, string_to_array(names, ' '), string_to_array(words, ' '),
            typical_minor
        from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bigint[])
            u (id, tenant_id, city_id, names, words, typical_minor)
        on conflict (merchant_id) do update set names = excluded.names, words = excluded.words,
            typical_minor = excluded.typical_minor
        """,
        [row["id"] for row in rows],
        [row["tenant_id"] for row in rows],
        [row["city_id"] for row in rows],
        [_joined(row["name_en"], row["name_ar"]) for row in rows],
        [_joined(row["name_en"], row["name_ar"], *row["besides"]) for row in rows],
        [row["typical_minor"] for row in rows],
    )


async def _write_dishes(
    tx: Tx, merchant_ids: Sequence[UUID], rows: Sequence[asyncpg.Record]
) -> None:
    await tx.execute(
        """
        delete from catalog.search_dish
        where merchant_id = any($1::uuid[]) and not product_id = any($2::uuid[])
        """,
        list(merchant_ids),
        [row["id"] for row in rows],
    )
    await tx.execute(
        """
        insert into catalog.search_dish (product_id, merchant_id, tenant_id, names, words)
        select id, merchant_id, tenant_id, string_to_array(names, ' '), string_to_array(words, ' ')
        from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[])
            u (id, merchant_id, tenant_id, names, words)
        on conflict (product_id) do update set names = excluded.names, words = excluded.words
        where (search_dish.names, search_dish.words) is distinct from
            (excluded.names, excluded.words)
        """,
        [row["id"] for row in rows],
        [row["merchant_id"] for row in rows],
        [row["tenant_id"] for row in rows],
        [_joined(row["name_en"], row["name_ar"]) for row in rows],
        [_joined(row["name_en"], row["name_ar"], *row["besides"]) for row in rows],
    )


async def _write_words(
    tx: Tx, merchants: Sequence[asyncpg.Record], dishes: Sequence[asyncpg.Record]
) -> None:
    """Words are only added: one that nothing is called any more finds nothing."""
    shown: dict[tuple[UUID, str], str] = {}
    for row in (*merchants, *dishes):
        for text in (row["name_en"], row["name_ar"], *row["besides"]):
            for word, written in words(text):
                shown.setdefault((row["tenant_id"], word), written)
    keys = sorted(shown)
    await tx.execute(
        """
        insert into catalog.search_word (tenant_id, word, shown, near)
        select tenant_id, word, shown, string_to_array(near, ' ')
        from unnest($1::uuid[], $2::text[], $3::text[], $4::text[])
            u (tenant_id, word, shown, near)
        on conflict do nothing
        """,
        [tenant_id for tenant_id, _ in keys],
        [word for _, word in keys],
        [shown[key].casefold() for key in keys],
        [" ".join(near(word)) for _, word in keys],
    )


def _joined(*texts: str) -> str:
    """Words hold no spaces, and the database takes no array of arrays of different lengths."""
    return " ".join(compared(*texts))


class Known(Struct, frozen=True, kw_only=True):
    """What a typed word may stand for: it was written so, began so, or was `mistaken` for these."""

    typed: str
    words: tuple[str, ...]
    mistaken: bool
    shown: str
    """The likeliest of them, as it is written."""


async def recognise(tx: Tx, *, tenant_id: UUID, typed: Sequence[str]) -> list[Known]:
    """What each typed word may stand for, in order; nothing, if it is near no known word."""
    rows = await tx.rows(
        """
        select t.typed, w.word, w.shown, w.word like t.beginning as begun
        from unnest($2::text[], $3::text[], $4::text[]) t (typed, beginning, shortened)
        cross join lateral (
            (select word, shown from catalog.search_word
                where tenant_id = $1 and word like t.beginning
                order by length(word), word limit $5)
            union
            select word, shown from catalog.search_word
            where tenant_id = $1 and near && string_to_array(t.shortened, ' ')
        ) w
        """,
        tenant_id,
        list(typed),
        [starting(word) if len(word) >= LEAST_BEGINNING else word for word in typed],
        [" ".join(shortened(word, edits_made(word))) for word in typed],
        MOST_BEGINNINGS,
    )
    shown = {row["word"]: row["shown"] for row in rows}
    begun: dict[str, list[str]] = defaultdict(list)
    like: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        (begun if row["begun"] else like)[row["typed"]].append(row["word"])
    return [_known(word, begun[word], like[word], shown) for word in typed]


def _known(
    typed: str, begun: Sequence[str], like: Sequence[str], shown: Mapping[str, str]
) -> Known:
    found = sorted(begun, key=lambda word: (len(word), word)) or meant(typed, like)
    return Known(
        typed=typed,
        words=tuple(found),
        mistaken=not begun,
        shown=shown[found[0]] if found else typed,
    )
