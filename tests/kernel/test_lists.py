"""Lists: parts that follow one another are the whole list, whatever happens meanwhile."""

import csv
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from functools import partial
from io import StringIO
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Stream
from msgspec import Struct

from tawsil.kernel.db import TENANT_ROLE, Database, Tx
from tawsil.kernel.http import (
    Asked,
    Envelope,
    allow,
    asked_of,
    columns,
    csv_of,
    list_envelope,
    ordered_of,
)
from tawsil.kernel.http import lists as http_lists
from tawsil.kernel.http.lists import csv_lines
from tawsil.kernel.lists import (
    Key,
    Slice,
    Sorts,
    Take,
    UnlistableError,
    Where,
    holding,
    rows,
    starting,
)
from tawsil.kernel.reach import Reach

TENANT = UUID("01900000-0000-7000-8000-000000000001")
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class Kind(StrEnum):
    ODD = "odd"
    EVEN = "even"


class Filter(Struct, frozen=True, kw_only=True):
    kinds: tuple[Kind, ...] | None = None
    least: int | None = None
    words: str | None = None


class Thing(Struct, frozen=True, kw_only=True):
    id: UUID
    tenant_id: UUID
    kind: Kind
    weight: int
    name: str
    made_at: datetime


SORTS = Sorts(
    keys={
        "weight": Key("weight", int),
        "name": Key("name", str),
        "made_at": Key("made_at", datetime),
        "kind": Key("kind", str),
    },
    default="-made_at",
)
FILTERS = {"kinds": "kind = any({}::text[])", "least": "weight >= {}", "words": "name ilike {}"}
EVERYTHING = Reach(tenant_id=TENANT, everything=True)


async def things(tx: Tx, *, which: Filter, take: Take, reach: Reach = EVERYTHING) -> Slice[Thing]:
    where = Where().within(reach, {"user_id": "id = {}"}).matching(which, FILTERS)
    found = await rows(tx, columns="*", source="pg_temp.thing", where=where, take=take)
    return found.map(lambda row: Thing(**{**row, "kind": Kind(row["kind"])}))


async def add(tx: Tx, dice: Random, count: int) -> list[Thing]:
    made = [
        Thing(
            id=UUID(int=dice.getrandbits(128)),
            tenant_id=TENANT,
            kind=dice.choice(list(Kind)),
            weight=dice.randrange(4),
            name=dice.choice(["Ali", "علي", "a%b", "a_b", ""]),
            made_at=NOON + timedelta(microseconds=dice.randrange(5)),
        )
        for _ in range(count)
    ]
    for one in made:
        await tx.execute(
            "insert into pg_temp.thing values ($1, $2, $3, $4, $5, $6)",
            *(getattr(one, field) for field in Thing.__struct_fields__),
        )
    return made


@pytest.fixture
async def table(tx: Tx) -> Tx:
    await tx.execute(
        "create temporary table thing (id uuid primary key, tenant_id uuid, kind text, "
        "weight int, name text, made_at timestamptz) on commit drop"
    )
    return tx


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("sort", ["-made_at", "weight,name", "-weight,name,-made_at", "-kind"])
async def test_parts_by_cursor_are_the_whole_list_under_inserts(table: Tx, sort: str, seed: int):
    dice = Random(seed)
    before = {one.id for one in await add(table, dice, 60)}
    whole = await things(table, which=Filter(), take=SORTS.take(Filter(), sort=sort, limit=1000))
    assert (whole.total, whole.next_cursor) == (60, None)
    seen: list[Thing] = []
    cursor = None
    for _ in range(200):
        take = SORTS.take(Filter(), sort=sort, limit=dice.randint(1, 9), cursor=cursor)
        part = await things(table, which=Filter(), take=take)
        assert (part.total is None) == (cursor is not None)
        seen += part.items
        cursor = part.next_cursor
        if cursor is None:
            break
        await add(table, dice, dice.randrange(3))
    ids = [one.id for one in seen]
    assert len(set(ids)) == len(ids), "no row came twice"
    assert [one for one in seen if one.id in before] == whole.items, "none was missed"


