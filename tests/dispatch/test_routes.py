"""Dispatch over HTTP: couriers answer, operations look and intervene, others see nothing."""

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID

import pytest

from tawsil.couriers.events import EVENTS as COURIER_EVENTS
from tawsil.dispatch import public as dispatch
from tawsil.dispatch.events import EVENTS
from tawsil.dispatch.model import Offering
from tawsil.dispatch.public import Delivery, Offer
from tawsil.dispatch.routes import routes
from tawsil.kernel.clock import Ids
from tawsil.kernel.db import Database
from tawsil.kernel.events import Registry

OWN = ("courier:read:own", "courier:update:own")
City = Any
Client = Any


@pytest.fixture
async def client(serve: Any) -> Client:
    return await serve(routes, registry=Registry((*EVENTS, *COURIER_EVENTS)))


@pytest.fixture
async def processes(serve: Any) -> list[Client]:
    """Several servers on one database, so that requests meet only in the database."""
    return [await serve(routes) for _ in range(4)]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def rider(callers: Any, courier_id: UUID) -> dict[str, str]:
    return bearer(callers.token("delivery_partner", *OWN, user_id=courier_id))


@pytest.fixture
def operator(callers: Any) -> dict[str, str]:
    return bearer(callers.token("admin", "order:*", "courier:*"))


async def offered(database: Database, city: City, *, riders: int = 1) -> tuple[Delivery, Offer]:
    async with database.transaction() as tx:
        await city.on_duty(tx, count=riders)
        (delivery,) = await city.asks(tx)
        offer = await city.offer(tx)
    return delivery, offer


async def test_a_courier_sees_accepts_and_drives(
    client: Client, database: Database, city: City, callers: Any
):
    delivery, offer = await offered(database, city)
    me, drivers = rider(callers, offer.courier_id), f"/v4/drivers/{offer.courier_id}"
    shown = (await client.get(f"{drivers}/offers", headers=me)).json()["data"]
    assert [o["state"] for o in shown] == ["pending"]
    assert shown[0]["estimated_earning_minor"] == 1200
    assert [s["kind"] for s in shown[0]["stops"]] == ["pickup", "dropoff"]

    taken = await client.post(f"{drivers}/offers/{offer.id}/accept", headers=me)
    assert (taken.status_code, taken.json()["data"]["state"]) == (200, "accepted")
    again = await client.post(f"{drivers}/offers/{offer.id}/accept", headers=me)
    assert (again.status_code, again.json()["errors"][0]["code"]) == (
        409,
        "dispatch.offer_accepted",
    )
    job = (await client.get(f"{drivers}/deliveries", headers=me)).json()["data"]
    assert [s["kind"] for s in job["stops"]] == ["pickup", "dropoff"]
    async with database.transaction() as tx:
        await dispatch.picked_up(tx, [city.step(delivery, offer.courier_id)])
        await dispatch.failed(tx, [city.step(delivery, offer.courier_id)])
    job = (await client.get(f"{drivers}/deliveries", headers=me)).json()["data"]
    assert [(s["kind"], s["returning"]) for s in job["stops"]] == [("pickup", True)]


async def test_declining_needs_no_reason_and_may_have_one(
    client: Client, database: Database, city: City, callers: Any
):
    _, offer = await offered(database, city, riders=2)
    me, drivers = rider(callers, offer.courier_id), f"/v4/drivers/{offer.courier_id}"
    left = await client.post(f"{drivers}/offers/{offer.id}/reject", headers=me)
    assert (left.status_code, left.json()["data"]["reason"]) == (200, None)
    async with database.transaction() as tx:
        second = await city.offer(tx)
    other = rider(callers, second.courier_id)
    left = await client.post(
        f"/v4/drivers/{second.courier_id}/offers/{second.id}/reject",
        headers=other,
        json={"reason": "too far"},
    )
    assert left.json()["data"]["reason"] == "too far"


async def test_an_offer_is_not_there_for_others(
    client: Client, database: Database, city: City, callers: Any, ids: Ids
):
    _, offer = await offered(database, city)
    stranger = ids()
    theirs = rider(callers, stranger)
    for path in (
        f"/v4/drivers/{offer.courier_id}/offers/{offer.id}/accept",
        f"/v4/drivers/{stranger}/offers/{offer.id}/accept",
    ):
        assert (await client.post(path, headers=theirs)).status_code == 404
    path = f"/v4/drivers/{offer.courier_id}/offers"
    assert (await client.get(path, headers=theirs)).status_code == 404
    elsewhere = bearer(callers.token("admin", "courier:*", tenant_id=ids()))
    assert (await client.get(path, headers=elsewhere)).status_code == 404


