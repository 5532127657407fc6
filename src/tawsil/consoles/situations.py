"""How a city's dispatch is found: what its page and the page of a decision are drawn from."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import numpy as np
from msgspec import Struct

from tawsil.consoles import who_and_where as known
from tawsil.consoles.situation import (
    Case,
    Choice,
    Climber,
    Doubt,
    Load,
    PolicyMark,
    Situation,
    Subject,
    TickMark,
    Undoable,
)
from tawsil.consoles.words import amount
from tawsil.couriers import public as couriers
from tawsil.couriers.public import Availability
from tawsil.dispatch import public as dispatch
from tawsil.dispatch.public import LIVE_POLICY, Delivery
from tawsil.kernel.db import Tx
from tawsil.kernel.places import Place, distances_m
from tawsil.tracking import public as tracking

LADDER_SHOWN: Final = 40
CHOICES: Final = 8
TICKS_SHOWN: Final = 20
NOT_COLLECTED: Final = dispatch.TO_COLLECT | {dispatch.State.WAITING, dispatch.State.OFFERED}


class _Names(Struct, frozen=True):
    subjects: Mapping[UUID, Subject]
    people: Mapping[UUID, str]
    nearest: Mapping[UUID, Sequence[tuple[UUID, float | None]]]
    """By delivery, free couriers and how far they are, the nearest to its pick-up first."""
    now: datetime

    def choices(self, delivery: Delivery) -> tuple[Choice, ...]:
        return tuple(
            Choice(id=id_, name=self.people[id_], distance_m=metres)
            for id_, metres in self.nearest[delivery.id]
            if id_ in self.people
        )

    def undo(self, delivery: Delivery) -> Undoable | None:
        undo = delivery.undo
        if undo is None or undo.until_at <= self.now:
            return None
        former = undo.courier_id
        return Undoable(until_at=undo.until_at, courier=self.people.get(former) if former else None)


async def situation(tx: Tx, *, tenant_id: UUID, slug: str | None) -> Situation | None:
    """A city's dispatch now; None when there is no such city."""
    cities = await known.cities(tx, tenant_id=tenant_id)
    city = known.chosen(cities, slug=slug)
    if city is None:
        return None
    zones = await known.zones(tx, city_id=city.id)
    nobody_has = await dispatch.without_courier(tx, tenant_id=tenant_id, city_id=city.id)
    urgent = sorted(
        (d for d in nobody_has if d.urgent_at <= tx.now), key=lambda d: (d.urgent_at, d.id)
    )
    shown = urgent[:LADDER_SHOWN]
    doubtful = await dispatch.in_doubt(tx, tenant_id=tenant_id, city_id=city.id)
    names = await _names(tx, tenant_id=tenant_id, city_id=city.id, about=[*shown, *doubtful])
    ticks = await dispatch.lately_told(tx, tenant_id=tenant_id, city_id=city.id, limit=TICKS_SHOWN)
    return Situation(
        city=city,
        cities=cities,
        zones=zones,
        at=tx.now,
        conditions=await known.conditions(tx, city_id=city.id, among=zones),
        load=await _load(tx, city_id=city.id),
        ladder=tuple(_climber(d, names) for d in shown),
        more_urgent=len(urgent) - len(shown),
        not_urgent=len(nobody_has) - len(urgent),
        doubts=tuple(_doubt(d, names) for d in doubtful),
        ticks=tuple(
            TickMark(
                id=line.id,
                at=line.at,
                jobs=line.jobs,
                couriers=line.couriers,
                told=line.told,
                policy=f"{line.policy} {line.policy_version}",
                solver_s=line.solver_s,
            )
            for line in ticks
        ),
        policy=await _policy(tx, tenant_id=tenant_id, city_id=city.id),
    )


async def case(tx: Tx, *, tenant_id: UUID, delivery: Delivery) -> Case | None:
    """What may be done about a delivery; None once it is over."""
    if delivery.ended_at is not None:
        return None
    names = await _names(tx, tenant_id=tenant_id, city_id=delivery.city_id, about=[delivery])
    has, collected = delivery.courier_id, delivery.state not in NOT_COLLECTED
    return Case(
        subject=names.subjects[delivery.reference_id],
        courier=names.people.get(has) if has else None,
        collected=collected,
        can_escalate=has is None and delivery.level < len(delivery.rules.ladder),
        choices=tuple(choice for choice in names.choices(delivery) if choice.id != has),
        undo=None if collected else names.undo(delivery),
    )


