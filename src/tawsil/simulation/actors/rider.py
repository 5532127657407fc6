"""A courier's day: wait, answer offers, collect, carry, hand over, rest."""

from collections.abc import Callable
from math import ceil
from random import Random
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.kernel.places import Place, distance_m
from tawsil.simulation import habits
from tawsil.simulation.actors.port import (
    Hands,
    JobLost,
    Life,
    News,
    Offered,
    OrderMoved,
    Suggested,
    Town,
)
from tawsil.simulation.city import City
from tawsil.simulation.city.dice import between, chance, pick, waiting
from tawsil.simulation.city.layout import moved
from tawsil.simulation.city.residents import Courier
from tawsil.simulation.city.roads import Route
from tawsil.simulation.habits import Habits, Reply

_LOOKS_AGAIN_S: Final = 60.0
_TRIES: Final = 6
_TRIES_AGAIN_S: Final = 3.0
_PATIENCE_AT_DOOR_S: Final = 300.0
_FINDS_THE_BELL_S: Final = 20.0
_DRIFTS_AFTER_S: Final = 600.0
_DRIFTS_WITHIN_M: Final = 2_000.0
_BREAKDOWN_SHARE: Final = 0.004  # of trips to a merchant: a flat tyre
_REPAIR_S: Final = (1_500.0, 2_400.0)
_GONE: Final = frozenset({"CANCELLED", "DELIVERED", "RETURNED", "REFUNDED", "UNDELIVERABLE"})
_ON_BOARD: Final = frozenset({"PICKED_UP", "IN_TRANSIT"})


