"""What operators do on the dispatch page, all the way into a real database and back."""

import re
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from tawsil.apps.wiring import REGISTRY
from tawsil.consoles.routes import routes
from tawsil.couriers import public as couriers
from tawsil.dispatch import public as dispatch
from tawsil.dispatch import routes as dispatch_routes
from tawsil.geography.public import City, GreatCircle, Zone, create_zones
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.deadlines import Due
from tawsil.kernel.decisions import By
from tawsil.kernel.places import Place
from tawsil.pricing import public as pricing
from tawsil.pricing import routes as pricing_routes

HOLD = {
    "city": "marsa",
    "wait_min": "20",
    "surge_percent": "12.5",
    "reach_km": "3.5",
    "for": "60",
    "reason": "half the fleet is off",
}


@pytest.fixture
async def staff(serve: Any, callers: Any, city: City, tmp_path: Any) -> Any:
    client = await serve(
        [*routes, *pricing_routes.routes, *dispatch_routes.routes],
        registry=REGISTRY,
        settings=SimpleNamespace(data=tmp_path),
    )
    token = callers.token("admin", "order:*", "zone:*", tenant_id=city.tenant_id)
    client.headers["Authorization"] = f"Bearer {token}"
    client.headers["Origin"] = str(client.base_url).rstrip("/")
    return client


@pytest.fixture
async def delivery(database: Database, city: City, by: By, ids: Ids) -> dispatch.Delivery:
    """Urgent, and nobody has it."""
    async with database.transaction() as tx:
        wanted = dispatch.RequestCourier(
            by=by,
            reference_id=ids(),
            city_id=city.id,
            site_id=ids(),
            pickup=Place(24.121, 53.1),
            dropoff=Place(24.13, 53.11),
            ready_at=tx.now,
            earning_minor=1_500,
            currency="AED",
        )
        (found,) = await dispatch.request(tx, [wanted])
    assert isinstance(found, dispatch.Delivery)
    return found


async def send(client: Any, path: str, **fields: Any) -> Any:
    return await client.post(f"/city/dispatch/{path}", data={"city": "marsa", **fields})


async def terms(database: Database, city: City) -> pricing.Conditions:
    async with database.transaction() as tx:
        return (await pricing.conditions(tx, city_ids=[city.id]))[city.id]


def undo_form(text: str) -> tuple[str, dict[str, str]]:
    """The form that a page offers to take back what was done, as a browser would send it."""
    done = text.split('class="notice done"')[1].split("</form>", maxsplit=1)[0]
    (action,) = re.findall(r'action="/city/dispatch/([^"]+)"', done)
    fields = re.findall(r'name="([^"]+)" value="([^"]*)"', done)
    return action, {name: value.replace("&#34;", '"') for name, value in fields}


async def test_conditions_are_held_shown_and_let_go(
    staff: Any, database: Database, city: City, clock: VirtualClock, by: By, ids: Ids
) -> None:
    ring = tuple(Place(24 + a, 53 + b) for a, b in ((0, 0), (0, 0.1), (0.1, 0.1), (0.1, 0)))
    zone = Zone(
        id=ids(),
        tenant_id=by.tenant_id,
        city_id=city.id,
        slug="port",
        name_en="Port",
        name_ar="الميناء",
        ring=ring,
    )
    async with database.transaction() as tx:
        await create_zones(tx, zones=[zone])
    answer = await send(staff, "hold", **HOLD, zone=str(zone.id))
    assert answer.status_code == 303
    assert answer.headers["location"] == "/city/dispatch?city=marsa"
    held = await terms(database, city)
    assert held.terms == pricing.Terms(
        extra_wait_s=1_200, surge_bp=1_250, reach_m=3_500, paused_zone_ids=(zone.id,)
    )
    assert held.held_until_at == clock() + timedelta(hours=1)
    page = (await staff.get(answer.headers["location"])).text
    for said in ("The conditions are held.", "+20 min", "+12.5 %", "half the fleet is off", "Port"):
        assert said in page
    action, fields = undo_form(page)
    assert (await send(staff, action, **fields)).status_code == 303
    assert not (await terms(database, city)).held
    assert "follow the load again" in (await staff.get("/city/dispatch")).text
    assert 'class="notice done"' not in (await staff.get("/city/dispatch")).text


async def test_undoing_a_second_hold_puts_the_first_back_exactly(
    staff: Any, database: Database, city: City
) -> None:
    await send(staff, "hold", **HOLD)
    first = await terms(database, city)
    await send(staff, "hold", **{**HOLD, "wait_min": "5", "for": "ever", "reason": '"quoted"'})
    assert (await terms(database, city)).held_until_at is None
    action, fields = undo_form((await staff.get("/city/dispatch")).text)
    await send(staff, action, **fields)
    again = await terms(database, city)
    assert (again.terms, again.held_until_at, again.reason) == (
        first.terms,
        first.held_until_at,
        first.reason,
    )
    await send(staff, "let-go")
    action, fields = undo_form((await staff.get("/city/dispatch")).text)
    await send(staff, action, **fields)
    assert (await terms(database, city)).terms == first.terms


