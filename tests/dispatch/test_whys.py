"""Why me, why not me: true words for couriers, everything for operations, nobody's name."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tawsil.couriers.service import TakeBreak, take_break
from tawsil.dispatch import public as dispatch
from tawsil.dispatch.public import Delivery, Offer, Reassign
from tawsil.dispatch.routes import routes
from tawsil.kernel.clock import Ids
from tawsil.kernel.db import Database

City = Any
Client = Any
UUIDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@pytest.fixture
async def client(serve: Any) -> Client:
    return await serve(routes)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def operator(callers: Any) -> dict[str, str]:
    return bearer(callers.token("admin", "order:*", "courier:*"))


@pytest.fixture
def me(callers: Any) -> Any:
    def of(courier_id: UUID) -> dict[str, str]:
        return bearer(callers.token("delivery_partner", "courier:read:own", user_id=courier_id))

    return of


async def asked(
    database: Database, city: City, *, riders: int
) -> tuple[list[UUID], Delivery, Offer]:
    async with database.transaction() as tx:
        people = await city.on_duty(tx, count=riders)
        (delivery,) = await city.asks(tx)
        offer = await city.offer(tx)
    return people, delivery, offer


async def why_not(client: Client, delivery: Delivery, headers: Any, **params: Any) -> Any:
    path = f"/v4/deliveries/{delivery.reference_id}/why"
    answer = await client.get(path, headers=headers, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def test_whoever_is_asked_hears_why(client: Client, database: Database, city: City, me: Any):
    people, _, offer = await asked(database, city, riders=3)
    mine = me(offer.courier_id)
    path = f"/v4/drivers/{offer.courier_id}/offers/{offer.id}/why"
    answer = await client.get(path, headers=mine)
    why = answer.json()["data"]
    assert "because, of everybody who could come" in why["sentence"]
    assert any("seconds later" in more for more in why["more"])
    assert {term["name"] for term in why["terms"]} >= {"waiting", "rating"}
    assert all(term["sentence"] for term in why["terms"])
    assert not [id_ for id_ in people if str(id_) in answer.text]

    arabic = await client.get(path, headers=mine | {"Accept-Language": "ar"})
    assert arabic.json()["data"]["sentence"].startswith("سُئلت")
    stranger = next(id_ for id_ in people if id_ != offer.courier_id)
    assert (await client.get(path, headers=me(stranger))).status_code == 404


async def test_whoever_was_further_away_hears_by_how_much(
    client: Client, database: Database, city: City, me: Any
):
    people, delivery, offer = await asked(database, city, riders=3)
    last = people[-1]
    why = await why_not(client, delivery, me(last))
    assert why["answer"] == "later"
    (seconds,) = map(int, re.findall(r"(\d+) seconds later", why["sentence"]))
    assert 20 < seconds < 120
    assert UUIDS.search(str(why)) is None
    chosen = await why_not(client, delivery, me(offer.courier_id))
    assert (chosen["answer"], "on your screen" in chosen["sentence"]) == ("asked", True)
    async with database.transaction() as tx:
        await dispatch.accept(tx, [city.answer(offer)])
    assert (await why_not(client, delivery, me(offer.courier_id)))["answer"] == "chosen"
    assert (await why_not(client, delivery, me(last)))["answer"] == "later"


async def test_breaks_and_being_away_are_said(
    client: Client, database: Database, city: City, me: Any, operator: dict[str, str]
):
    async with database.transaction() as tx:
        resting, _, far = await city.on_duty(tx, count=3)
        minutes = timedelta(minutes=20)
        await take_break(tx, [TakeBreak(by=city.by, courier_id=resting, length=minutes)])
        await tx.execute(
            "update tracking.live_position set latitude = 26.9 where courier_id = $1", far
        )
        (delivery,) = await city.asks(tx)
        await city.offer(tx)
    why = await why_not(client, delivery, me(resting))
    assert (why["answer"], "break" in why["sentence"]) == ("left_out", True)
    why = await why_not(client, delivery, me(far))
    assert why["answer"] == "too_far"
    assert "nobody is sent further than 120" in why["sentence"]
    async with database.transaction() as tx:
        (later,) = await city.on_duty(tx)
    why = await why_not(client, delivery, operator, courier_id=str(later))
    assert why["answer"] == "offline"


async def test_declining_and_other_work_are_said(
    client: Client, database: Database, city: City, me: Any
):
    async with database.transaction() as tx:
        await city.on_duty(tx, count=2)
        here, there = await city.asks(tx, count=2, apart=True)
        first, second = (await city.tick(tx)).offers
        await dispatch.reject(tx, [city.answer(first)])
    declined = here if first.delivery_ids == (here.id,) else there
    other = there if declined is here else here
    why = await why_not(client, declined, me(first.courier_id))
    assert "left it to others" in why["sentence"]
    why = await why_not(client, declined, me(second.courier_id))
    assert why["answer"] == "other_job"
    why = await why_not(client, other, me(first.courier_id))
    assert why["answer"] == "other_job"


async def test_before_anybody_was_asked_and_by_hand(
    client: Client, database: Database, city: City, me: Any
):
    async with database.transaction() as tx:
        (delivery,) = await city.asks(tx)
        one, two = await city.on_duty(tx, count=2)
    assert (await why_not(client, delivery, me(one)))["answer"] == "nobody_yet"
    command = Reassign(
        by=city.by, reference_id=delivery.reference_id, courier_id=one, reason="nearest"
    )
    async with database.transaction() as tx:
        await dispatch.reassign(tx, [command])
    assert (await why_not(client, delivery, me(two)))["answer"] == "by_hand"


async def test_what_is_not_theirs_is_not_there(
    client: Client, database: Database, city: City, me: Any, callers: Any, ids: Ids
):
    people, delivery, _ = await asked(database, city, riders=2)
    path = f"/v4/deliveries/{delivery.reference_id}/why"
    other = {"courier_id": str(people[1])}
    assert (await client.get(path, headers=me(people[0]), params=other)).status_code == 404
    assert (await client.get(path, headers=me(ids()))).status_code == 404
    foreign = bearer(callers.token("admin", "courier:*", tenant_id=ids()))
    assert (await client.get(path, headers=foreign, params=other)).status_code == 404


async def test_operations_see_a_decision_whole(
    client: Client, database: Database, city: City, operator: dict[str, str], me: Any, callers: Any
):
    async with database.transaction() as tx:
        people = await city.on_duty(tx, count=3)
        (delivery,) = await city.asks(tx)
        tick = await city.tick(tx)
    path = f"/v4/dispatch/decisions/{tick.decision_id}"
    shown = (await client.get(path, headers=operator)).json()["data"]
    assert (shown["jobs"], shown["couriers"], shown["reproducible"]) == (1, 3, True)
    assert shown["weights"]["lead_s"] == 60.0
    assert shown["inputs"]["travel"]["type"] == "great_circle"
    assert len(shown["inputs"]["couriers"]) == 3
    (words,) = shown["words"].values()
    assert str(tick.offers[0].courier_id) in words
    assert shown["told"][0]["terms"].keys() >= {"waiting"}
    listed = await client.get(f"/v4/deliveries/{delivery.reference_id}/decisions", headers=operator)
    assert len(listed.json()["data"]) == 1
    assert (await client.get(path, headers=me(people[0]))).status_code == 403
    foreign = bearer(callers.token("admin", "order:*", tenant_id=UUID(int=9)))
    assert (await client.get(path, headers=foreign)).status_code == 404