async def test_a_page_beyond_the_end_knows_how_many_there_are(table: Tx):
    await add(table, Random(1), 7)
    which = Filter(least=0)
    part = await things(table, which=which, take=SORTS.take(which, limit=5, offset=500))
    assert (list(part.items), part.total, part.next_cursor) == ([], 7, None)


async def test_filters_and_reach_narrow(table: Tx):
    made = await add(table, Random(2), 40)
    which = Filter(kinds=(Kind.ODD,), least=2, words=starting("a_"))
    found = await things(table, which=which, take=SORTS.take(which, limit=100))
    assert {t.id for t in found.items} == {
        t.id for t in made if t.kind is Kind.ODD and t.weight >= 2 and t.name == "a_b"
    }
    everything = SORTS.take(Filter(), limit=100)
    for reach, expected in [
        (Reach(tenant_id=TENANT), []),
        (Reach(tenant_id=UUID(int=5), everything=True), []),
        (Reach(tenant_id=TENANT, user_id=made[0].id), [made[0]]),
    ]:
        found = await things(table, which=Filter(), take=everything, reach=reach)
        assert (found.items, found.total) == (expected, len(expected))


async def test_words_are_taken_as_they_are(table: Tx):
    await add(table, Random(3), 50)
    for words, names in [("%", {"a%b"}), ("_", {"a_b"}), ("\\", set()), ("LI", {"Ali"})]:
        which = Filter(words=holding(words))
        found = await things(table, which=which, take=SORTS.take(which, limit=100))
        assert {one.name for one in found.items} == names


@given(st.text(max_size=60) | st.binary(max_size=40).map(lambda raw: raw.hex()))
def test_a_cursor_that_is_none_of_ours_is_refused(cursor: str):
    with pytest.raises(UnlistableError, match="cursor_invalid"):
        SORTS.take(Filter(), limit=5, cursor=cursor)


def test_a_cursor_belongs_to_one_list():
    take = SORTS.take(Filter(least=1), sort="weight", limit=5)
    cursor = take.cursor_at([3, UUID(int=7)])
    again = SORTS.take(Filter(least=1), sort="weight", limit=50, cursor=cursor)
    assert again.after == (3, UUID(int=7))
    for which, sort in [(Filter(least=2), "weight"), (Filter(least=1), "-weight")]:
        with pytest.raises(UnlistableError, match="cursor_invalid"):
            SORTS.take(which, sort=sort, limit=5, cursor=cursor)


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-23:59", "2026-11-20T12:00:00", "0001-01-01"])
def test_a_forged_cursor_names_an_instant_that_can_be(at: str):
    take = SORTS.take(Filter(), limit=5)
    with pytest.raises(UnlistableError, match="cursor_invalid"):
        take.from_cursor(take.cursor_at([at, UUID(int=7)]))


@pytest.mark.parametrize(
    "sort", ["id", "weight;", "weight,weight", "weight,-weight", "", "-", "--weight", "weight,"]
)
def test_only_what_is_known_is_sorted_by(sort: str):
    with pytest.raises(UnlistableError, match="sort_unknown"):
        SORTS.ordered(sort)


# CSV

CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.sampled_from(Kind),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20),
    st.sampled_from(["=1+1", "+971 50", "-5", "@SUM(A1)", "\tx", "\rx", 'a"b', "a,b", "سطر\nآخر"]),
)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=4), min_size=1, max_size=5))
def test_what_is_written_is_read_back_and_runs_nothing(table: list[list[Any]]):
    text = csv_lines(table)
    assert text.endswith("\r\n")
    assert not text.startswith("\ufeff") or str(table[0][0]).startswith("\ufeff")
    read = list(csv.reader(StringIO(text, newline="")))
    for row, cells in zip(table, read, strict=True):
        for value, cell in zip(row, cells, strict=True):
            if isinstance(value, str) and not isinstance(value, Kind):
                assert cell.removeprefix("'") == value.removeprefix("'")
                assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
            elif value is None:
                assert cell == ""
            else:
                assert cell == (str(value).lower() if isinstance(value, bool) else str(value))


