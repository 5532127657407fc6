"""A week of the invented city as a scenario: the same people and habits as in its simulated day."""

from bisect import insort
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import ceil
from random import Random
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.dispatch import public as dispatch
from tawsil.geography import public as geography
from tawsil.kernel.money import share
from tawsil.kernel.places import Place, distance_m
from tawsil.simulation import habits, seeding, terms
from tawsil.simulation.actors.cast import shifts_between
from tawsil.simulation.city import City, CitySize, build_city
from tawsil.simulation.city.dice import between, random_for
from tawsil.simulation.city.residents import Courier as Resident
from tawsil.simulation.city.residents import Merchant
from tawsil.simulation.habits import DEFAULT_HABITS, Habits, Reply, Wish
from tawsil.simulation.rehearsal.scenario import Courier, Order, Scenario, Shift

MONDAY: Final = datetime(2026, 11, 15, 20, tzinfo=UTC)
"""Midnight in the city, before a week like any other."""
_MINUTE_S: Final = 60.0
_NOTICES_LATE_S: Final = 90.0
_BROWSES_S: Final = (15.0, 90.0)
_NOBODY_HOME_S: Final = 300.0
_FINDS_THE_BELL_S: Final = 20.0


class Setting(Struct, frozen=True, kw_only=True):
    """What kind of week. `rate_per_hour` is the mean over all of it."""

    seed: int = 7
    start_at: datetime = MONDAY
    hours: float = 168.0
    size: CitySize = CitySize()
    rate_per_hour: float = 24.0
    ways: Habits = DEFAULT_HABITS
    rules: dispatch.Rules = dispatch.Rules()
    """How offers last and what the ladder adds: those of whichever city is tried for."""


class _CityRoads(Struct, frozen=True):
    city: City

    def length_m(self, a: Place, b: Place) -> float:
        return self.city.route(a, b).length_m


class _Kitchen:
    """One merchant's stove: who cooks more at a time takes longer."""

    def __init__(self, merchant: Merchant, *, seed: int, ways: Habits) -> None:
        self._merchant = merchant
        self._rng = random_for(seed, "week kitchen", merchant.index)
        self._ways = ways
        self._done: list[datetime] = []

    def reaction(self) -> habits.Reaction:
        return habits.react_to_order(rng=self._rng, habits=self._ways)

    def cook(self, at: datetime, *, products: int) -> tuple[float, float]:
        """How long it says it takes, and how long it does."""
        self._done = [done_at for done_at in self._done if done_at > at]
        cooking = len(self._done) + 1
        rush = self._ways.rush_share * max(0, cooking - self._merchant.kitchen)
        usual_s = self._merchant.prep_mean_s * (1 + min(self._ways.rush_at_most, rush))
        takes_s = habits.prep_s(
            self._merchant,
            products=products,
            in_kitchen=cooking,
            rng=self._rng,
            habits=self._ways,
        )
        insort(self._done, at + timedelta(seconds=takes_s))
        return ceil(usual_s / _MINUTE_S) * _MINUTE_S, takes_s


def week(setting: Setting) -> Scenario:
    """The orders of a while in the city of a seed, as its people would place them."""
    city = build_city(setting.seed, size=setting.size)
    people = seeding.ids_of(city)
    until_at = setting.start_at + timedelta(hours=setting.hours)
    return Scenario(
        name=f"{setting.hours:g} hours of the invented city, seed {setting.seed}",
        start_at=setting.start_at,
        orders=sorted(_orders(city, people, setting), key=lambda o: o.requested_at),
        couriers=[
            _courier(resident, user_id, city=city, until_at=until_at, setting=setting)
            for resident, user_id in zip(city.couriers, people.couriers, strict=True)
        ],
        travel=dispatch.OnMap(geography.GreatCircle.of(terms.RULES)),
        roads=_CityRoads(city),
        rules=setting.rules,
    )


