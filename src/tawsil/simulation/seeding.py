"""Put a virtual city into the platform: its map, its merchants with their menus, its people.

Ids follow from the city's seed and a resident's key, so that seeding again finds everybody there,
and whoever lives in the city knows who they are without asking.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Struct
from msgspec.structs import replace

from tawsil.catalog import public as catalog
from tawsil.couriers import public as couriers
from tawsil.geography import public as geography
from tawsil.geography.public import TaxClass
from tawsil.identity import public as identity
from tawsil.identity.public import NewUser, Role
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import By, Refusal
from tawsil.payments import public as payments
from tawsil.pricing import public as pricing
from tawsil.simulation import hierarchy
from tawsil.simulation.city import City, demo_accounts
from tawsil.simulation.city.cuisine import OptionGroup, Product, Trade
from tawsil.simulation.city.residents import Courier, Customer, Merchant, Span
from tawsil.simulation.payday import open_payouts
from tawsil.simulation.promising import open_promotions
from tawsil.simulation.terms import PLANS, RULES, TAX_CLASSES

TENANT: Final = UUID("01920000-0000-7000-8000-000000000001")
PASSWORD: Final = "tawsil-demo"  # noqa: S105 - everybody of the invented city has it, and it is printed
_DAY_MIN: Final = 24 * 60
_SUPER_ADMIN_EMAIL: Final = "admin@example.com"
_USERS_AT_ONCE: Final = 200


class Ids(Struct, frozen=True):
    """Who is who in the platform; people and merchants in the order of the city's lists."""

    tenant: UUID
    city: UUID
    merchants: tuple[UUID, ...]
    staff: tuple[UUID, ...]
    customers: tuple[UUID, ...]
    couriers: tuple[UUID, ...]
    operator: UUID
    super_admin: UUID


def ids_of(city: City) -> Ids:
    """The ids that everything of a city has, seeded or not."""

    def id_of(kind: str, key: str = "") -> UUID:
        return uuid5(NAMESPACE_URL, f"tawsil:city/{city.seed}/{kind}/{key}")

    return Ids(
        tenant=TENANT,
        city=id_of("city"),
        merchants=tuple(id_of("merchant", m.key) for m in city.merchants),
        staff=tuple(id_of("staff", m.key) for m in city.merchants),
        customers=tuple(id_of("customer", c.key) for c in city.customers),
        couriers=tuple(id_of("courier", c.key) for c in city.couriers),
        operator=id_of("operator"),
        super_admin=id_of("super_admin"),
    )


def slug_of(city: City) -> str:
    """The city's name in an address; seeds other than the usual one are told apart."""
    name = "-".join(city.name.en.lower().split())
    return name if city.seed == 7 else f"{name}-{city.seed}"


def round_the_clock(city: City) -> City:
    """The same city where nobody closes and nobody goes home: for demonstrations at any hour."""
    always = tuple(Span(weekday, 0, _DAY_MIN) for weekday in range(7))
    return replace(
        city,
        merchants=tuple(replace(merchant, hours=always) for merchant in city.merchants),
        couriers=tuple(replace(courier, shifts=always) for courier in city.couriers),
    )


async def seed(
    database: Database, city: City, *, password_hash: str, maps: Path | None = None
) -> Ids:
    """Add whatever of the city is not there yet, and draw its map to `maps/<slug>.geojson`.

    Everybody signs in with the password whose hash is given. What is there already stays as it is.
    """
    ids = ids_of(city)
    async with database.transaction() as tx:
        placed = await _lay_out(tx, city, ids)
        await hierarchy.place(tx, placed)
        await _open_merchants(tx, city, ids)
        await _open_hub(tx, city, ids)
    people = _people(city, ids, password_hash=password_hash)
    people += hierarchy.managers(placed, password_hash=password_hash)
    for start in range(0, len(people), _USERS_AT_ONCE):
        async with database.transaction() as tx:
            await _move_in(tx, people[start : start + _USERS_AT_ONCE])
    async with database.transaction() as tx:
        await _enrol(tx, city, ids)
        await open_payouts(
            tx,
            tenant_id=ids.tenant,
            city_id=ids.city,
            merchants=ids.merchants,
            couriers=ids.couriers,
        )
        await open_promotions(tx, tenant_id=ids.tenant, city_id=ids.city, currency=city.currency)
    if maps is not None:
        draw_map(city, maps)
    return ids


