"""Use cases of those who write a menu. Everything is decided under the lock of its category."""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar
from uuid import UUID

from msgspec import Struct

from tawsil.catalog import menu_store, store, writing
from tawsil.catalog.menu import Category, Menu, Product
from tawsil.catalog.service import MerchantCommand, ProductCommand, decide_products
from tawsil.catalog.writing import Dish, Names
from tawsil.geography import public as geography
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted, Command, Decision, Refusal, accepted, refuse

NOT_FOUND: Final = refuse("request.not_found", status=404)


class ListCategory(MerchantCommand, frozen=True, kw_only=True):
    names: Names


class CategoryCommand(Command, frozen=True, kw_only=True):
    """`merchant_id` limits it to that merchant's categories; None: any of the tenant."""

    category_id: UUID
    merchant_id: UUID | None = None


class RenameCategory(CategoryCommand, frozen=True, kw_only=True):
    names: Names
    edition: int


class MoveCategory(CategoryCommand, frozen=True, kw_only=True):
    """Right after another; None: to the top."""

    after_id: UUID | None


class RetireCategory(CategoryCommand, frozen=True, kw_only=True):
    pass


class RestoreCategory(CategoryCommand, frozen=True, kw_only=True):
    pass


class ListProduct(MerchantCommand, frozen=True, kw_only=True):
    category_id: UUID
    dish: Dish


class RewriteProduct(ProductCommand, frozen=True, kw_only=True):
    dish: Dish
    edition: int


class MoveProduct(ProductCommand, frozen=True, kw_only=True):
    """Into a category, right after another product; None: to its top."""

    category_id: UUID
    after_id: UUID | None


class RetireProduct(ProductCommand, frozen=True, kw_only=True):
    pass


class RestoreProduct(ProductCommand, frozen=True, kw_only=True):
    pass


class Written(Struct, frozen=True, kw_only=True):
    """A menu with all that was ever on it, as those see it who write it."""

    currency: str
    timezone: str
    menu: Menu


C = TypeVar("C", bound=CategoryCommand)


async def written(
    tx: Tx, *, tenant_id: UUID, merchant_id: UUID, own: UUID | None
) -> Written | None:
    """None when it is not there, or not the caller's: `own` is the only merchant they may see."""
    merchant = (await store.merchants(tx, ids=[merchant_id])).get(merchant_id)
    if merchant is None or merchant.tenant_id != tenant_id or own not in {None, merchant_id}:
        return None
    menu = await menu_store.menu(tx, merchant_id=merchant_id, retired=True)
    city = (await geography.cities_by_id(tx, ids=[merchant.city_id]))[merchant.city_id]
    return Written(currency=merchant.currency, timezone=city.timezone, menu=menu)


async def product(tx: Tx, *, tenant_id: UUID, product_id: UUID, own: UUID | None) -> Product | None:
    found = (await menu_store.products(tx, ids=[product_id])).get(product_id)
    if found is None or found.tenant_id != tenant_id or own not in {None, found.merchant_id}:
        return None
    return found


# Categories


async def list_categories(tx: Tx, commands: Sequence[ListCategory]) -> list[Category | Refusal]:
    merchants = await store.lock(tx, ids=[c.merchant_id for c in commands])
    arranged = await menu_store.arrangement(tx, merchant_ids=list(merchants))
    decisions: list[Decision[Category]] = []
    listed: list[tuple[int, Category]] = []
    for command in commands:
        merchant = merchants.get(command.merchant_id)
        if merchant is None or merchant.tenant_id != command.by.tenant_id:
            decisions.append(NOT_FOUND)
            continue
        decision = writing.list_category(merchant, command.names, ids=tx.ids)
        listed.append((len(arranged[merchant.id]), decision.state))
        arranged[merchant.id].append(decision.state.id)
        decisions.append(decision)
    await menu_store.insert_categories(tx, listed)
    return await _recorded(tx, commands, decisions)


async def rename_categories(tx: Tx, commands: Sequence[RenameCategory]) -> list[Category | Refusal]:
    return await _change_categories(
        tx, commands, lambda c, to: writing.rename(c, to=to.names, edition=to.edition)
    )


async def retire_categories(tx: Tx, commands: Sequence[RetireCategory]) -> list[Category | Refusal]:
    return await _change_categories(
        tx, commands, lambda category, _: writing.retire_category(category, now=tx.now)
    )


async def restore_categories(
    tx: Tx, commands: Sequence[RestoreCategory]
) -> list[Category | Refusal]:
    return await _change_categories(
        tx, commands, lambda category, _: writing.restore_category(category)
    )


async def move_categories(tx: Tx, commands: Sequence[MoveCategory]) -> list[Category | Refusal]:
    """Under the lock of their merchants, as whatever else arranges a menu."""
    known = await menu_store.categories(tx, ids=[c.category_id for c in commands])
    merchants = await store.lock(tx, ids=sorted({c.merchant_id for c in known.values()}))
    arranged = await menu_store.arrangement(tx, merchant_ids=list(merchants))

    def move(category: Category, command: MoveCategory) -> Decision[Category]:
        order = writing.placed(arranged[category.merchant_id], category.id, after=command.after_id)
        if isinstance(order, Refusal):
            return order
        arranged[category.merchant_id] = order
        return writing.move_category(category)

    outcomes = await _change_categories(tx, commands, move)
    await menu_store.arrange(tx, arranged=arranged)
    return outcomes


