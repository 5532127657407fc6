"""Positions on a real database: any order, any number of times, many couriers at once."""

from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tawsil.kernel.clock import Ids
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By
from tawsil.kernel.events import Registry
from tawsil.kernel.places import Place
from tawsil.tracking import public
from tawsil.tracking.events import EVENTS, GeofenceEntered, GeofenceLeft
from tawsil.tracking.public import Ping, Position, RecordPositions, StopKind, Watch

REGISTRY = Registry(EVENTS)
STOP = Place(33.89, 35.5)
METRE = 1 / 111_195  # of latitude, in degrees


def ping(tx: Tx, after_s: float, metres: float = 0.0, accuracy_m: float = 5.0) -> Ping:
    return Ping(
        place=Place(STOP.latitude + metres * METRE, STOP.longitude),
        at=tx.now + timedelta(seconds=after_s),
        accuracy_m=accuracy_m,
        speed_mps=4.0,
        heading_deg=180.0,
        seq=7,
    )


async def trail(tx: Tx, courier_id: UUID) -> list[tuple[Any, ...]]:
    found = await public.trail(
        tx,
        courier_id=courier_id,
        from_at=tx.now - timedelta(days=2),
        to_at=tx.now + timedelta(days=1),
    )
    return [(p.at, p.place, p.suspect) for p in found]


async def live(tx: Tx, courier_id: UUID) -> Position | None:
    return (await public.latest(tx, courier_ids=[courier_id])).get(courier_id)


async def told(tx: Tx, courier_id: UUID) -> list[Any]:
    rows = await tx.rows(
        """
        select * from kernel.event where stream = 'geofence' and data ->> 'courier_id' = $1
        order by seq
        """,
        str(courier_id),
    )
    return [REGISTRY.recorded(row).event for row in rows]


steps = st.lists(
    st.tuples(st.integers(-900, 50), st.floats(-15_000, 15_000)),
    min_size=1,
    max_size=12,
    unique_by=lambda step: step[0],
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps, st.randoms(use_true_random=False))
async def test_pings_shuffled_doubled_and_split_leave_the_same_trail(
    tx: Tx, by: By, ids: Ids, steps: list[tuple[int, float]], random: Random
) -> None:
    in_order, anyhow = ids(), ids()
    pings = [ping(tx, after_s, metres) for after_s, metres in sorted(steps)]
    await public.record(tx, [RecordPositions(by=by, courier_id=in_order, pings=pings)])
    sent = random.choices(pings, k=len(pings)) + pings
    random.shuffle(sent)
    while sent:
        cut = random.randint(1, 4)
        now, sent = sent[:cut], sent[cut:]
        await public.record(tx, [RecordPositions(by=by, courier_id=anyhow, pings=now)])
    assert await trail(tx, anyhow) == await trail(tx, in_order)
    a, b = await live(tx, anyhow), await live(tx, in_order)
    assert a is not None
    assert b is not None
    assert (a.at, a.place, a.suspect) == (b.at, b.place, b.suspect)
    assert not a.suspect


async def test_a_receipt_says_what_became_of_each_ping(tx: Tx, by: By, ids: Ids) -> None:
    courier_id = ids()
    first, jump = ping(tx, -20), ping(tx, -10, 9_000)
    pings = [first, first, ping(tx, 61), jump, ping(tx, -86_401)]
    command = RecordPositions(by=by, courier_id=courier_id, pings=pings)
    receipt, again = await public.record(tx, [command, command])
    assert (receipt.accepted, receipt.duplicates, receipt.suspect) == (2, 1, 1)
    assert [(r.index, r.refusal.code) for r in receipt.refused] == [
        (2, "tracking.ping_in_future"),
        (4, "tracking.ping_too_old"),
    ]
    assert (again.accepted, again.duplicates) == (0, 3)
    now = await live(tx, courier_id)
    assert now == Position(
        courier_id=courier_id,
        tenant_id=by.tenant_id,
        place=first.place,
        at=first.at,
        accuracy_m=first.accuracy_m,
        speed_mps=first.speed_mps,
        heading_deg=first.heading_deg,
        seq=first.seq,
    )