def draw_map(city: City, maps: Path) -> Path:
    """Write what lies under the operations map; the file's path."""
    maps.mkdir(parents=True, exist_ok=True)
    path = maps / f"{slug_of(city)}.geojson"
    path.write_text(json.dumps(city.geojson(), ensure_ascii=False, separators=(",", ":")))
    return path


async def _open_hub(tx: Tx, city: City, ids: Ids) -> None:
    """Where couriers hand in their cash, in the middle of the city."""
    if await payments.cash_hubs(tx, tenant_id=ids.tenant, city_id=ids.city):
        return
    (hub,) = await payments.open_hub(
        tx,
        [
            payments.OpenHub(
                by=By(tenant_id=ids.tenant, correlation_id=ids.city),
                city_id=ids.city,
                name_en="Cash desk",
                name_ar="صندوق النقد",
                place=city.centre,
            )
        ],
    )
    assert not isinstance(hub, Refusal), "a city of ours may have a hub"


async def _lay_out(tx: Tx, city: City, ids: Ids) -> geography.City:
    slug = "tawsil"
    if await geography.tenant(tx, slug=slug) is None:
        await geography.create_tenant(
            tx, tenant=geography.Tenant(id=ids.tenant, slug=slug, name="Tawsil")
        )
    there = await geography.city(tx, city_id=ids.city)
    if there is not None:
        return there
    laid_out = await geography.create_city(
        tx,
        city=geography.City(
            id=ids.city,
            tenant_id=ids.tenant,
            slug=slug_of(city),
            name_en=city.name.en,
            name_ar=city.name.ar,
            currency=city.currency,
            timezone=city.time_zone,
            centre=city.centre,
            rules=RULES,
        ),
    )
    await geography.create_zones(
        tx,
        zones=[
            geography.Zone(
                id=uuid5(ids.city, district.key),
                tenant_id=ids.tenant,
                city_id=ids.city,
                slug=district.key,
                name_en=district.name.en,
                name_ar=district.name.ar,
                ring=district.ring,
            )
            for district in city.districts
        ],
    )
    return laid_out


async def _open_merchants(tx: Tx, city: City, ids: Ids) -> None:
    there = await catalog.merchants(tx, tenant_id=ids.tenant, ids=ids.merchants)
    new = [
        (merchant, id_)
        for merchant, id_ in zip(city.merchants, ids.merchants, strict=True)
        if id_ not in there
    ]
    await catalog.create_merchants(
        tx, merchants=[_merchant(merchant, id_, city=city, ids=ids) for merchant, id_ in new]
    )
    by = By(tenant_id=ids.tenant, correlation_id=tx.ids())
    await pricing.plan_commission(
        tx,
        [
            pricing.PlanCommission(
                by=by, merchant_id=id_, plan=PLANS[merchant.trade], reason="as its trade agreed"
            )
            for merchant, id_ in new
            if merchant.trade in PLANS
        ],
    )


def _merchant(merchant: Merchant, id_: UUID, *, city: City, ids: Ids) -> catalog.NewMerchant:
    return catalog.NewMerchant(
        id=id_,
        tenant_id=ids.tenant,
        city_id=ids.city,
        name_en=merchant.name.en,
        name_ar=merchant.name.ar,
        description_en=merchant.about.en,
        description_ar=merchant.about.ar,
        cuisine=merchant.cuisine,
        address_en=merchant.address.line.en,
        address_ar=merchant.address.line.ar,
        place=merchant.address.place,
        phone=merchant.phone,
        currency=city.currency,
        hours=_hours(merchant),
        prep_time_s=merchant.prep_mean_s,
        categories=tuple(
            catalog.NewCategory(
                name_en=category.name.en,
                name_ar=category.name.ar,
                products=tuple(
                    _product(product, trade=merchant.trade) for product in category.products
                ),
            )
            for category in merchant.menu.categories
        ),
    )