async def _names(tx: Tx, *, tenant_id: UUID, city_id: UUID, about: Sequence[Delivery]) -> _Names:
    free = [
        courier.id
        for courier in await couriers.on_duty(tx, city_id=city_id)
        if courier.availability is Availability.AVAILABLE
    ]
    seen = await tracking.latest(tx, courier_ids=free) if about else {}
    nearest = _nearest(about, free=free, places={id_: at.place for id_, at in seen.items()})
    chosen = {id_ for found in nearest.values() for id_, _ in found}
    return _Names(
        subjects=await known.subjects(
            tx, tenant_id=tenant_id, reference_ids=[d.reference_id for d in about]
        ),
        people=await known.names(tx, tenant_id=tenant_id, ids=[*chosen, *_people(about)]),
        nearest=nearest,
        now=tx.now,
    )


def _nearest(
    about: Sequence[Delivery], *, free: Sequence[UUID], places: Mapping[UUID, Place]
) -> dict[UUID, list[tuple[UUID, float | None]]]:
    """Whoever it is not known where they are comes last."""
    located = [id_ for id_ in free if id_ in places]
    lost: list[tuple[UUID, float | None]] = [(id_, None) for id_ in free if id_ not in places]
    away_m = distances_m([d.pickup for d in about], [places[id_] for id_ in located])
    order = np.argsort(away_m, axis=1, kind="stable")[:, :CHOICES]
    nearest: dict[UUID, list[tuple[UUID, float | None]]] = {}
    for row, delivery in enumerate(about):
        found = [(located[int(at)], float(away_m[row, at])) for at in order[row]]
        nearest[delivery.id] = [*found, *lost][:CHOICES]
    return nearest


def _people(deliveries: Iterable[Delivery]) -> Iterable[UUID | None]:
    for delivery in deliveries:
        yield delivery.courier_id
        yield delivery.undo.courier_id if delivery.undo else None


def _climber(delivery: Delivery, names: _Names) -> Climber:
    ladder, deadline = delivery.rules.ladder, delivery.deadline
    assert deadline is not None, "a delivery that nobody has climbs or is given up"
    so_far = [action.value for rung in ladder[: delivery.level] for action in rung.actions]
    ahead = ladder[delivery.level].actions if delivery.level < len(ladder) else ()
    incentive = delivery.incentive_minor
    return Climber(
        subject=names.subjects[delivery.reference_id],
        urgent_at=delivery.urgent_at,
        offered=delivery.state is dispatch.State.OFFERED,
        level=delivery.level,
        rungs=len(ladder),
        actions=tuple(dict.fromkeys(so_far)),
        next_at=deadline.at,
        next_actions=tuple(action.value for action in ahead),
        incentive=amount(incentive, delivery.currency) if incentive else None,
        lost_because=delivery.lost_because.value if delivery.lost_because else None,
        choices=names.choices(delivery),
        undo=names.undo(delivery),
    )


def _doubt(delivery: Delivery, names: _Names) -> Doubt:
    risk, courier_id = delivery.risk, delivery.courier_id
    collected = delivery.state not in dispatch.TO_COLLECT
    return Doubt(
        subject=names.subjects[delivery.reference_id],
        courier=names.people.get(courier_id, "") if courier_id else "",
        collected=collected,
        cause=risk.cause.value if risk else None,
        since_at=risk.since_at if risk else None,
        ends_at=delivery.grace_ends_at,
        stranded=bool(delivery.stranded),
        choices=names.choices(delivery),
        undo=None if collected else names.undo(delivery),
    )


async def _load(tx: Tx, *, city_id: UUID) -> Load | None:
    measured = await dispatch.load_of(tx, city_id=city_id)
    if measured is None:
        return None
    rules = (await dispatch.rules_of(tx, city_id=city_id)).back_pressure
    return Load(
        load=measured.load,
        wanted=measured.wanted,
        couriers=measured.couriers,
        measured_at=measured.measured_at,
        steps=tuple(step.load for step in rules.steps),
    )


async def _policy(tx: Tx, *, tenant_id: UUID, city_id: UUID) -> PolicyMark:
    live = await dispatch.live_since(tx, tenant_id=tenant_id, city_id=city_id)
    if live is None:
        return PolicyMark(name=LIVE_POLICY.name, version=LIVE_POLICY.version)
    people = await known.names(tx, tenant_id=tenant_id, ids=[live.set_by])
    return PolicyMark(
        name=live.name,
        version=live.number,
        since_at=live.since_at,
        set_by=people.get(live.set_by) if live.set_by else None,
        override=live.override,
    )
