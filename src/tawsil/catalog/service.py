"""Use cases of the catalog: listing, looking, pausing, and what can be had at which price."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from msgspec import Struct

from tawsil.catalog import menu_store, model, store
from tawsil.catalog.listing import NewMerchant, list_merchant, write_menu
from tawsil.catalog.menu import (
    Availability,
    Line,
    Menu,
    PricedLine,
    Product,
    price_line,
    set_availability,
    tax_as,
)
from tawsil.catalog.model import Merchant
from tawsil.geography import public as geography
from tawsil.geography.public import TaxClass
from tawsil.kernel.db import Tx
from tawsil.kernel.deadlines import Due, still_due
from tawsil.kernel.decisions import (
    Accepted,
    By,
    Command,
    Decision,
    Refusal,
    accepted,
    refuse,
)


class MerchantCommand(Command, frozen=True, kw_only=True):
    """Something asked of one merchant."""

    merchant_id: UUID


M = TypeVar("M", bound=MerchantCommand)


class Pause(MerchantCommand, frozen=True, kw_only=True):
    """No end means until somebody resumes."""

    length: timedelta | None = None
    until: datetime | None = None


class Resume(MerchantCommand, frozen=True, kw_only=True):
    pass


class SetBusy(MerchantCommand, frozen=True, kw_only=True):
    extra: timedelta


class SetPrepTime(MerchantCommand, frozen=True, kw_only=True):
    prep_time: timedelta


class ProductCommand(Command, frozen=True, kw_only=True):
    """`merchant_id` limits it to that merchant's products; None: any of the tenant."""

    product_id: UUID
    merchant_id: UUID | None = None


P = TypeVar("P", bound=ProductCommand)


class SetAvailability(ProductCommand, frozen=True, kw_only=True):
    to: Availability


class TaxProduct(ProductCommand, frozen=True, kw_only=True):
    tax_class: TaxClass


async def create_merchants(tx: Tx, *, merchants: Sequence[NewMerchant]) -> list[Merchant]:
    """List merchants with their menus, in order."""
    if not merchants:
        return []
    correlation_id = tx.ids()
    listed = [list_merchant(new, ids=tx.ids) for new in merchants]
    menus = [write_menu(new, d.state, ids=tx.ids) for new, d in zip(merchants, listed, strict=True)]
    await store.insert_merchants(tx, merchants=[d.state for d in listed])
    await menu_store.insert_menus(tx, menus=menus)
    await tx.record(
        [(By(tenant_id=d.state.tenant_id, correlation_id=correlation_id), d) for d in listed]
    )
    return [d.state for d in listed]


async def merchants(tx: Tx, *, tenant_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Merchant]:
    """Those of the merchants that exist and are the tenant's."""
    found = await store.merchants(tx, ids=ids)
    return {id_: m for id_, m in found.items() if m.tenant_id == tenant_id}


async def merchants_shown(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Merchant]:
    """Those of the merchants that exist, whoever's: anybody may look at them."""
    return await store.merchants(tx, ids=ids)


async def merchant(tx: Tx, *, merchant_id: UUID) -> Merchant | None:
    """The merchant, whoever's: anybody may look at one."""
    return (await store.merchants(tx, ids=[merchant_id])).get(merchant_id)


# Whether a merchant takes orders


async def pause(tx: Tx, commands: Sequence[Pause]) -> list[Merchant | Refusal]:
    def until_then(merchant: Merchant, command: Pause) -> Decision[Merchant]:
        until = tx.now + command.length if command.length else command.until
        return model.pause(merchant, until=until, now=tx.now)

    return await decide(tx, commands, until_then)


async def resume(tx: Tx, commands: Sequence[Resume]) -> list[Merchant | Refusal]:
    return await decide(tx, commands, lambda merchant, _: model.resume(merchant))


async def set_busy(tx: Tx, commands: Sequence[SetBusy]) -> list[Merchant | Refusal]:
    return await decide(tx, commands, lambda m, command: model.set_busy(m, extra=command.extra))


async def set_prep_time(tx: Tx, commands: Sequence[SetPrepTime]) -> list[Merchant | Refusal]:
    return await decide(
        tx, commands, lambda m, command: model.set_prep_time(m, prep_time=command.prep_time)
    )


async def decide(
    tx: Tx, commands: Sequence[M], by_model: Callable[[Merchant, M], Decision[Merchant]]
) -> list[Merchant | Refusal]:
    """Lock, decide one after another, save, record."""
    known = await store.lock(tx, ids=[c.merchant_id for c in commands])
    decisions: list[Decision[Merchant]] = []
    for command in commands:
        merchant = known.get(command.merchant_id)
        if merchant is None or merchant.tenant_id != command.by.tenant_id:
            decisions.append(refuse("request.not_found", status=404))
            continue
        decision = by_model(merchant, command)
        if isinstance(decision, Accepted):
            known[merchant.id] = decision.state
        decisions.append(decision)
    await store.save(tx, accepted(decisions))
    await tx.record(
        [(c, d) for c, d in zip(commands, decisions, strict=True) if isinstance(d, Accepted)]
    )
    return [d.state if isinstance(d, Accepted) else d for d in decisions]


