"""The doors that everybody may knock at, as often as the contract says and no more often."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from litestar.handlers import HTTPRouteHandler

from tawsil.apps import wiring
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.http.limits import UNLIMITED, Limit
from walls.conftest import ADMIN, PASSWORD, SITE, Everything

DOORS: dict[str, tuple[int, dict[str, Any]]] = {
    "/v4/auth/login": (5, {"email": ADMIN, "password": "not this one"}),
    "/v4/auth/register": (3, {"email": "no", "password": "x", "name": "x"}),
    "/v4/auth/password-reset": (2, {"email": "nobody@example.org"}),
}


@pytest.mark.parametrize("path", DOORS)
async def test_a_door_is_knocked_at_so_often_and_forging_does_not_help(
    everything: Everything, clock: VirtualClock, path: str
) -> None:
    most, body = DOORS[path]
    knocks = 1_000 if path == "/v4/auth/login" else 50
    client = everything.at("203.0.113.9")
    for _ in range(2):
        statuses: Counter[int] = Counter()
        for n in range(knocks):
            forged = f"198.51.{n // 250}.{n % 250}"
            told = {"X-Forwarded-For": forged, "X-Real-IP": forged, "Forwarded": f"for={forged}"}
            asked = body | {"email": f"nobody.{n}@example.org"}  # or slow guessing locks it
            answer = await client.post(path, json=asked, headers=told)
            statuses[answer.status_code] += 1
            if answer.status_code == 429:
                assert answer.headers["Retry-After"] == "60"
        assert statuses.total() - statuses[429] == most
        clock.advance(timedelta(seconds=60))
    elsewhere = everything.at("203.0.113.10")
    assert (await elsewhere.post(path, json=body)).status_code != 429


async def test_the_page_is_the_same_door(everything: Everything) -> None:
    client = everything.at("203.0.113.9")
    for n in range(6):
        wrong = {"email": f"nobody.{n}@example.org", "password": "not this one"}
        if n % 2:
            answer = await client.post("/v4/auth/login", json=wrong)
        else:
            answer = await client.post("/sign-in", data=wrong, headers={"Origin": SITE})
        assert answer.status_code == (401 if n < 5 else 429)
    page = await client.post(
        "/sign-in", data={"email": ADMIN, "password": PASSWORD}, headers={"Origin": SITE}
    )
    assert page.status_code == 429
    assert page.headers["Retry-After"] == "60"
    assert "60" in page.text
    assert "set-cookie" not in page.headers


def test_only_machines_and_files_are_not_limited() -> None:
    unlimited = {
        path
        for handler in wiring.ROUTES
        if isinstance(handler, HTTPRouteHandler) and handler.opt.get("limit") is UNLIMITED
        for path in handler.paths
    }
    assert unlimited == {
        "/static/{version:str}/{name:str}",
        "/courier/worker.js",
        "/maps/{city_id:uuid}/ground.json",
        "/maps/{city_id:uuid}/streets.geojson",
        "/maps/{city_id:uuid}/tiles/{version:str}",
    }


def test_what_is_made_into_files_is_heavy() -> None:
    heavy = {
        path: handler.opt.get("limit")
        for handler in wiring.ROUTES
        if isinstance(handler, HTTPRouteHandler)
        for path in handler.paths
        if path.endswith(".csv")
    }
    assert len(heavy) >= 3
    assert {limit.most for limit in heavy.values() if isinstance(limit, Limit)} == {10}


async def test_every_answer_is_hardened_and_kept_by_nobody(everything: Everything) -> None:
    client = everything.client
    signed_in = await client.post("/v4/auth/login", json={"email": ADMIN, "password": PASSWORD})
    mine = {"Authorization": f"Bearer {signed_in.json()['data']['access_token']}"}
    asked: list[tuple[str, str, dict[str, str]]] = [
        ("GET", "/v4/users/profile", mine),
        ("GET", "/v4/orders", mine),
        ("GET", "/v4/orders", {}),
        ("GET", "/v4/nothing", {}),
        ("PUT", "/v4/orders", {}),
        ("POST", "/v4/orders", mine),
        ("GET", "/sign-in", {}),
        ("GET", "/city", {}),
        ("GET", "/health", {}),
        ("OPTIONS", "/v4/orders", {}),
    ]
    static = await client.get("/design")
    sheet = static.text.split('<link rel="stylesheet" href="')[1].split('"')[0]
    for method, path, headers in [*asked, ("GET", sheet, {}), ("GET", "/static/x/none.css", {})]:
        answer = await client.request(method, path, headers=headers)
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        assert answer.headers["X-Frame-Options"] == "DENY", path
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000"), path
        assert answer.headers["Referrer-Policy"] == "strict-origin-when-cross-origin", path
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"], path
        assert "camera=(self)" in answer.headers["Permissions-Policy"], path
        assert "server" not in answer.headers, path
        if path != sheet:
            assert answer.headers["Cache-Control"] == "no-store", path
    assert "immutable" in (await client.get(sheet)).headers["Cache-Control"]
