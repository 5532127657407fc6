"""A city whose merchant and courier are paid out, and a worker that does what is enqueued."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from msgspec import Struct

from conftest import CITY, TENANT
from tawsil.apps import wiring
from tawsil.catalog import public as catalog
from tawsil.couriers import public as couriers
from tawsil.geography import public as geography
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.jobs import HeldJobs
from tawsil.kernel.places import Place
from tawsil.kernel.reach import Reach
from tawsil.payments import public as payments
from tawsil.payments.jobs.payouts import NotCheckedError
from tawsil.payments.providers.known import Providers
from tawsil.payments.public import (
    AccountKind,
    AccountRef,
    Payout,
    Plan,
    Posting,
    Provider,
    Transfer,
    TransferKind,
)
from tawsil.simulation.psp.in_process import InProcessPsp
from tawsil.simulation.psp.in_process_payouts import InProcessPayee
from tawsil.simulation.psp.model import Acquirer
from tawsil.simulation.psp.payouts import Disburser
from tawsil.simulation.virtual import VirtualPlatform

MERCHANT = UUID("01900000-0000-7000-8000-00000000000a")
COURIER = UUID("01900000-0000-7000-8000-00000000000b")
OPERATOR = UUID("01900000-0000-7000-8000-00000000000c")
SECOND = UUID("01900000-0000-7000-8000-00000000000d")
GRILL = AccountRef(AccountKind.MERCHANT, MERCHANT)
RIDER = AccountRef(AccountKind.COURIER, COURIER)
CASH = AccountRef(AccountKind.COURIER_CASH, COURIER)
BANK = AccountRef(AccountKind.BANK)
PAYOUT = AccountRef(AccountKind.PAYOUT)
PLATFORM = AccountRef(AccountKind.PLATFORM)
PLACE = Place(24.12, 53.1)
EASY = Plan(hold_days=0, minimum_minor=100)


class Counter(Struct):
    """The town, its clock, its jobs, and who pays out."""

    clock: VirtualClock
    database: Database
    platform: VirtualPlatform
    disburser: Disburser

    @property
    def by(self) -> By:
        return By(tenant_id=TENANT, correlation_id=self.database.ids(), actor_id=OPERATOR)

    async def do(self, handle: Callable[..., Awaitable[list[Any]]], command: Any) -> Any:
        (outcome,) = await self.platform.do(handle, command)
        return outcome

    async def earn(self, owner: AccountRef, minor: int, *, reference: UUID | None = None) -> UUID:
        """An amount that somebody has earned, or, below zero, gives back."""
        reference = reference or self.database.ids()
        await self.do(
            payments.transfer,
            Transfer(
                by=self.by,
                id=self.database.ids(),
                kind=TransferKind.ADJUSTMENT,
                reference_id=reference,
                currency="AED",
                postings=(Posting(owner, minor), Posting(PLATFORM, -minor)),
            ),
        )
        return reference

    async def bank_with(self, owner: AccountRef, bank: str = "bank_ok") -> Any:
        """A destination, verified as far as its provider says so."""
        account = await self.do(
            payments.set_destination,
            payments.SetDestination(
                by=self.by, owner=owner, provider=Provider.DIRECT, token=bank, label="Bank ••42"
            ),
        )
        await self.work()
        return account

    async def plan(self, kind: AccountKind, plan: Plan) -> None:
        await self.do(
            payments.put_plan,
            payments.PutPlan(by=self.by, city_id=CITY, owner_kind=kind, plan=plan),
        )

    async def withdraw(self, owner: AccountRef, minor: int | None = None) -> Any:
        return await self.do(
            payments.withdraw, payments.Withdraw(by=self.by, owner=owner, amount_minor=minor)
        )

    async def run(self, kind: AccountKind = AccountKind.MERCHANT) -> Any:
        run = payments.StartRun(by=self.by, city_id=CITY, owner_kind=kind)
        return await self.do(payments.start_run, run)

    async def balance(self, account: AccountRef) -> int:
        async with self.database.transaction() as tx:
            found = await payments.balances(tx, tenant_id=TENANT, accounts=[account])
        return found[0].posted_minor if found else 0

    async def payouts(self) -> list[Payout]:
        """All there are, oldest first."""
        which = payments.PayoutFilter()
        take = payments.PAYOUT_SORTS.take(which, sort="created_at", limit=1_000)
        async with self.database.transaction() as tx:
            found = await payments.search_payouts(
                tx,
                reach=Reach(tenant_id=TENANT, everything=True),
                which=which,
                take=take,
            )
        return list(found.items)

    async def work(self) -> None:
        """Let everything that follows happen."""
        await self.platform.settle()

    async def until(self, at: datetime) -> None:
        """Let time pass; whether a bank can be paid is asked so often, and then no more."""
        while self.clock() < at:
            with suppress(NotCheckedError):
                await self.platform.run_until(at)

    async def after(self, **lapse: float) -> None:
        await self.until(self.clock() + timedelta(**lapse))


def open_counter(database: Database, clock: VirtualClock, jobs: HeldJobs) -> Counter:
    """On the whole platform; money goes to the sandbox's bank."""
    disburser = Disburser(ids=Ids(clock, Random(5)))
    banker = InProcessPayee(disburser)
    psp = InProcessPsp(Acquirer(ids=Ids(clock, Random(6))))
    platform = VirtualPlatform(
        database,
        clock=clock,
        held=jobs,
        registry=wiring.REGISTRY,
        subscriptions=wiring.subscriptions(),
        deadlines=wiring.DEADLINES,
        jobs=wiring.jobs(
            database=database,
            providers=Providers({Provider.DIRECT: psp}),
            payees={Provider.DIRECT: banker},
        ),
    )
    psp.join(platform)
    banker.join(platform)
    return Counter(clock=clock, database=database, platform=platform, disburser=disburser)


async def found(database: Database, *, timezone: str = "UTC") -> None:
    """The city, with one merchant and one courier in it."""
    by = By(tenant_id=TENANT, correlation_id=database.ids())
    async with database.transaction() as tx:
        await geography.create_tenant(
            tx, tenant=geography.Tenant(id=TENANT, slug="tawsil", name="Tawsil")
        )
        await geography.create_city(
            tx,
            city=geography.City(
                id=CITY,
                tenant_id=TENANT,
                slug="city",
                name_en="City",
                name_ar="مدينة",
                currency="AED",
                timezone=timezone,
                centre=PLACE,
            ),
        )
        await catalog.create_merchants(
            tx,
            merchants=[
                catalog.NewMerchant(
                    id=MERCHANT,
                    tenant_id=TENANT,
                    city_id=CITY,
                    name_en="Grill",
                    name_ar="مشاوي",
                    cuisine="grill",
                    address_en="Corniche 4",
                    address_ar="الكورنيش 4",
                    place=PLACE,
                    phone="+97140000001",
                    currency="AED",
                    hours=catalog.ALWAYS,
                    categories=(),
                )
            ],
        )
        await couriers.create_couriers(
            tx,
            couriers=[
                couriers.NewCourier(
                    by=by, courier_id=COURIER, city_id=CITY, vehicle=couriers.Vehicle.BICYCLE
                )
            ],
        )
