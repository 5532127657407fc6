"""How couriers do, on a real database: heard, counted, explained, contested, never a reason to
leave anybody out.
"""

from datetime import timedelta
from itertools import groupby
from math import isclose
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from dispatch.test_planning import POLICY, courier, job, seen
from hierarchy import grow_above
from tawsil.couriers.routes import routes as courier_routes
from tawsil.dispatch import events
from tawsil.dispatch import public as dispatch
from tawsil.dispatch.events import EVENTS, Cause, IncidentKind
from tawsil.dispatch.model.performance import Fact, Measure, Tally, counted
from tawsil.dispatch.planning import plan
from tawsil.dispatch.routes import routes
from tawsil.dispatch.service import contesting, observing, performance
from tawsil.dispatch.service.contesting import Contest, Decide
from tawsil.dispatch.service.handlers import on_due_offer
from tawsil.dispatch.service.performance import Weighed
from tawsil.dispatch.store import performance_rows
from tawsil.geography import public as geography
from tawsil.kernel.clock import Ids
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.deadlines import Due
from tawsil.kernel.decisions import By, Event, Refusal
from tawsil.kernel.events import Recorded, Registry
from tawsil.tracking import events as tracking

City = Any
REGISTRY = Registry((*EVENTS, *tracking.EVENTS))
OWN = ("courier:read:own", "courier:update:own")


class Ear:
    """Hears what was recorded since it last listened, as the subscription would."""

    def __init__(self) -> None:
        self._seq = 0

    async def listen(self, tx: Tx) -> list[Recorded[Any]]:
        rows = await tx.rows(
            """
            select * from kernel.event where seq > $1 order by seq
            """,
            self._seq,
        )
        known = [REGISTRY.recorded(row) for row in rows if row["type"] in REGISTRY.by_name]
        self._seq = max([self._seq, *(row["seq"] for row in rows)])
        for cls, run in groupby(known, key=lambda r: type(r.event)):
            if cls in observing.HEARD:
                await observing.on_performance(tx, list(run))
        return known


@pytest.fixture
def ear() -> Ear:
    return Ear()


async def expire(tx: Tx, offer: dispatch.Offer) -> None:
    tx.now = offer.expires_at
    due = Due(subject_id=offer.id, owner="offer", kind="offer_expires", due_at=tx.now)
    await on_due_offer(tx, [due])


async def deliver(
    tx: Tx,
    city: City,
    delivery: dispatch.Delivery,
    courier_id: UUID,
    *,
    late: timedelta = timedelta(0),
) -> None:
    """Collected at once, and handed over so much later than promised."""
    now = await city.now(tx, delivery)
    assert now.etas is not None
    await dispatch.picked_up(tx, [city.step(delivery, courier_id)])
    tx.now = now.etas.dropoff_at + late
    await dispatch.delivered(tx, [city.step(delivery, courier_id)])


async def one_of(tx: Tx, courier_id: UUID) -> dispatch.Standing:
    return (await dispatch.standing(tx, courier_ids=[courier_id]))[courier_id]


async def test_what_happens_to_offers_and_deliveries_is_counted(
    tx: Tx, city: City, ear: Ear
) -> None:
    (courier_id,) = await city.on_duty(tx)
    fresh = await one_of(tx, courier_id)
    (punctual,) = await city.asks(tx)
    await dispatch.accept(tx, [city.answer(await city.offer(tx))])
    await deliver(tx, city, punctual, courier_id, late=timedelta(minutes=4))
    (late,) = await city.asks(tx)
    await dispatch.accept(tx, [city.answer(await city.offer(tx))])
    await deliver(tx, city, late, courier_id, late=timedelta(minutes=16))
    tx.now += timedelta(seconds=1)
    await city.asks(tx)
    await dispatch.reject(tx, [city.answer(await city.offer(tx))])
    heard = await ear.listen(tx)
    tally = (await performance_rows.tallies(tx, ids=[courier_id]))[courier_id]
    sums = tally.counters
    counts = {m: (sums.of(m).times_good, sums.of(m).times_bad) for m in Measure}
    assert counts == {
        Measure.ON_TIME: (1, 1),
        Measure.COMPLETION: (2, 0),
        Measure.ACCEPTANCE: (2, 1),
    }
    assert (await one_of(tx, courier_id)).score < fresh.score
    found = await performance.recent(tx, tenant_id=city.by.tenant_id, courier_id=courier_id)
    assert [(w.incident.kind, w.incident.late_s) for w in found] == [
        (IncidentKind.OFFER_DECLINED, None),
        (IncidentKind.LATE_HANDOVER, 16 * 60),
    ]
    assert found[1].incident.subject_id == late.reference_id
    assert found[1].points > found[0].points > 0
    assert _recounted(heard, tally, tx) == pytest.approx(_sums(tally, tx))


