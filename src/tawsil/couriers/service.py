"""Couriers come on duty, rest and go home; dispatch holds, engages and releases them."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from tawsil.couriers import model, papering, store
from tawsil.couriers.events import CourierJoined, Fault, Reason, SuspendedBecause, Vehicle
from tawsil.couriers.model import Courier
from tawsil.geography import public as geography
from tawsil.identity import public as identity
from tawsil.kernel.db import Tx
from tawsil.kernel.deadlines import Due, still_due
from tawsil.kernel.decisions import (
    Accepted,
    By,
    Command,
    Decision,
    Refusal,
    accept,
    accepted,
    refuse,
)


class NewCourier(Command, frozen=True, kw_only=True):
    """Enrols a user of the command's tenant as a courier."""

    courier_id: UUID
    city_id: UUID
    vehicle: Vehicle
    rating: float = 5.0


class CourierCommand(Command, frozen=True, kw_only=True):
    courier_id: UUID


class StartShift(CourierCommand, frozen=True, kw_only=True):
    until: datetime | None = None


class TakeBreak(CourierCommand, frozen=True, kw_only=True):
    length: timedelta


class Resume(CourierCommand, frozen=True, kw_only=True):
    pass


class EndShift(CourierCommand, frozen=True, kw_only=True):
    pass


class Hold(CourierCommand, frozen=True, kw_only=True):
    pass


class Engage(CourierCommand, frozen=True, kw_only=True):
    pass


class Release(CourierCommand, frozen=True, kw_only=True):
    """Without a `reason`: an offer was withdrawn, a job is done."""

    reason: Reason | None = None


class MissOffer(CourierCommand, frozen=True, kw_only=True):
    pass


class MarkUnsafe(CourierCommand, frozen=True, kw_only=True):
    fault: Fault


class MarkSafe(CourierCommand, frozen=True, kw_only=True):
    pass


class Suspend(CourierCommand, frozen=True, kw_only=True):
    because: SuspendedBecause


class Reinstate(CourierCommand, frozen=True, kw_only=True):
    pass


class Prefer(CourierCommand, frozen=True, kw_only=True):
    """All zones the courier likes to work in; they replace those named before."""

    zones: frozenset[UUID]


C = TypeVar("C", bound=CourierCommand)
Outcomes = list[Courier | Refusal]


async def join(tx: Tx, commands: Sequence[NewCourier]) -> list[Courier]:
    decided: dict[UUID, tuple[NewCourier, Accepted[Courier]]] = {
        c.courier_id: (c, _joined(c, now=tx.now)) for c in commands
    }
    added = await store.add(tx, [decision.state for _, decision in decided.values()])
    await tx.record([decided[id_] for id_ in sorted(added)])
    known = await store.get_many(tx, ids=list(decided))
    return [known[c.courier_id] for c in commands]


def _joined(command: NewCourier, *, now: datetime) -> Accepted[Courier]:
    courier = Courier(
        id=command.courier_id,
        tenant_id=command.by.tenant_id,
        city_id=command.city_id,
        vehicle=command.vehicle,
        rating=command.rating,
        since_at=now,
    )
    return accept(courier, CourierJoined(courier_id=courier.id, vehicle=courier.vehicle))


async def start_shift(tx: Tx, commands: Sequence[StartShift]) -> Outcomes:
    known = await store.get_many(tx, ids=[c.courier_id for c in commands])
    lacking = await papering.lacking(tx, couriers=known.values())
    return await _handle(
        tx,
        commands,
        lambda courier, c: model.start_shift(
            courier, until=c.until, now=tx.now, lacking=lacking.get(courier.id)
        ),
    )


async def suspend(tx: Tx, commands: Sequence[Suspend]) -> Outcomes:
    return await _handle(
        tx, commands, lambda courier, c: model.suspend(courier, because=c.because, now=tx.now)
    )


async def reinstate(tx: Tx, commands: Sequence[Reinstate]) -> Outcomes:
    return await _handle(tx, commands, lambda courier, _: model.reinstate(courier, now=tx.now))


async def enrol(tx: Tx, commands: Sequence[NewCourier]) -> Outcomes:
    """Enrol users who are couriers by their role, in a city of theirs; each only once."""
    return [await _enrol(tx, command) for command in commands]