@pytest.mark.parametrize(
    "wrong",
    [
        {"wait_min": "a while"},
        {"wait_min": "1e999"},
        {"surge_percent": "-1"},
        {"reach_km": "0.1"},
        {"zone": "the port"},
        {"reason": " "},
        {"exactly": "{"},
    ],
)
async def test_what_cannot_be_held_is_refused_and_not_lost(
    staff: Any, wrong: dict[str, str]
) -> None:
    answer = await send(staff, "hold", **{**HOLD, **wrong})
    assert answer.status_code in {400, 422}
    assert 'role="alert"' in answer.text
    assert '<details class="act" open>' in answer.text
    kept = wrong.get("surge_percent", "12.5")
    assert f'value="{kept}"' in answer.text


async def test_a_delivery_is_escalated_assigned_and_that_taken_back(
    staff: Any, database: Database, delivery: dispatch.Delivery, courier_id: UUID
) -> None:
    page = (await staff.get("/city/dispatch")).text
    assert "Rung 0 of 3" in page
    assert "Grace" in page
    assert "100 m" in page
    assert (await send(staff, f"{delivery.reference_id}/escalate")).status_code == 303
    page = (await staff.get("/city/dispatch")).text
    assert "Rung 1 of 3" in page
    assert "2.25 AED" in page

    given = await send(staff, f"{delivery.reference_id}/reassign", courier_id=str(courier_id))
    assert given.status_code == 303
    page = (await staff.get("/city/dispatch")).text
    assert "decided by hand just now" in page
    assert "Undo: back to the search" in page
    action, fields = undo_form(page)
    assert (await send(staff, action, **fields)).status_code == 303
    async with database.transaction() as tx:
        now = await dispatch.of_references(tx, reference_ids=[delivery.reference_id])
        (grace,) = await couriers.on_duty(tx, city_id=delivery.city_id)
    assert now[delivery.reference_id].courier_id is None
    assert grace.availability is couriers.Availability.AVAILABLE

    late = await send(staff, f"{delivery.reference_id}/undo")
    assert late.status_code == 409
    assert 'role="alert"' in late.text


async def test_somebody_else_is_looked_for(
    staff: Any, delivery: dispatch.Delivery, courier_id: UUID
) -> None:
    path = f"{delivery.reference_id}/reassign"
    assert (await send(staff, path, courier_id=str(courier_id))).status_code == 303
    assert (await send(staff, path, courier_id="", reason="a flat tyre")).status_code == 303
    page = (await staff.get("/city/dispatch")).text
    assert "being searched for again" in page
    assert "Undo: give it back to" in page


async def test_who_is_not_seen_any_more_is_in_doubt_and_may_be_left_alone(
    staff: Any,
    database: Database,
    delivery: dispatch.Delivery,
    courier_id: UUID,
    clock: VirtualClock,
) -> None:
    await send(staff, f"{delivery.reference_id}/reassign", courier_id=str(courier_id))
    clock.advance(timedelta(minutes=3))
    due = Due(delivery.id, "delivery", "look", clock())
    async with database.transaction() as tx:
        await dispatch.on_due_delivery(tx, [due])
    page = (await staff.get("/city/dispatch")).text
    assert "the courier is out of reach" in page
    assert "Another courier is looked for in" in page
    carried_on = await send(staff, f"{delivery.reference_id}/carry-on")
    assert carried_on.status_code == 303
    page = (await staff.get("/city/dispatch")).text
    assert "stays with its courier" in page
    assert "No courier is in doubt." in page


async def test_a_decision_is_listed_and_explained(
    staff: Any, database: Database, delivery: dispatch.Delivery, courier_id: UUID
) -> None:
    async with database.transaction() as tx:
        tick = await dispatch.tick(
            tx, tenant_id=delivery.tenant_id, city_id=delivery.city_id, travel=GreatCircle()
        )
    assert [offer.courier_id for offer in tick.offers] == [courier_id]
    page = (await staff.get("/city/dispatch")).text
    assert "Being offered" in page
    assert f'href="/city/decisions/{tick.decision_id}"' in page
    text = (await staff.get(f"/city/decisions/{tick.decision_id}")).text
    assert "\u2068Grace\u2069 was asked" in text
    assert "just_in_time_live:1" in text
    assert 'class="term-waiting"' in text


async def test_another_tenant_finds_nothing(
    staff: Any, callers: Any, delivery: dispatch.Delivery, ids: Ids
) -> None:
    other = callers.token("admin", "order:*", "zone:*", tenant_id=ids())
    staff.headers["Authorization"] = f"Bearer {other}"
    assert (await staff.get("/city/dispatch")).status_code == 404
    assert (await send(staff, "let-go")).status_code == 404
    assert (await send(staff, f"{delivery.reference_id}/escalate")).status_code == 404