class Body:
    """Where a courier is at any second: standing, or so far along a way."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._route: Route | None = None
        self._left_s = 0.0
        self._speed_mps = 0.0
        self.on_duty = False

    def at(self, seconds: float) -> Place:
        if self._route is None:
            return self._place
        return self._route.at(along_m=(seconds - self._left_s) * self._speed_mps)

    @property
    def arrives_s(self) -> float:
        assert self._route is not None, "who stands does not arrive"
        return self._left_s + self._route.length_m / self._speed_mps

    def stand(self, place: Place) -> None:
        self._place, self._route = place, None

    def set_off(self, route: Route, *, speed_mps: float, seconds: float) -> None:
        self._route, self._speed_mps, self._left_s = route, speed_mps, seconds


class _Errand(Struct):
    order_id: UUID
    pickup: Place
    dropoff: Place
    turn: int
    """Which stop of the offered route it is dropped off at."""
    ready: bool


class Rider:
    """A courier on the road; one at a time collects at one merchant and carries what is there."""

    def __init__(
        self,
        courier: Courier,
        *,
        city: City,
        hands: Hands,
        town: Town,
        rng: Random,
        ways: Habits,
        hurry: float = 1.0,
    ) -> None:
        """`hurry` slows riding down, below one, where the city's time runs too fast for it."""
        self.body = Body(courier.home.place)
        self._courier = courier
        self._city = city
        self._hands = hands
        self._town = town
        self._rng = rng
        self._ways = ways
        self._hurry = hurry
        self._errands: dict[UUID, _Errand] = {}
        self._route_m = 0.0
        self._broken = False
        self._idle = False
        self._drifts_s = 0.0

    async def work(self, life: Life, *, for_s: float | None) -> None:
        """One shift, from home; without a length it does not end."""
        east_m, north_m = between(self._rng, -300, 300), between(self._rng, -300, 300)
        self.body.stand(moved(self._courier.home.place, east_m=east_m, north_m=north_m))
        if await self._hands.start_shift(for_s=for_s):
            return
        self.body.on_duty = True
        await self._resume(life)
        ends_s = float("inf") if for_s is None else life.seconds + for_s
        rest = habits.next_break(rng=self._rng, habits=self._ways)
        rests_s = life.seconds + rest.after_s
        self._drifts_s = self._next_drift_s(life)
        while life.seconds < ends_s:
            if life.seconds >= rests_s:
                if await self._hands.take_break(minutes=rest.minutes) is None:
                    await life.sleep(rest.minutes * 60.0)
                rest = habits.next_break(rng=self._rng, habits=self._ways)
                rests_s = life.seconds + rest.after_s
            within_s = min(ends_s, rests_s, self._drifts_s) - life.seconds
            self._idle = True
            await self._listen(life, within_s=max(0.0, within_s))
            self._idle = False
            if self._errands:
                await self._run(life)
                await self._hands.hand_in_cash(all_of_it=False)
                self._drifts_s = self._next_drift_s(life)
            elif life.seconds >= self._drifts_s:
                self._drift(life)
                self._drifts_s = self._next_drift_s(life)
        self.body.on_duty = False
        await self._hands.hand_in_cash(all_of_it=True)

    async def _resume(self, life: Life) -> None:
        """Go on with what was begun before the city fell asleep."""
        carried: list[_Errand] = []
        for seen in await self._hands.unfinished():
            errand = _Errand(
                order_id=seen.id,
                pickup=seen.pickup,
                dropoff=seen.dropoff,
                turn=0,
                ready=seen.status == "READY_FOR_PICKUP",
            )
            if seen.status == "UNDELIVERABLE":
                await self._bring_back(life, errand)
            elif seen.status in _ON_BOARD:
                carried.append(errand)
            else:
                self._errands[seen.id] = errand
        for errand in carried:
            await self._hand_over(life, errand)
        if self._errands:
            await self._run(life)

    def _next_drift_s(self, life: Life) -> float:
        return life.seconds + max(120.0, waiting(self._rng, _DRIFTS_AFTER_S))

    def _drift(self, life: Life) -> None:
        """Idle couriers stroll towards where something may be cooking."""
        here = self.body.at(life.seconds)
        near = [
            merchant.address.place
            for merchant in self._city.merchants
            if distance_m(here, merchant.address.place) <= _DRIFTS_WITHIN_M
        ]
        if near:
            self._set_off(life, pick(self._rng, near))

    # ── offers and news ────────────────────────────────────────────────────────────────────────

    async def _listen(self, life: Life, *, within_s: float) -> None:
        """Hear what comes next and act on it."""
        await self._take_in(life, await life.hear(within_s=within_s))

    async def _take_in(self, life: Life, news: News | None) -> None:
        match news:
            case Offered():
                await self._answer(life, news)
            case Suggested(place=place) if self._idle:
                if chance(self._rng, self._ways.follow_share):
                    self._set_off(life, place)
                    self._drifts_s = self._next_drift_s(life)
            case JobLost(order_id=order_id):
                self._errands.pop(order_id, None)
            case OrderMoved(order_id=order_id, status=status) if order_id in self._errands:
                if status in _GONE:
                    del self._errands[order_id]
                elif status == "READY_FOR_PICKUP":
                    self._errands[order_id].ready = True
            case _:
                pass

    async def _answer(self, life: Life, offer: Offered) -> None:
        if self._broken:
            await self._hands.reject_offer(offer.offer_id, reason="vehicle_trouble")
            return
        more_m = offer.distance_m - (self._route_m if self._errands else 0.0)
        reaction = habits.answer_offer(
            distance_m=max(0.0, more_m),
            pay_minor=offer.pay_minor,
            rng=self._rng,
            habits=self._ways,
        )
        await life.sleep(reaction.after_s)
        if reaction.reply is Reply.REFUSE:
            await self._hands.reject_offer(offer.offer_id, reason=reaction.reason or "unspecified")
        if reaction.reply is not Reply.ACCEPT or await self._hands.accept_offer(offer.offer_id):
            return
        self._route_m = offer.distance_m
        for order_id in offer.order_ids:
            await self._learn(life, order_id, offer)
        for errand in self._errands.values():
            errand.turn = _turn(errand.dropoff, offer)

    async def _learn(self, life: Life, order_id: UUID, offer: Offered) -> None:
        """Look an order up; a moment may pass until it is the courier's to see."""
        for _ in range(_TRIES):
            seen = await self._hands.look(order_id)
            if seen is not None:
                if seen.status not in _GONE:
                    self._errands[order_id] = _Errand(
                        order_id=order_id,
                        pickup=seen.pickup,
                        dropoff=seen.dropoff,
                        turn=_turn(seen.dropoff, offer),
                        ready=seen.status == "READY_FOR_PICKUP",
                    )
                return
            await life.sleep(_TRIES_AGAIN_S)

    # ── on the road ────────────────────────────────────────────────────────────────────────────

    async def _run(self, life: Life) -> None:
        """Collect what was accepted and bring it where it goes."""
        carried = await self._collect(life)
        for errand in sorted(carried, key=lambda e: (e.turn, e.order_id)):
            await self._hand_over(life, errand)

    async def _collect(self, life: Life) -> list[_Errand]:
        site = next(iter(self._errands.values())).pickup
        if chance(self._rng, _BREAKDOWN_SHARE):
            await self._break_down(life)
        if not await self._travel(life, site, unless=lambda: not self._errands):
            return []
        while self._errands:
            while self._errands and not all(e.ready for e in self._errands.values()):
                if not await self._wait(life):
                    await self._look_again(life)
            await self._pass(life, habits.pickup_s(rng=self._rng, habits=self._ways))
            if all(e.ready for e in self._errands.values()):
                return await self._take(life)
        return []

    async def _wait(self, life: Life) -> bool:
        """Whether any news came."""
        news = await life.hear(within_s=_LOOKS_AGAIN_S)
        await self._take_in(life, news)
        return news is not None

    async def _look_again(self, life: Life) -> None:
        """At the counter one sees for oneself what is ready, or not there any more."""
        for order_id in list(self._errands):
            seen = await self._hands.look(order_id)
            status = seen.status if seen is not None else "CANCELLED"
            await self._take_in(life, OrderMoved(order_id, status))

    async def _take(self, life: Life) -> list[_Errand]:
        carried: list[_Errand] = []
        for errand in list(self._errands.values()):
            for _ in range(_TRIES):
                if await self._hands.step(errand.order_id, "pick-up") is None:
                    carried.append(errand)
                    break
                if await self._hands.look(errand.order_id) is None:
                    break
                await life.sleep(_TRIES_AGAIN_S)
        self._errands.clear()
        return carried

    async def _hand_over(self, life: Life, errand: _Errand) -> None:
        await self._travel(life, errand.dropoff)
        door = self._town.door(errand.order_id)
        if door.opens_after_s is None:
            await self._pass(life, _PATIENCE_AT_DOOR_S)
            await self._hands.undeliverable(errand.order_id, reason="customer_absent")
            await self._bring_back(life, errand)
        else:
            stays_s = habits.drop_off_s(rng=self._rng, habits=self._ways)
            await self._pass(life, max(stays_s, door.opens_after_s + _FINDS_THE_BELL_S))
            await self._hands.deliver(errand.order_id, pin=door.pin)
        self._town.forget(errand.order_id)

    async def _bring_back(self, life: Life, errand: _Errand) -> None:
        await self._travel(life, errand.pickup)
        await self._hands.step(errand.order_id, "return")

    async def _break_down(self, life: Life) -> None:
        """Stand beside the road until it is repaired; somebody else may be sent meanwhile."""
        self.body.stand(self.body.at(life.seconds))
        repaired_s = life.seconds + between(self._rng, *_REPAIR_S)
        self._broken = True
        while self._errands and life.seconds < repaired_s:
            await self._listen(life, within_s=repaired_s - life.seconds)
        if life.seconds < repaired_s:
            await self._hands.take_break(minutes=ceil((repaired_s - life.seconds) / 60.0))
            await self._pass(life, repaired_s - life.seconds)
        self._broken = False

    async def _pass(self, life: Life, seconds: float) -> None:
        """Let time pass, listening."""
        until_s = life.seconds + seconds
        while life.seconds < until_s:
            await self._listen(life, within_s=until_s - life.seconds)

    async def _travel(
        self, life: Life, place: Place, *, unless: Callable[[], bool] = lambda: False
    ) -> bool:
        """Ride to a place, listening; stop half-way when there is no reason to go on."""
        self._set_off(life, place)
        while not unless():
            if life.seconds >= self.body.arrives_s:
                self.body.stand(place)
                return True
            await self._listen(life, within_s=self.body.arrives_s - life.seconds)
        self.body.stand(self.body.at(life.seconds))
        return False

    def _set_off(self, life: Life, place: Place) -> None:
        seconds = life.seconds
        route = self._city.route(self.body.at(seconds), place)
        speed_mps = habits.speed_mps(self._courier, rng=self._rng, habits=self._ways)
        self.body.set_off(route, speed_mps=speed_mps * self._hurry, seconds=seconds)


def _turn(dropoff: Place, offer: Offered) -> int:
    """Where in the offered route a door is; a door that is not in it comes last."""
    return offer.route.index(dropoff) if dropoff in offer.route else len(offer.route)
