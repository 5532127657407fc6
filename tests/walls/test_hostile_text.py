"""Text that means something to SQL, to templates, to headers, to files: here it is only text."""

import asyncio
import copy
import json
from collections.abc import Iterator
from time import monotonic
from typing import Any, Final

import asyncpg
import httpx
import pytest
from msgspec import Struct

from tawsil.kernel.db import Database
from tawsil.kernel.text import ANY_TEXT, OneLine, Prose, deceptive
from walls.conftest import SITE, Everything

MARKED: Final = "982065969"  # what 31337 squared comes to, should anybody work it out
HOSTILE: Final = (
    "'; drop table kernel.event; --",
    "' or '1'='1",
    "x'||(select pg_sleep(3))||'",
    '{"$ne": null}',
    "{{31337*31337}}",
    "${31337*31337}",
    "<%= 31337*31337 %>",
    "{why}%s%n{0.__class__}",
    "<script>alert(1)</script>",
    "x\r\nSet-Cookie: evil=1",
    "../../../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd%00",
    "\x00",
    "name\u202egnp.exe",
    "$(id)`id`;id|id",
    "=cmd|' /C calc'!A0",
    "a" * 5_000,
)
JSON: Final = "application/json"
LONGEST_S: Final = 2.5
NEVER_ENDS: Final = {"/v4/live"}


class Operation(Struct):
    method: str
    path: str
    about: dict[str, Any]
    parameters: list[dict[str, Any]]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            if method in {"get", "post", "put", "patch", "delete"} and path not in NEVER_ENDS:
                given = [_resolved(document, p) for p in about.get("parameters", [])]
                yield Operation(method.upper(), path, about, given)