def _recounted(heard: list[Recorded[Any]], tally: Tally, tx: Tx) -> list[float]:
    """The tally worked out anew from the log: acceptance alone needs no promises."""
    tally = Tally(
        id=tally.id, tenant_id=tally.tenant_id, city_id=tally.city_id, as_of_at=heard[0].at
    )
    for recorded in heard:
        if (good := recorded.type == "offer.accepted.v1") or recorded.type == "offer.rejected.v1":
            fact = Fact(measure=Measure.ACCEPTANCE, good=good, at=recorded.at)
            tally = counted(tally, fact)
    return _sums(tally, tx)


def _sums(tally: Tally, tx: Tx) -> list[float]:
    acceptance = tally.at(tx.now).acceptance
    return [acceptance.good, acceptance.bad]


async def test_an_offer_that_passes_while_on_a_job_is_not_held_against_anybody(
    tx: Tx, city: City, ear: Ear
) -> None:
    (courier_id,) = await city.on_duty(tx)
    await city.asks(tx)
    await dispatch.accept(tx, [city.answer(await city.offer(tx))])
    await city.seen(tx, courier_id, city.kitchen)
    entered = [r for r in await ear.listen(tx) if isinstance(r.event, tracking.GeofenceEntered)]
    await dispatch.on_geofence(tx, entered)
    await city.asks(tx)
    joining = await city.offer(tx)
    assert joining.joins
    await expire(tx, joining)
    await ear.listen(tx)
    tally = (await performance_rows.tallies(tx, ids=[courier_id]))[courier_id]
    assert tally.counters.acceptance.times_bad == 0


async def test_a_missed_offer_and_a_lost_job_cost_points_and_a_hand_that_moves_it_does_not(
    tx: Tx, city: City, ear: Ear
) -> None:
    first, second = await city.on_duty(tx, count=2)
    (delivery,) = await city.asks(tx)
    missed = await city.offer(tx)
    await expire(tx, missed)
    taken = await city.offer(tx)
    assert {missed.courier_id, taken.courier_id} == {first, second}
    await dispatch.accept(tx, [city.answer(taken)])
    by_hand = dispatch.Reassign(by=city.by, reference_id=delivery.reference_id, reason="by_hand")
    await dispatch.reassign(tx, [by_hand])
    await ear.listen(tx)
    kinds = {
        id_: [
            w.incident.kind
            for w in await performance.recent(tx, tenant_id=city.by.tenant_id, courier_id=id_)
        ]
        for id_ in (missed.courier_id, taken.courier_id)
    }
    assert kinds == {missed.courier_id: [IncidentKind.OFFER_MISSED], taken.courier_id: []}


@pytest.mark.parametrize(
    ("causes", "over", "kinds"),
    [
        ([Cause.COURIER_OFFLINE, Cause.TOO_LATE], [], [IncidentKind.WENT_OFFLINE]),
        ([Cause.COURIER_OFFLINE], [Cause.COURIER_OFFLINE], []),
        ([Cause.VEHICLE_UNSAFE], [], []),
        ([], [], []),
    ],
)
async def test_goods_that_somebody_else_had_to_bring_are_held_against_whoever_was_lost(
    tx: Tx, city: City, causes: list[Cause], over: list[Cause], kinds: list[IncidentKind]
) -> None:
    first, second = await city.on_duty(tx, count=2)
    about = {"delivery_id": UUID(int=1), "reference_id": UUID(int=2)}
    expected_at = tx.now + timedelta(minutes=20)
    story: list[Event] = [
        events.DeliveryAssigned(
            **about,
            courier_id=first,
            pickup_eta_at=tx.now,
            dropoff_eta_at=expected_at,
            urgent_at=tx.now,
            first_offered_at=tx.now,
        ),
        events.DeliveryPickedUp(**about, courier_id=first),
        *(events.DeliveryStranded(**about, courier_id=first, cause=cause) for cause in causes),
        *(
            events.DeliveryRecovered(**about, courier_id=first, cause=cause, at_risk_s=60)
            for cause in over
        ),
        events.DeliveryHandedOver(
            **about, from_courier_id=first, courier_id=second, dropoff_eta_at=expected_at
        ),
        events.DeliveryDone(**about, courier_id=second),
    ]
    for seq, event in enumerate(story):
        await observing.on_performance(tx, [told(tx, city, event, seq=seq)])
    found = await performance.recent(tx, tenant_id=city.by.tenant_id, courier_id=first)
    assert [w.incident.kind for w in found] == kinds
    tally = (await performance_rows.tallies(tx, ids=[second]))[second]
    assert (tally.counters.completion.times_good, tally.counters.on_time.times_good) == (1, 1)
    assert await tx.value("select count(*) from dispatch.promise") == 0


