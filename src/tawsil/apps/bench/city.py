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


class Customer(Struct, frozen=True):
    email: str
    token: str
    order_ids: tuple[UUID, ...]


class Settled(Struct, frozen=True):
    """Everybody has ordered at the one merchant, and signs in with the password of the demo."""

    merchant_id: UUID
    customers: tuple[Customer, ...]


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
            orders = [
                await _orders(tx, id_, merchant_id=ids.merchants[0], near=city.centre)
                for id_ in ids.customers
            ]
    people = zip(city.customers, tokens, orders, strict=True)
    return Settled(
        merchant_id=ids.merchants[0],
        customers=tuple(Customer(who.email, token, ordered) for who, token, ordered in people),
    )


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


async def _orders(tx: Tx, customer_id: UUID, *, merchant_id: UUID, near: Place) -> tuple[UUID, ...]:
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
    placed: list[UUID] = []
    for _ in range(ORDERS_EACH):
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
        placed.append(order.id)
    return tuple(placed)
