"""A small city to measure on: people, menus, and orders that wait for their money."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.apps.platform import open_database
from tawsil.catalog import public as catalog
from tawsil.identity import public as identity
from tawsil.kernel.batches import one
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import By
from tawsil.kernel.places import Place
from tawsil.kernel.settings import Settings
from tawsil.ordering import public as ordering
from tawsil.pricing import public as pricing
from tawsil.simulation import seeding
from tawsil.simulation.city import CitySize, build_city

SEED: Final = 7
ORDERS_EACH: Final = 10
CROWD_COURIERS: Final = 500


class Customer(Struct, frozen=True):
    email: str
    token: str
    order_ids: tuple[UUID, ...]


class Settled(Struct, frozen=True):
    """Everybody has ordered at the one merchant, and signs in with the password of the demo."""

    merchant_id: UUID
    customers: tuple[Customer, ...]


class Crowd(Struct, frozen=True):
    """A city whose customers and operators listen, and whose couriers move."""

    merchant_id: UUID
    centre: Place
    customer_ids: tuple[UUID, ...]
    customer_tokens: tuple[str, ...]
    console_tokens: tuple[str, ...]
    courier_ids: tuple[UUID, ...]


async def settle(settings: Settings, *, customers: int) -> Settled:
    """Put a city into an empty database: each customer with a token and some orders."""
    city = seeding.round_the_clock(
        build_city(SEED, size=CitySize(merchants=8, customers=customers, couriers=8))
    )
    password_hash = await identity.hash_password(seeding.PASSWORD)
    async with open_database(settings, most=4) as database:
        ids = await seeding.seed(database, city, password_hash=password_hash)
        tokens = await mint(database, settings, user_ids=ids.customers)
        async with database.transaction() as tx:
            merchant_id, near = ids.merchants[0], city.centre
            orders = [
                tuple(
                    [
                        await _order(tx, id_, merchant_id=merchant_id, near=near)
                        for _ in range(ORDERS_EACH)
                    ]
                )
                for id_ in ids.customers
            ]
    people = zip(city.customers, tokens, orders, strict=True)
    return Settled(
        merchant_id=ids.merchants[0],
        customers=tuple(Customer(who.email, token, ordered) for who, token, ordered in people),
    )


async def crowd(settings: Settings, *, customers: int, consoles: int) -> Crowd:
    """Put a city of many into an empty database; operators sign in at so many consoles."""
    size = CitySize(merchants=1, customers=customers, couriers=CROWD_COURIERS)
    city = seeding.round_the_clock(build_city(SEED, size=size))
    async with open_database(settings, most=4) as database:
        password_hash = await identity.hash_password(seeding.PASSWORD)
        ids = await seeding.seed(database, city, password_hash=password_hash)
        return Crowd(
            merchant_id=ids.merchants[0],
            centre=city.centre,
            customer_ids=ids.customers,
            customer_tokens=tuple(await mint(database, settings, user_ids=ids.customers)),
            console_tokens=tuple(
                await mint(database, settings, user_ids=[ids.operator] * consoles)
            ),
            courier_ids=ids.couriers,
        )


async def place_order(database: Database, city: Crowd, *, customer_id: UUID) -> None:
    async with database.transaction() as tx:
        await _order(tx, customer_id, merchant_id=city.merchant_id, near=city.centre)


async def mint(database: Database, settings: Settings, *, user_ids: Sequence[UUID]) -> list[str]:
    """An access token for each user, signed with the platform's key, without signing in."""
    tokens = identity.Tokens(database, settings=settings)
    async with database.transaction() as tx:
        users = await identity.get_many(tx, tenant_id=seeding.TENANT, ids=user_ids)
    return [
        await tokens.access(
            users[id_],
            grant=identity.Grant(
                user_id=id_,
                tenant_id=users[id_].tenant_id,
                session_id=database.ids(),
                device_id=None,
            ),
        )
        for id_ in user_ids
    ]


async def _order(tx: Tx, customer_id: UUID, *, merchant_id: UUID, near: Place) -> UUID:
    by = By(
        tenant_id=seeding.TENANT, actor_id=customer_id, role="customer", correlation_id=tx.ids()
    )
    menu = await catalog.menu(tx, merchant_id=merchant_id)
    products = [product for category in menu.categories for product in category.products]
    lines = tuple(
        catalog.Line(
            product_id=product.id,
            quantity=2,
            option_ids=tuple(
                option.id
                for group in product.option_groups
                for option in group.options[: group.min_choices]
            ),
        )
        for product in products[:3]
    )
    issue = pricing.IssueQuote(
        by=by,
        customer_id=customer_id,
        merchant_id=merchant_id,
        lines=lines,
        dropoff=near,
        address="Corniche 12, floor 3",
    )
    quote = await one(pricing.issue, tx, issue)
    assert isinstance(quote, pricing.Quote), quote
    place = ordering.PlaceOrder(
        by=by, customer_id=customer_id, quote_id=quote.id, paid_by=ordering.PaidBy.CASH
    )
    order = await one(ordering.place, tx, place)
    assert isinstance(order, ordering.Order), order
    return order.id
