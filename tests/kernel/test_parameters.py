"""A query says one thing, or the answer names the parameter that says two."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import pytest
from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery, QueryParameter

from tawsil.kernel.http import PUBLIC

ID = "01920000-0000-7000-8000-000000000001"
OTHER = "01920000-0000-7000-8000-000000000002"


async def page(
    to: FromQuery[datetime | None] = None, limit: Annotated[int, QueryParameter(ge=1)] = 20
) -> str:
    return f"{to}, {limit}"


@get("/things", opt={"rule": PUBLIC}, dependencies={"page": Provide(page)})
async def things(
    page: NamedDependency[str],
    city_id: FromQuery[UUID | None] = None,
    states: Annotated[list[str] | None, QueryParameter(name="state")] = None,
    q: FromQuery[str | None] = None,
) -> dict[str, Any]:
    return {"page": page, "city_id": city_id, "states": states, "q": q}


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("city_id=null", "city_id"),
        ("city_id=NULL", "city_id"),
        ("to=null", "to"),
        (f"city_id={ID}&city_id={OTHER}", "city_id"),
        (f"city_id={ID}&city_id={ID}", "city_id"),
        ("limit=1&limit=2", "limit"),
        ("q=a&q=b", "q"),
        ("%71=a&q=b", "q"),
    ],
)
async def test_what_could_be_read_in_two_ways_is_refused(serve: Any, query: str, wrong: str):
    client = await serve([things])
    answer = await client.get(f"/things?{query}")
    assert answer.status_code == 400
    assert [item["field"] for item in answer.json()["errors"]] == [wrong]


@pytest.mark.parametrize(
    ("query", "read"),
    [
        ("", {}),
        (f"city_id={ID}", {"city_id": ID}),
        ("state=new&state=old", {"states": ["new", "old"]}),
        ("q=null", {"q": "null"}),
        ("unknown=null&unknown=2", {}),
    ],
)
async def test_what_says_one_thing_is_read(serve: Any, query: str, read: dict[str, Any]):
    client = await serve([things])
    answer = await client.get(f"/things?{query}")
    assert answer.status_code == 200, answer.text
    nothing = {"page": "None, 20", "city_id": None, "states": None, "q": None}
    assert answer.json() == nothing | read


async def test_the_reason_is_in_the_callers_language(serve: Any):
    client = await serve([things])
    answer = await client.get("/things?q=a&q=b", headers={"Accept-Language": "ar"})
    assert "مذكور مرتين" in answer.json()["errors"][0]["message"]
