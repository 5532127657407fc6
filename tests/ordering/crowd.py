"""A country of cities with orders from everywhere, and managers of every level of it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.geography import public as geography
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By, Refusal
from tawsil.kernel.places import Place
from tawsil.ordering import store
from tawsil.ordering.amounts import Amounts
from tawsil.ordering.events import Status
from tawsil.ordering.model import Order, PaidBy

TENANT = UUID("01900000-0000-7000-8000-000000000001")
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
KITCHEN, DOOR = Place(24.12, 53.1), Place(24.13, 53.1)


class Crowd(Struct, kw_only=True):
    areas: dict[UUID, geography.Area]
    cities: dict[UUID, UUID | None]
    orders: list[Order]

    def cities_below(self, area_id: UUID) -> set[UUID]:
        return {
            city_id
            for city_id, municipality_id in self.cities.items()
            if municipality_id is not None and area_id in self.above(municipality_id)
        }

    def above(self, area_id: UUID) -> list[UUID]:
        lineage: list[UUID] = []
        at: UUID | None = area_id
        while at is not None:
            lineage.append(at)
            at = self.areas[at].parent_id
        return lineage


async def gather(tx: Tx, *, seed: int, orders: int = 60) -> Crowd:
    """A random tree, eight cities somewhere in it, and orders of three merchants in each."""
    dice = Random(seed)
    tenant = geography.Tenant(id=TENANT, slug="wasla", name="Wasla")
    await geography.create_tenant(tx, tenant=tenant)
    areas = await _grow(tx, dice)
    municipalities = [a.id for a in areas.values() if a.level is geography.Level.MUNICIPALITY]
    cities: dict[UUID, UUID | None] = {
        UUID(int=dice.getrandbits(128)): dice.choice([*municipalities, None]) for _ in range(8)
    }
    for city_id, municipality_id in cities.items():
        await geography.create_city(tx, city=_city(city_id, municipality_id))
    placed = [_order(dice, n, dice.choice(list(cities))) for n in range(orders)]
    await add(tx, placed)
    return Crowd(areas=areas, cities=cities, orders=placed)


async def add(tx: Tx, orders: Sequence[Order]) -> None:
    await store.add(
        tx, [(o, [], store.Destination(address=f"الكورنيش {o.number}")) for o in orders]
    )


async def _grow(tx: Tx, dice: Random) -> dict[UUID, geography.Area]:
    areas: dict[UUID, geography.Area] = {}
    by = By(tenant_id=TENANT, correlation_id=tx.ids())
    for n in range(24):
        open_ = [a for a in areas.values() if a.level is not geography.Level.MUNICIPALITY]
        parent = dice.choice(open_) if open_ else None
        (grown,) = await geography.create_area(
            tx,
            [
                geography.CreateArea(
                    by=by,
                    parent_id=parent.id if parent else None,
                    slug=f"area-{n}",
                    name_en=f"Area {n}",
                    name_ar=f"منطقة {n}",
                )
            ],
        )
        assert not isinstance(grown, Refusal)
        areas[grown.id] = grown
    return areas


def _city(id_: UUID, municipality_id: UUID | None) -> geography.City:
    return geography.City(
        id=id_,
        tenant_id=TENANT,
        slug=f"city-{id_.hex}",
        name_en="Marsa",
        name_ar="المرسى",
        currency="AED",
        timezone="UTC",
        centre=KITCHEN,
        municipality_id=municipality_id,
    )


_PEOPLE = [UUID(int=900 + n) for n in range(9)]
MERCHANTS, COURIERS, CUSTOMERS = _PEOPLE[:3], _PEOPLE[3:6], _PEOPLE[6:]


def _order(dice: Random, n: int, city_id: UUID) -> Order:
    status = dice.choice([Status.PENDING, Status.ACCEPTED, Status.DELIVERED, Status.CANCELLED])
    placed_at = NOON + timedelta(minutes=dice.randrange(30))
    total = dice.randrange(1, 6) * 1_000
    zero = Amounts(
        currency="AED",
        subtotal_minor=total,
        delivery_fee_minor=0,
        service_fee_minor=0,
        small_order_fee_minor=0,
        discount_minor=0,
        tax_minor=0,
        tip_minor=0,
        total_minor=total,
        merchant_minor=total,
        courier_minor=0,
        platform_minor=0,
    )
    order = Order(
        id=UUID(int=dice.getrandbits(128)),
        version=1,
        tenant_id=TENANT,
        city_id=city_id,
        number=20_000 + n,
        quote_id=UUID(int=dice.getrandbits(128)),
        customer_id=dice.choice(CUSTOMERS),
        merchant_id=dice.choice(MERCHANTS),
        status=status,
        paid_by=dice.choice(list(PaidBy)),
        amounts=zero,
        pickup=KITCHEN,
        dropoff=DOOR,
        prep_time_s=600,
        travel_time_s=600,
        handover_pin="4711",
        placed_at=placed_at,
    )
    if status is Status.PENDING and dice.random() < 0.5:
        return order
    passed = dict.fromkeys(("offered_at", "accepted_at", "ready_at", "promised_at"), placed_at)
    return replace(order, courier_id=dice.choice(COURIERS), **passed)
