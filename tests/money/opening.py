"""Opening a house: its city, its kitchen, its customers, and a platform of its own."""

from collections.abc import Sequence
from datetime import datetime
from random import Random

import asyncpg

from money.house import CURRENCY, KITCHEN, House
from tawsil.apps import wiring
from tawsil.catalog import public as catalog
from tawsil.geography import public as geography
from tawsil.identity import public as identity
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import Refusal
from tawsil.kernel.jobs import HeldJobs
from tawsil.payments import public as payments
from tawsil.payments.events import Provider
from tawsil.payments.providers.known import Providers
from tawsil.simulation.psp.in_process import InProcessPsp
from tawsil.simulation.psp.in_process_payouts import InProcessPayee
from tawsil.simulation.psp.model import Acquirer
from tawsil.simulation.psp.payouts import Disburser
from tawsil.simulation.virtual import VirtualPlatform

CUSTOMERS = 3
RULES = geography.CityRules(loyalty=geography.LoyaltyRules(earn_bp=500))


async def open_house(
    pool: "asyncpg.Pool[asyncpg.Record]",
    *,
    number: int,
    at: datetime,
    rules: geography.CityRules = RULES,
    prices: Sequence[int] = (1_233, 667),
) -> House:
    """The `number`th house, of which nothing that happened in the others is seen."""
    clock = VirtualClock(at)
    held = HeldJobs()
    database = Database(pool, now=clock, ids=Ids(clock, Random(number)), jobs=held)
    acquirer = Acquirer(ids=Ids(clock, Random(-number)))
    psp = InProcessPsp(acquirer)
    payee = InProcessPayee(Disburser(ids=Ids(clock, Random(number + 1))))
    await pool.execute("truncate kernel.deadline")
    newest = await pool.fetchval("select coalesce(max(seq), 0) from kernel.event")
    await pool.execute("update kernel.subscription set seq = $1", newest)
    platform = VirtualPlatform(
        database,
        clock=clock,
        held=held,
        registry=wiring.REGISTRY,
        subscriptions=wiring.subscriptions(),
        deadlines=wiring.DEADLINES,
        jobs=wiring.jobs(
            database=database,
            providers=Providers({Provider.DIRECT: psp}),
            payees={Provider.DIRECT: payee},
        ),
        newest=newest,
    )
    psp.join(platform)
    payee.join(platform)
    ids = database.ids
    house = House(
        platform=platform,
        clock=clock,
        acquirer=acquirer,
        tenant_id=ids(),
        city_id=ids(),
        merchant_id=ids(),
        hub_id=ids(),
        products=[],
        customers=[ids() for _ in range(CUSTOMERS)],
        operators=(ids(), ids()),
        orders=[],
        couriers=[],
        promotions=[],
    )
    await _settle_in(house, rules=rules, prices=prices)
    return house


async def _settle_in(house: House, *, rules: geography.CityRules, prices: Sequence[int]) -> None:
    by = house.by()
    slug = f"house-{house.tenant_id}"
    async with house.database.transaction() as tx:
        await geography.create_tenant(
            tx, tenant=geography.Tenant(id=house.tenant_id, slug=slug, name="A house")
        )
        await geography.create_city(
            tx,
            city=geography.City(
                id=house.city_id,
                tenant_id=house.tenant_id,
                slug=slug,
                name_en="House",
                name_ar="بيت",
                currency=CURRENCY,
                timezone="Asia/Dubai",
                centre=KITCHEN,
                rules=rules,
            ),
        )
        await catalog.create_merchants(tx, merchants=[_kitchen(house, prices)])
        menu = await catalog.menu(tx, merchant_id=house.merchant_id)
        house.products += [product.id for product in menu.categories[0].products]
        await identity.create_users(
            tx,
            users=[
                identity.NewUser(
                    id=person,
                    tenant_id=house.tenant_id,
                    email=f"{person}@example.com",
                    name="Somebody",
                    password_hash=None,
                )
                for person in house.customers
            ],
        )
        hub = payments.OpenHub(
            by=by, city_id=house.city_id, name_en="Hub", name_ar="مركز", place=KITCHEN
        )
        (opened,) = await payments.open_hub(tx, [hub])
        assert not isinstance(opened, Refusal), opened
        house.hub_id = opened.id


def _kitchen(house: House, prices: Sequence[int]) -> catalog.NewMerchant:
    products = tuple(
        catalog.NewProduct(name_en=f"Dish {n}", name_ar=f"طبق {n}", price_minor=minor)
        for n, minor in enumerate(prices, start=1)
    )
    return catalog.NewMerchant(
        id=house.merchant_id,
        tenant_id=house.tenant_id,
        city_id=house.city_id,
        name_en="Kitchen",
        name_ar="مطبخ",
        cuisine="wraps",
        address_en="1 Palm Street",
        address_ar="١ شارع النخيل",
        place=KITCHEN,
        phone="+971500000001",
        currency=CURRENCY,
        hours=catalog.ALWAYS,
        prep_time_s=60,
        categories=(catalog.NewCategory(name_en="Food", name_ar="طعام", products=products),),
    )
