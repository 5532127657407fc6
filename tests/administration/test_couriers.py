"""Couriers are enrolled, show their papers, and are suspended."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from administration.conftest import Office
from conftest import CITY
from tawsil.identity.public import Role
from tawsil.kernel.db import Database

LICENCE = {"kind": "licence", "number": "DXB-12 3456", "expires_on": "2026-11-30"}


@pytest.fixture
async def rider(office: Office) -> str:
    user = await office.do(
        "POST",
        "/v4/users",
        {"email": "r@example.com", "name": "Rami", "roles": ["delivery_partner"]},
    )
    body = {"courier_id": user["id"], "city_id": str(CITY), "vehicle": "motorbike"}
    courier = await office.do("POST", "/v4/drivers", body)
    assert courier["availability"] == "OFFLINE"
    assert await office.code("POST", "/v4/drivers", body) == "courier.enrolled"
    return courier["id"]


async def ask_for_papers(office: Office, *kinds: str) -> None:
    path = f"/v4/cities/{CITY}/rules"
    rules = await office.do("GET", path)
    await office.do("PUT", path, {**rules, "courier_documents": list(kinds)})


async def test_only_couriers_of_the_company_are_enrolled(office: Office, rider: str):
    clerk = await office.do(
        "POST", "/v4/users", {"email": "c@example.com", "name": "C", "roles": ["support_staff"]}
    )
    body = {"city_id": str(CITY), "vehicle": "car"}
    for courier_id, code in (
        (clerk["id"], "courier.not_a_courier"),
        (str(CITY), "courier.user_unknown"),
    ):
        assert await office.code("POST", "/v4/drivers", {**body, "courier_id": courier_id}) == code
    elsewhere = {**body, "courier_id": rider, "city_id": rider}
    assert await office.code("POST", "/v4/drivers", elsewhere) == "request.city_unknown"


async def test_a_shift_begins_with_papers_in_force(office: Office, rider: str, clock: Any):
    start = f"/v4/drivers/{rider}/availability/start-shift"
    papers = f"/v4/drivers/{rider}/documents"
    await ask_for_papers(office, "licence")
    assert await office.code("POST", start, {}) == "courier.licence_missing"
    shown = await office.do("POST", papers, LICENCE)
    assert (shown["number_end"], shown["state"]) == ("3456", "unverified")
    assert await office.code("POST", start, {}) == "courier.licence_unverified"
    await office.do("POST", f"{papers}/{shown['id']}/verify")
    assert (await office.do("POST", start, {}))["availability"] == "AVAILABLE"
    await office.do("POST", f"/v4/drivers/{rider}/availability/end-shift")
    clock.advance(timedelta(days=11))
    assert await office.code("POST", start, {}) == "courier.licence_expired"
    assert await office.code("POST", papers, LICENCE) == "courier.document_over"
    await ask_for_papers(office)
    assert (await office.do("POST", start, {}))["availability"] == "AVAILABLE"


async def test_a_new_paper_takes_the_place_of_the_old(
    office: Office, rider: str, database: Database
):
    papers = f"/v4/drivers/{rider}/documents"
    first = await office.do("POST", papers, {**LICENCE, "verified": True})
    second = await office.do("POST", papers, {**LICENCE, "number": "NEW-9999", "verified": True})
    assert [one["id"] for one in await office.do("GET", papers)] == [second["id"]]
    assert await office.code("POST", f"{papers}/{first['id']}/verify") == "request.not_found"
    assert (await office.do("GET", papers))[0]["verified_by_id"]
    await office.do("POST", f"{papers}/{second['id']}/withdraw")
    assert await office.do("GET", papers) == []
    kept = await database.pool.fetch("select sealed_number from couriers.document")
    assert not any(b"NEW-9999" in row["sealed_number"] for row in kept)


async def test_who_is_suspended_does_not_ride(office: Office, rider: str):
    path = f"/v4/drivers/{rider}"
    await office.do("POST", f"{path}/availability/start-shift", {})
    gone = await office.do("POST", f"{path}/suspend", {"reason": "conduct"})
    assert (gone["availability"], gone["suspended_because"]) == ("OFFLINE", "conduct")
    listed = await office.do("GET", "/v4/drivers?suspended=true")
    assert [one["id"] for one in listed] == [rider]
    start = f"{path}/availability/start-shift"
    assert await office.code("POST", start, {}) == "courier.suspended"
    mine = {"role": Role.DELIVERY_PARTNER, "user_id": UUID(rider)}
    assert await office.code("POST", f"{path}/reinstate", **mine) == "request.forbidden"
    await office.do("POST", f"{path}/reinstate")
    assert (await office.do("POST", start, {}))["availability"] == "AVAILABLE"