async def _enrol(tx: Tx, command: NewCourier) -> Courier | Refusal:
    tenant_id, courier_id = command.by.tenant_id, command.courier_id
    users = await identity.get_many(tx, tenant_id=tenant_id, ids=[courier_id])
    if courier_id not in users:
        return refuse("courier.user_unknown", status=422)
    if identity.Role.DELIVERY_PARTNER not in users[courier_id].roles:
        return refuse("courier.not_a_courier", status=422)
    if await geography.city_of(tx, tenant_id=tenant_id, city_id=command.city_id) is None:
        return refuse("request.city_unknown", status=422)
    if await store.lock(tx, ids=[courier_id]):
        return refuse("courier.enrolled")
    (courier,) = await join(tx, [command])
    return courier


async def take_break(tx: Tx, commands: Sequence[TakeBreak]) -> Outcomes:
    return await _handle(
        tx, commands, lambda courier, c: model.take_break(courier, length=c.length, now=tx.now)
    )


async def resume(tx: Tx, commands: Sequence[Resume]) -> Outcomes:
    return await _handle(tx, commands, lambda courier, _: model.resume(courier, now=tx.now))


async def end_shift(tx: Tx, commands: Sequence[EndShift]) -> Outcomes:
    return await _handle(tx, commands, lambda courier, _: model.end_shift(courier, now=tx.now))


async def mark_unsafe(tx: Tx, commands: Sequence[MarkUnsafe]) -> Outcomes:
    return await _handle(
        tx, commands, lambda courier, c: model.mark_unsafe(courier, fault=c.fault, now=tx.now)
    )


async def mark_safe(tx: Tx, commands: Sequence[MarkSafe]) -> Outcomes:
    return await _handle(tx, commands, lambda courier, _: model.mark_safe(courier, now=tx.now))


async def prefer(tx: Tx, commands: Sequence[Prefer]) -> Outcomes:
    couriers = await store.get_many(tx, ids=[c.courier_id for c in commands])
    zones = {
        city_id: {zone.id for zone in await geography.zones(tx, city_id=city_id)}
        for city_id in sorted({courier.city_id for courier in couriers.values()})
    }
    return await _handle(
        tx,
        commands,
        lambda courier, c: model.prefer(courier, zones=c.zones, known=zones[courier.city_id]),
    )


async def hold(tx: Tx, commands: Sequence[Hold]) -> Outcomes:
    return await _handle(tx, commands, lambda courier, _: model.hold(courier, now=tx.now))


async def engage(tx: Tx, commands: Sequence[Engage]) -> Outcomes:
    return await _handle(tx, commands, lambda courier, _: model.engage(courier, now=tx.now))


async def release(tx: Tx, commands: Sequence[Release]) -> Outcomes:
    return await _handle(
        tx, commands, lambda courier, c: model.release(courier, reason=c.reason, now=tx.now)
    )


async def miss_offer(tx: Tx, commands: Sequence[MissOffer]) -> Outcomes:
    return await _handle(tx, commands, lambda courier, _: model.miss_offer(courier, now=tx.now))


async def on_due(tx: Tx, due: Sequence[Due]) -> None:
    """The clock ends breaks and shifts: the owner of the stream's deadlines."""
    couriers = await store.lock(tx, ids=[d.subject_id for d in due])
    reached = still_due(due, couriers, now=tx.now)
    decided = [(c, model.reach_deadline(c, now=tx.now)) for c in reached]
    await store.save(tx, accepted([decision for _, decision in decided]))
    await tx.record(
        [
            (By(tenant_id=courier.tenant_id, correlation_id=tx.ids()), decision)
            for courier, decision in decided
            if isinstance(decision, Accepted)
        ]
    )


async def _handle(
    tx: Tx, commands: Sequence[C], decide: Callable[[Courier, C], Decision[Courier]]
) -> Outcomes:
    """Decide commands one after another, each on what the one before it left."""
    couriers = await store.lock(tx, ids=[c.courier_id for c in commands])
    outcomes: Outcomes = []
    decided: list[tuple[C, Accepted[Courier]]] = []
    for command in commands:
        courier = couriers.get(command.courier_id)
        if courier is None or courier.tenant_id != command.by.tenant_id:
            outcomes.append(refuse("request.not_found", status=404))
            continue
        decision = decide(courier, command)
        if isinstance(decision, Refusal):
            outcomes.append(decision)
            continue
        couriers[courier.id] = decision.state
        decided.append((command, decision))
        outcomes.append(decision.state)
    await store.save(tx, accepted([decision for _, decision in decided]))
    await tx.record(decided)
    return outcomes
