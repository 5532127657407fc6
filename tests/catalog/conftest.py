from uuid import UUID

import pytest

from tawsil.catalog import public
from tawsil.catalog.public import (
    ALWAYS,
    Merchant,
    NewCategory,
    NewMerchant,
    NewOption,
    NewOptionGroup,
    NewProduct,
)
from tawsil.geography import public as geography
from tawsil.geography.public import City, Tenant
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.places import Place

TENANT = UUID("01900000-0000-7000-8000-000000000001")
CITY = UUID("01900000-0000-7000-8000-000000000002")

SIZE = NewOptionGroup(
    name_en="Size",
    name_ar="الحجم",
    min_choices=1,
    max_choices=1,
    options=(
        NewOption(name_en="Regular", name_ar="عادي"),
        NewOption(name_en="Large", name_ar="كبير", price_delta_minor=400),
    ),
)
EXTRAS = NewOptionGroup(
    name_en="Extras",
    name_ar="إضافات",
    max_choices=2,
    options=(
        NewOption(name_en="Garlic sauce", name_ar="ثومية", price_delta_minor=150),
        NewOption(name_en="Cheese", name_ar="جبنة", price_delta_minor=200),
        NewOption(name_en="Pickles", name_ar="مخلل", price_delta_minor=100),
    ),
)
SHAWARMA = NewProduct(
    name_en="Chicken shawarma",
    name_ar="شاورما دجاج",
    price_minor=1_200,
    option_groups=(SIZE, EXTRAS),
)
WATER = NewProduct(name_en="Water", name_ar="ماء", price_minor=150)


def grill(**fields: object) -> NewMerchant:
    return NewMerchant(
        **{
            "tenant_id": TENANT,
            "city_id": CITY,
            "name_en": "Layali Grill",
            "name_ar": "مشاوي لَيَالي الأصيلة",
            "cuisine": "grill",
            "address_en": "Corniche 4",
            "address_ar": "الكورنيش 4",
            "place": Place(24.121, 53.101),
            "phone": "+97140000001",
            "currency": "AED",
            "hours": ALWAYS,
            "categories": (
                NewCategory(name_en="Wraps", name_ar="لفائف", products=(SHAWARMA,)),
                NewCategory(name_en="Drinks", name_ar="مشروبات", products=(WATER,)),
            ),
            **fields,
        }
    )


async def seed(tx: Tx, *merchants: NewMerchant) -> list[Merchant]:
    """A tenant with one city, in Dubai's time, and these merchants."""
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
            timezone="Asia/Dubai",
            centre=Place(24.12, 53.1),
        ),
    )
    return await public.create_merchants(tx, merchants=merchants)


@pytest.fixture
async def merchant(tx: Tx) -> Merchant:
    (made,) = await seed(tx, grill())
    return made


@pytest.fixture
async def listed(database: Database) -> list[Merchant]:
    """Committed: a grill around the corner, and a bakery further off that opens at six at night."""
    bakery = grill(
        name_en="Night Bakery",
        name_ar="مخبز الليل",
        cuisine="bakery",
        place=Place(24.14, 53.13),
        hours=((public.Opening(18 * 60, 2 * 60),),) * 7,
        categories=(),
    )
    async with database.transaction() as tx:
        return await seed(tx, grill(), bakery)