async def _change_categories(
    tx: Tx, commands: Sequence[C], decide: Callable[[Category, C], Decision[Category]]
) -> list[Category | Refusal]:
    known = await menu_store.lock_categories(tx, ids=[c.category_id for c in commands])
    decisions: list[Decision[Category]] = []
    for command in commands:
        category = known.get(command.category_id)
        if category is None or not _reaches(command, category, only=command.merchant_id):
            decisions.append(NOT_FOUND)
            continue
        decision = decide(category, command)
        if isinstance(decision, Accepted):
            known[category.id] = decision.state
        decisions.append(decision)
    await menu_store.save_categories(tx, accepted(decisions))
    return await _recorded(tx, commands, decisions)


# Products


async def list_products(tx: Tx, commands: Sequence[ListProduct]) -> list[Product | Refusal]:
    """At the end of their categories."""
    categories = await menu_store.lock_categories(tx, ids=[c.category_id for c in commands])
    merchants = await store.merchants(tx, ids=[c.merchant_id for c in commands])
    shelved = await menu_store.shelves(tx, category_ids=list(categories))
    decisions: list[Decision[Product]] = []
    listed: list[tuple[int, Product]] = []
    for command in commands:
        category = categories.get(command.category_id)
        if category is None or not _reaches(command, category, only=command.merchant_id):
            decisions.append(NOT_FOUND)
            continue
        currency = merchants[category.merchant_id].currency
        decision = writing.list_product(category, command.dish, currency=currency, ids=tx.ids)
        if isinstance(decision, Accepted):
            listed.append((len(shelved[category.id]), decision.state))
            shelved[category.id].append(decision.state.id)
        decisions.append(decision)
    await menu_store.insert_products(tx, listed)
    return await _recorded(tx, commands, decisions)


async def rewrite_products(tx: Tx, commands: Sequence[RewriteProduct]) -> list[Product | Refusal]:
    known = await menu_store.lock(tx, ids=[c.product_id for c in commands])
    ever = await menu_store.option_ids(tx, product_ids=list(known))

    def decide(product: Product, command: RewriteProduct) -> Decision[Product]:
        decision = writing.rewrite(
            product,
            to=command.dish,
            edition=command.edition,
            known=ever[product.id],
            ids=tx.ids,
        )
        if isinstance(decision, Accepted):
            groups = decision.state.option_groups
            ever[product.id] |= {g.id for g in groups} | {o.id for g in groups for o in g.options}
        return decision

    outcomes = await decide_products(tx, commands, known, decide)
    last = {o.id: o for o in outcomes if isinstance(o, Product)}
    await menu_store.save_options(tx, list(last.values()))
    return outcomes


async def retire_products(tx: Tx, commands: Sequence[RetireProduct]) -> list[Product | Refusal]:
    known = await menu_store.lock(tx, ids=[c.product_id for c in commands])
    return await decide_products(
        tx, commands, known, lambda product, _: writing.retire_product(product, now=tx.now)
    )


async def restore_products(tx: Tx, commands: Sequence[RestoreProduct]) -> list[Product | Refusal]:
    known = await menu_store.lock(tx, ids=[c.product_id for c in commands])
    return await decide_products(
        tx, commands, known, lambda product, _: writing.restore_product(product)
    )


async def move_products(tx: Tx, commands: Sequence[MoveProduct]) -> list[Product | Refusal]:
    standing = await menu_store.products(tx, ids=[c.product_id for c in commands])
    left = {p.category_id for p in standing.values()}
    categories = await menu_store.lock_categories(
        tx, ids=sorted({c.category_id for c in commands} | left)
    )
    known = await menu_store.lock(tx, ids=[c.product_id for c in commands])
    shelved = await menu_store.shelves(tx, category_ids=list(categories))

    def move(product: Product, command: MoveProduct) -> Decision[Product]:
        to = categories.get(command.category_id)
        if to is None or to.tenant_id != command.by.tenant_id:
            return NOT_FOUND
        if product.category_id not in categories:  # somebody else has moved it just now
            return refuse("menu.neighbour_gone")
        order = writing.placed(shelved[to.id], product.id, after=command.after_id)
        if isinstance(order, Refusal):
            return order
        decision = writing.move_product(product, to=to)
        if isinstance(decision, Accepted):
            if product.category_id != to.id:
                shelved[product.category_id].remove(product.id)
            shelved[to.id] = order
        return decision

    outcomes = await decide_products(tx, commands, known, move)
    await menu_store.shelve(tx, shelved=shelved)
    return outcomes


def _reaches(command: Command, written: Category | Product, *, only: UUID | None) -> bool:
    return written.tenant_id == command.by.tenant_id and only in {None, written.merchant_id}


S = TypeVar("S", Category, Product)


async def _recorded(
    tx: Tx, commands: Sequence[Command], decisions: Sequence[Decision[S]]
) -> list[S | Refusal]:
    await tx.record(
        [(c, d) for c, d in zip(commands, decisions, strict=True) if isinstance(d, Accepted)]
    )
    return [d.state if isinstance(d, Accepted) else d for d in decisions]
