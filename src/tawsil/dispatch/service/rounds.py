"""Whom to ask for what a plan commits: the courier it chose, and others when several are asked."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final
from uuid import UUID

import numpy as np
from msgspec import Struct

from tawsil.dispatch import planning
from tawsil.dispatch.events import Stop
from tawsil.dispatch.model import Delivery, Offering, State
from tawsil.dispatch.service.board import Board
from tawsil.dispatch.service.offers import Proposal, Round
from tawsil.dispatch.service.view import View
from tawsil.kernel.places import Place, distance_m
from tawsil.tracking.events import StopKind

ROAD_PER_STRAIGHT: Final = 1.35
"""Metres by road for a metre as the crow flies, for the distance an offer names."""
_SPARE: Final = 4
_WIDEST: Final = (Offering.ONE_BY_ONE, Offering.BATCH, Offering.BROADCAST)


class _Asking(Struct):
    """A round that is being put together; `others` may be asked beside, the best first."""

    commitment: planning.Commitment
    mode: Offering
    most: int
    chosen: list[UUID]
    others: list[UUID]


class _Ways:
    """When couriers can be where, as the snapshot has measured it."""

    def __init__(
        self, snapshot: planning.Snapshot, plan: planning.Plan, policy: planning.Policy
    ) -> None:
        self._snapshot = snapshot
        self._policy = policy
        told = {c.courier for c in plan.commitments}
        self._free = np.array(
            [
                row
                for row, c in enumerate(snapshot.couriers)
                if not c.collecting and c.free_at <= snapshot.now and c.id not in told
            ],
            dtype=np.intp,
        )
        self._thought_of: dict[UUID, list[UUID]] = {}
        for candidate in plan.candidates:
            self._thought_of.setdefault(candidate.job, []).append(candidate.courier)
        self._rows = {c.id: row for row, c in enumerate(snapshot.couriers)}
        self._jobs = {j.id: j for j in snapshot.jobs}
        self._columns = {
            j.site: int(column) for j, column in zip(snapshot.jobs, snapshot.site_of, strict=True)
        }

    def courier(self, id_: UUID) -> planning.Courier:
        return self._snapshot.couriers[self._rows[id_]]

    def arrival_at(self, courier_id: UUID, site: UUID) -> datetime:
        approach_s = self._snapshot.approach_s[self._rows[courier_id], self._columns[site]]
        return self.courier(courier_id).free_at + timedelta(seconds=float(approach_s))

    def pickup_at(self, courier_id: UUID, commitment: planning.Commitment) -> datetime:
        """As planned for the courier it was planned for; for others, once ready and at the door."""
        if courier_id == commitment.courier:
            return commitment.pickup_at
        at_door = timedelta(seconds=self._policy.services.pickup_s / 2)
        ready_at = max(self._jobs[id_].ready_at for id_ in commitment.jobs)
        return max(ready_at, self.arrival_at(courier_id, commitment.site) + at_door)

    def others(self, commitment: planning.Commitment, *, most: int) -> list[UUID]:
        """Free couriers who could do it and are not told of anything else: those the plan thought
        of, then the nearest. Some more than are asked, for other rounds choose among them too.
        """
        jobs = [self._jobs[id_] for id_ in commitment.jobs]
        reach_s = self._policy.reach_s * max(job.reach for job in jobs)
        declined = frozenset[UUID]().union(*(job.declined_by for job in jobs))
        approach_s = self._snapshot.approach_s[self._free, self._columns[commitment.site]]
        nearest = np.argsort(approach_s, kind="stable")[: _SPARE * most + len(declined)]
        near: list[int] = self._free[nearest[approach_s[nearest] <= reach_s]].tolist()
        free = {self._snapshot.couriers[row].id for row in near}
        thought_of = [id_ for id_ in self._thought_of.get(commitment.added[0], ()) if id_ in free]
        ranked = dict.fromkeys([*thought_of, *(self._snapshot.couriers[row].id for row in near)])
        collect_minor = sum(job.collect_minor for job in jobs)
        return [
            id_
            for id_ in ranked
            if id_ not in declined
            and self._in_time(id_, commitment)
            and self._has_room(id_, collect_minor)
        ]

    def _has_room(self, courier_id: UUID, collect_minor: int) -> bool:
        room_minor = self.courier(courier_id).cash_room_minor
        return not collect_minor or room_minor is None or collect_minor <= room_minor

    def _in_time(self, courier_id: UUID, commitment: planning.Commitment) -> bool:
        off_at = self.courier(courier_id).off_at
        return off_at is None or self.pickup_at(courier_id, commitment) <= off_at


def rounds_of(
    board: Board,
    *,
    view: View,
    snapshot: planning.Snapshot,
    plan: planning.Plan,
    policy: planning.Policy,
) -> list[Round]:
    """What to offer whom of a plan, as far as it still waits now that it is locked.

    Nobody is asked for two things. Where several are asked, rounds choose in turn, so that none
    takes all couriers before the others come to it.
    """
    ways = _Ways(snapshot, plan, policy)
    asking = [_asking(board, ways, c) for c in plan.commitments if _stands(board, c)]
    taken: set[UUID] = set()
    hungry = [one for one in asking if len(one.chosen) < one.most]
    while hungry:
        for one in hungry:
            one.others = [id_ for id_ in one.others if id_ not in taken]
            if one.others:
                one.chosen.append(one.others.pop(0))
                taken.add(one.chosen[-1])
        hungry = [one for one in hungry if one.others and len(one.chosen) < one.most]
    return [
        Round(
            delivery_ids=one.commitment.added,
            proposals=tuple(_proposal(one.commitment, view, ways, id_) for id_ in one.chosen),
            mode=one.mode,
            joins=one.commitment.added != one.commitment.jobs,
        )
        for one in asking
    ]


def _stands(board: Board, commitment: planning.Commitment) -> bool:
    still = all(board.deliveries[id_].state is State.WAITING for id_ in commitment.added)
    carries = {d.id for d in board.carried(commitment.courier)}
    return still and carries == set(commitment.jobs) - set(commitment.added)


def _asking(board: Board, ways: _Ways, commitment: planning.Commitment) -> _Asking:
    """Who is on the way to the site already is asked alone: to the others it is another route."""
    deliveries = [board.deliveries[id_] for id_ in commitment.added]
    mode = max((d.offering for d in deliveries), key=_WIDEST.index)
    if commitment.added != commitment.jobs:
        mode = Offering.ONE_BY_ONE
    most = max(_asked_at_once(d, mode) for d in deliveries)
    return _Asking(
        commitment=commitment,
        mode=mode,
        most=most,
        chosen=[commitment.courier],
        others=ways.others(commitment, most=most) if most > 1 else [],
    )


def _asked_at_once(delivery: Delivery, mode: Offering) -> int:
    match mode:
        case Offering.ONE_BY_ONE:
            return 1
        case Offering.BATCH:
            return delivery.rules.wave
        case Offering.BROADCAST:
            return delivery.rules.broadcast_most


def _proposal(
    commitment: planning.Commitment, view: View, ways: _Ways, courier_id: UUID
) -> Proposal:
    route = [view.jobs[id_] for id_ in commitment.jobs]
    pickup_at = ways.pickup_at(courier_id, commitment)
    later = pickup_at - commitment.pickup_at
    return proposal(
        courier_id=courier_id,
        place=ways.courier(courier_id).place,
        route=route,
        arrival_at=ways.arrival_at(courier_id, commitment.site),
        pickup_at=pickup_at,
        dropoff_ats=[at + later for at in commitment.dropoff_ats],
    )


def proposal(
    *,
    courier_id: UUID,
    place: Place,
    route: Sequence[Delivery],
    arrival_at: datetime,
    pickup_at: datetime,
    dropoff_ats: Sequence[datetime],
) -> Proposal:
    """From where the courier is to the pick-up, and to each door in turn."""
    pickup = Stop(
        kind=StopKind.PICKUP,
        delivery_ids=tuple(d.id for d in route),
        place=route[0].pickup,
        at=pickup_at,
    )
    doors = [
        Stop(kind=StopKind.DROPOFF, delivery_ids=(d.id,), place=d.dropoff, at=at)
        for d, at in zip(route, dropoff_ats, strict=True)
    ]
    places = [place, pickup.place, *(door.place for door in doors)]
    legs_m = [distance_m(a, b) * ROAD_PER_STRAIGHT for a, b in pairwise(places)]
    return Proposal(
        courier_id=courier_id,
        stops=(pickup, *doors),
        arrival_at=arrival_at,
        distance_m=round(sum(legs_m)),
        to_pickup_m=round(legs_m[0]),
    )