def told(tx: Tx, city: City, event: Event, *, seq: int) -> Recorded[Any]:
    return Recorded(
        seq=seq,
        id=tx.ids(),
        stream="delivery",
        stream_id=UUID(int=1),
        version=seq + 1,
        event=event,
        actor_id=None,
        actor_role="system",
        tenant_id=city.by.tenant_id,
        city_id=city.id,
        correlation_id=city.by.correlation_id,
        causation_id=None,
        at=tx.now,
    )


async def declined(tx: Tx, city: City, ear: Ear) -> tuple[UUID, Weighed]:
    (courier_id,) = await city.on_duty(tx)
    await city.asks(tx)
    await dispatch.reject(tx, [city.answer(await city.offer(tx))])
    await ear.listen(tx)
    (weighed,) = await performance.recent(tx, tenant_id=city.by.tenant_id, courier_id=courier_id)
    return courier_id, weighed


async def test_a_struck_incident_counts_no_more(
    tx: Tx, city: City, ear: Ear, by: By, ids: Ids
) -> None:
    courier_id, weighed = await declined(tx, city, ear)
    before = await one_of(tx, courier_id)
    asked = Contest(
        by=by, courier_id=courier_id, incident_id=weighed.incident.id, reason="40 km away"
    )
    strike = Decide(
        by=replace(by, actor_id=ids()),
        courier_id=courier_id,
        incident_id=weighed.incident.id,
        upheld=False,
        reason="So it was.",
    )
    early, elsewhere, contested = await contesting.decide(
        tx, [strike, replace(strike, courier_id=ids())]
    ) + await contesting.contest(tx, [asked])
    assert isinstance(early, Refusal)
    assert early.code == "dispatch.incident_move_not_allowed"
    assert isinstance(elsewhere, Refusal)
    assert elsewhere.status == 404
    assert isinstance(contested, Weighed)
    assert contested.points == pytest.approx(weighed.points)
    (struck,) = await contesting.decide(tx, [strike])
    assert isinstance(struck, Weighed)
    assert (struck.points, struck.incident.decision_reason) == (0.0, "So it was.")
    after = await one_of(tx, courier_id)
    assert isclose(100 * (after.score - before.score), weighed.points, abs_tol=1e-9)
    assert await performance.recent(tx, tenant_id=by.tenant_id, courier_id=courier_id) == []
    told = [r.type for r in await ear.listen(tx) if r.stream == "incident"]
    assert told[-2:] == ["incident.contested.v1", "incident.struck.v1"]
    words = await tx.value("select count(*) from kernel.event where data::text like '%40 km%'")
    assert words == 0


async def test_what_nobody_decides_about_is_struck_by_the_clock(
    tx: Tx, city: City, ear: Ear, by: By
) -> None:
    courier_id, weighed = await declined(tx, city, ear)
    fresh = (await one_of(tx, courier_id)).score + weighed.points / 100
    asked = Contest(by=by, courier_id=courier_id, incident_id=weighed.incident.id, reason="no")
    await contesting.contest(tx, [asked])
    row = await tx.row("select * from kernel.deadline where owner = 'incident'")
    assert row is not None
    due = Due(
        subject_id=row["subject_id"], owner="incident", kind=row["kind"], due_at=row["due_at"]
    )
    await contesting.on_due_incident(tx, [due])  # before its time nothing happens
    tx.now = due.due_at
    await contesting.on_due_incident(tx, [due])
    assert await tx.value("select count(*) from kernel.deadline where owner = 'incident'") == 0
    assert isclose((await one_of(tx, courier_id)).score, fresh, abs_tol=1e-9)
    told = await ear.listen(tx)
    assert [r.event.by_clock for r in told if r.type == "incident.struck.v1"] == [True]


