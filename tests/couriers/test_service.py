"""Couriers on a real database: batches, history, the clock."""

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

import pytest
from msgspec import Struct

from tawsil.couriers import public, service
from tawsil.couriers.events import EVENTS, Availability, CourierJoined, Reason, Vehicle
from tawsil.couriers.model import Courier
from tawsil.couriers.public import (
    Engage,
    Fault,
    Hold,
    MarkSafe,
    MarkUnsafe,
    MissOffer,
    NewCourier,
    Prefer,
    Release,
)
from tawsil.couriers.service import EndShift, Resume, StartShift, TakeBreak
from tawsil.geography import public as geography
from tawsil.geography.public import City, CityRules, Tenant, Zone
from tawsil.kernel.clock import Ids
from tawsil.kernel.db import Tx
from tawsil.kernel.deadlines import Due
from tawsil.kernel.decisions import By, Refusal, accept
from tawsil.kernel.events import Recorded, Registry
from tawsil.kernel.places import Place

CITY = UUID(int=5)
REGISTRY = Registry(EVENTS)


class Other(Struct, frozen=True, kw_only=True):
    """Another subject that may have a courier's id."""

    stream: ClassVar[str] = "other"
    city_id: ClassVar[None] = None
    deadline: ClassVar[None] = None
    id: UUID
    tenant_id: UUID
    version: int = 0


@pytest.fixture
async def courier_ids(tx: Tx, by: By, ids: Ids) -> list[UUID]:
    """Three couriers, on duty."""
    new = [
        NewCourier(by=by, courier_id=ids(), city_id=CITY, vehicle=Vehicle.BICYCLE) for _ in range(3)
    ]
    couriers = await public.create_couriers(tx, couriers=new)
    await service.start_shift(tx, [StartShift(by=by, courier_id=c.id) for c in couriers])
    return [c.id for c in couriers]


def states(outcomes: list[Courier | Refusal]) -> list[str]:
    return [o.code if isinstance(o, Refusal) else o.availability for o in outcomes]


async def due(tx: Tx) -> list[Due]:
    rows = await tx.rows("select subject_id, owner, kind, due_at from kernel.deadline")
    return [Due(**row) for row in rows]


async def recorded(tx: Tx, courier_id: UUID) -> list[Recorded[Any]]:
    rows = await tx.rows(
        "select * from kernel.event where stream_id = $1 and stream = 'courier' order by version",
        courier_id,
    )
    return [REGISTRY.recorded(row) for row in rows]


async def test_a_courier_and_their_user_share_an_id_but_not_a_story(
    tx: Tx, by: By, courier_ids: list[UUID]
) -> None:
    courier_id = courier_ids[0]
    await service.take_break(
        tx, [TakeBreak(by=by, courier_id=courier_id, length=timedelta(minutes=30))]
    )
    user = accept(
        Other(id=courier_id, tenant_id=by.tenant_id),
        CourierJoined(courier_id=courier_id, vehicle=Vehicle.CAR),
    )
    await tx.record([(by, user)])
    assert len(await due(tx)) == 1


async def test_joining_twice_changes_nothing(tx: Tx, by: By, courier_ids: list[UUID]) -> None:
    again = NewCourier(by=by, courier_id=courier_ids[0], city_id=UUID(int=9), vehicle=Vehicle.CAR)
    (courier,) = await public.create_couriers(tx, couriers=[again])
    assert (courier.city_id, courier.availability) == (CITY, Availability.AVAILABLE)
    assert await public.get_many(tx, ids=[courier.id]) == {courier.id: courier}


async def test_a_batch_is_decided_command_by_command(
    tx: Tx, by: By, ids: Ids, courier_ids: list[UUID]
) -> None:
    first, second, _ = courier_ids
    stranger = By(tenant_id=ids(), correlation_id=ids())
    outcomes = await public.hold(
        tx,
        [
            Hold(by=by, courier_id=first),
            Hold(by=by, courier_id=second),
            Hold(by=by, courier_id=first),
            Hold(by=by, courier_id=ids()),
            Hold(by=stranger, courier_id=courier_ids[2]),
        ],
    )
    assert states(outcomes) == [
        "ON_OFFER",
        "ON_OFFER",
        "courier.move_not_allowed",
        "request.not_found",
        "request.not_found",
    ]
    assert states(await public.engage(tx, [Engage(by=by, courier_id=first)])) == ["ON_JOB"]
    assert states(
        await public.release(tx, [Release(by=by, courier_id=c) for c in courier_ids])
    ) == [
        "AVAILABLE",
        "AVAILABLE",
        "AVAILABLE",
    ]


