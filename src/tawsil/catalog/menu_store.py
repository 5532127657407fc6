"""The tables of catalog: categories, products and their options."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

import asyncpg

from tawsil.catalog.menu import Category, Menu, Option, OptionGroup, Product
from tawsil.catalog.store import instant
from tawsil.geography.public import TaxClass
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted


async def insert_menus(tx: Tx, *, menus: Sequence[Menu]) -> None:
    categories = [(menu, n, c) for menu in menus for n, c in enumerate(menu.categories)]
    await tx.execute(
        """
        insert into catalog.category (id, merchant_id, position, name_en, name_ar)
        select * from unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[])
        """,
        [c.id for _, _, c in categories],
        [menu.merchant_id for menu, _, _ in categories],
        [n for _, n, _ in categories],
        [c.name_en for _, _, c in categories],
        [c.name_ar for _, _, c in categories],
    )
    products = [(c.id, n, p) for _, _, c in categories for n, p in enumerate(c.products)]
    await _insert_products(tx, products)
    groups = [(p.id, n, g) for _, _, p in products for n, g in enumerate(p.option_groups)]
    await tx.execute(
        """
        insert into catalog.option_group (id, product_id, position, name_en, name_ar, min_choices,
            max_choices)
        select * from unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[], $6::int[],
            $7::int[])
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
        """,
        [o.id for _, _, o in options],
        [group_id for group_id, _, _ in options],
        [n for _, n, _ in options],
        [o.name_en for _, _, o in options],
        [o.name_ar for _, _, o in options],
        [o.price_delta_minor for _, _, o in options],
    )


async def _insert_products(tx: Tx, products: Sequence[tuple[UUID, int, Product]]) -> None:
    await tx.execute(
        """
        insert into catalog.product (id, version, merchant_id, category_id, position, name_en,
            name_ar, description_en, description_ar, price_minor, image_url, tax_class)
        select * from unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[], $5::int[], $6::text[],
            $7::text[], $8::text[], $9::text[], $10::bigint[], $11::text[], $12::text[])
        """,
        [p.id for _, _, p in products],
        [p.version for _, _, p in products],
        [p.merchant_id for _, _, p in products],
        [category_id for category_id, _, _ in products],
        [n for _, n, _ in products],
        [p.name_en for _, _, p in products],
        [p.name_ar for _, _, p in products],
        [p.description_en for _, _, p in products],
        [p.description_ar for _, _, p in products],
        [p.price_minor for _, _, p in products],
        [p.image_url for _, _, p in products],
        [p.tax_class for _, _, p in products],
    )


async def products(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Product]:
    rows = await tx.rows(
        """
        select p.*, m.tenant_id, m.city_id
        from catalog.product p join catalog.merchant m on m.id = p.merchant_id
        where p.id = any($1::uuid[])
        """,
        list(ids),
    )
    return await _with_options(tx, rows)


async def products_of(tx: Tx, *, merchant_ids: Sequence[UUID]) -> list[Product]:
    """What merchants sell, in the order of their menus."""
    rows = await tx.rows(
        """
        select p.*, m.tenant_id, m.city_id
        from catalog.product p join catalog.merchant m on m.id = p.merchant_id
            join catalog.category c on c.id = p.category_id
        where p.merchant_id = any($1::uuid[])
        order by p.merchant_id, c.position, p.position
        """,
        list(merchant_ids),
    )
    return list((await _with_options(tx, rows)).values())


async def lock(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Product]:
    rows = await tx.rows(
        """
        select p.*, m.tenant_id, m.city_id
        from catalog.product p join catalog.merchant m on m.id = p.merchant_id
        where p.id = any($1::uuid[]) order by p.id for update of p
        """,
        list(ids),
    )
    return await _with_options(tx, rows)


async def save(tx: Tx, decisions: Sequence[Accepted[Product]]) -> None:
    """Write decided products; several decisions about one stand in their order."""
    last = {d.state.id: d.state for d in decisions}
    if not last:
        return
    first = {d.state.id: d.expected_version for d in reversed(decisions)}
    saved = await tx.execute(
        """
        update catalog.product p set version = u.version, tax_class = u.tax_class,
            unavailable_until = u.unavailable_until
        from unnest($1::uuid[], $2::int[], $3::int[], $4::timestamptz[], $5::text[])
            u (id, expected, version, unavailable_until, tax_class)
        where p.id = u.id and p.version = u.expected
        """,
        list(last),
        [first[id_] for id_ in last],
        [p.version for p in last.values()],
        [p.unavailable_until for p in last.values()],
        [p.tax_class for p in last.values()],
    )
    assert saved == len(last), "a locked product cannot have changed"


async def menu(tx: Tx, *, merchant_id: UUID) -> Menu:
    categories = await tx.rows(
        "select * from catalog.category where merchant_id = $1 order by position", merchant_id
    )
    rows = await tx.rows(
        """
        select p.*, m.tenant_id, m.city_id
        from catalog.product p join catalog.merchant m on m.id = p.merchant_id
        where p.merchant_id = $1 order by p.position
        """,
        merchant_id,
    )
    known = await _with_options(tx, rows)
    of_category: dict[UUID, list[Product]] = defaultdict(list)
    for row in rows:
        of_category[row["category_id"]].append(known[row["id"]])
    return Menu(
        merchant_id=merchant_id,
        categories=tuple(
            Category(
                id=row["id"],
                name_en=row["name_en"],
                name_ar=row["name_ar"],
                products=tuple(of_category[row["id"]]),
            )
            for row in categories
        ),
    )


async def _with_options(tx: Tx, rows: Sequence[asyncpg.Record]) -> dict[UUID, Product]:
    found = await tx.rows(
        """
        select g.product_id, g.id as group_id, g.name_en as group_name_en,
            g.name_ar as group_name_ar, g.min_choices, g.max_choices, o.*
        from catalog.option_group g join catalog.option o on o.group_id = g.id
        where g.product_id = any($1::uuid[])
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
        name_en=row["name_en"],
        name_ar=row["name_ar"],
        description_en=row["description_en"],
        description_ar=row["description_ar"],
        price_minor=row["price_minor"],
        image_url=row["image_url"],
        tax_class=TaxClass(row["tax_class"]),
        unavailable_until=instant(row["unavailable_until"]),
        option_groups=option_groups,
    )
