"""The tables of catalog: categories, products and their options."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import asyncpg

from tawsil.catalog.menu import Category, Menu, Option, OptionGroup, Product
from tawsil.catalog.store import instant
from tawsil.geography.public import TaxClass
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted

_PRODUCTS: Final = """
    select p.*, m.tenant_id, m.city_id, m.currency, c.retired_at is not null as shelved
    from catalog.product p join catalog.merchant m on m.id = p.merchant_id
        join catalog.category c on c.id = p.category_id
"""
_CATEGORIES: Final = """
    select c.*, m.tenant_id, m.city_id
    from catalog.category c join catalog.merchant m on m.id = c.merchant_id
"""


async def insert_menus(tx: Tx, *, menus: Sequence[Menu]) -> None:
    categories = [(n, c) for menu in menus for n, c in enumerate(menu.categories)]
    await insert_categories(tx, categories)
    products = [(n, p) for _, c in categories for n, p in enumerate(c.products)]
    await insert_products(tx, products)


async def insert_categories(tx: Tx, categories: Sequence[tuple[int, Category]]) -> None:
    """New categories, each with its place in its menu; not what is in them."""
    await tx.execute(
        """
        insert into catalog.category (id, version, merchant_id, position, name_en, name_ar)
        select * from unnest($1::uuid[], $2::int[], $3::uuid[], $4::int[], $5::text[], $6::text[])
        """,
        [c.id for _, c in categories],
        [c.version for _, c in categories],
        [c.merchant_id for _, c in categories],
        [position for position, _ in categories],
        [c.name_en for _, c in categories],
        [c.name_ar for _, c in categories],
    )


async def insert_products(tx: Tx, products: Sequence[tuple[int, Product]]) -> None:
    """New products, each with its place in its category, and their options."""
    await tx.execute(
        """
        insert into catalog.product (id, version, merchant_id, category_id, position, name_en,
            name_ar, description_en, description_ar, price_minor, image_url, tax_class, prep_time_s)
        select * from unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[], $5::int[], $6::text[],
            $7::text[], $8::text[], $9::text[], $10::bigint[], $11::text[], $12::text[],
            $13::int[])
        """,
        [p.id for _, p in products],
        [p.version for _, p in products],
        [p.merchant_id for _, p in products],
        [p.category_id for _, p in products],
        [position for position, _ in products],
        [p.name_en for _, p in products],
        [p.name_ar for _, p in products],
        [p.description_en for _, p in products],
        [p.description_ar for _, p in products],
        [p.price_minor for _, p in products],
        [p.image_url for _, p in products],
        [p.tax_class for _, p in products],
        [p.prep_time_s for _, p in products],
    )
    await _write_options(tx, [p for _, p in products])


async def _write_options(tx: Tx, products: Sequence[Product]) -> None:
    """Groups and options of products as they are now. One that was retired is back."""
    groups = [(p.id, n, g) for p in products for n, g in enumerate(p.option_groups)]
    await tx.execute(
        """
        insert into catalog.option_group (id, product_id, position, name_en, name_ar, min_choices,
            max_choices)
        select * from unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[], $6::int[],
            $7::int[])
        on conflict (id) do update set position = excluded.position, name_en = excluded.name_en,
            name_ar = excluded.name_ar, min_choices = excluded.min_choices,
            max_choices = excluded.max_choices, retired_at = null
        """,
        [g.id for _, _, g in groups],
        [product_id for product_id, _, _ in groups],
        [n for _, n, _ in groups],
        [g.name_en for _, _, g in groups],
        [g.name_ar for _, _, g in groups],
        [g.min_choices for _, _, g in groups],
        [g.max_choices for _, _, g in groups],
    )
    options = [(g.id, n, o) for _, _, g in groups for n, o in enumerate(g.options)]
    await tx.execute(
        """
        insert into catalog.option (id, group_id, position, name_en, name_ar, price_delta_minor)
        select * from unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[],
            $6::bigint[])
        on conflict (id) do update set group_id = excluded.group_id, position = excluded.position,
            name_en = excluded.name_en, name_ar = excluded.name_ar,
            price_delta_minor = excluded.price_delta_minor, retired_at = null
        """,
        [o.id for _, _, o in options],
        [group_id for group_id, _, _ in options],
        [n for _, n, _ in options],
        [o.name_en for _, _, o in options],
        [o.name_ar for _, _, o in options],
        [o.price_delta_minor for _, _, o in options],
    )


async def _retire_options(tx: Tx, products: Sequence[Product]) -> None:
    """All of them: whoever writes options retires what there was, and then writes what there is."""
    ids = [p.id for p in products]
    await tx.execute(
        """
        update catalog.option o set retired_at = $2, position = null
        from catalog.option_group g
        where g.id = o.group_id and g.product_id = any($1::uuid[]) and o.retired_at is null
        """,
        ids,
        tx.now,
    )
    await tx.execute(
        """
        update catalog.option_group set retired_at = $2, position = null
        where product_id = any($1::uuid[]) and retired_at is null
        """,
        ids,
        tx.now,
    )


async def option_ids(tx: Tx, *, product_ids: Sequence[UUID]) -> dict[UUID, set[UUID]]:
    """The groups and options that products have or ever had."""
    rows = await tx.rows(
        """
        select g.product_id, g.id as group_id, o.id as option_id
        from catalog.option_group g left join catalog.option o on o.group_id = g.id
        where g.product_id = any($1::uuid[])
        """,
        list(product_ids),
    )
    known: dict[UUID, set[UUID]] = defaultdict(set)
    for row in rows:
        known[row["product_id"]] |= {row["group_id"], row["option_id"]} - {None}
    return known


async def products(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Product]:
    """Those of some products that there are, whether or not they are still sold."""
    rows = await tx.rows(f"{_PRODUCTS} where p.id = any($1::uuid[])", list(ids))
    return await _with_options(tx, rows)


async def products_of(tx: Tx, *, merchant_ids: Sequence[UUID]) -> list[Product]:
    """What merchants sell, in the order of their menus."""
    rows = await tx.rows(
        f"""{_PRODUCTS}
        where p.merchant_id = any($1::uuid[]) and p.retired_at is null and c.retired_at is null
        order by p.merchant_id, c.position, p.position
        """,
        list(merchant_ids),
    )
    return list((await _with_options(tx, rows)).values())


async def lock(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Product]:
    rows = await tx.rows(
        f"{_PRODUCTS} where p.id = any($1::uuid[]) order by p.id for update of p", list(ids)
    )
    return await _with_options(tx, rows)


async def save(tx: Tx, decisions: Sequence[Accepted[Product]]) -> None:
    """Write decided products, but for their options; several decisions about one in their order."""
    last = {d.state.id: d.state for d in decisions}
    if not last:
        return
    first = {d.state.id: d.expected_version for d in reversed(decisions)}
    products = list(last.values())
    saved = await tx.execute(
        """
        update catalog.product p set version = u.version, edition = u.edition,
            name_en = u.name_en, name_ar = u.name_ar, description_en = u.description_en,
            description_ar = u.description_ar, price_minor = u.price_minor,
            image_url = u.image_url, tax_class = u.tax_class, prep_time_s = u.prep_time_s,
            unavailable_until = u.unavailable_until, retired_at = u.retired_at
        from unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::text[], $6::text[],
            $7::text[], $8::text[], $9::bigint[], $10::text[], $11::text[], $12::int[],
            $13::timestamptz[], $14::timestamptz[])
            u (id, expected, version, edition, name_en, name_ar, description_en, description_ar,
                price_minor, image_url, tax_class, prep_time_s, unavailable_until, retired_at)
        where p.id = u.id and p.version = u.expected
        """,
        list(last),
        [first[id_] for id_ in last],
        [p.version for p in products],
        [p.edition for p in products],
        [p.name_en for p in products],
        [p.name_ar for p in products],
        [p.description_en for p in products],
        [p.description_ar for p in products],
        [p.price_minor for p in products],
        [p.image_url for p in products],
        [p.tax_class for p in products],
        [p.prep_time_s for p in products],
        [p.unavailable_until for p in products],
        [p.retired_at for p in products],
    )
    assert saved == len(last), "a locked product cannot have changed"


async def save_options(tx: Tx, products: Sequence[Product]) -> None:
    """What is left out is retired, for quotes and orders that name it."""
    if products:
        await _retire_options(tx, products)
        await _write_options(tx, products)


async def categories(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Category]:
    """Without what is in them."""
    rows = await tx.rows(f"{_CATEGORIES} where c.id = any($1::uuid[])", list(ids))
    return {row["id"]: _category(row) for row in rows}


async def lock_categories(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Category]:
    """Without what is in them. Whoever arranges products locks their categories first."""
    rows = await tx.rows(
        f"{_CATEGORIES} where c.id = any($1::uuid[]) order by c.id for update of c", list(ids)
    )
    return {row["id"]: _category(row) for row in rows}


async def save_categories(tx: Tx, decisions: Sequence[Accepted[Category]]) -> None:
    last = {d.state.id: d.state for d in decisions}
    if not last:
        return
    first = {d.state.id: d.expected_version for d in reversed(decisions)}
    saved = await tx.execute(
        """
        update catalog.category c set version = u.version, edition = u.edition,
            name_en = u.name_en, name_ar = u.name_ar, retired_at = u.retired_at
        from unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::text[], $6::text[],
            $7::timestamptz[]) u (id, expected, version, edition, name_en, name_ar, retired_at)
        where c.id = u.id and c.version = u.expected
        """,
        list(last),
        [first[id_] for id_ in last],
        [c.version for c in last.values()],
        [c.edition for c in last.values()],
        [c.name_en for c in last.values()],
        [c.name_ar for c in last.values()],
        [c.retired_at for c in last.values()],
    )
    assert saved == len(last), "a locked category cannot have changed"


async def arrangement(tx: Tx, *, merchant_ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """By merchant, its categories in their order, retired ones among them."""
    rows = await tx.rows(
        """
        select merchant_id, id from catalog.category where merchant_id = any($1::uuid[])
        order by merchant_id, position
        """,
        list(merchant_ids),
    )
    arranged: dict[UUID, list[UUID]] = defaultdict(list)
    for row in rows:
        arranged[row["merchant_id"]].append(row["id"])
    return arranged


async def arrange(tx: Tx, *, arranged: dict[UUID, list[UUID]]) -> None:
    places = [(n, id_) for ids in arranged.values() for n, id_ in enumerate(ids)]
    await tx.execute(
        """
        update catalog.category c set position = u.position
        from unnest($1::uuid[], $2::int[]) u (id, position)
        where c.id = u.id and c.position <> u.position
        """,
        [id_ for _, id_ in places],
        [n for n, _ in places],
    )


async def shelves(tx: Tx, *, category_ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """By category, its products in their order, retired ones among them."""
    rows = await tx.rows(
        """
        select category_id, id from catalog.product where category_id = any($1::uuid[])
        order by category_id, position
        """,
        list(category_ids),
    )
    shelved: dict[UUID, list[UUID]] = defaultdict(list)
    for row in rows:
        shelved[row["category_id"]].append(row["id"])
    return shelved


async def shelve(tx: Tx, *, shelved: dict[UUID, list[UUID]]) -> None:
    """Put products where they belong, and in which order."""
    places = [
        (category_id, n, id_) for category_id, ids in shelved.items() for n, id_ in enumerate(ids)
    ]
    await tx.execute(
        """
        update catalog.product p set category_id = u.category_id, position = u.position
        from unnest($1::uuid[], $2::uuid[], $3::int[]) u (id, category_id, position)
        where p.id = u.id and (p.category_id, p.position) <> (u.category_id, u.position)
        """,
        [id_ for _, _, id_ in places],
        [category_id for category_id, _, _ in places],
        [n for _, n, _ in places],
    )


async def menu(tx: Tx, *, merchant_id: UUID, retired: bool = False) -> Menu:
    """What a merchant sells; with what is `retired`, for those who write it."""
    categories = await tx.rows(
        f"""{_CATEGORIES}
        where c.merchant_id = $1 and (c.retired_at is null or $2) order by c.position
        """,
        merchant_id,
        retired,
    )
    rows = await tx.rows(
        f"""{_PRODUCTS}
        where p.merchant_id = $1 and ((p.retired_at is null and c.retired_at is null) or $2)
        order by p.position
        """,
        merchant_id,
        retired,
    )
    known = await _with_options(tx, rows)
    of_category: dict[UUID, list[Product]] = defaultdict(list)
    for product in known.values():
        of_category[product.category_id].append(product)
    return Menu(
        merchant_id=merchant_id,
        categories=tuple(_category(row, tuple(of_category[row["id"]])) for row in categories),
    )


async def _with_options(tx: Tx, rows: Sequence[asyncpg.Record]) -> dict[UUID, Product]:
    found = await tx.rows(
        """
        select g.product_id, g.id as group_id, g.name_en as group_name_en,
            g.name_ar as group_name_ar, g.min_choices, g.max_choices, o.*
        from catalog.option_group g join catalog.option o on o.group_id = g.id
        where g.product_id = any($1::uuid[]) and g.retired_at is null and o.retired_at is null
        order by g.product_id, g.position, o.position
        """,
        [row["id"] for row in rows],
    )
    by_product: dict[UUID, dict[UUID, list[asyncpg.Record]]] = defaultdict(dict)
    for option in found:
        by_product[option["product_id"]].setdefault(option["group_id"], []).append(option)
    return {
        row["id"]: _product(row, tuple(_group(g) for g in by_product[row["id"]].values()))
        for row in rows
    }


def _category(row: asyncpg.Record, products: tuple[Product, ...] = ()) -> Category:
    return Category(
        id=row["id"],
        version=row["version"],
        tenant_id=row["tenant_id"],
        city_id=row["city_id"],
        merchant_id=row["merchant_id"],
        edition=row["edition"],
        name_en=row["name_en"],
        name_ar=row["name_ar"],
        retired_at=row["retired_at"],
        products=products,
    )


def _group(options: Sequence[asyncpg.Record]) -> OptionGroup:
    first = options[0]
    return OptionGroup(
        id=first["group_id"],
        name_en=first["group_name_en"],
        name_ar=first["group_name_ar"],
        min_choices=first["min_choices"],
        max_choices=first["max_choices"],
        options=tuple(
            Option(
                id=row["id"],
                name_en=row["name_en"],
                name_ar=row["name_ar"],
                price_delta_minor=row["price_delta_minor"],
            )
            for row in options
        ),
    )


def _product(row: asyncpg.Record, option_groups: tuple[OptionGroup, ...]) -> Product:
    return Product(
        id=row["id"],
        version=row["version"],
        tenant_id=row["tenant_id"],
        city_id=row["city_id"],
        merchant_id=row["merchant_id"],
        category_id=row["category_id"],
        edition=row["edition"],
        name_en=row["name_en"],
        name_ar=row["name_ar"],
        description_en=row["description_en"],
        description_ar=row["description_ar"],
        price_minor=row["price_minor"],
        currency=row["currency"],
        image_url=row["image_url"],
        tax_class=TaxClass(row["tax_class"]),
        prep_time_s=row["prep_time_s"],
        unavailable_until=instant(row["unavailable_until"]),
        retired_at=row["retired_at"],
        shelved=row["shelved"],
        option_groups=option_groups,
    )