async def test_operations_see_why_and_what_happened(
    client: Client, database: Database, city: City, operator: dict[str, str]
):
    delivery, offer = await offered(database, city, riders=2)
    path = f"/v4/deliveries/{delivery.reference_id}/decisions"
    (why,) = (await client.get(path, headers=operator)).json()["data"]
    assert (why["courier_id"], why["offer_id"]) == (str(offer.courier_id), str(offer.id))
    assert str(offer.courier_id) in why["sentence"]
    assert "{" not in why["sentence"]
    assert why["considered"]
    arabic = await client.get(path, headers={**operator, "Accept-Language": "ar"})
    assert arabic.json()["data"][0]["sentence"] != why["sentence"]
    audit = await client.get(
        f"/v4/admin/deliveries/{delivery.reference_id}/audit", headers=operator
    )
    assert {row["type"] for row in audit.json()["data"]} == {
        "delivery.requested.v1",
        "delivery.offered.v1",
        "offer.made.v1",
    }


async def test_operations_escalate_and_reassign(
    client: Client, database: Database, city: City, operator: dict[str, str]
):
    async with database.transaction() as tx:
        (delivery,) = await city.asks(tx)
    listed = await client.get("/v4/admin/unassigned-orders", headers=operator)
    assert listed.json()["meta"]["pagination"]["total"] == 1
    path = f"/v4/admin/unassigned-orders/{delivery.reference_id}/escalate"
    for level in (1, 2, 3):
        raised = await client.post(path, headers=operator, json={"reason": "the customer called"})
        assert raised.json()["data"]["level"] == level
    topped = await client.post(path, headers=operator, json={"reason": "once more"})
    assert (topped.status_code, topped.json()["errors"][0]["code"]) == (
        409,
        "dispatch.top_of_ladder",
    )
    async with database.transaction() as tx:
        (courier_id,) = await city.on_duty(tx)
    moved = await client.post(
        f"/v4/admin/assignments/{delivery.reference_id}/reassign",
        headers=operator,
        json={"courier_id": str(courier_id), "reason": "next door"},
    )
    assert moved.json()["data"]["courier_id"] == str(courier_id)
    listed = await client.get("/v4/admin/unassigned-orders", headers=operator)
    assert listed.json()["data"] == []


async def test_couriers_do_not_see_what_operations_see(
    client: Client, database: Database, city: City, callers: Any, ids: Ids
):
    delivery, offer = await offered(database, city)
    me = rider(callers, offer.courier_id)
    path = f"/v4/deliveries/{delivery.reference_id}/decisions"
    assert (await client.get(path, headers=me)).status_code == 403
    elsewhere = bearer(callers.token("admin", "order:*", tenant_id=ids()))
    assert (await client.get(path, headers=elsewhere)).status_code == 404


async def test_operations_offer_by_hand(
    client: Client, database: Database, city: City, operator: dict[str, str], callers: Any
):
    async with database.transaction() as tx:
        people = await city.on_duty(tx, count=3)
        (delivery,) = await city.asks(tx)
    path = f"/v4/deliveries/{delivery.reference_id}/offers"
    first = {"courier_ids": [str(people[0])]}
    assert (await client.post(path, headers=operator, json=first)).status_code == 201
    two = {"courier_ids": [str(id_) for id_ in people[1:]]}
    asked = (await client.post(path, headers=operator, json=two)).json()["data"]
    assert [o["courier_id"] for o in asked["offers"]] == two["courier_ids"]
    assert asked["passed_over"] == []
    drivers = f"/v4/drivers/{people[2]}"
    taken = await client.post(
        f"{drivers}/offers/{asked['offers'][1]['id']}/accept", headers=rider(callers, people[2])
    )
    assert taken.status_code == 200
    late = await client.post(
        f"/v4/drivers/{people[1]}/offers/{asked['offers'][0]['id']}/accept",
        headers=rider(callers, people[1]),
    )
    assert late.status_code == 409
    error = late.json()["errors"][0]
    assert error["code"] == "dispatch.offer_taken_by_another"
    assert "quicker" in error["message"]
    again = await client.post(path, headers=operator, json=first)
    assert (again.status_code, again.json()["errors"][0]["code"]) == (409, "dispatch.illegal_move")
    assert (await client.post(path, headers=operator, json={"courier_ids": []})).status_code == 400
    nobody = rider(callers, people[0])
    assert (await client.post(path, headers=nobody, json=first)).status_code == 403