async def on_due(tx: Tx, due: Sequence[Due]) -> None:
    """A pause is over: the merchant takes orders again."""
    known = await store.lock(tx, ids=[d.subject_id for d in due])
    commands = [
        Resume(by=By(tenant_id=m.tenant_id, correlation_id=tx.ids()), merchant_id=m.id)
        for m in still_due(due, known, now=tx.now)
    ]
    await resume(tx, commands)


# What is sold


async def menu(tx: Tx, *, merchant_id: UUID) -> Menu:
    return await menu_store.menu(tx, merchant_id=merchant_id)


async def products(tx: Tx, *, tenant_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Product]:
    """Those of the products that exist and are the tenant's."""
    found = await menu_store.products(tx, ids=ids)
    return {id_: p for id_, p in found.items() if p.tenant_id == tenant_id}


async def products_of(
    tx: Tx, *, tenant_id: UUID, merchant_ids: Sequence[UUID]
) -> dict[UUID, list[Product]]:
    """What each of the tenant's merchants sells, in the order of its menu."""
    sold: dict[UUID, list[Product]] = {id_: [] for id_ in merchant_ids}
    for product in await menu_store.products_of(tx, merchant_ids=merchant_ids):
        if product.tenant_id == tenant_id:
            sold[product.merchant_id].append(product)
    return sold


async def change_availability(
    tx: Tx, commands: Sequence[SetAvailability]
) -> list[Product | Refusal]:
    known = await menu_store.lock(tx, ids=[c.product_id for c in commands])
    cities = await geography.cities_by_id(tx, ids=[p.city_id for p in known.values()])

    def decide(product: Product, command: SetAvailability) -> Decision[Product]:
        timezone = cities[product.city_id].timezone
        return set_availability(product, to=command.to, now=tx.now, timezone=timezone)

    return await decide_products(tx, commands, known, decide)


async def tax_products(tx: Tx, commands: Sequence[TaxProduct]) -> list[Product | Refusal]:
    known = await menu_store.lock(tx, ids=[c.product_id for c in commands])
    return await decide_products(
        tx, commands, known, lambda product, c: tax_as(product, tax_class=c.tax_class)
    )


async def decide_products(
    tx: Tx,
    commands: Sequence[P],
    known: dict[UUID, Product],
    decide: Callable[[Product, P], Decision[Product]],
) -> list[Product | Refusal]:
    """Decide one after another about products that are locked, save, record."""
    decisions: list[Decision[Product]] = []
    for command in commands:
        product = known.get(command.product_id)
        if (
            product is None
            or product.tenant_id != command.by.tenant_id
            or command.merchant_id not in {None, product.merchant_id}
        ):
            decisions.append(refuse("request.not_found", status=404))
            continue
        decision = decide(product, command)
        if isinstance(decision, Accepted):
            known[product.id] = decision.state
        decisions.append(decision)
    await menu_store.save(tx, accepted(decisions))
    await tx.record(
        [(c, d) for c, d in zip(commands, decisions, strict=True) if isinstance(d, Accepted)]
    )
    return [d.state if isinstance(d, Accepted) else d for d in decisions]


class Basket(Struct, frozen=True, kw_only=True):
    """What somebody wants of one merchant."""

    merchant_id: UUID
    lines: Sequence[Line]


async def price_baskets(
    tx: Tx, *, baskets: Sequence[Basket], at: datetime
) -> list[list[PricedLine] | Refusal]:
    """The priced lines of each basket, or the first thing that is wrong with it."""
    wanted = {line.product_id for basket in baskets for line in basket.lines}
    known = await menu_store.products(tx, ids=list(wanted))
    return [_price(basket, known, at=at) for basket in baskets]


async def price_lines(
    tx: Tx, *, merchant_id: UUID, lines: Sequence[Line], at: datetime
) -> list[PricedLine] | Refusal:
    (priced,) = await price_baskets(
        tx, baskets=[Basket(merchant_id=merchant_id, lines=lines)], at=at
    )
    return priced


def _price(
    basket: Basket, known: dict[UUID, Product], *, at: datetime
) -> list[PricedLine] | Refusal:
    if not basket.lines:
        return refuse("basket.empty", status=422)
    priced: list[PricedLine] = []
    for line in basket.lines:
        product = known.get(line.product_id)
        if product is None or not product.sold or product.merchant_id != basket.merchant_id:
            return refuse("product.unknown", status=422, product_id=line.product_id)
        one = price_line(line, product, at=at)
        if isinstance(one, Refusal):
            return one
        priced.append(one)
    return priced
