"""One delivery on its way, a clock that is moved by hand, and whoever looks."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from tawsil.couriers.events import EVENTS as COURIER_EVENTS
from tawsil.dispatch import public as dispatch
from tawsil.dispatch.events import EVENTS, Cause
from tawsil.dispatch.model import DEFAULT_RULES, Rules
from tawsil.dispatch.public import Delivery, Reassign
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database, Tx, event_type
from tawsil.kernel.deadlines import Deadlines
from tawsil.kernel.decisions import Event, Refusal
from tawsil.kernel.events import Recorded, Registry
from tawsil.kernel.metrics import reassignments
from tawsil.kernel.places import Place
from tawsil.tracking.events import EVENTS as TRACKING_EVENTS

City = Any
REGISTRY = Registry((*EVENTS, *COURIER_EVENTS, *TRACKING_EVENTS))
SITE = Place(25.2200, 55.2700)
"""Where it is collected: two kilometres from where couriers wait."""
FAR = Place(25.1950, 55.2700)


async def recorded(tx: Tx, cls: type[Event]) -> list[Recorded[Any]]:
    rows = await tx.rows("select * from kernel.event where type = $1 order by seq", event_type(cls))
    return [REGISTRY.recorded(row) for row in rows]


def code(outcome: object) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code


class Street:
    """One delivery on its way, a clock, and whoever looks."""

    def __init__(self, database: Database, clock: VirtualClock, city: City) -> None:
        self.database = database
        self.clock = clock
        self.city = city
        self._deadlines = Deadlines(
            {"delivery": dispatch.on_due_delivery, "offer": dispatch.on_due_offer}
        )
        self.riders: list[UUID] = []
        self.delivery: Delivery
        self.rider: UUID

    async def begin(
        self,
        *,
        riders: int = 2,
        rules: Rules = DEFAULT_RULES,
        count: int = 1,
        ready_in: timedelta = timedelta(0),
    ) -> None:
        async with self.database.transaction() as tx:
            if rules is not DEFAULT_RULES:
                command = dispatch.SetRules(
                    by=self.city.by, city_id=self.city.id, rules=rules, reason="a test"
                )
                await dispatch.set_rules(tx, [command])
            self.riders = await self.city.on_duty(tx, count=riders)
            wishes = [self.city.wish(tx, ready_in=ready_in, pickup=SITE) for _ in range(count)]
            asked = await dispatch.request(tx, wishes)
            self.all = [d for d in asked if isinstance(d, Delivery)]
            await self.city.tick(tx, auto_accept=True)
            self.delivery = await self.city.now(tx, self.all[0])
        if self.delivery.courier_id is None:
            await self.do(reassigning(self, self.riders[0]))
        self.delivery = await self.now()
        assert self.delivery.courier_id is not None
        self.rider = self.delivery.courier_id

    async def now(self, n: int = 0) -> Delivery:
        async with self.database.transaction() as tx:
            return await self.city.now(tx, self.all[n])

    async def do(self, act: Callable[[Tx], Awaitable[Any]]) -> Any:
        async with self.database.transaction() as tx:
            return await act(tx)

    async def seen(self, place: Place, *, who: UUID | None = None) -> None:
        await self.do(lambda tx: self.city.seen(tx, who or self.rider, place))

    async def passes(self, time: timedelta, *, at: Place | None = None) -> None:
        """Time passes in steps of half a minute; with `at`, the courier goes on being seen."""
        end = self.clock() + time
        while self.clock() < end:
            self.clock.set(min(end, self.clock() + timedelta(seconds=30)))
            if at is not None:
                await self.seen(at)
            await self._deadlines.fire(self.database)

    async def told(self) -> list[str]:
        """What happened to the delivery since it was assigned."""
        async with self.database.transaction() as tx:
            rows = await tx.rows(
                "select type from kernel.event where stream_id = $1 order by seq", self.delivery.id
            )
        names = [row["type"].removeprefix("delivery.").removesuffix(".v1") for row in rows]
        return names[names.index("assigned") + 1 :]

    async def availability(self, *who: UUID) -> list[str]:
        return await self.do(lambda tx: self.city.availability(tx, *who))


def counted(cause: Cause, outcome: str) -> float:
    return reassignments.labels(cause, outcome)._value.get()


def reassigning(street: Street, to: UUID | None) -> Callable[[Tx], Awaitable[Any]]:
    async def decide(tx: Tx) -> Any:
        command = Reassign(
            by=street.city.by,
            reference_id=street.delivery.reference_id,
            courier_id=to,
            reason="nearer",
        )
        return (await dispatch.reassign(tx, [command]))[0]

    return decide