def _resolved(document: dict[str, Any], parameter: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in parameter:
        return parameter
    return document["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]


def example(operation: Operation) -> tuple[str, Any]:
    """What kind of body goes in, and one."""
    for kind, content in operation.about.get("requestBody", {}).get("content", {}).items():
        if "example" in content:
            return kind, content["example"]
        (first, *_) = content["examples"].values()
        return kind, first["value"]
    return JSON, None


def texts(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in an example text stands."""
    if isinstance(value, str):
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if _lists(value) else ()
    for step, item in inner:
        yield from texts(item, (*path, step))


def _lists(value: Any) -> bool:
    return isinstance(value, list)


def changed(value: Any, path: tuple[Any, ...], text: str) -> Any:
    whole = copy.deepcopy(value)
    place = whole
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = text
    return whole


class Attack(Struct):
    """One request with one text in one place."""

    operation: Operation
    where: str
    path: str
    query: dict[str, str]
    body: Any


def attacks(operation: Operation, known: dict[str, str], text: str) -> Iterator[Attack]:
    in_path = [p["name"] for p in operation.parameters if p["in"] == "path"]
    plain = {name: known.get(name, known["anything"]) for name in in_path}
    _, body = example(operation)
    quoted = httpx.QueryParams({"q": text}).__str__().removeprefix("q=").replace("+", "%20")

    def at(values: dict[str, str]) -> str:
        path = operation.path
        for name, value in values.items():
            path = path.replace(f"{{{name}}}", value)
        return path

    for name in in_path:
        yield Attack(operation, name, at({**plain, name: quoted}), {}, body)
    for parameter in operation.parameters:
        if parameter["in"] == "query":
            yield Attack(operation, parameter["name"], at(plain), {parameter["name"]: text}, body)
    if isinstance(body, dict):
        for place in texts(body):
            yield Attack(operation, str(place), at(plain), {}, changed(body, place, text))


def encoded(attack: Attack) -> str | None:
    if attack.body is None:
        return None
    kind, _ = example(attack.operation)
    return json.dumps(attack.body) if kind == JSON else str(httpx.QueryParams(attack.body))


@pytest.fixture
def admin(everything: Everything, callers: Any) -> dict[str, str]:
    token = callers.token(
        "super_admin",
        "*:*",
        user_id=everything.street.customer_id,
        location_id=everything.street.merchant_id,
    )
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def known(everything: Everything, ids: Any) -> dict[str, str]:
    street = everything.street
    return {
        "anything": str(ids()),
        "merchant_id": str(street.merchant_id),
        "product_id": str(street.product_id),
        "city_id": "01900000-0000-7000-8000-000000000002",
        "courier_id": str(street.courier_id),
        "user_id": str(street.customer_id),
    }


@pytest.mark.timeout(600)
async def test_no_text_is_ever_more_than_text(
    everything: Everything,
    admin: dict[str, str],
    known: dict[str, str],
    database: Database,
) -> None:
    """Each string of each body, each parameter of each address, with each of these."""
    sent, wrong = 0, []
    events = "select count(*) from kernel.event"

    async def strike(attack: Attack, text: str) -> str | None:
        before, began = await database.pool.fetchval(events), monotonic()
        answer = await everything.client.request(
            attack.operation.method,
            attack.path,
            params=attack.query or None,
            content=encoded(attack),
            headers=admin | {"Content-Type": example(attack.operation)[0]},
        )
        if reason := _more_than_text(answer):
            return f"{reason}: {answer.text[-300:]}"
        if monotonic() - began > LONGEST_S:
            return "slow"
        if answer.status_code == 400 and await database.pool.fetchval(events) != before:
            return "half done"
        if answer.is_success and deceptive(text) and text in _leaves(attack.body):
            return "kept what deceives"
        return None

    for operation in operations(everything.document):
        for text in HOSTILE:
            for attack in attacks(operation, known, text):
                sent += 1
                if why := await strike(attack, text):
                    wrong.append(f"{operation.name} {attack.where}={text[:40]!r}: {why}")
    assert wrong == [], "\n".join(wrong)
    assert sent > 3_000


def _more_than_text(answer: httpx.Response) -> str | None:
    if answer.status_code >= 500:
        return "broke"
    if MARKED in answer.text:
        return "was worked out"
    if "root:" in answer.text:
        return "read a file"
    if "set-cookie" in answer.headers or any("\n" in v for v in answer.headers.values()):
        return "wrote headers"
    if answer.is_error and not _explained(answer):
        return "is refused without a word"
    return None


def _explained(answer: httpx.Response) -> bool:
    told = answer.json()
    return bool(told.get("error_description") or told["errors"][0]["message"])


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for item in value.values() if isinstance(value, dict) else value if _lists(value) else ():
        yield from _leaves(item)


HEADERS: Final = (
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Authorization",
    "Cookie",
    "If-None-Match",
    "Idempotency-Key",
    "Last-Event-ID",
    "Origin",
    "Referer",
    "User-Agent",
    "X-API-Key",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Request-ID",
)


async def test_headers_are_only_text_too(everything: Everything, admin: dict[str, str]) -> None:
    for name in HEADERS:
        for text in (*HOSTILE, "", "\xff\xfe", "Bearer " + "." * 9_000, "Bearer ..", "a=b; " * 500):
            value = text.encode("utf-8", "replace").replace(b"\r\n", b" ").replace(b"\0", b"")
            headers = {key: part.encode() for key, part in admin.items()} | {name: value}
            for method, path in (("GET", "/v4/users/profile"), ("POST", "/v4/auth/login")):
                answer = await everything.client.request(
                    method, path, headers=headers, json={"email": "a@b.c", "password": "x"}
                )
                assert answer.status_code < 500, (name, text, answer.text[:300])
                assert "evil" not in str(answer.headers), (name, text)


async def test_a_path_leads_nowhere_else(everything: Everything) -> None:
    for path in (
        "/static/x/../../../etc/passwd",
        "/static/x/..%2f..%2f..%2fetc%2fpasswd",
        "/static/x/%2e%2e/%2e%2e/etc/passwd",
        "/static/x/app.css%00.js",
        "/reference/..%2f..%2f__init__.py",
        "/reference/%2e%2e%2fswagger_ui.py",
        "//etc/passwd",
        "/v4/%2e%2e/metrics",
        "/%00",
        "/" + "a/" * 3_000,
        "/" + "%ff" * 100,
    ):
        answer = await everything.client.get(path)
        assert answer.status_code in {400, 404}, (path, answer.status_code)
        assert "root:" not in answer.text


# ── reading changes nothing ────────────────────────────────────────────────────────────────────


async def _contents(pool: "asyncpg.Pool[asyncpg.Record]") -> dict[str, str]:
    """What each table holds."""
    tables = await pool.fetch(
        """
        select format('%I.%I', schemaname, tablename) as name from pg_tables
        where schemaname not in ('pg_catalog', 'information_schema', 'public')
        """
    )
    return {
        table["name"]: await pool.fetchval(
            f"select md5(string_agg(t::text, '' order by t::text)) from {table['name']} t"  # noqa: S608 - a name from the catalogue
        )
        for table in tables
    }


async def test_reading_changes_nothing(
    everything: Everything,
    admin: dict[str, str],
    known: dict[str, str],
    pool: "asyncpg.Pool[asyncpg.Record]",
) -> None:
    before = await _contents(pool)
    answered = 0
    for operation in operations(everything.document):
        if operation.method == "GET":
            path = operation.path
            for parameter in operation.parameters:
                value = known.get(parameter["name"], known["anything"])
                path = path.replace(f"{{{parameter['name']}}}", value)
            answer = await everything.client.get(path, headers=admin)
            answered += answer.is_success
    assert answered > 20
    await asyncio.sleep(0)
    assert await _contents(pool) == before


# ── what is kept, is kept as it is ─────────────────────────────────────────────────────────────

KEPT: Final = tuple(text for text in HOSTILE if deceptive(text) is None and len(text) <= 200)


async def test_what_may_be_said_comes_back_as_it_was_said(
    everything: Everything,
) -> None:
    registered = await everything.client.post(
        "/v4/auth/register",
        json={"email": "mona@example.org", "password": "correct horse", "name": "Mona"},
    )
    assert registered.status_code == 201, registered.text
    mona = {"Authorization": f"Bearer {registered.json()['data']['access_token']}"}
    for text in KEPT:
        answer = await everything.client.put(
            "/v4/users/profile", json={"name": text, "locale": "en"}, headers=mona
        )
        one_line = "\n" not in text
        assert answer.status_code == (200 if one_line else 400), answer.text
        if one_line:
            shown = await everything.client.get("/v4/users/profile", headers=mona)
            assert shown.json()["data"]["name"] == text


async def test_a_page_shows_it_as_text(everything: Everything) -> None:
    for text in ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{31337*31337}}"):
        typed = {"email": text, "password": "x", "next": text}
        page = await everything.client.post("/sign-in", data=typed, headers={"Origin": SITE})
        assert page.status_code == 401
        assert text not in page.text or "<" not in text
        assert "<img" not in page.text
        assert MARKED not in page.text
        assert "location" not in page.headers


def test_every_pattern_ends_at_the_end(everything: Everything) -> None:
    """In Python `$` also matches before a last newline."""
    prose = Prose.__metadata__[0].pattern
    assert OneLine.__metadata__[0].pattern.endswith(r"$(?!\n)")
    parameters = [o.parameters for o in operations(everything.document)]
    loose = {
        schema["pattern"]
        for schema in _schemas([everything.document["components"]["schemas"], parameters])
        if isinstance(schema.get("pattern"), str) and schema["pattern"].endswith("$")
    }
    assert loose - {prose, ANY_TEXT} == set()


def _schemas(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from _schemas(item)
    elif isinstance(value, list):
        for item in value:
            yield from _schemas(item)