async def test_a_late_ping_can_discredit_the_live_position(tx: Tx, by: By, ids: Ids) -> None:
    courier_id = ids()

    async def send(*pings: Ping) -> None:
        await public.record(tx, [RecordPositions(by=by, courier_id=courier_id, pings=pings)])

    await send(ping(tx, -100), ping(tx, 0, 5_900))  # 59 m/s: just believable
    fast = await live(tx, courier_id)
    await send(ping(tx, -10))  # so the last kilometres took 10 s
    slow = await live(tx, courier_id)
    assert fast is not None
    assert slow is not None
    assert (fast.at, slow.at) == (tx.now, tx.now - timedelta(seconds=10))


async def test_many_couriers_in_one_batch(tx: Tx, by: By, ids: Ids) -> None:
    couriers = [ids() for _ in range(300)]
    for after_s in (0, 5):
        receipts = await public.record(
            tx,
            [
                RecordPositions(by=by, courier_id=c, pings=[ping(tx, after_s, n)])
                for n, c in enumerate(couriers)
            ],
        )
        assert {r.accepted for r in receipts} == {1}
    positions = await public.latest(tx, courier_ids=couriers)
    assert {p.at for p in positions.values()} == {tx.now + timedelta(seconds=5)}
    assert len(positions) == 300


async def test_who_moved_since_is_told_by_when_it_was_recorded(tx: Tx, by: By, ids: Ids) -> None:
    early, late = ids(), ids()
    for courier_id in (early, late):
        before_at = tx.now
        tx.now += timedelta(seconds=1)
        command = RecordPositions(by=by, courier_id=courier_id, pings=[ping(tx, -30)])
        await public.record(tx, [command])
    moved = await public.moved_since(tx, since=before_at)
    assert [p.courier_id for p in moved] == [late]


@pytest.fixture
def pickup(by: By, ids: Ids) -> Watch:
    return Watch(
        by=by,
        reference_id=ids(),
        courier_id=ids(),
        kind=StopKind.PICKUP,
        place=STOP,
        city_id=UUID(int=5),
    )


async def test_a_stop_is_entered_once_and_left_once(tx: Tx, by: By, pickup: Watch) -> None:
    await public.watch(tx, [pickup])
    walk = [(0, 500), (10, 70), (20, 0), (30, 400), (40, 0), (50, 400)]
    for after_s, metres in walk:
        command = RecordPositions(
            by=by, courier_id=pickup.courier_id, pings=[ping(tx, after_s, metres)]
        )
        await public.record(tx, [command, command])
        await public.watch(tx, [pickup])  # asking again changes nothing
    entered, left = await told(tx, pickup.courier_id)
    assert isinstance(entered, GeofenceEntered)
    assert isinstance(left, GeofenceLeft)
    assert entered.reference_id == left.reference_id == pickup.reference_id
    assert (entered.at, left.at) == (
        tx.now + timedelta(seconds=10),
        tx.now + timedelta(seconds=30),
    )


async def test_nothing_is_told_of_what_is_not_watched_any_more(
    tx: Tx, by: By, pickup: Watch
) -> None:
    await public.watch(tx, [pickup])
    await public.unwatch(tx, reference_ids=[pickup.reference_id])
    await public.record(
        tx, [RecordPositions(by=by, courier_id=pickup.courier_id, pings=[ping(tx, 0)])]
    )
    assert await told(tx, pickup.courier_id) == []


async def test_another_courier_is_watched_anew(tx: Tx, by: By, ids: Ids, pickup: Watch) -> None:
    other = ids()
    await public.watch(tx, [pickup])
    await public.record(
        tx, [RecordPositions(by=by, courier_id=pickup.courier_id, pings=[ping(tx, 0)])]
    )
    again = Watch(
        by=by, reference_id=pickup.reference_id, courier_id=other, kind=pickup.kind, place=STOP
    )
    await public.watch(tx, [again])
    await public.record(
        tx,
        [
            RecordPositions(by=by, courier_id=c, pings=[ping(tx, 5)])
            for c in (pickup.courier_id, other)
        ],
    )
    assert len(await told(tx, pickup.courier_id)) == 1
    assert len(await told(tx, other)) == 1


async def test_what_is_forgotten_is_gone(tx: Tx, by: By, ids: Ids) -> None:
    courier_id = ids()
    pings = [ping(tx, -60), ping(tx, -30)]
    await public.record(tx, [RecordPositions(by=by, courier_id=courier_id, pings=pings)])
    assert await public.forget(tx, before_at=tx.now - timedelta(seconds=45)) == 1
    assert [at for at, *_ in await trail(tx, courier_id)] == [pings[1].at]
    assert await public.forget(tx, before_at=tx.now) == 1
    assert await live(tx, courier_id) is None