async def test_the_third_missed_offer_in_a_row_of_one_batch_gives_a_break(
    tx: Tx, by: By, courier_ids: list[UUID]
) -> None:
    courier_id = courier_ids[0]
    for _ in range(3):
        await public.hold(tx, [Hold(by=by, courier_id=courier_id)])
        (courier,) = await public.missed_offer(tx, [MissOffer(by=by, courier_id=courier_id)])
    assert isinstance(courier, Courier)
    assert courier.availability is Availability.ON_BREAK
    assert courier.break_ends_at == tx.now + timedelta(minutes=15)
    last = (await recorded(tx, courier_id))[-2:]
    assert {event.event.reason for event in last} == {Reason.OFFERS_MISSED_IN_A_ROW}


async def test_on_duty_is_everyone_of_the_city_who_is_not_offline(
    tx: Tx, by: By, courier_ids: list[UUID]
) -> None:
    await service.end_shift(tx, [EndShift(by=by, courier_id=courier_ids[1])])
    on_duty = await public.on_duty(tx, city_id=CITY)
    assert [c.id for c in on_duty] == [courier_ids[0], courier_ids[2]]
    assert await public.on_duty(tx, city_id=UUID(int=6)) == []


async def test_a_break_ends_by_itself(tx: Tx, by: By, courier_ids: list[UUID]) -> None:
    courier_id = courier_ids[0]
    await service.take_break(
        tx, [TakeBreak(by=by, courier_id=courier_id, length=timedelta(minutes=30))]
    )
    (waiting,) = await due(tx)
    assert (waiting.subject_id, waiting.owner, waiting.kind) == (
        courier_id,
        "courier",
        "break_over",
    )
    tx.now = waiting.due_at
    await service.on_due(tx, [waiting])
    assert await due(tx) == []
    (courier,) = (await public.get_many(tx, ids=[courier_id])).values()
    assert courier.availability is Availability.AVAILABLE
    ended = (await recorded(tx, courier_id))[-1].event
    assert (ended.expired, ended.break_s) == (True, 1800)


async def test_a_shift_that_is_over_waits_for_the_job(
    tx: Tx, by: By, courier_ids: list[UUID]
) -> None:
    courier_id = courier_ids[0]
    await service.end_shift(tx, [EndShift(by=by, courier_id=courier_id)])
    until = tx.now + timedelta(hours=1)
    await service.start_shift(tx, [StartShift(by=by, courier_id=courier_id, until=until)])
    await public.engage(tx, [Engage(by=by, courier_id=courier_id)])
    (waiting,) = await due(tx)
    assert (waiting.kind, waiting.due_at) == ("shift_over", until)
    tx.now = until + timedelta(seconds=1)
    await service.on_due(tx, [waiting])
    assert await due(tx) == []
    assert states(await service.resume(tx, [Resume(by=by, courier_id=courier_id)])) == [
        "courier.move_not_allowed"
    ]
    assert states(await public.release(tx, [Release(by=by, courier_id=courier_id)])) == ["OFFLINE"]


async def test_history_has_no_gaps_and_one_present(tx: Tx, by: By, courier_ids: list[UUID]) -> None:
    courier_id, began_at = courier_ids[0], tx.now
    tx.now += timedelta(minutes=10)
    await service.take_break(
        tx, [TakeBreak(by=by, courier_id=courier_id, length=timedelta(minutes=30))]
    )
    tx.now += timedelta(minutes=5)
    resumed = Resume(by=by, courier_id=courier_id)
    outcomes = await service.resume(tx, [resumed, resumed])
    assert states(outcomes) == ["AVAILABLE", "courier.move_not_allowed"]
    spans = await public.history(
        tx, courier_ids=[courier_id], from_at=began_at, to_at=tx.now + timedelta(seconds=1)
    )
    assert [(s.availability, s.reason) for s in spans] == [
        (Availability.AVAILABLE, Reason.SHIFT_STARTED),
        (Availability.ON_BREAK, Reason.BREAK_TAKEN),
        (Availability.AVAILABLE, Reason.BREAK_RESUMED),
    ]
    assert [s.to_at for s in spans] == [*[s.from_at for s in spans[1:]], None]


