"""What does not work, as a person in a browser meets it, and as a program does."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest
from litestar import get, post

from tawsil.consoles import routes as console_routes
from tawsil.consoles.pages import show_problem
from tawsil.kernel.db import Database
from tawsil.kernel.http import PUBLIC, Problem
from tawsil.kernel.http.app import create_app
from tawsil.kernel.http.errors import as_pages

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PAGE: Mapping[str, Any] = {
    "opt": {"rule": PUBLIC, "own_pages": True},
    "exception_handlers": as_pages(show_problem),
    "include_in_schema": False,
}


@get("/broken", **PAGE)
async def broken() -> None:
    raise RuntimeError("a page of ours with a mistake in it")


@get("/busy", **PAGE)
async def busy() -> None:
    raise Problem(429, "request.too_many", retry_after_s=7)


@get("/away", **PAGE)
async def away() -> None:
    raise ConnectionResetError("the database has gone")


@post("/sends", **PAGE)
async def sends() -> None:
    """There is nothing to look at here."""


@get("/v4/broken", opt={"rule": PUBLIC})
async def broken_api() -> None:
    raise RuntimeError("an endpoint with a mistake in it")


@pytest.fixture
async def client(
    database: Database, callers: Any, known: dict[str, Any]
) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        routes=[*console_routes.routes, broken, busy, away, sends, broken_api],
        database=database,
        authenticate=callers,
        state=known,
        show_problem=show_problem,
    )
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


@pytest.mark.parametrize(
    ("path", "status", "english", "arabic"),
    [
        ("/no/such/page", 404, "There is nothing here", "لا يوجد شيء هنا"),
        ("/orders/no-id", 404, "There is nothing here", "لا يوجد شيء هنا"),
        ("/sends", 405, "This cannot be done here", "لا يمكن فعل هذا هنا"),
        ("/busy", 429, "Try again in 7 s", "حاول مرة أخرى"),
        ("/broken", 500, "Something broke on our side", "تعطّل شيء من جهتنا"),
        ("/away", 503, "We are not there for a moment", "نحن غير متاحين للحظة"),
    ],
)
async def test_a_browser_is_shown_a_page(
    client: httpx.AsyncClient, path: str, status: int, english: str, arabic: str
) -> None:
    for locale, words in (("en", english), ("ar", arabic)):
        page = await client.get(path, headers=BROWSER | {"Accept-Language": locale})
        assert page.status_code == status
        assert page.headers["content-type"].startswith("text/html")
        assert f'lang="{locale}"' in page.text
        assert words in page.text
        assert "console." not in page.text
        assert 'href="/"' in page.text, "there is a way on"


async def test_what_may_go_by_itself_can_be_tried_again(client: httpx.AsyncClient) -> None:
    busy = await client.get("/busy", headers=BROWSER)
    assert busy.headers["retry-after"] == "7"
    assert 'href="/busy"' in busy.text
    broken = await client.get("/broken", headers=BROWSER)
    assert broken.headers["x-request-id"] in broken.text
    missing = await client.get("/no/such/page", headers=BROWSER)
    assert 'href="/no/such/page"' not in missing.text


async def test_the_account_is_not_allowed_in(client: httpx.AsyncClient, callers: Any) -> None:
    headers = {"Authorization": f"Bearer {callers.token('customer', 'order:create')}"}
    page = await client.get("/admin", headers=BROWSER | headers)
    assert page.status_code == 403
    assert "This page is not for your account" in page.text
    assert "system:read" not in page.text, "a permission is no word for people"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v4/no/such/thing", 404),
        ("DELETE", "/v4/broken", 405),
        ("GET", "/v4/broken", 500),
        ("GET", "/graphql/nothing", 404),
    ],
)
async def test_the_api_answers_browsers_as_it_answers_everybody(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path, headers=BROWSER)
    assert answer.status_code == status
    assert answer.json()["errors"][0]["code"].startswith("request.")


async def test_a_program_gets_an_envelope_everywhere(client: httpx.AsyncClient) -> None:
    answer = await client.get("/no/such/page")
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["code"] == "request.not_found"
    assert (await client.get("/sends", headers={"Accept": "application/json"})).json()["errors"]


async def test_a_part_without_a_session_has_the_whole_page_loaded_anew(
    client: httpx.AsyncClient,
) -> None:
    part = await client.get("/orders?part=true", headers={"HX-Request": "true"})
    assert part.status_code == 401
    assert part.headers["hx-refresh"] == "true"
