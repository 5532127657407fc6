"""What other sites' pages can make a browser do here: read what is shared, change nothing."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any, cast

import httpx
import pytest
from litestar import Litestar, Router, get, post, websocket
from litestar.connection import WebSocket

from tawsil.kernel.db import Database
from tawsil.kernel.http import PUBLIC, SIGNED_IN, Limit
from tawsil.kernel.http.app import create_app
from tawsil.kernel.http.limits import Limiter, LocalWindows
from tawsil.kernel.settings import SettingsError, load_settings

HOST = "http://tawsil.test"
PARTNER = "https://partner.example"
EVIL = "https://evil.example"


@post("/change", opt={"rule": SIGNED_IN}, status_code=200, sync_to_thread=False)
def change() -> str:
    return "changed"


@post("/open", opt={"rule": PUBLIC}, status_code=200, sync_to_thread=False)
def open_to_all() -> str:
    return "done"


@get("/read", opt={"rule": SIGNED_IN}, sync_to_thread=False)
def read() -> str:
    return "read"


@get("/rare", opt={"rule": PUBLIC, "limit": Limit("rare", 1)}, sync_to_thread=False)
def rare() -> str:
    return "once"


@get("/broken", opt={"rule": PUBLIC}, sync_to_thread=False)
def broken() -> str:
    raise ZeroDivisionError


@post("/form", opt={"rule": PUBLIC}, status_code=200, sync_to_thread=False)
def form() -> str:
    return "sent"


@websocket("/stream", opt={"rule": SIGNED_IN})
async def stream(socket: WebSocket[Any, Any, Any]) -> None:
    await socket.accept()
    await socket.close()


PAGES = Router(path="/", route_handlers=[form], opt={"own_pages": True})
ROUTES = [change, open_to_all, read, rare, broken, PAGES, stream]
Made = Callable[..., Litestar]


@pytest.fixture
def made(database: Database, callers: Any) -> Made:
    def make(*shared_with: str) -> Litestar:
        return create_app(
            routes=ROUTES,
            database=database,
            authenticate=callers,
            limiter=Limiter(LocalWindows(now_ns=lambda: 0)),
            shared_with=shared_with,
        )

    return make


@pytest.fixture
async def client_of() -> AsyncIterator[Any]:
    async with AsyncExitStack() as opened:

        async def make(app: Litestar, base_url: str = HOST) -> httpx.AsyncClient:
            transport = httpx.ASGITransport(cast("Any", app), raise_app_exceptions=False)
            client = httpx.AsyncClient(transport=transport, base_url=base_url)
            return await opened.enter_async_context(client)

        yield make


@pytest.fixture
async def client(made: Made, client_of: Any) -> httpx.AsyncClient:
    return await client_of(made(PARTNER))


OURS = [
    {"Origin": HOST},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://behind.a.proxy"},
]
FOREIGN = [
    {},
    {"Origin": EVIL},
    {"Origin": PARTNER},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": f"{HOST}.evil.example"},
    {"Origin": "http://evil.example/tawsil.test"},
    {"Sec-Fetch-Site": "cross-site", "Origin": HOST},
    {"Sec-Fetch-Site": "same-site", "Origin": HOST},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": ""},
]


@pytest.mark.parametrize("said", OURS)
async def test_a_cookie_counts_from_our_own_pages(
    client: httpx.AsyncClient, callers: Any, said: dict[str, str]
) -> None:
    cookie = {"Cookie": f"tawsil_access={callers.token('customer')}"}
    for path in ("/change", "/open", "/form"):
        assert (await client.post(path, headers=cookie | said)).status_code == 200, path


@pytest.mark.parametrize("said", FOREIGN)
async def test_a_cookie_counts_from_nowhere_else(
    client: httpx.AsyncClient, callers: Any, said: dict[str, str]
) -> None:
    token = callers.token("customer")
    cookie = {"Cookie": f"tawsil_access={token}"}
    for path in ("/change", "/open", "/form"):
        answer = await client.post(path, headers=cookie | said)
        assert answer.status_code == 403, path
        assert answer.json()["errors"][0]["code"] == "request.foreign_origin"
    assert (await client.get("/read", headers=cookie | said)).status_code == 200, "reading is safe"
    shown = await client.post("/change", headers={"Authorization": f"Bearer {token}"} | said)
    assert shown.status_code == 200, "who shows a token needs no cookie"


async def test_programs_without_cookies_name_no_origin(client: httpx.AsyncClient) -> None:
    assert (await client.post("/open")).status_code == 200
    assert (await client.post("/open", headers={"Origin": PARTNER})).status_code == 200
    assert (await client.post("/open", headers={"Origin": EVIL})).status_code == 403
    assert (await client.post("/form")).status_code == 403, "a form comes from a page of ours"


async def test_where_it_is_encrypted_only_a_host_cookie_counts(
    made: Made, client_of: Any, callers: Any
) -> None:
    client = await client_of(made(), "https://tawsil.test")
    token = callers.token("customer")
    assert (await client.get("/read", headers={"Cookie": f"tawsil_access={token}"})).is_error
    right = {"Cookie": f"__Host-tawsil_access={token}"}
    assert (await client.get("/read", headers=right)).status_code == 200


@pytest.mark.parametrize(
    ("headers", "accepted"),
    [
        ({"Origin": HOST}, True),
        ({"Origin": EVIL}, False),
        ({"Origin": PARTNER}, False),
        ({"Origin": "null"}, False),
        ({}, False),
    ],
)
async def test_a_socket_opened_with_a_cookie_comes_from_our_own_pages(
    made: Made, callers: Any, headers: dict[str, str], *, accepted: bool
) -> None:
    token = callers.token("customer")
    app = made(PARTNER)
    assert await _accepts(app, headers | {"Cookie": f"tawsil_access={token}"}) == accepted
    assert await _accepts(app, headers | {"Authorization": f"Bearer {token}"})


async def _accepts(app: Litestar, headers: dict[str, str]) -> bool:
    sent: list[str] = []

    async def hear() -> Any:
        return {"type": "websocket.connect"}

    async def say(message: Any) -> None:
        sent.append(message["type"])

    scope = {
        "type": "websocket",
        "path": "/stream",
        "raw_path": b"/stream",
        "query_string": b"",
        "scheme": "ws",
        "headers": [(b"host", b"tawsil.test")]
        + [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("203.0.113.9", 1),
        "server": ("tawsil.test", 80),
        "subprotocols": [],
    }
    await app(cast("Any", scope), hear, say)
    return sent[0] == "websocket.accept"


# ── who may read ───────────────────────────────────────────────────────────────────────────────


async def test_answers_and_errors_are_shared_with_whom_we_name(
    client: httpx.AsyncClient, callers: Any
) -> None:
    mine = {"Authorization": f"Bearer {callers.token('customer')}"}
    asked = [
        ("GET", "/read", mine, 200),
        ("GET", "/read", {}, 401),
        ("GET", "/nothing", {}, 404),
        ("PUT", "/read", {}, 405),
        ("GET", "/rare", {}, 200),
        ("GET", "/rare", {}, 429),
        ("GET", "/broken", {}, 500),
    ]
    for method, path, headers, status in asked:
        answer = await client.request(method, path, headers={"Origin": PARTNER} | headers)
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == PARTNER, (path, status)
        assert "Origin" in answer.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer.headers
        exposed = answer.headers["Access-Control-Expose-Headers"]
        assert {"X-Request-ID", "Retry-After", "Idempotent-Replayed"} <= set(exposed.split(", "))


async def test_a_browser_may_ask_first(client: httpx.AsyncClient) -> None:
    asked = {
        "Origin": PARTNER,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
    }
    answer = await client.options("/change", headers=asked)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == PARTNER
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Authorization".lower() in answer.headers["Access-Control-Allow-Headers"].lower()
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    refused = await client.options("/change", headers=asked | {"Origin": EVIL})
    assert "Access-Control-Allow-Origin" not in refused.headers


async def test_nobody_else_reads(client: httpx.AsyncClient, made: Made, client_of: Any) -> None:
    answer = await client.get("/nothing", headers={"Origin": EVIL})
    assert "Access-Control-Allow-Origin" not in answer.headers
    for origin in (f"{PARTNER}.evil.example", PARTNER.replace(".", "x"), "null"):
        answer = await client.get("/nothing", headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in answer.headers, origin
    unshared = await client_of(made())
    answer = await unshared.get("/nothing", headers={"Origin": PARTNER})
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_even_shared_with_all_it_is_without_cookies(
    made: Made, client_of: Any, callers: Any
) -> None:
    client = await client_of(made("*"))
    cookie = {"Cookie": f"tawsil_access={callers.token('customer')}", "Origin": EVIL}
    answer = await client.get("/read", headers=cookie)
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert (await client.post("/change", headers=cookie)).status_code == 403


@pytest.mark.parametrize("origin", ["partner.example", "https://p.example/", "https://p.*", "null"])
def test_what_is_no_origin_is_refused_in_the_settings(
    monkeypatch: pytest.MonkeyPatch, origin: str
) -> None:
    monkeypatch.setenv("TAWSIL_CORS_ORIGINS", f"https://fine.example {origin}")
    with pytest.raises(SettingsError, match="cors_origins"):
        load_settings()
