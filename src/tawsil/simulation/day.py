"""A day in the city under virtual time: the whole platform, its people, and what came of it.

The same seed gives the same day, event for event, on every machine.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

from tawsil.dispatch import public as dispatch
from tawsil.geography import public as geography
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.deadlines import Owner
from tawsil.kernel.events import Registry, Subscription
from tawsil.kernel.jobs import HeldJobs, JobHandlers
from tawsil.ordering import public as ordering
from tawsil.payments import public as payments
from tawsil.simulation import seeding
from tawsil.simulation.actors.cast import PING_S, Cast
from tawsil.simulation.actors.stage import Stage
from tawsil.simulation.city import City, CitySize, build_city
from tawsil.simulation.city.dice import random_for
from tawsil.simulation.habits import DEFAULT_HABITS, Habits
from tawsil.simulation.psp.in_process import InProcessPsp
from tawsil.simulation.psp.in_process_payouts import InProcessPayee
from tawsil.simulation.psp.model import Acquirer
from tawsil.simulation.psp.payouts import Disburser
from tawsil.simulation.tally import Tally
from tawsil.simulation.virtual import VirtualPlatform, story_hash, throwaway_pool

EVENING: Final = datetime(2026, 11, 19, 14, 0, tzinfo=UTC)
"""Six on a Thursday evening in the city."""
_TICK_S: Final = 5.0
_STEP: Final = timedelta(minutes=5)
_DRAIN: Final = timedelta(hours=3)
_ANALYSE_EVERY: Final = timedelta(minutes=20)
"""Tables that were empty a moment ago outgrow the plans that were made for them."""
_NO_PASSWORD: Final = "$argon2id$none"  # noqa: S105 - no hash, so that nobody signs in


class Parts(Struct, frozen=True):
    """The platform's own table of who does what, as its processes have it."""

    registry: Registry
    subscriptions: Sequence[Subscription]
    deadlines: Mapping[str, Owner]
    jobs: Callable[[Database, payments.Psp, payments.Payee], JobHandlers]


class Setting(Struct, frozen=True, kw_only=True):
    """What kind of day. `rate_per_hour` is the mean over 24 hours; dinner is busier."""

    seed: int = 7
    hours: float = 4.0
    start_at: datetime = EVENING
    size: CitySize = CitySize()
    rate_per_hour: float = 24.0
    habits: Habits = DEFAULT_HABITS


class Result(Struct, frozen=True, kw_only=True):
    """What came of a day.

    `success_pct` is of the orders that were neither called off by their customer or merchant, nor
    declined by the card's bank, nor brought back and charged because their customer was not there;
    whatever else ended without a delivery counts as a failure, a merchant who never answers and a
    courier who breaks something among it. `time_to_assign_p95_s` is
    from when a courier became needed until one had said yes: from the last instant at which that
    courier could set off and be there when the goods are ready, or from the request if that came
    later; couriers told ahead of time took none. `unassigned_pct` is of the deliveries asked for:
    those that nobody had taken two minutes after the goods were ready, or that were given up.
    `reassigned_ok_pct` is of the deliveries that lost their courier while still wanted: those that
    found another. `ledger_sum` adds up what each currency is off by, and is 0.
    """

    seed: int
    hash: str
    orders: int
    delivered: int
    success_pct: float
    time_to_assign_p95_s: float
    acceptance_pct: float
    unassigned_pct: float
    reassigned_ok_pct: float
    without_deadline_max: int
    ledger_sum: int


async def simulate(
    url: str,
    *,
    parts: Parts,
    setting: Setting,
    progress: Callable[[float], None] | None = None,
) -> Result:
    """Live through a day on an empty, migrated database; `progress` hears shares of one.

    Raises:
        AssertionError: an invariant of the platform broke.
    """
    pool = await throwaway_pool(url)
    try:
        clock = VirtualClock(setting.start_at)
        held = HeldJobs()
        ids = Ids(clock, random_for(setting.seed, "ids"))
        database = Database(pool, now=clock, ids=ids, jobs=held)
        psp = InProcessPsp(Acquirer(ids=Ids(clock, random_for(setting.seed, "acquirer"))))
        payee = InProcessPayee(Disburser(ids=Ids(clock, random_for(setting.seed, "bank"))))
        platform = VirtualPlatform(
            database,
            clock=clock,
            held=held,
            registry=parts.registry,
            subscriptions=parts.subscriptions,
            deadlines=parts.deadlines,
            jobs=parts.jobs(database, psp, payee),
        )
        psp.join(platform)
        payee.join(platform)
        city = build_city(setting.seed, size=setting.size)
        people = await seeding.seed(database, city, password_hash=_NO_PASSWORD)
        async with aclosing(Stage(platform, now=clock)) as stage:
            day = _Day(platform, stage, city=city, people=people, setting=setting)
            await day.live(progress or _nobody)
            return await day.result()
    finally:
        await pool.close()