async def test_an_unsafe_vehicle_goes_home_when_its_job_is_done(
    tx: Tx, by: By, courier_ids: list[UUID]
) -> None:
    free, busy, _ = courier_ids
    await public.engage(tx, [Engage(by=by, courier_id=busy)])
    outcomes = await public.mark_unsafe(
        tx, [MarkUnsafe(by=by, courier_id=id_, fault=Fault.BRAKES) for id_ in (free, busy, free)]
    )
    assert states(outcomes) == ["OFFLINE", "ENDING_SHIFT", "OFFLINE"]
    on_duty = {c.id: c for c in await public.on_duty(tx, city_id=CITY)}
    assert free not in on_duty
    assert (on_duty[busy].fault, on_duty[busy].vehicle_unsafe_since_at) == (Fault.BRAKES, tx.now)
    assert states(await public.hold(tx, [Hold(by=by, courier_id=busy)])) == [
        "courier.move_not_allowed"
    ]
    assert states(await public.release(tx, [Release(by=by, courier_id=busy)])) == ["OFFLINE"]
    start = StartShift(by=by, courier_id=busy)
    assert states(await public.start_shift(tx, [start])) == ["courier.vehicle_unsafe"]
    await public.mark_safe(tx, [MarkSafe(by=by, courier_id=busy)])
    assert states(await public.start_shift(tx, [start])) == ["AVAILABLE"]
    kept = await recorded(tx, busy)
    assert [event.type for event in kept].count("courier.vehicle_marked_unsafe.v1") == 1
    assert [event.type for event in kept].count("courier.vehicle_marked_safe.v1") == 1


async def test_preferred_zones_must_be_of_the_couriers_city(
    tx: Tx, by: By, ids: Ids, courier_ids: list[UUID]
) -> None:
    here, elsewhere = await _zones(tx, by, ids)
    courier_id = courier_ids[0]
    outcomes = await public.prefer(
        tx,
        [
            Prefer(by=by, courier_id=courier_id, zones=frozenset({here})),
            Prefer(by=by, courier_id=courier_id, zones=frozenset({here, elsewhere})),
            Prefer(by=by, courier_id=ids(), zones=frozenset({here})),
        ],
    )
    assert states(outcomes) == ["AVAILABLE", "courier.zone_not_in_city", "request.not_found"]
    (kept,) = (await public.get_many(tx, ids=[courier_id])).values()
    assert kept.preferred_zones == {here}
    (cleared,) = await public.prefer(
        tx, [Prefer(by=by, courier_id=courier_id, zones=frozenset[UUID]())]
    )
    assert isinstance(cleared, Courier)
    assert cleared.preferred_zones == frozenset()


async def _zones(tx: Tx, by: By, ids: Ids) -> tuple[UUID, UUID]:
    """A zone of the couriers' city, and one of another."""
    corner = Place(25.20, 55.27)
    ring = (corner, Place(25.20, 55.29), Place(25.22, 55.29))
    await geography.create_tenant(tx, tenant=Tenant(id=by.tenant_id, slug="tenant", name="Tenant"))
    made = []
    for slug, city_id in (("here", CITY), ("there", ids())):
        city = City(
            id=city_id,
            tenant_id=by.tenant_id,
            slug=slug,
            name_en=slug,
            name_ar=slug,
            currency="AED",
            timezone="Asia/Dubai",
            centre=corner,
            rules=CityRules(),
        )
        await geography.create_city(tx, city=city)
        made.append(
            Zone(
                id=ids(),
                tenant_id=by.tenant_id,
                city_id=city_id,
                slug=slug,
                name_en=slug,
                name_ar=slug,
                ring=ring,
            )
        )
    await geography.create_zones(tx, zones=made)
    return made[0].id, made[1].id