async def test_the_worst_courier_there_is_still_gets_the_offer(
    tx: Tx, city: City, ear: Ear
) -> None:
    courier_id, _ = await declined(tx, city, ear)
    tallies = await performance_rows.lock_tallies(tx, ids=[courier_id])
    worst = tallies[courier_id]
    for _ in range(200):
        for measure in Measure:
            worst = counted(worst, Fact(measure=measure, good=False, at=tx.now))
    await performance_rows.save_tallies(tx, [worst], expected={courier_id: worst.version})
    stands = await one_of(tx, courier_id)
    assert stands.score < 0.4
    assert stands.acceptance == 0
    await city.asks(tx)
    assert (await city.offer(tx)).courier_id == courier_id


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.none() | st.floats(0, 1)] * 2), min_size=1, max_size=6), st.data())
def test_no_score_leaves_anybody_out_of_a_plan(
    scores: list[tuple[float | None, float | None]], data: st.DataObject
) -> None:
    """Who is thought of, and who is left out and why, is the same whatever the scores are."""
    people = [courier(500 + n, at=400.0 * n) for n in range(len(scores))]
    jobs = [job(n, site=n, at=900.0 * n) for n in range(data.draw(st.integers(1, 4)))]
    scored = [
        replace(person, rating=rating, acceptance=acceptance)
        for person, (rating, acceptance) in zip(people, scores, strict=True)
    ]
    policy = replace(POLICY, candidates=len(people))
    plain, judged = plan(seen(jobs, people), policy), plan(seen(jobs, scored), policy)
    assert judged.exclusions == plain.exclusions
    assert {(c.job, c.courier) for c in judged.candidates} == {
        (c.job, c.courier) for c in plain.candidates
    }
    assert {j for c in judged.commitments for j in c.added} == {
        j for c in plain.commitments for j in c.added
    }


def bearer(token: str, language: str = "en") -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Accept-Language": language}


async def test_a_courier_reads_why_and_objects_and_operations_decides(
    serve: Any, callers: Any, database: Database, city: City, ear: Ear
) -> None:
    client = await serve(routes, registry=REGISTRY)
    async with database.transaction() as tx:
        courier_id, _ = await declined(tx, city, ear)
    token = callers.token("delivery_partner", *OWN, user_id=courier_id)
    me, operator = bearer(token), bearer(callers.token("admin", "courier:*", "analytics:*"))
    path = f"/v4/drivers/{courier_id}/performance"
    shown = (await client.get(path, headers=me)).json()["data"]
    assert shown["metrics"]["acceptance_rate"] is None
    assert [part["measure"] for part in shown["components"]] == [*Measure, "rating"]
    total = sum(part["points"] for part in shown["components"])
    assert shown["metrics"]["score"] == pytest.approx(total, abs=0.1)
    assert "Offers accepted: 0 of 1." in shown["components"][2]["sentence"]
    assert shown["offers"] == {
        "made": 1,
        "accepted": 0,
        "rejected": 1,
        "expired": 0,
        "withdrawn": 0,
        "median_response_s": 0.0,
    }
    (incident,) = shown["incidents"]
    assert incident["what"].startswith("An offer was declined.")
    arabic = (await client.get(path, headers=bearer(token, "ar"))).json()["data"]
    assert arabic["incidents"][0]["what"].startswith("رُفض عرض")

    one = f"{path}/incidents/{incident['id']}"
    decision = {"upheld": False, "reason": "It was too far."}
    assert (await client.post(f"{one}/decide", headers=me, json=decision)).status_code == 404
    early = await client.post(f"{one}/decide", headers=operator, json=decision)
    assert early.status_code == 409
    empty = await client.post(f"{one}/contest", headers=me, json={"reason": ""})
    assert empty.status_code == 400
    said = await client.post(f"{one}/contest", headers=me, json={"reason": "40 km away"})
    assert (said.status_code, said.json()["data"]["state"]) == (200, "contested")
    waiting = (await client.get("/v4/admin/performance/contested", headers=operator)).json()
    assert [i["contest_reason"] for i in waiting["data"]] == ["40 km away"]
    struck = (await client.post(f"{one}/decide", headers=operator, json=decision)).json()["data"]
    assert (struck["state"], struck["points"]) == ("struck", 0.0)
    assert (await client.get(path, headers=me)).json()["data"]["incidents"] == []
    (kept,) = (await client.get(f"{path}/incidents?state=struck", headers=me)).json()["data"]
    assert kept["decision_reason"] == "It was too far."
    ranked = (await client.get("/v4/admin/analytics/driver-performance", headers=operator)).json()
    assert [m["courier_id"] for m in ranked["data"]] == [str(courier_id)]