def test_instants_are_written_in_utc():
    at = datetime(2026, 11, 20, 16, 0, tzinfo=timezone(timedelta(hours=4)))
    assert csv_lines([[at]]) == "2026-11-20T12:00:00Z\r\n"


# Over HTTP


@get("/things", opt={"rule": allow("thing:read")}, dependencies=asked_of(SORTS))
async def list_things(
    asked: NamedDependency[Asked],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
    least: FromQuery[int | None] = None,
) -> Envelope[list[Thing]]:
    which = Filter(least=least)
    async with database.transaction() as tx:
        found = await http_things(tx, which=which, take=asked.take(which), reach=reach)
    return list_envelope(found, asked)


@get(
    "/things.csv",
    opt={"rule": allow("thing:read")},
    dependencies=ordered_of(SORTS),
    media_type="text/csv",
)
async def export_things(
    asked: NamedDependency[Asked],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Stream:
    return await csv_of(
        "things",
        columns("id", "name", "kind"),
        asked.take(Filter()),
        database=database,
        search=partial(http_things, which=Filter(), reach=reach),
    )


async def http_things(tx: Tx, *, which: Filter, take: Take, reach: Reach) -> Slice[Thing]:
    where = Where().within(reach, {"user_id": "id = {}"}).matching(which, FILTERS)
    found = await rows(tx, columns="*", source="public.thing", where=where, take=take)
    return found.map(lambda row: Thing(**{**row, "kind": Kind(row["kind"])}))


@pytest.fixture
async def many(pool: "asyncpg.Pool[asyncpg.Record]") -> AsyncIterator[int]:
    await pool.execute(
        "create table public.thing as select gen_random_uuid() as id, $1::uuid as tenant_id, "
        "'odd' as kind, n % 10 as weight, '=n' || n as name, now() as made_at "
        "from generate_series(1, 2345) n",
        TENANT,
    )
    await pool.execute(f"grant select on public.thing to {TENANT_ROLE}")
    yield 2345
    await pool.execute("drop table public.thing")


async def test_pages_and_cursors_over_http(serve: Any, callers: Any, many: int):
    client = await serve([list_things])
    token = callers.token("admin", "thing:*")
    headers = {"Authorization": f"Bearer {token}"}
    first = (await client.get("/things?sort=-weight&limit=100&least=5", headers=headers)).json()
    pagination = first["meta"]["pagination"]
    assert pagination["total"] == 1171 < many
    assert pagination["total_pages"] == 12
    seen = {thing["id"] for thing in first["data"]}
    while cursor := pagination.get("next_cursor"):
        url = f"/things?sort=-weight&limit=100&least=5&cursor={cursor}"
        part = (await client.get(url, headers=headers)).json()
        pagination = part["meta"]["pagination"]
        assert pagination.keys() <= {"limit", "next_cursor"}
        seen |= {thing["id"] for thing in part["data"]}
    assert len(seen) == 1171
    for wrong, code in [
        ("sort=tenant_id", "request.sort_unknown"),
        ("cursor=abc", "request.cursor_invalid"),
        ("cursor=abc&page=2", "request.page_and_cursor"),
        ("page=0", "request.invalid"),
        ("limit=101", "request.invalid"),
    ]:
        answer = await client.get(f"/things?{wrong}", headers=headers)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["code"] == code


async def test_a_whole_list_as_a_file(
    serve: Any, callers: Any, many: int, monkeypatch: pytest.MonkeyPatch
):
    client = await serve([export_things])
    headers = {"Authorization": f"Bearer {callers.token('admin', 'thing:read')}"}
    answer = await client.get("/things.csv", headers=headers)
    assert answer.headers["content-type"].startswith("text/csv; charset=utf-8")
    assert answer.headers["content-disposition"] == 'attachment; filename="things.csv"'
    header, *lines = csv.reader(StringIO(answer.text, newline=""))
    assert header == ["id", "name", "kind"]
    assert len(lines) == len({id_ for id_, *_ in lines}) == many
    assert all(name.startswith("'=n") for _, name, _ in lines)
    monkeypatch.setattr(http_lists, "MOST_EXPORTED", many - 1)
    refused = await client.get("/things.csv", headers=headers)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["detail"] == {"most": many - 1, "found": many}