async def race(
    processes: list[Client], database: Database, city: City, callers: Any, *, offers: int
) -> Counter[int]:
    """Forty at once at each offer: half from the one who was asked, half from others."""
    answers: Counter[int] = Counter()
    async with database.transaction() as tx:
        people = await city.on_duty(tx, count=20)
    tokens = {id_: rider(callers, id_) for id_ in people}
    while answers[200] < offers:
        async with database.transaction() as tx:
            await city.asks(tx, count=len(people), apart=True)
            made = (await city.tick(tx)).offers
        assert len(made) > len(people) / 2
        tries = [
            processes[n % len(processes)].post(
                f"/v4/drivers/{who}/offers/{offer.id}/accept", headers=tokens[who], timeout=60
            )
            for offer in made
            for n, other in enumerate(people)
            for who in (offer.courier_id, other)
        ]
        heard = [(a.url.path.split("/")[5], a.status_code) for a in await asyncio.gather(*tries)]
        won = Counter(offer_id for offer_id, status in heard if status == 200)
        assert won == {str(offer.id): 1 for offer in made}
        answers += Counter(status for _, status in heard)
        async with database.transaction() as tx:
            rows = await tx.rows(
                "select * from dispatch.delivery where state = 'assigned' order by id"
            )
            winners = sorted(o.courier_id for o in made)
            assert sorted({row["courier_id"] for row in rows}) == winners
            assert set(await city.availability(tx, *winners)) == {"ON_JOB"}
            known = await dispatch.of_references(
                tx, reference_ids=[row["reference_id"] for row in rows]
            )
            steps = [city.step(d, d.courier_id) for d in known.values()]
            await dispatch.picked_up(tx, steps)
            await dispatch.delivered(tx, steps)
            assert set(await city.availability(tx, *people)) == {"AVAILABLE"}
    return answers


async def race_for_one(
    processes: list[Client], database: Database, city: City, callers: Any, *, rounds: int
) -> Counter[int]:
    """Twenty couriers say yes to the same delivery at the same instant, at several servers."""
    answers: Counter[int] = Counter()
    async with database.transaction() as tx:
        await city.follows(tx, offering=Offering.BROADCAST)
        people = await city.on_duty(tx, count=20)
    tokens = {id_: rider(callers, id_) for id_ in people}
    for _ in range(rounds):
        async with database.transaction() as tx:
            (delivery,) = await city.asks(tx)
            made = (await city.tick(tx)).offers
        assert len(made) == len(people)
        heard = await asyncio.gather(
            *(
                processes[n % len(processes)].post(
                    f"/v4/drivers/{offer.courier_id}/offers/{offer.id}/accept",
                    headers=tokens[offer.courier_id],
                    timeout=60,
                )
                for n, offer in enumerate(made)
            )
        )
        (won,) = [a.json()["data"]["courier_id"] for a in heard if a.status_code == 200]
        lost = [a.json()["errors"][0]["code"] for a in heard if a.status_code == 409]
        assert lost == ["dispatch.offer_taken_by_another"] * (len(people) - 1)
        answers += Counter(a.status_code for a in heard)
        async with database.transaction() as tx:
            now = await city.now(tx, delivery)
            assert str(now.courier_id) == won
            free = [id_ for id_ in people if str(id_) != won]
            assert set(await city.availability(tx, *free)) == {"AVAILABLE"}
            await dispatch.picked_up(tx, [city.step(now, now.courier_id)])
            await dispatch.delivered(tx, [city.step(now, now.courier_id)])
    return answers


async def test_twenty_at_once_and_one_winner(
    processes: list[Client], database: Database, city: City, callers: Any
):
    answers = await race(processes, database, city, callers, offers=20)
    assert answers[200] >= 20
    assert set(answers) == {200, 404, 409}


async def test_twenty_want_the_same_and_one_wins(
    processes: list[Client], database: Database, city: City, callers: Any
):
    answers = await race_for_one(processes, database, city, callers, rounds=5)
    assert answers == {200: 5, 409: 95}


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_a_thousand_offers_in_rounds_of_twenty_and_one_winner_each(
    processes: list[Client], database: Database, city: City, callers: Any
):
    answers = await race_for_one(processes, database, city, callers, rounds=50)
    assert answers == {200: 50, 409: 950}


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_a_thousand_races_and_one_winner_each(
    processes: list[Client], database: Database, city: City, callers: Any
):
    answers = await race(processes, database, city, callers, offers=1000)
    assert answers[200] >= 1000
    assert set(answers) == {200, 404, 409}