async def test_others_do_not_see_how_a_courier_does(
    serve: Any, callers: Any, database: Database, city: City, ear: Ear, ids: Ids
) -> None:
    client = await serve(routes, registry=REGISTRY)
    async with database.transaction() as tx:
        courier_id, weighed = await declined(tx, city, ear)
    path = f"/v4/drivers/{courier_id}/performance"
    colleague = bearer(callers.token("delivery_partner", *OWN))
    stranger = bearer(callers.token("super_admin", "*:*", tenant_id=ids()))
    for headers in (colleague, stranger):
        assert (await client.get(path, headers=headers)).status_code == 404
        assert (await client.get(f"{path}/incidents", headers=headers)).status_code == 404
        contest = f"{path}/incidents/{weighed.incident.id}/contest"
        answer = await client.post(contest, headers=headers, json={"reason": "no"})
        assert answer.status_code == 404
    for listed in ("/v4/admin/performance/contested", "/v4/admin/analytics/driver-performance"):
        assert (await client.get(listed, headers=stranger)).json()["data"] == []
        assert (await client.get(listed, headers=colleague)).status_code in {403, 404}


async def test_managers_see_how_the_couriers_of_their_area_do(
    serve: Any, callers: Any, database: Database, city: City, ear: Ear, by: By, ids: Ids
) -> None:
    client = await serve([*routes, *courier_routes], registry=REGISTRY)
    async with database.transaction() as tx:
        courier_id, weighed = await declined(tx, city, ear)
        place = geography.City(
            id=city.id,
            tenant_id=by.tenant_id,
            slug="marsa",
            name_en="Marsa",
            name_ar="المرسى",
            currency="AED",
            timezone="UTC",
            centre=city.kitchen,
        )
        tenant = geography.Tenant(id=by.tenant_id, slug="wasla", name="Wasla")
        await geography.create_tenant(tx, tenant=tenant)
        await geography.create_city(tx, city=place)
        areas = await grow_above(tx, by, city_id=city.id)
    granted = ("courier:read:region", "analytics:read:region")
    manager = bearer(callers.token("regional_manager", *granted, location_id=areas[1]))
    other = bearer(callers.token("regional_manager", *granted, location_id=ids()))
    ranking = "/v4/admin/analytics/driver-performance"
    own = f"/v4/drivers/{courier_id}"
    for path in ("performance", "performance/incidents", "offers", "deliveries", "position"):
        status = (await client.get(f"{own}/{path}", headers=manager)).status_code
        assert status == 200, path
        assert (await client.get(f"{own}/{path}", headers=other)).status_code == 404, path
    ranked = (await client.get(ranking, headers=manager)).json()["data"]
    assert [one["courier_id"] for one in ranked] == [str(courier_id)]
    beyond = (await client.get(f"{ranking}?page=9", headers=manager)).json()
    assert (beyond["data"], beyond["meta"]["pagination"]["total"]) == ([], 1)
    assert (await client.get(ranking, headers=other)).status_code == 404
    decide = f"{own}/performance/incidents/{weighed.incident.id}/decide"
    ruling = {"upheld": True, "reason": "no"}
    assert (await client.post(decide, headers=manager, json=ruling)).status_code == 403
    assert (await client.get("/v4/admin/unassigned-orders", headers=manager)).status_code == 403


async def test_offers_are_found_by_state_and_time(
    serve: Any, callers: Any, database: Database, city: City, ear: Ear
) -> None:
    client = await serve(routes, registry=REGISTRY)
    async with database.transaction() as tx:
        courier_id, _ = await declined(tx, city, ear)
        await city.asks(tx)
        await city.offer(tx)
    me = bearer(callers.token("delivery_partner", *OWN, user_id=courier_id))
    path = f"/v4/drivers/{courier_id}/offers"

    async def found(query: str) -> list[str]:
        answer = await client.get(f"{path}?{query}", headers=me)
        assert answer.status_code == 200, answer.text
        return [offer["state"] for offer in answer.json()["data"]]

    assert await found("") == ["pending", "rejected"]
    assert await found("state=rejected") == ["rejected"]
    assert await found("to=2026-11-20T12:00:00Z") == []
    assert await found("from=2026-11-20T12:00:00Z&to=2026-11-20T12:00:01Z") == [
        "pending",
        "rejected",
    ]
    assert (await client.get(f"{path}?state=lost", headers=me)).status_code == 400