def _orders(city: City, people: seeding.Ids, setting: Setting) -> Iterator[Order]:
    kitchens = [_Kitchen(m, seed=setting.seed, ways=setting.ways) for m in city.merchants]
    arrivals = habits.arrivals(
        city,
        start_at=setting.start_at,
        hours=setting.hours,
        rate_per_hour=setting.rate_per_hour,
        rng=random_for(setting.seed, "week arrivals"),
    )
    for number, arrival in enumerate(arrivals):
        rng = random_for(setting.seed, "week visit", number)
        customer = city.customers[arrival.customer]
        wish = habits.wish(city, customer, at=arrival.at, rng=rng, habits=setting.ways)
        if wish is None or wish.cancels_after_s is not None or _declined(wish):
            continue
        clicked_at = arrival.at + timedelta(seconds=round(between(rng, *_BROWSES_S), 1))
        kitchen = kitchens[wish.merchant.index]
        reaction = kitchen.reaction()
        if reaction.reply is Reply.ACCEPT:
            accepted_at = clicked_at + timedelta(seconds=reaction.after_s)
            site = people.merchants[wish.merchant.index]
            yield _order(wish, number, site, kitchen, clicked_at, accepted_at, rng)


def _declined(wish: Wish) -> bool:
    return wish.payment.token not in {None, "tok_visa"}


def _order(
    wish: Wish,
    number: int,
    site: UUID,
    kitchen: _Kitchen,
    clicked_at: datetime,
    accepted_at: datetime,
    rng: Random,
) -> Order:
    announced_s, takes_s = kitchen.cook(accepted_at, products=len(wish.lines))
    announced_at = accepted_at + timedelta(seconds=announced_s)
    late_s = takes_s - announced_s
    news: list[tuple[datetime, datetime]] = []
    if late_s > _MINUTE_S:
        later = timedelta(seconds=ceil(late_s / _MINUTE_S) * _MINUTE_S)
        noticed_at = max(accepted_at, announced_at - timedelta(seconds=_NOTICES_LATE_S))
        news.append((noticed_at, announced_at + later))
    door_s = habits.drop_off_s(rng=rng)
    if wish.opens_after_s is not None:
        door_s = max(door_s, wish.opens_after_s + _FINDS_THE_BELL_S)
    return Order(
        id=UUID(int=number + 1),
        site=site,
        pickup=wish.merchant.address.place,
        dropoff=wish.address.place,
        clicked_at=clicked_at,
        requested_at=accepted_at,
        announced_at=announced_at,
        news=tuple(news),
        ready_at=accepted_at + timedelta(seconds=takes_s),
        at_counter_s=habits.pickup_s(rng=rng),
        at_door_s=door_s if wish.opens_after_s is not None else _NOBODY_HOME_S,
        earning_minor=_earning_minor(wish),
    )


def _earning_minor(wish: Wish) -> int:
    """The courier's share of the fee, and the tip."""
    rules = terms.RULES
    straight_m = distance_m(wish.merchant.address.place, wish.address.place)
    beyond_m = max(0.0, straight_m * rules.detour_factor - rules.delivery_included_m)
    fee_minor = rules.delivery_base_minor + round(beyond_m * rules.delivery_per_km_minor / 1000)
    return share(fee_minor, basis_points=rules.courier_share_bp) + wish.payment.tip_minor


def _courier(
    resident: Resident, user_id: UUID, *, city: City, until_at: datetime, setting: Setting
) -> Courier:
    rng = random_for(setting.seed, "week rider", resident.index)
    spans = shifts_between(
        resident, zone=city.time_zone, start_at=setting.start_at, end_at=until_at
    )
    return Courier(
        id=user_id,
        speed_mps=resident.speed_mps,
        rating=1.0,
        shifts=tuple(
            Shift(
                on_at=on_at,
                off_at=off_at,
                place=resident.home.place,
                rests=tuple(_rests(on_at, off_at, rng=rng, ways=setting.ways)),
            )
            for on_at, off_at in spans
        ),
    )


def _rests(
    on_at: datetime, off_at: datetime, *, rng: Random, ways: Habits
) -> Iterator[tuple[datetime, float]]:
    at = on_at
    while True:
        rest = habits.next_break(rng=rng, habits=ways)
        at += timedelta(seconds=rest.after_s)
        if at >= off_at:
            return
        yield at, rest.minutes * _MINUTE_S
        at += timedelta(minutes=rest.minutes)