class _Day:
    """Opens the city, lets time pass, and looks after every tick whether all is well."""

    def __init__(
        self,
        platform: VirtualPlatform,
        stage: Stage,
        *,
        city: City,
        people: seeding.Ids,
        setting: Setting,
    ) -> None:
        self._platform = platform
        self._stage = stage
        self._people = people
        self._setting = setting
        self._tally = Tally()
        self._travel = dispatch.OnMap(geography.GreatCircle.of(geography.CityRules()))
        self._outlooks = dispatch.Outlooks()
        self._without_deadline_max = 0
        platform.watch(self._tally.watch)
        self._cast = Cast(platform, stage, city=city, ids=people, ways=setting.habits)

    async def live(self, progress: Callable[[float], None]) -> None:
        """Orders come for so many hours; afterwards what is under way is brought to its end."""
        platform, start_at = self._platform, self._setting.start_at
        closes_at = start_at + timedelta(hours=self._setting.hours)
        ends_at = closes_at + _DRAIN
        self._cast.open(end_at=ends_at)
        self._cast.expect_customers(
            hours=self._setting.hours, rate_per_hour=self._setting.rate_per_hour
        )
        self._stage.at(0.0, self._tick)
        self._stage.at(0.0, self._ping)
        while platform.clock() < closes_at or (self._tally.live and platform.clock() < ends_at):
            if (platform.clock() - start_at) % _ANALYSE_EVERY < _STEP:
                await platform.database.pool.execute("analyze")
            await platform.run_until(platform.clock() + _STEP)
            progress(min(1.0, (platform.clock() - start_at) / (closes_at - start_at)))

    async def result(self) -> Result:
        tally = self._tally
        async with self._platform.database.transaction() as tx:
            await self._look(tx)
            imbalance = await payments.imbalance(tx)
        return Result(
            seed=self._setting.seed,
            hash=await story_hash(self._platform.database.pool),
            orders=tally.placed,
            delivered=tally.delivered,
            success_pct=tally.success_pct,
            time_to_assign_p95_s=tally.time_to_assign_p95_s,
            acceptance_pct=tally.acceptance_pct,
            unassigned_pct=tally.unassigned_pct,
            reassigned_ok_pct=tally.reassigned_ok_pct,
            without_deadline_max=self._without_deadline_max,
            ledger_sum=sum(abs(minor) for minor in imbalance.values()),
        )

    async def _ping(self) -> None:
        self._stage.at(self._stage.seconds + PING_S, self._ping)
        await self._cast.ping()

    async def _tick(self) -> None:
        self._stage.at(self._stage.seconds + _TICK_S, self._tick)
        if not self._tally.waiting:
            return
        async with self._platform.database.transaction() as tx:
            await self._look(tx)
            await dispatch.sense(tx, tenant_id=self._people.tenant, city_id=self._people.city)
            await dispatch.tick(
                tx,
                tenant_id=self._people.tenant,
                city_id=self._people.city,
                travel=self._travel,
                policy=await dispatch.live_policy(tx, city_id=self._people.city),
                outlooks=self._outlooks,
            )

    async def _look(self, tx: Tx) -> None:
        """Every live order has a deadline; nobody works for two merchants at a time."""
        without = await ordering.without_deadline(tx)
        self._without_deadline_max = max(self._without_deadline_max, without)
        carried = await ordering.carried_by(tx, courier_ids=self._people.couriers)
        for courier_id, orders in carried.items():
            sites = {order.merchant_id for order in orders}
            assert len(sites) == 1, f"courier {courier_id} is on two jobs at {tx.now}"


def _nobody(_: float) -> None:
    """Nobody wants to know how far the day is."""
