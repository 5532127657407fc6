"""One street of a city: a kitchen, its menu, three customers, two couriers, an operator."""

from uuid import UUID, uuid5

from msgspec import Struct

from tawsil.catalog import public as catalog
from tawsil.couriers import public as couriers
from tawsil.geography import public as geography
from tawsil.identity import public as identity
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.places import Place

TENANT = UUID("01920000-0000-7000-8000-000000000001")
PASSWORD = "open sesame please"
KITCHEN = Place(24.4600, 54.3700)
DOOR = Place(24.4650, 54.3750)


def named(name: str) -> UUID:
    return uuid5(TENANT, name)


CITY, MERCHANT = named("city"), named("merchant")
CUSTOMER, COURIER, SECOND_COURIER = named("customer"), named("courier"), named("courier 2")


class Person(Struct, frozen=True):
    id: UUID
    email: str
    role: identity.Role
    location_id: UUID | None = None


PEOPLE = {
    "customer": Person(CUSTOMER, "layla@example.com", identity.Role.CUSTOMER),
    "merchant": Person(named("cook"), "cook@example.com", identity.Role.MERCHANT, MERCHANT),
    "courier": Person(COURIER, "yusuf@example.com", identity.Role.DELIVERY_PARTNER),
    "second courier": Person(SECOND_COURIER, "omar@example.com", identity.Role.DELIVERY_PARTNER),
    "operator": Person(named("operator"), "ops@example.com", identity.Role.ADMIN),
}


async def settle_in(database: Database) -> None:
    """Put everybody where they live."""
    password_hash = await identity.hash_password(PASSWORD)
    async with database.transaction() as tx:
        by = By(tenant_id=TENANT, correlation_id=tx.ids())
        await geography.create_tenant(
            tx, tenant=geography.Tenant(id=TENANT, slug="street", name="One street")
        )
        await geography.create_city(
            tx,
            city=geography.City(
                id=CITY,
                tenant_id=TENANT,
                slug="street",
                name_en="Street",
                name_ar="الشارع",
                currency="AED",
                timezone="Asia/Dubai",
                centre=KITCHEN,
                rules=geography.CityRules(),
            ),
        )
        await catalog.create_merchants(tx, merchants=[_kitchen()])
        await identity.create_users(
            tx,
            users=[
                identity.NewUser(
                    id=person.id,
                    tenant_id=TENANT,
                    email=person.email,
                    name=name.title(),
                    password_hash=password_hash,
                    roles=(person.role,),
                    location_id=person.location_id,
                )
                for name, person in PEOPLE.items()
            ],
        )
        await couriers.create_couriers(
            tx,
            couriers=[
                couriers.NewCourier(
                    by=by, courier_id=courier_id, city_id=CITY, vehicle=couriers.Vehicle.MOTORBIKE
                )
                for courier_id in (COURIER, SECOND_COURIER)
            ],
        )


def _kitchen() -> catalog.NewMerchant:
    return catalog.NewMerchant(
        id=MERCHANT,
        tenant_id=TENANT,
        city_id=CITY,
        name_en="Shawarma Corner",
        name_ar="ركن الشاورما",
        cuisine="shawarma",
        address_en="1 Palm Street",
        address_ar="١ شارع النخيل",
        place=KITCHEN,
        phone="+971500000001",
        currency="AED",
        hours=catalog.ALWAYS,
        prep_time_s=60,
        categories=(
            catalog.NewCategory(
                name_en="Wraps",
                name_ar="لفائف",
                products=(
                    catalog.NewProduct(
                        name_en="Chicken shawarma",
                        name_ar="شاورما دجاج",
                        price_minor=2_500,
                    ),
                    catalog.NewProduct(
                        name_en="Lemon and mint",
                        name_ar="ليمون بالنعناع",
                        price_minor=1_200,
                    ),
                ),
            ),
        ),
    )
