"""One scenario lived under one policy: from one thing that happens to the next."""

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from heapq import heappop, heappush
from math import inf
from random import Random
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tawsil.couriers.public import BREAK_AFTER_MISSED, MISSED_IN_A_ROW
from tawsil.dispatch import planning
from tawsil.dispatch.planning import Commitment, Plan, Policy
from tawsil.dispatch.public import Metrics
from tawsil.kernel.places import Place
from tawsil.simulation import habits
from tawsil.simulation.city.dice import random_for, spread
from tawsil.simulation.habits import DEFAULT_HABITS, Habits, Reply
from tawsil.simulation.rehearsal.scenario import Scenario, Shift
from tawsil.simulation.rehearsal.score import Score
from tawsil.simulation.rehearsal.state import Ask, Duty, Parcel, Phase, Rider
from tawsil.simulation.rehearsal.view import Remembering, courier, job, metres

TICK_S: Final = 10.0
"""Something new is decided about at the next multiple of this."""
LOOK_AGAIN_S: Final = 300.0
"""What only waits is looked at again so often, though nothing is new."""
AHEAD_S: Final = 7_200.0

Action = Callable[[], None]


class Outcome(Struct, frozen=True, kw_only=True):
    """`hash` is of everything that was decided and done."""

    metrics: Metrics
    ticks: int
    hash: str


def rehearse(
    scenario: Scenario, policy: Policy, *, seed: int = 7, ways: Habits = DEFAULT_HABITS
) -> Outcome:
    """Live it to the end. `seed` is what couriers feel like and how fast they ride."""
    world = _World(scenario, policy, seed=seed, ways=ways)
    world.live()
    return world.outcome()


