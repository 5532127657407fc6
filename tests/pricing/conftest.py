from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from msgspec import Struct

from tawsil.catalog import public as catalog
from tawsil.catalog.public import (
    Line,
    Merchant,
    NewCategory,
    NewMerchant,
    NewOption,
    NewOptionGroup,
    NewProduct,
    Opening,
    Product,
)
from tawsil.geography import public as geography
from tawsil.geography.public import City, CityRules, Tenant
from tawsil.kernel.clock import Ids
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import By
from tawsil.kernel.places import Place
from tawsil.pricing.public import IssueQuote

TENANT = UUID("01900000-0000-7000-8000-000000000001")
CITY = UUID("01900000-0000-7000-8000-000000000002")
RULES = CityRules(
    commission_bp=2_000,
    service_fee_bp=400,
    small_order_minor=3_000,
    small_order_fee_minor=300,
    delivery_base_minor=500,
    delivery_per_km_minor=150,
    delivery_included_m=1_500,
    most_delivery_distance_m=5_000,
    courier_share_bp=8_000,
    detour_factor=1.5,
)


class Town(Struct, frozen=True):
    """One grill, open from noon to midnight UTC, that sells one pizza."""

    grill: Merchant
    pizza: Product


async def found_town(tx: Tx) -> Town:
    await geography.create_tenant(tx, tenant=Tenant(id=TENANT, slug="wasla", name="Wasla"))
    await geography.create_city(
        tx,
        city=City(
            id=CITY,
            tenant_id=TENANT,
            slug="marsa",
            name_en="Marsa",
            name_ar="المرسى",
            currency="AED",
            timezone="UTC",
            centre=Place(24.12, 53.1),
            rules=RULES,
        ),
    )
    size = NewOptionGroup(
        name_en="Size",
        name_ar="الحجم",
        max_choices=1,
        options=(NewOption(name_en="Large", name_ar="كبيرة", price_delta_minor=500),),
    )
    pizza = NewProduct(name_en="Pizza", name_ar="بيتزا", price_minor=2_500, option_groups=(size,))
    (grill,) = await catalog.create_merchants(
        tx,
        merchants=[
            NewMerchant(
                tenant_id=TENANT,
                city_id=CITY,
                name_en="Layali Grill",
                name_ar="مشاوي ليالي",
                cuisine="grill",
                address_en="Corniche 4",
                address_ar="الكورنيش 4",
                place=Place(24.12, 53.1),
                phone="+97140000001",
                currency="AED",
                commission_bp=1_500,
                hours=((Opening(12 * 60, 24 * 60),),) * 7,
                categories=(NewCategory(name_en="Food", name_ar="طعام", products=(pizza,)),),
            )
        ],
    )
    menu = await catalog.menu(tx, merchant_id=grill.id)
    return Town(grill=grill, pizza=menu.categories[0].products[0])


@pytest.fixture
async def town(tx: Tx) -> Town:
    return await found_town(tx)


@pytest.fixture
async def standing_town(database: Database) -> Town:
    """The same, committed."""
    async with database.transaction() as tx:
        return await found_town(tx)


@pytest.fixture
def customer_id(ids: Ids) -> UUID:
    return ids()


@pytest.fixture
def ask(by: By, customer_id: UUID) -> Callable[..., IssueQuote]:
    """A command for two large pizzas, to somewhere about a kilometre away."""

    def make(town: Any, **fields: Any) -> IssueQuote:
        large = town.pizza.option_groups[0].options[0].id
        return IssueQuote(
            **{
                "by": by,
                "customer_id": customer_id,
                "merchant_id": town.grill.id,
                "lines": (Line(product_id=town.pizza.id, quantity=2, option_ids=(large,)),),
                "dropoff": Place(24.13, 53.1),
                "address": "Corniche 12",
                "instructions": "Ring twice",
                **fields,
            }
        )

    return make