def _hours(merchant: Merchant) -> catalog.Hours:
    return tuple(
        tuple(
            catalog.Opening(
                span.start_min,
                span.end_min if span.end_min <= _DAY_MIN else span.end_min - _DAY_MIN,
            )
            for span in merchant.hours
            if span.weekday == weekday
        )
        for weekday in range(7)
    )


def _product(product: Product, *, trade: Trade) -> catalog.NewProduct:
    return catalog.NewProduct(
        name_en=product.name.en,
        name_ar=product.name.ar,
        description_en=product.about.en,
        description_ar=product.about.ar,
        price_minor=product.price_minor,
        tax_class=TAX_CLASSES.get(trade, TaxClass.STANDARD),
        option_groups=tuple(_group(group) for group in product.options),
    )


def _group(group: OptionGroup) -> catalog.NewOptionGroup:
    return catalog.NewOptionGroup(
        name_en=group.name.en,
        name_ar=group.name.ar,
        min_choices=group.least,
        max_choices=group.most,
        options=tuple(
            catalog.NewOption(
                name_en=choice.name.en,
                name_ar=choice.name.ar,
                price_delta_minor=choice.extra_minor,
            )
            for choice in group.choices
        ),
    )


def _people(city: City, ids: Ids, *, password_hash: str) -> list[NewUser]:
    operator = demo_accounts(city).operator

    def user(id_: UUID, who: Customer | Courier, role: Role) -> NewUser:
        return NewUser(
            id=id_,
            tenant_id=ids.tenant,
            email=who.email,
            name=who.name.en,
            phone=who.phone,
            locale=who.language,
            password_hash=password_hash,
            roles=(role,),
            city_id=ids.city,
        )

    customers = zip(ids.customers, city.customers, strict=True)
    riders = zip(ids.couriers, city.couriers, strict=True)
    return [
        NewUser(
            id=ids.super_admin,
            tenant_id=ids.tenant,
            email=_SUPER_ADMIN_EMAIL,
            name="Administrator",
            password_hash=password_hash,
            roles=(Role.SUPER_ADMIN,),
        ),
        NewUser(
            id=ids.operator,
            tenant_id=ids.tenant,
            email=operator.email,
            name=operator.name.en,
            phone=operator.phone,
            locale=operator.language,
            password_hash=password_hash,
            roles=(Role.ADMIN,),
        ),
        *(
            NewUser(
                id=id_,
                tenant_id=ids.tenant,
                email=merchant.email,
                name=merchant.name.en,
                phone=merchant.phone,
                password_hash=password_hash,
                roles=(Role.MERCHANT,),
                location_id=merchant_id,
                city_id=ids.city,
            )
            for id_, merchant_id, merchant in zip(
                ids.staff, ids.merchants, city.merchants, strict=True
            )
        ),
        *(user(id_, courier, Role.DELIVERY_PARTNER) for id_, courier in riders),
        *(user(id_, customer, Role.CUSTOMER) for id_, customer in customers),
    ]


async def _move_in(tx: Tx, people: Sequence[NewUser]) -> None:
    tenant_id = people[0].tenant_id
    there = await identity.get_many(tx, tenant_id=tenant_id, ids=[p.id for p in people])
    new = [person for person in people if person.id not in there]
    if new:
        await identity.create_users(tx, users=new)


async def _enrol(tx: Tx, city: City, ids: Ids) -> None:
    by = By(tenant_id=ids.tenant, correlation_id=tx.ids())
    await couriers.create_couriers(
        tx,
        couriers=[
            couriers.NewCourier(
                by=by,
                courier_id=id_,
                city_id=ids.city,
                vehicle=couriers.Vehicle(courier.vehicle.value),
                rating=round(5.0 - courier.index % 10 * 0.1, 1),
            )
            for id_, courier in zip(ids.couriers, city.couriers, strict=True)
        ],
    )