class _World:
    def __init__(self, scenario: Scenario, policy: Policy, *, seed: int, ways: Habits) -> None:
        self._scenario = scenario
        self._policy = replace(policy, candidates=0)  # nobody asks for explanations here
        self._travel = Remembering(scenario.travel)
        self._seed = seed
        self._ways = ways
        self._score = Score()
        self._told = sha256()
        self._now_s = 0.0
        self._agenda: list[tuple[float, int, Action]] = []
        self._turn = 0
        self._waiting: dict[UUID, Parcel] = {}
        self._parcels: dict[UUID, Parcel] = {}
        self._riders = [Rider(c, n) for n, c in enumerate(scenario.couriers)]
        self._rider_of = {r.courier.id: r for r in self._riders}
        self._next_tick_s = inf
        self._ticks = 0
        for number, order in enumerate(scenario.orders):
            self._score.orders += 1
            self._expect(number)
            if order.gone_at is not None:
                self._at(self._s(order.gone_at), lambda id_=order.id: self._withdraw(id_))
        for rider in self._riders:
            for shift in rider.courier.shifts:
                self._at(self._s(shift.on_at), lambda r=rider, s=shift: self._begin(r, s))

    def live(self) -> None:
        while self._agenda:
            self._now_s, _, action = heappop(self._agenda)
            action()

    def outcome(self) -> Outcome:
        metrics = self._score.metrics()
        self._told.update(msgspec.json.encode(metrics))
        return Outcome(metrics=metrics, ticks=self._ticks, hash=self._told.hexdigest())

    # Time

    def _s(self, at: datetime) -> float:
        return (at - self._scenario.start_at).total_seconds()

    def _instant(self, seconds: float) -> datetime:
        return self._scenario.start_at + timedelta(seconds=seconds)

    def _at(self, seconds: float, action: Action) -> None:
        self._turn += 1
        heappush(self._agenda, (max(seconds, self._now_s), self._turn, action))

    def _after(self, seconds: float, action: Action) -> None:
        self._at(self._now_s + seconds, action)

    def _chance(self, kind: str, parcel: Parcel, rider: Rider) -> Random:
        """One meeting's own: another policy meets the same luck with the same two."""
        return random_for(self._seed, f"{kind}/{parcel.number}/{rider.number}", parcel.asked)

    # Orders and kitchens

    def _expect(self, number: int) -> None:
        order = self._scenario.orders[number]
        parcel = Parcel(
            order,
            number,
            rules=self._scenario.rules,
            requested_s=self._s(order.requested_at),
            announced_s=self._s(order.announced_at),
        )
        self._at(parcel.requested_s, lambda: self._ask_for(parcel))
        for at, ready_at in order.news:
            self._at(self._s(at), lambda to_at=ready_at: self._hear(parcel, self._s(to_at)))
        self._at(max(parcel.requested_s, self._s(order.ready_at)), lambda: self._ready(parcel))

    def _ask_for(self, parcel: Parcel) -> None:
        self._parcels[parcel.order.id] = parcel
        self._search(parcel)
        self._at(parcel.ladder_s, lambda: self._climb(parcel))

    def _search(self, parcel: Parcel) -> None:
        parcel.phase, parcel.job = Phase.WAITING, None
        self._waiting[parcel.order.id] = parcel
        self._look()

    def _hear(self, parcel: Parcel, ready_s: float) -> None:
        if not parcel.is_ready and parcel.phase is not Phase.ENDED:
            parcel.believe(ready_s)
            if parcel.phase is Phase.WAITING:
                self._look()

    def _ready(self, parcel: Parcel) -> None:
        self._hear(parcel, self._now_s)
        parcel.is_ready = True
        if parcel.holder is not None:
            self._serve(parcel.holder)

    def _climb(self, parcel: Parcel) -> None:
        if parcel.phase not in {Phase.WAITING, Phase.OFFERED}:
            return
        if parcel.ladder_s <= self._now_s:
            if parcel.top_of_ladder:
                self._end(parcel)
                self._score.unassigned.add(parcel.number)
                return
            parcel.level += 1
            parcel.declined_by, parcel.job = frozenset(), None
            self._look()
        self._at(parcel.ladder_s, lambda: self._climb(parcel))

    def _withdraw(self, id_: UUID) -> None:
        """Nobody wants it any more; what is on board is brought all the same."""
        parcel = self._parcels.get(id_)
        if parcel is None or parcel.phase in {Phase.ON_BOARD, Phase.ENDED}:
            return
        self._score.called_off += 1
        self._end(parcel)
        rider, parcel.holder = parcel.holder, None
        if rider is not None:
            rider.parcels.remove(parcel)
            if rider.parcels:
                self._serve(rider)
            elif rider.at_site_s is not None and not rider.serving:
                self._release(rider)  # on the road or at the counter, they find out there

    def _end(self, parcel: Parcel) -> None:
        parcel.phase = Phase.ENDED
        self._waiting.pop(parcel.order.id, None)

    # Couriers on and off duty

    def _begin(self, rider: Rider, shift: Shift) -> None:
        if rider.duty is not Duty.OFF:  # a job of the last shift took this long
            rider.off_s = max(rider.off_s, self._s(shift.off_at))
        else:
            rider.place, rider.shift = shift.place, shift
            rider.off_s = self._s(shift.off_at)
            rider.rests = [(self._s(at), for_s) for at, for_s in reversed(shift.rests)]
            self._release(rider)
        self._at(self._s(shift.off_at), lambda: self._go_home(rider))

    def _go_home(self, rider: Rider) -> None:
        idle = rider.duty in {Duty.FREE, Duty.RESTING}
        if idle and not rider.asked and rider.off_s <= self._now_s:
            rider.duty = Duty.OFF

    def _release(self, rider: Rider) -> None:
        """Nothing in hand: home, to rest, or free for the next."""
        rider.parcels.clear()
        rider.at_site_s, rider.carrying, rider.serving = None, False, False
        rider.free_since_s = self._now_s
        if rider.off_s <= self._now_s:
            rider.duty = Duty.OFF
        elif rider.rests and rider.rests[-1][0] <= self._now_s:
            self._rest(rider, rider.rests.pop()[1])
        else:
            rider.duty = Duty.FREE
            if rider.rests:
                self._at(rider.rests[-1][0], lambda: self._rest_if_free(rider))
            self._look()

    def _rest_if_free(self, rider: Rider) -> None:
        due = rider.rests and rider.rests[-1][0] <= self._now_s
        if due and rider.duty is Duty.FREE:
            self._rest(rider, rider.rests.pop()[1])

    def _rest(self, rider: Rider, for_s: float) -> None:
        rider.duty = Duty.RESTING
        self._after(for_s, lambda: self._rested(rider))

    def _rested(self, rider: Rider) -> None:
        if rider.duty is Duty.RESTING:
            self._release(rider)

    # Decisions

    def _look(self) -> None:
        """Something is new: decide about it at the next tick."""
        self._tick_at((self._now_s // TICK_S + 1) * TICK_S)

    def _tick_at(self, seconds: float) -> None:
        if seconds < self._next_tick_s:
            self._next_tick_s = seconds
            self._at(seconds, self._tick)

    def _tick(self) -> None:
        if self._next_tick_s > self._now_s:
            return  # done meanwhile
        self._next_tick_s = inf
        soon = [p for p in self._waiting.values() if p.believed_s <= self._now_s + AHEAD_S]
        if not soon:
            if self._waiting:
                self._tick_at(self._now_s + LOOK_AGAIN_S)
            return
        snapshot = self._snapshot(soon)
        plan = planning.plan(snapshot, self._policy)
        self._ticks += 1
        rows = {c.id: row for row, c in enumerate(snapshot.couriers)}
        for commitment in plan.commitments:
            self._offer(commitment, snapshot.couriers[rows[commitment.courier]])
        if self._waiting:
            self._tick_at(max(self._now_s + TICK_S / 2, self._due_s(plan)))

    def _due_s(self, plan: Plan) -> float:
        """When one of the holds must be told, or it is time to look again anyhow."""
        untils = [self._s(hold.until) for hold in plan.holds if hold.until is not None]
        due_s = min(untils, default=inf) - self._policy.tick_s
        return min(due_s, self._now_s + LOOK_AGAIN_S)

    def _snapshot(self, soon: list[Parcel]) -> planning.Snapshot:
        jobs = {p.order.id: job(p, self._instant) for p in soon}
        staff: list[planning.Courier] = []
        for rider in self._riders:
            seen = courier(rider, self._policy, now_s=self._now_s, instant=self._instant)
            if seen is not None:
                staff.append(seen)
                if seen.collecting:
                    jobs |= {p.order.id: job(p, self._instant) for p in rider.parcels}
        return planning.survey(
            now=self._instant(self._now_s),
            jobs=jobs.values(),
            couriers=staff,
            travel=self._travel,
        )

    # Offers

    def _offer(self, commitment: Commitment, seen: planning.Courier) -> None:
        rider = self._rider_of[commitment.courier]
        added = tuple(self._parcels[id_] for id_ in commitment.added)
        route = tuple(self._parcels[id_] for id_ in commitment.jobs)
        origin, site = seen.place, route[0].order.pickup
        approach_s = float(self._travel.matrix_s([origin], [site])[0, 0])
        more_m = metres(origin, route) - (metres(origin, rider.parcels) if rider.parcels else 0)
        ask = Ask(
            rider=rider,
            added=added,
            route=route,
            joins=rider.duty is Duty.ON_JOB,
            arrival_s=self._s(seen.free_at) + approach_s,
            pickup_s=self._s(commitment.pickup_at),
            dropoffs_s=tuple(self._s(at) for at in commitment.dropoff_ats),
            more_m=max(0.0, more_m),
            pay_minor=sum(p.pay_minor for p in added),
        )
        rider.asked = True
        if not ask.joins:
            rider.duty = Duty.ON_OFFER
        for parcel in added:
            parcel.phase = Phase.OFFERED
            parcel.asked += 1
            del self._waiting[parcel.order.id]
        answer = habits.answer_offer(
            distance_m=ask.more_m,
            pay_minor=ask.pay_minor,
            rng=self._chance("answer", added[0], rider),
            habits=self._ways,
        )
        self._note("offer", rider, added)
        lasts_s = self._scenario.rules.offer_lasts_s
        if answer.reply is Reply.IGNORE or answer.after_s >= lasts_s:
            self._after(lasts_s, lambda: self._refuse(ask, "missed"))
        elif answer.reply is Reply.REFUSE:
            self._after(answer.after_s, lambda: self._refuse(ask, "declined"))
        else:
            self._after(answer.after_s, lambda: self._accept(ask))

    def _refuse(self, ask: Ask, how: str) -> None:
        self._score.offers[how] += 1
        self._note(how, ask.rider, ask.added)
        self._fall_through(ask)
        rider = ask.rider
        rider.missed = rider.missed + 1 if how == "missed" else 0
        if ask.joins:
            return
        if rider.missed == MISSED_IN_A_ROW:
            rider.missed = 0
            self._rest(rider, BREAK_AFTER_MISSED.total_seconds())
        else:
            self._stay(rider)

    def _fall_through(self, ask: Ask) -> None:
        ask.rider.asked = False
        for parcel in ask.added:
            if parcel.phase is Phase.OFFERED:
                parcel.declined_by |= {ask.rider.courier.id}
                self._search(parcel)

    def _stay(self, rider: Rider) -> None:
        """Free as before: who was asked did not stop waiting."""
        since_s = rider.free_since_s
        self._release(rider)
        rider.free_since_s = since_s

    def _accept(self, ask: Ask) -> None:
        self._score.offers["accepted"] += 1
        rider, added = ask.rider, [p for p in ask.added if p.phase is Phase.OFFERED]
        too_late = ask.joins and (rider.carrying or rider.duty is not Duty.ON_JOB)
        if too_late or not added:
            self._fall_through(ask)
            if not ask.joins:
                self._stay(rider)
            return
        rider.asked, rider.missed = False, 0
        rider.parcels = [p for p in ask.route if p in rider.parcels or p in added]
        for parcel, dropoff_s in zip(ask.route, ask.dropoffs_s, strict=True):
            parcel.arrival_eta_s, parcel.pickup_eta_s = ask.arrival_s, ask.pickup_s
            parcel.dropoff_eta_s = dropoff_s
        for parcel in added:
            parcel.phase, parcel.holder = Phase.ASSIGNED, rider
            parcel.agreed_minor = parcel.pay_minor
            self._score.assigned(
                parcel.number,
                now_s=self._now_s,
                requested_s=parcel.requested_s,
                ready_s=parcel.believed_s,
                pickup_s=parcel.pickup_eta_s,
            )
        self._note("accepted", rider, tuple(added))
        if ask.joins:
            self._serve(rider)
            return
        rider.duty = Duty.ON_JOB
        self._score.trips += 1
        self._ride(rider, added[0], added[0].order.pickup, lambda: self._arrive(rider))

    # On the road

    def _ride(self, rider: Rider, parcel: Parcel, to: Place, then: Action) -> None:
        length_m = self._scenario.roads.length_m(rider.place, to)
        pace = spread(self._chance("pace", parcel, rider), 1.0, self._ways.speed_sigma)
        rider.place = to
        self._score.driven_m += length_m
        self._after(length_m / max(1.5, rider.courier.speed_mps * pace), then)

    def _arrive(self, rider: Rider) -> None:
        rider.at_site_s = self._now_s
        if rider.parcels:
            self._serve(rider)
        else:
            self._release(rider)

    def _serve(self, rider: Rider) -> None:
        """Once courier and goods are all there, it takes a moment at the counter."""
        all_ready = rider.parcels and all(p.is_ready for p in rider.parcels)
        if rider.at_site_s is None or rider.serving or rider.carrying or not all_ready:
            return
        rider.serving = True
        self._score.courier_wait_s += self._now_s - rider.at_site_s
        at_counter_s = max(p.order.at_counter_s for p in rider.parcels)
        self._after(at_counter_s, lambda: self._collect(rider))

    def _collect(self, rider: Rider) -> None:
        rider.serving, rider.at_site_s = False, self._now_s
        if not rider.parcels:
            self._release(rider)
            return
        if not all(p.is_ready for p in rider.parcels):
            return  # something joined that is still in the kitchen
        rider.carrying = True
        for parcel in rider.parcels:
            parcel.phase = Phase.ON_BOARD
            ready_s = self._s(parcel.order.ready_at)
            self._score.ready_to_pickup_s.append(max(0.0, self._now_s - ready_s))
        self._note("collected", rider, tuple(rider.parcels))
        self._carry(rider)

    def _carry(self, rider: Rider) -> None:
        parcel = rider.parcels[0]
        self._ride(rider, parcel, parcel.order.dropoff, lambda: self._at_door(rider, parcel))

    def _at_door(self, rider: Rider, parcel: Parcel) -> None:
        self._after(parcel.order.at_door_s, lambda: self._hand_over(rider, parcel))

    def _hand_over(self, rider: Rider, parcel: Parcel) -> None:
        self._end(parcel)
        self._score.click_to_door_s.append(self._now_s - self._s(parcel.order.clicked_at))
        self._score.paid_minor += parcel.agreed_minor
        self._note("delivered", rider, (parcel,))
        if len(rider.parcels) == 1:
            self._release(rider)
        else:
            rider.parcels.remove(parcel)
            self._carry(rider)

    def _note(self, what: str, rider: Rider, parcels: tuple[Parcel, ...]) -> None:
        said: Any = (what, self._now_s, rider.number, [p.number for p in parcels])
        self._told.update(repr(said).encode())
