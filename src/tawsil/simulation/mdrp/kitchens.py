"""What is known of an order's readiness before it is ready."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from random import Random
from typing import Final, Protocol
from uuid import UUID

from msgspec import Struct

from tawsil.dispatch.planning import Courier
from tawsil.dispatch.planning.readiness import Estimate, Readiness
from tawsil.simulation.mdrp.instance import MINUTE, Instance, Order, site_ids

SOON: Final = 30 * MINUTE
"""Couriers who are not free by then count neither as busy nor as idle."""


class PrepNoise(Struct, frozen=True):
    """Kitchens err: by this standard deviation, drawn once for each order from this seed."""

    std_min: float
    seed: int = 0


class Kitchens(Protocol):
    """Tells when orders are expected to be ready."""

    def notice_s(self, order: Order) -> float:
        """From being placed to being ready, as was said at the placement."""
        ...

    def ready_ats(
        self, orders: Mapping[UUID, Order], *, couriers: Sequence[Courier], now: datetime
    ) -> Mapping[UUID, datetime]: ...


class Punctual:
    """Everything is ready when it was said to be: the published problem."""

    def notice_s(self, order: Order) -> float:
        return (order.ready_at - order.placed_at).total_seconds()

    def ready_ats(
        self, orders: Mapping[UUID, Order], *, couriers: Sequence[Courier], now: datetime
    ) -> Mapping[UUID, datetime]:
        del couriers, now
        return {id_: order.ready_at for id_, order in orders.items()}


class Erring:
    """At the placement a kitchen says when the order will be ready, and errs.

    What it said is the true instant plus a normal error, but never before the placement. It says
    nothing more until the order is ready; that is known at once. The policy learns from the
    orders that were ready so far, and from nothing else.
    """

    def __init__(self, instance: Instance, noise: PrepNoise) -> None:
        sites = site_ids(instance)
        self._said: Final = {
            o.id: Estimate(
                site=sites[o.restaurant],
                placed_at=o.placed_at,
                ready_at=max(o.placed_at, o.ready_at + error_min * MINUTE),
            )
            for o, error_min in zip(instance.orders, _errors(instance, noise), strict=True)
        }
        self._readiness = Readiness()
        self._unready: dict[str, Order] = {}
        self._met: set[str] = set()

    def notice_s(self, order: Order) -> float:
        said = self._said[order.id]
        return (said.ready_at - said.placed_at).total_seconds()

    def ready_ats(
        self, orders: Mapping[UUID, Order], *, couriers: Sequence[Courier], now: datetime
    ) -> Mapping[UUID, datetime]:
        self._learn(orders.values(), now=now)
        waited_for = {id_: o for id_, o in orders.items() if o.ready_at > now}
        expected = self._readiness.ready_ats(
            [self._said[o.id] for o in waited_for.values()],
            now=now,
            share=_share(couriers, now=now),
        )
        known = {id_: o.ready_at for id_, o in orders.items() if o.ready_at <= now}
        return known | dict(zip(waited_for, expected, strict=True))

    def _learn(self, orders: Iterable[Order], *, now: datetime) -> None:
        self._unready |= {o.id: o for o in orders if o.id not in self._met}
        self._met |= self._unready.keys()
        for order in [o for o in self._unready.values() if o.ready_at <= now]:
            self._readiness.came_true(self._said[order.id], ready_at=order.ready_at)
            del self._unready[order.id]


def _errors(instance: Instance, noise: PrepNoise) -> list[float]:
    random = Random(noise.seed)
    return [random.gauss(0.0, noise.std_min) for _ in instance.orders]


def _share(couriers: Sequence[Courier], *, now: datetime) -> float:
    """The newsvendor's quantile: what a courier's minute is worth beside a customer's.

    When all are busy, somebody else waits for the courier: as much. When many are idle, nothing.
    """
    present = [c for c in couriers if c.collecting or c.free_at <= now + SOON]
    idle = sum(c.free_at <= now and not c.collecting for c in present)
    busy = 1.0 - idle / max(1, len(present))
    return min(0.5, max(0.05, busy - 0.5))
