"""Operators decide who has a delivery, take that back, and read how it came about."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from dispatch.street import REGISTRY, Street, code, counted, reassigning
from tawsil.dispatch import public as dispatch
from tawsil.dispatch.events import Cause
from tawsil.dispatch.public import State, Withdraw
from tawsil.dispatch.routes import routes
from tawsil.dispatch.service.reassignment import (
    HandOver,
    UndoReassignment,
    hand_over,
    undo,
)
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import Refusal

Client = Any


@pytest.fixture
def street(database: Database, clock: VirtualClock, city: Any) -> Street:
    return Street(database, clock, city)


def handing(street: Street, to: UUID, *, n: int = 0) -> Callable[[Tx], Awaitable[Any]]:
    async def hand(tx: Tx) -> Any:
        command = HandOver(
            by=street.city.by,
            reference_id=street.all[n].reference_id,
            courier_id=to,
            reason="met at the mosque",
            place=street.city.home,
        )
        return (await hand_over(tx, [command]))[0]

    return hand


async def test_what_is_on_board_goes_from_courier_to_courier(street: Street):
    await street.begin()
    (other,) = set(street.riders) - {street.rider}
    assert code(await street.do(handing(street, other))) == "dispatch.not_collected_yet"
    step = street.city.step(street.delivery, street.rider)
    await street.do(lambda tx: dispatch.picked_up(tx, [step]))
    assert code(await street.do(handing(street, street.rider))) == "dispatch.has_it_already"
    handed = await street.do(handing(street, other))
    assert (handed.state, handed.courier_id) == (State.PICKED_UP, other)
    assert await street.availability(street.rider, other) == ["AVAILABLE", "ON_JOB"]
    (stale,) = await street.do(lambda tx: dispatch.delivered(tx, [step]))
    assert code(stale) == "dispatch.not_your_delivery"
    theirs = street.city.step(handed, other)
    (done,) = await street.do(lambda tx: dispatch.delivered(tx, [theirs]))
    assert done.state is State.DONE
    assert await street.availability(other) == ["AVAILABLE"]
    assert code(await street.do(handing(street, street.rider))) == "dispatch.delivery_over"


async def test_only_who_is_free_takes_over_on_the_way(street: Street, ids: Ids):
    await street.begin(riders=1)
    step = street.city.step(street.delivery, street.rider)
    await street.do(lambda tx: dispatch.picked_up(tx, [step]))
    assert isinstance(await street.do(handing(street, ids())), Refusal)
    assert (await street.now()).courier_id == street.rider
    assert await street.availability(street.rider) == ["ON_JOB"]


def undoing(street: Street) -> Callable[[Tx], Awaitable[Any]]:
    async def take_back(tx: Tx) -> Any:
        command = UndoReassignment(by=street.city.by, reference_id=street.delivery.reference_id)
        return (await undo(tx, [command]))[0]

    return take_back


@pytest.mark.parametrize("searched", [True, False])
async def test_a_decision_by_hand_is_taken_back(street: Street, *, searched: bool):
    await street.begin()
    assert code(await street.do(undoing(street))) == "dispatch.nothing_to_undo"
    (other,) = set(street.riders) - {street.rider}
    await street.do(reassigning(street, None if searched else other))
    street.clock.advance(timedelta(seconds=29))
    if searched:
        (offer,) = (await street.do(street.city.tick)).offers
        assert offer.courier_id == other
    back = await street.do(undoing(street))
    assert (back.state, back.courier_id) == (State.ASSIGNED, street.rider)
    assert (back.lost_by, back.undo) == (frozenset(), None)
    assert await street.availability(street.rider, other) == ["ON_JOB", "AVAILABLE"]
    assert code(await street.do(undoing(street))) == "dispatch.nothing_to_undo"


async def test_a_decision_by_hand_stands_after_a_while(street: Street):
    await street.begin()
    await street.do(reassigning(street, None))
    street.clock.advance(timedelta(seconds=30))
    assert code(await street.do(undoing(street))) == "dispatch.undo_over"


async def test_what_nobody_had_goes_back_to_the_search(street: Street):
    await street.begin(riders=2)
    await street.do(reassigning(street, None))
    await street.passes(timedelta(seconds=60))
    (other,) = set(street.riders) - {street.rider}
    await street.do(reassigning(street, other))
    back = await street.do(undoing(street))
    assert (back.state, back.courier_id) == (State.WAITING, None)
    assert await street.availability(other) == ["AVAILABLE"]


async def test_who_was_asked_for_something_else_is_not_put_back(street: Street):
    await street.begin(riders=1)
    await street.do(reassigning(street, None))

    async def asked(tx: Tx) -> Any:
        await street.city.asks(tx, apart=True)
        return await street.city.tick(tx)

    (offer,) = (await street.do(asked)).offers
    assert offer.courier_id == street.rider
    assert code(await street.do(undoing(street))) == "dispatch.former_courier_not_free"
    await street.do(lambda tx: dispatch.accept(tx, [street.city.answer(offer)]))
    assert code(await street.do(undoing(street))) == "dispatch.former_courier_not_free"
    assert (await street.now()).state is State.WAITING


async def test_what_is_collected_meanwhile_is_not_taken_back(street: Street):
    await street.begin()
    (other,) = set(street.riders) - {street.rider}
    moved = await street.do(reassigning(street, other))
    step = street.city.step(moved, other)
    await street.do(lambda tx: dispatch.picked_up(tx, [step]))
    assert code(await street.do(undoing(street))) == "dispatch.already_collected"


async def test_what_is_not_wanted_any_more_needs_no_other_courier(street: Street):
    before = counted(Cause.BY_HAND, "not_wanted")
    await street.begin()
    await street.do(reassigning(street, None))
    gone = Withdraw(
        by=street.city.by, reference_id=street.delivery.reference_id, reason="cancelled"
    )
    await street.do(lambda tx: dispatch.withdraw(tx, [gone]))
    assert counted(Cause.BY_HAND, "not_wanted") == before + 1


# ── over HTTP ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def client(serve: Any) -> Client:
    return await serve(routes, registry=REGISTRY)


@pytest.fixture
def operator(callers: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {callers.token('admin', 'order:*', 'courier:*')}"}


def rider_of(callers: Any, courier_id: UUID) -> dict[str, str]:
    token = callers.token(
        "delivery_partner", "courier:read:own", "courier:update:own", user_id=courier_id
    )
    return {"Authorization": f"Bearer {token}"}


async def test_the_history_tells_who_had_it_and_why_they_lost_it(
    client: Client, street: Street, operator: dict[str, str], callers: Any
):
    await street.begin()
    reference = street.delivery.reference_id
    (other,) = set(street.riders) - {street.rider}
    await street.passes(timedelta(minutes=3))
    shown = (await client.get("/v4/admin/unassigned-orders", headers=operator)).json()["data"]
    assert shown == []
    await street.passes(timedelta(minutes=1))
    (shown,) = (await client.get("/v4/admin/unassigned-orders", headers=operator)).json()["data"]
    assert shown["lost_because"] == "courier_offline"
    assert shown["next_rung"]["actions"] == ["widen", "raise"]
    admin = f"/v4/admin/assignments/{reference}"
    moved = await client.post(
        f"{admin}/reassign", headers=operator, json={"courier_id": str(other), "reason": "nearer"}
    )
    assert moved.json()["data"]["undo_until_at"] is not None
    mine = f"/v4/drivers/{other}/deliveries/{reference}/cancel"
    given = await client.post(
        mine, headers=rider_of(callers, other), json={"reason": "a flat tyre"}
    )
    assert (given.status_code, given.json()["data"]["state"]) == (200, "waiting")
    first, second = (await client.get(f"{admin}/history", headers=operator)).json()["data"]
    assert [(d["cause"], d["outcome"]) for d in first["doubts"]] == [("courier_offline", "lost")]
    assert (first["how"], first["outcome"], first["cause"]) == (
        "accepted",
        "lost",
        "courier_offline",
    )
    assert (second["how"], second["assigned_by"]["role"]) == ("by_hand", "admin")
    assert (second["cause"], second["ended_by"]["id"]) == ("courier_cancelled", str(other))
    assert second["words"] == ["nearer", "a flat tyre"]


async def test_operators_see_the_risk_and_settle_it(
    client: Client, street: Street, operator: dict[str, str], callers: Any
):
    await street.begin()
    reference = street.delivery.reference_id
    (other,) = set(street.riders) - {street.rider}
    admin = f"/v4/admin/assignments/{reference}"
    step = street.city.step(street.delivery, street.rider)
    await street.do(lambda tx: dispatch.picked_up(tx, [step]))
    await street.passes(timedelta(minutes=5))
    job = await client.get(
        f"/v4/drivers/{street.rider}/deliveries", headers=rider_of(callers, street.rider)
    )
    (shown,) = job.json()["data"]["deliveries"]
    assert (shown["at_risk"], shown["stranded"]) == ("courier_offline", ["courier_offline"])
    kept = await client.post(f"{admin}/continue", headers=operator, json={"reason": "he called"})
    assert kept.json()["data"]["at_risk"] is None
    handed = await client.post(
        f"{admin}/handover",
        headers=operator,
        json={"courier_id": str(other), "reason": "met on the way"},
    )
    assert handed.json()["data"]["courier_id"] == str(other)
    undone = await client.post(f"{admin}/undo", headers=operator)
    assert (undone.status_code, undone.json()["errors"][0]["code"]) == (
        409,
        "dispatch.nothing_to_undo",
    )
    history = (await client.get(f"{admin}/history", headers=operator)).json()["data"]
    assert [(a["outcome"], a["collected"]) for a in history] == [
        ("handed_over", True),
        ("under_way", True),
    ]


async def test_none_of_it_is_for_others(client: Client, street: Street, callers: Any, ids: Ids):
    await street.begin()
    reference = street.delivery.reference_id
    me = rider_of(callers, street.rider)
    stranger = rider_of(callers, ids())
    elsewhere = {"Authorization": f"Bearer {callers.token('admin', 'order:*', tenant_id=ids())}"}
    admin = f"/v4/admin/assignments/{reference}"
    posts: Sequence[tuple[str, dict[str, Any] | None]] = [
        ("undo", None),
        ("continue", {"reason": "x"}),
        ("handover", {"courier_id": str(ids()), "reason": "x"}),
    ]
    for path, body in posts:
        assert (await client.post(f"{admin}/{path}", headers=me, json=body)).status_code == 403
        answer = await client.post(f"{admin}/{path}", headers=elsewhere, json=body)
        assert answer.status_code == 404
    assert (await client.get(f"{admin}/history", headers=me)).status_code == 403
    assert (await client.get(f"{admin}/history", headers=elsewhere)).status_code == 404
    cancel = f"/v4/drivers/{street.rider}/deliveries/{reference}/cancel"
    body = {"reason": "x"}
    assert (await client.post(cancel, headers=stranger, json=body)).status_code == 404
    empty = await client.post(cancel, headers=me, json={"reason": ""})
    assert empty.status_code in {400, 422}
