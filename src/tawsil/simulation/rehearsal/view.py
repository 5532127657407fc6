"""Orders and couriers as the platform shows them to the planner."""

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tawsil.dispatch import planning
from tawsil.kernel.places import Place, distance_m
from tawsil.simulation.rehearsal.state import Duty, Parcel, Rider

ROAD_PER_STRAIGHT: Final = 1.35
"""As the platform counts the metres that an offer names."""

Instant = Callable[[float], datetime]


class Remembering:
    """Travel times; the way from a site to a door is asked for at every tick and stays."""

    def __init__(self, travel: planning.TravelTimes) -> None:
        self._travel = travel
        self._pairs: dict[tuple[Place, Place], float] = {}

    def matrix_s(
        self, origins: Sequence[Place], destinations: Sequence[Place]
    ) -> NDArray[np.float64]:
        return self._travel.matrix_s(origins, destinations)

    def pairs_s(
        self, origins: Sequence[Place], destinations: Sequence[Place]
    ) -> NDArray[np.float64]:
        pairs = list(zip(origins, destinations, strict=True))
        for pair in pairs:
            if pair not in self._pairs:
                self._pairs[pair] = float(self._travel.matrix_s([pair[0]], [pair[1]])[0, 0])
        return np.array([self._pairs[pair] for pair in pairs])


def job(parcel: Parcel, instant: Instant) -> planning.Job:
    if parcel.job is None:
        order = parcel.order
        parcel.job = planning.Job(
            id=order.id,
            site=order.site,
            pickup=order.pickup,
            dropoff=order.dropoff,
            placed_at=order.requested_at,
            ready_at=instant(parcel.believed_s),
            declined_by=parcel.declined_by,
            escalation=parcel.level,
            reach=parcel.reach,
        )
    return parcel.job


def courier(
    rider: Rider, policy: planning.Policy, *, now_s: float, instant: Instant
) -> planning.Courier | None:
    """Nobody who rests, or has an offer on the screen."""
    if rider.asked or rider.duty not in {Duty.FREE, Duty.ON_JOB}:
        return None
    services = policy.services
    place, collecting, idle_since = rider.place, (), None
    if rider.duty is Duty.FREE:
        at_door_s = max(0.0, services.dropoff_s / 2 - policy.lead_s)
        free_s = max(now_s, rider.free_since_s + at_door_s)
        idle_since = instant(rider.free_since_s)
    elif not rider.parcels:
        return None  # on the way to what nobody wants any more
    elif rider.carrying:
        last = rider.parcels[-1]
        place = last.order.dropoff
        free_s = max(now_s + 1.0, last.dropoff_eta_s + services.dropoff_s / 2)
    else:
        last = rider.parcels[-1]
        bound = max if rider.at_site_s is None else min
        place, free_s = last.order.pickup, bound(now_s, last.arrival_eta_s)
        collecting = tuple(p.order.id for p in rider.parcels)
    return planning.Courier(
        id=rider.courier.id,
        place=place,
        free_at=instant(free_s),
        off_at=instant(rider.off_s),
        collecting=collecting,
        idle_since=idle_since,
        rating=rider.courier.rating,
    )


def metres(origin: Place, route: Sequence[Parcel]) -> float:
    """By road, from where a courier is over the pick-up to the last door."""
    places = [origin, route[0].order.pickup, *(p.order.dropoff for p in route)]
    return sum(distance_m(a, b) for a, b in pairwise(places)) * ROAD_PER_STRAIGHT
