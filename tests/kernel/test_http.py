"""Every answer is an envelope, every error a sentence, and nothing a client sends makes a 5xx."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import pytest
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Struct

from tawsil.apps import wiring
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database, Tx, connect
from tawsil.kernel.decisions import Command
from tawsil.kernel.http import (
    PUBLIC,
    SIGNED_IN,
    Caller,
    Commands,
    Envelope,
    Page,
    PageQuery,
    allow,
    envelope,
    page_envelope,
)
from tawsil.kernel.http.app import create_app
from tawsil.kernel.i18n import LOCALES, text
from tawsil.kernel.jobs import HeldJobs
from tawsil.kernel.postgres import EmbeddedPostgres

JSON = {"Content-Type": "application/json"}


class Note(Struct, forbid_unknown_fields=True):
    n: int = 0
    words: str = ""
    at: datetime | None = None
    more: Any = None


class Keep(Command, frozen=True, kw_only=True):
    note: Note


async def keep(tx: Tx, commands: Sequence[Keep]) -> list[Note]:
    for command in commands:
        note = command.note
        await tx.execute("insert into note values ($1, $2, $3)", note.n, note.words, note.at)
    return [command.note for command in commands]


@post("/notes", opt={"rule": SIGNED_IN}, status_code=200)
async def keep_note(
    data: JSONBody[Note], caller: NamedDependency[Caller], commands: NamedDependency[Commands]
) -> Response[Envelope[Note]]:
    return await commands.submit(keep, Keep(by=caller.by, note=data), view=lambda note: note)


@get("/notes", opt={"rule": PUBLIC})
async def list_notes(page: FromQuery[int] = 1) -> Envelope[list[int]]:
    return page_envelope(Page(items=[1, 2], total=5), PageQuery(page=page, limit=2))


@get("/words/{word_id:uuid}", opt={"rule": PUBLIC})
async def read_word(
    word_id: FromPath[UUID], database: NamedDependency[Database], q: FromQuery[str] = ""
) -> Envelope[str]:
    async with database.transaction() as tx:
        return envelope(await tx.value("select $1::text || $2::text", str(word_id), q))


@get("/secrets", opt={"rule": allow("secret:read")})
async def read_secret(caller: NamedDependency[Caller]) -> Envelope[list[str]]:
    return envelope(sorted(caller.scopes("secret:read")))


@get("/unruly")
async def unruly() -> str:
    return "never said"


@get("/broken", opt={"rule": PUBLIC})
async def broken() -> str:
    raise ZeroDivisionError


ROUTES = [keep_note, list_notes, read_word, read_secret, unruly, broken]


@pytest.fixture
async def client(serve: Any, database: Database) -> Any:
    await database.pool.execute(
        """
        create table note (n bigint, words text, at timestamptz);
        grant all on note to tawsil_tenant
        """
    )
    yield await serve(ROUTES)
    await database.pool.execute("drop table note")


def signed_in(callers: Any, *permissions: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {callers.token('customer', *permissions)}"}


async def test_an_answer_is_an_envelope(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/notes?page=3")).json()
    request_id = answer["meta"].pop("request_id")
    assert UUID(request_id).version == 7
    assert answer == {
        "success": True,
        "data": [1, 2],
        "meta": {
            "timestamp": "2026-11-20T12:00:00Z",
            "version": "v4",
            "pagination": {"page": 3, "limit": 2, "total": 5, "total_pages": 3},
        },
        "errors": [],
    }


ERRORS = {
    "unauthenticated": ("GET", "/secrets", None, 401, "request.unauthenticated"),
    "unknown token": ("GET", "/secrets", "Bearer forged", 401, "request.token_invalid"),
    "no permission": ("GET", "/secrets", "", 403, "request.forbidden"),
    "no such address": ("GET", "/nothing/here", None, 404, "request.not_found"),
    "no such id": ("GET", "/words/not-an-id", None, 404, "request.not_found"),
    "wrong method": ("PUT", "/notes", None, 405, "request.method_not_allowed"),
    "not JSON": ("POST", "/notes", "", 400, "request.invalid"),
    "a bad query": ("GET", "/notes?page=many", None, 400, "request.invalid"),
    "our fault": ("GET", "/broken", None, 500, "request.failed"),
    "no rule": ("GET", "/unruly", "", 500, "request.failed"),
}


@pytest.mark.parametrize("locale", LOCALES)
async def test_an_error_has_a_code_and_a_sentence_in_the_callers_language(
    client: httpx.AsyncClient, callers: Any, locale: str
) -> None:
    mine = signed_in(callers, "other:read")["Authorization"]
    for case, (method, path, authorization, status, code) in ERRORS.items():
        token = mine if authorization == "" else authorization or ""
        headers = {"Accept-Language": locale, "Authorization": token}
        answer = await client.request(method, path, headers=headers)
        assert answer.status_code == status, case
        body = answer.json()
        assert (body["success"], body["data"]) == (False, None)
        (error,) = body["errors"]
        assert error["code"] == code, case
        said = text(code, params=error.get("detail", {}), locale=locale)
        assert error["message"] == said, case
        assert is_arabic(error["message"]) == (locale == "ar")
        assert "{" not in error["message"], case
        assert answer.headers["X-Request-ID"] == body["meta"]["request_id"]
        assert "never said" not in answer.text


def is_arabic(words: str) -> bool:
    return any("\u0600" <= letter <= "\u06ff" for letter in words)


async def test_refusals_of_the_door_say_how_to_get_in(
    client: httpx.AsyncClient, callers: Any
) -> None:
    answer = await client.get("/secrets")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    answer = await client.put("/notes")
    assert {"GET", "POST"} <= set(answer.headers["Allow"].replace(" ", "").split(","))
    answer = await client.options("/secrets")
    assert answer.status_code == 204
    assert "GET" in answer.headers["Allow"]
    scoped = await client.get("/secrets", headers=signed_in(callers, "secret:*:own", "*:read"))
    assert scoped.json()["data"] == ["all", "own"]


UNREADABLE = {
    "nothing": b"",
    "half": b"{",
    "not UTF-8": b'{"words": "\xff"}',
    "null": b"null",
    "a list": b"[]",
    "an unknown field": b'{"words": "x", "price": 0}',
    "a fraction": b'{"n": 1.5}',
    "one more than bigint": b'{"n": 9223372036854775808}',
    "one less than bigint": b'{"n": -9223372036854775809}',
    "a huge exponent": b'{"n": 1e400}',
    "thousands of digits": b'{"n": %s}' % (b"9" * 5_000),
    "NUL": b'{"words": "a\\u0000b"}',
    "half a surrogate": b'{"words": "\\ud800"}',
    "before all time": b'{"at": "0001-01-01T00:00:00+14:00"}',
    "after all time": b'{"at": "9999-12-31T23:59:59-14:00"}',
    "no such day": b'{"at": "2026-02-30T00:00:00Z"}',
    "deep": b'{"more": %s1%s}' % (b"[" * 100_000, b"]" * 100_000),
    "deep where nothing is": b'{"what": %s1%s}' % (b"[" * 100_000, b"]" * 100_000),
}


async def test_what_cannot_be_read_or_kept_is_a_400_and_leaves_nothing(
    client: httpx.AsyncClient, callers: Any, database: Database
) -> None:
    headers = JSON | signed_in(callers)
    for name, body in UNREADABLE.items():
        answer = await client.post("/notes", content=body, headers=headers)
        assert answer.status_code == 400, (name, answer.text)
        (error,) = answer.json()["errors"]
        assert error["code"] == "request.invalid", name
    assert await database.pool.fetchval("select count(*) from note") == 0


async def test_the_largest_numbers_are_kept(client: httpx.AsyncClient, callers: Any) -> None:
    for n in (2**63 - 1, -(2**63)):
        answer = await client.post("/notes", json={"n": n}, headers=signed_in(callers))
        assert answer.json()["data"]["n"] == n


async def test_a_body_over_a_megabyte_is_a_413(client: httpx.AsyncClient, callers: Any) -> None:
    body = b'{"words": "%s"}' % (b"x" * 1_000_000)
    answer = await client.post("/notes", content=body, headers=JSON | signed_in(callers))
    assert answer.status_code == 413
    assert answer.json()["errors"][0]["code"] == "request.too_large"


async def test_nul_in_a_query_is_a_400(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/words/{uuid4()}?q=%00")
    assert answer.status_code == 400


async def test_every_answer_is_hardened(client: httpx.AsyncClient) -> None:
    policies: list[str] = []
    for path in ("/notes", "/nothing", "/broken", "/health", "/secrets", "/docs", "/docs"):
        headers = (await client.get(path)).headers
        assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
        assert "geolocation=(self), camera=(self)" in headers["Permissions-Policy"]
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        policies.append(policy)
    assert len(set(policies)) == 3, "only pages allow anything inline, by a nonce that is used once"
    assert ["'nonce-" in policy for policy in policies] == [*[False] * 5, True, True]


async def test_pages_fetch_from_others_only_when_told_to(
    client: httpx.AsyncClient, callers: Any, database: Database
) -> None:
    app = create_app(
        routes=[list_notes],
        database=database,
        authenticate=callers,
        connects_to=["https://tiles.example.org"],
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://tawsil.test") as asking:
        policy = (await asking.get("/notes")).headers["Content-Security-Policy"]
    assert "connect-src 'self' https://tiles.example.org;" in policy
    usual = (await client.get("/notes")).headers["Content-Security-Policy"]
    assert "connect-src 'self';" in usual


async def test_a_request_id_is_kept_if_it_is_one(client: httpx.AsyncClient) -> None:
    own = str(uuid4())
    answer = await client.get("/notes", headers={"X-Request-ID": own})
    assert answer.headers["X-Request-ID"] == answer.json()["meta"]["request_id"] == own
    for not_one in ("", "42", "x" * 500, own + "!"):
        answer = await client.get("/notes", headers={"X-Request-ID": not_one})
        assert UUID(answer.headers["X-Request-ID"]).version == 7


async def test_alive_ready_and_counted(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health")).json() == {"status": "ok"}
    assert (await client.get("/ready")).json() == {"status": "ready"}
    await client.get("/nothing")
    counted = (await client.get("/metrics")).text
    assert 'http_requests_total{method="GET",path="/health",status="200"}' in counted
    assert 'http_requests_total{method="GET",path="unknown",status="404"}' in counted
    assert "database_connections_active" in counted


async def test_without_its_database_it_lives_but_is_not_ready(
    clock: VirtualClock, ids: Ids, callers: Any, tmp_path: Path
) -> None:
    """Also before the first connection, after the server went, and when the pool is closed."""
    with EmbeddedPostgres(data=tmp_path / "data", settings={"fsync": "off"}) as server:
        pool = await connect(server.url("postgres"), most=2)
        database = Database(pool, now=clock, ids=ids, jobs=HeldJobs())
        app = create_app(routes=ROUTES, database=database, authenticate=callers)
        transport = httpx.ASGITransport(app=cast("Any", app), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            assert (await client.get("/ready")).status_code == 200
            server.stop()
            for _ in range(3):
                answer = await client.get("/ready")
                assert answer.status_code == 503
                assert answer.json()["errors"][0]["code"] == "request.unavailable"
                assert answer.headers["Retry-After"] == "1"
            assert (await client.get(f"/words/{uuid4()}")).status_code == 503
            assert (await client.get("/health")).status_code == 200
            assert (await client.get("/metrics")).status_code == 200
            pool.terminate()
            assert (await client.get("/ready")).status_code == 503


async def test_our_own_mistakes_with_the_database_are_not_blamed_on_the_client(
    serve: Any,
) -> None:
    @get("/mistake", opt={"rule": PUBLIC})
    async def mistake(database: NamedDependency[Database]) -> None:
        await database.pool.fetchval("select $1::int", "one")

    client = await serve([mistake])
    answer = await client.get("/mistake")
    assert answer.status_code == 500


async def test_the_document_describes_every_operation(serve: Any) -> None:
    client = await serve(wiring.ROUTES)
    answer = await client.get("/docs/openapi.json")
    assert answer.status_code == 200
    document = answer.json()
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    operations = [
        (f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in {"get", "post", "put", "patch", "delete"}
    ]
    assert len(operations) > 50
    assert [name for name, o in operations if not o.get("summary")] == []
    assert [name for name, o in operations if not o.get("tags")] == []
    assert [name for name, o in operations if not _says_what_comes(o)] == []


def _says_what_comes(operation: dict[str, Any]) -> bool:
    """A success without a body, one that leads elsewhere, or one with a schema of its body."""
    good = {status: r for status, r in operation["responses"].items() if status[0] in "23"}
    return bool(good) and all(
        status == "204"
        or status.startswith("3")
        or all("schema" in media for media in answer["content"].values())
        for status, answer in good.items()
    )


async def test_an_address_names_all_of_its_methods(serve: Any) -> None:
    """However many handlers it has, and in whichever order they were registered."""

    @get("/thing", opt={"rule": SIGNED_IN})
    async def show() -> None: ...

    @post("/thing", opt={"rule": SIGNED_IN})
    async def make() -> None: ...

    @post("/other", opt={"rule": SIGNED_IN})
    async def make_other() -> None: ...

    client = await serve([show, make, make_other])
    for path, methods in (("/thing", "GET, OPTIONS, POST"), ("/other", "OPTIONS, POST")):
        answer = await client.options(path)
        assert (answer.status_code, answer.headers["allow"]) == (204, methods)
        refused = await client.put(path)
        assert refused.status_code == 405
        assert set(refused.headers["allow"].split(", ")) == set(methods.split(", "))
