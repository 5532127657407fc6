"""A day in memory: the engine alone, one decision a minute, every offer accepted."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from tawsil.dispatch.planning import Commitment, Courier, Job, Policy, plan, survey
from tawsil.simulation.mdrp.forecast import recent_demand
from tawsil.simulation.mdrp.instance import MIDNIGHT, MINUTE, Instance, Order, site_ids
from tawsil.simulation.mdrp.kitchens import Erring, Kitchens, PrepNoise, Punctual
from tawsil.simulation.mdrp.policies import fitted
from tawsil.simulation.mdrp.rivals import Decide
from tawsil.simulation.mdrp.scoring import Solution
from tawsil.simulation.motion import CourierMotion, Stop

HOUR: Final = timedelta(hours=1)
PACE_PER_HOUR: Final = 1.0
"""How many orders a courier is sure to be given in an hour of shift that is left."""


def fast_replay(
    instance: Instance, policy: Policy, *, decide: Decide = plan, noise: PrepNoise | None = None
) -> Solution:
    """Live through the day. An order is shown to the policy from the minute it is placed.

    With `noise` its ready time is an estimate until it is ready (see `kitchens.Erring`). Then a
    courier sent to a restaurant is bound to it until they are there, but to no order until they
    pick up, as the problem allows: every minute decides anew who collects what.
    """
    day = _Day(instance, policy, decide=decide, noise=noise)
    now = min((o.placed_at for o in instance.orders), default=MIDNIGHT)
    end = max((s.off_at for s in instance.shifts), default=MIDNIGHT)
    while now <= end:
        day.tick(now)
        now += MINUTE
    return day.solution()


class _Day:
    def __init__(
        self, instance: Instance, policy: Policy, *, decide: Decide, noise: PrepNoise | None
    ) -> None:
        self.instance = instance
        self.policy = fitted(policy, instance)
        self.decide = decide
        self.exact = noise is None
        self.kitchens: Kitchens = Punctual() if noise is None else Erring(instance, noise)
        self.unseen = list(reversed(instance.orders))
        self.site_ids = site_ids(instance)
        self.restaurant_of = {site: name for name, site in self.site_ids.items()}
        self.orders: dict[UUID, Order] = {}
        self.open: dict[UUID, Job] = {}
        self.notice_s: list[float] = []
        self.offs = {UUID(int=k): s.off_at for k, s in enumerate(instance.shifts)}
        self.motions = {
            UUID(int=k): CourierMotion(
                name=s.courier,
                place=s.place,
                on_at=s.on_at,
                services=instance.services,
                travel=instance.travel,
            )
            for k, s in enumerate(instance.shifts)
        }
        self.collecting: dict[UUID, tuple[UUID, ...]] = {}

    def tick(self, now: datetime) -> None:
        while self.unseen and self.unseen[-1].placed_at <= now:
            self._place(self.unseen.pop())
        if not self.exact:
            self._unbind(now)
        if self.orders:
            self._decide(now)
        self._collect(now)

    def _place(self, order: Order) -> None:
        id_ = UUID(int=len(self.orders))
        self.orders[id_] = order
        self.notice_s.append(self.kitchens.notice_s(order))
        self.open[id_] = Job(
            id=id_,
            site=self.site_ids[order.restaurant],
            pickup=self.instance.restaurants[order.restaurant].place,
            dropoff=order.place,
            placed_at=order.placed_at,
            ready_at=order.ready_at,
        )

    def _unbind(self, now: datetime) -> None:
        """Whoever has nothing in hand yet may be given something else on arrival."""
        for id_ in list(self.collecting):
            motion = self.motions[id_]
            if now < motion.pickup_at:
                motion.expect((), now=now)
                del self.collecting[id_]

    def _decide(self, now: datetime) -> None:
        couriers = [
            self._courier(id_, motion, now)
            for id_, motion in self.motions.items()
            if now <= self.offs[id_]
        ]
        open_orders = {id_: self.orders[id_] for id_ in self.open}
        ready_ats = self.kitchens.ready_ats(open_orders, couriers=couriers, now=now)
        snapshot = survey(
            now=now,
            jobs=[replace(job, ready_at=ready_ats[id_]) for id_, job in self.open.items()],
            couriers=couriers,
            travel=self.instance.travel,
            demand=recent_demand(self.instance, self.orders.values(), now=now),
            notice_s=self.notice_s,
        )
        decision = self.decide(snapshot, self.policy)
        for commitment in decision.commitments:
            self._carry_out(commitment, now)
        for move in decision.moves:
            restaurant = self.restaurant_of[move.site]
            self.motions[move.courier].send(to=restaurant, place=move.place, now=now)

    def _courier(self, id_: UUID, motion: CourierMotion, now: datetime) -> Courier:
        return Courier(
            id=id_,
            place=motion.place,
            free_at=motion.free_at,
            off_at=self.offs[id_],
            collecting=self.collecting.get(id_, ()),
            waiting_at=self.site_ids.get(motion.at),
            paid_ahead=self._paid_ahead(id_, motion, now),
        )

    def _paid_ahead(self, id_: UUID, motion: CourierMotion, now: datetime) -> float:
        """How many orders a courier will be short of the guarantee, at a slow pace from now."""
        shift = self.instance.shifts[id_.int]
        worth = self.instance.pay_per_hour / self.instance.pay_per_order
        guaranteed = worth * ((shift.off_at - shift.on_at) / HOUR)
        done = len(motion.deliveries) + len(motion.stops)
        to_come = PACE_PER_HOUR * ((shift.off_at - max(now, shift.on_at)) / HOUR)
        return guaranteed - done - to_come

    def _carry_out(self, commitment: Commitment, now: datetime) -> None:
        motion = self.motions[commitment.courier]
        if commitment.courier not in self.collecting:
            restaurant = self.orders[commitment.jobs[0]].restaurant
            place = self.instance.restaurants[restaurant].place
            motion.send(to=restaurant, place=place, now=now)
        stops = [
            Stop(name=o.id, place=o.place, ready_at=o.ready_at)
            for o in (self.orders[job] for job in commitment.jobs)
        ]
        motion.expect(stops, now=now)
        assert not self.exact or motion.pickup_at == commitment.pickup_at
        self.collecting[commitment.courier] = commitment.jobs

    def _collect(self, now: datetime) -> None:
        """Whoever has in hand what they came for goes; whoever's shift ends with nothing leaves."""
        for id_, ids in list(self.collecting.items()):
            motion = self.motions[id_]
            if motion.pickup_at <= now:
                motion.collect()
                del self.collecting[id_]
                for order in ids:
                    del self.open[order]
            elif now >= self.offs[id_]:
                assert not self.exact, "a plan knows when shifts end"
                motion.expect((), now=now)
                del self.collecting[id_]

    def solution(self) -> Solution:
        for id_ in self.collecting:
            self.motions[id_].collect()
        self.collecting.clear()
        fleet = self.motions.values()
        return Solution(
            assignments=tuple(a for m in fleet for a in m.assignments),
            deliveries=tuple(d for m in fleet for d in m.deliveries),
            moves=tuple(move for m in fleet for move in m.moves),
        )
