"""The people and places of a published day, as the platform knows them."""

from typing import Final
from uuid import UUID

from tawsil.catalog import public as catalog
from tawsil.couriers import public as couriers
from tawsil.dispatch import public as dispatch
from tawsil.geography import public as geography
from tawsil.kernel.clock import Ids
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import By
from tawsil.simulation.mdrp import Instance

_SLUG: Final = "mdrp"
_DISH_MINOR: Final = 2_000
_A_DAY_S: Final = 86_400
_UNWATCHED: Final = dispatch.Rules(
    silent_after_s=_A_DAY_S, stalled_after_s=_A_DAY_S, late_after_s=_A_DAY_S
)
"""Couriers of a published day are where they must be, and say so only when they arrive."""


class Town:
    """Who is who in the platform."""

    def __init__(self, instance: Instance, *, ids: Ids) -> None:
        self.instance = instance
        self.tenant_id, self.city_id = ids(), ids()
        self.merchants = {name: ids() for name in instance.restaurants}
        self.restaurants = {id_: name for name, id_ in self.merchants.items()}
        self.couriers = {ids(): shift for shift in instance.shifts if shift.on_at < shift.off_at}
        self.dishes: dict[str, UUID] = {}

    @classmethod
    async def settle(cls, database: Database, instance: Instance) -> "Town":
        town = cls(instance, ids=database.ids)
        async with database.transaction() as tx:
            await town._settle(tx)
        return town

    def by(self, tx: Tx, *, role: str = "system", actor_id: UUID | None = None) -> By:
        return By(tenant_id=self.tenant_id, correlation_id=tx.ids(), role=role, actor_id=actor_id)

    async def _settle(self, tx: Tx) -> None:
        name = self.instance.name
        await geography.create_tenant(
            tx, tenant=geography.Tenant(id=self.tenant_id, slug=_SLUG, name=name)
        )
        await geography.create_city(tx, city=self._city())
        await catalog.create_merchants(tx, merchants=[self._merchant(r) for r in self.merchants])
        for restaurant, id_ in self.merchants.items():
            menu = await catalog.menu(tx, merchant_id=id_)
            self.dishes[restaurant] = menu.categories[0].products[0].id
        await dispatch.set_rules(
            tx,
            [
                dispatch.SetRules(
                    by=self.by(tx), city_id=self.city_id, rules=_UNWATCHED, reason=name
                )
            ],
        )
        await couriers.create_couriers(
            tx,
            couriers=[
                couriers.NewCourier(
                    by=self.by(tx),
                    courier_id=id_,
                    city_id=self.city_id,
                    vehicle=couriers.Vehicle.CAR,
                )
                for id_ in self.couriers
            ],
        )

    def _city(self) -> geography.City:
        """A courier earns what the instance pays per order."""
        name = self.instance.name
        return geography.City(
            id=self.city_id,
            tenant_id=self.tenant_id,
            slug=_SLUG,
            name_en=name,
            name_ar=name,
            currency="USD",
            timezone="UTC",
            centre=next(iter(self.instance.restaurants.values())).place,
            rules=geography.CityRules(
                delivery_base_minor=round(100 * self.instance.pay_per_order),
                delivery_per_km_minor=0,
                courier_share_bp=10_000,
                small_order_fee_minor=0,
                most_delivery_distance_m=1_000_000,
                detour_factor=1.0,
                cash=geography.CashRules(most_minor=None, limit_minor=None),
                courier_pay=geography.CourierPay(wait_per_minute_minor=0),
            ),
        )

    def _merchant(self, restaurant: str) -> catalog.NewMerchant:
        dish = catalog.NewProduct(name_en="Meal", name_ar="وجبة", price_minor=_DISH_MINOR)
        return catalog.NewMerchant(
            id=self.merchants[restaurant],
            tenant_id=self.tenant_id,
            city_id=self.city_id,
            name_en=restaurant,
            name_ar=restaurant,
            cuisine="any",
            address_en=restaurant,
            address_ar=restaurant,
            place=self.instance.restaurants[restaurant].place,
            phone="",
            currency="USD",
            hours=catalog.ALWAYS,
            categories=(catalog.NewCategory(name_en="Menu", name_ar="قائمة", products=(dish,)),),
        )
