"""Merchants and dishes are found by words, by where they are, and by what they are like."""

from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest

from catalog.conftest import TENANT, grill, seed
from tawsil.catalog import events, finding, ruling
from tawsil.catalog.finding import Search
from tawsil.catalog.hours import (
    WEEK,
    Opening,
    SpecialDay,
    Timetable,
    is_open,
    minute_of_week,
    minutes_of_week,
)
from tawsil.catalog.public import Merchant, NewCategory, NewProduct
from tawsil.catalog.routes import routes
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import By
from tawsil.kernel.events import Registry, Subscription
from tawsil.kernel.places import Place

NEAR = "latitude=24.12&longitude=53.1"


def dish(name_en: str, name_ar: str, price_minor: int, **fields: Any) -> NewProduct:
    return NewProduct(name_en=name_en, name_ar=name_ar, price_minor=price_minor, **fields)


PIZZERIA = grill(
    name_en="Forno Rosso",
    name_ar="فورنو روسو",
    cuisine="pizza",
    rating=4.7,
    place=Place(24.125, 53.105),
    categories=(
        NewCategory(
            name_en="Pizzas",
            name_ar="البيتزا",
            products=(
                dish("Margherita", "مارغريتا", 2_400),
                dish("Chicken ranch", "دجاج رانش", 3_100),
            ),
        ),
    ),
)
LATE = grill(
    name_en="Night Bakery",
    name_ar="مخبز الليل",
    cuisine="bakery",
    rating=3.9,
    place=Place(24.14, 53.13),
    hours=((Opening(18 * 60, 2 * 60),),) * 7,
    categories=(
        NewCategory(
            name_en="Bread",
            name_ar="خبز",
            products=(dish("Arabic bread", "خبز عربي", 400), dish("Kaak", "كعك", 300)),
        ),
    ),
)


async def hear(database: Database) -> None:
    heard = Subscription(
        name="catalog",
        handlers=dict.fromkeys(finding.HEARD, finding.on_menu),
        registry=Registry(events.EVENTS),
    )
    while await heard.advance(database):
        pass


@pytest.fixture
async def three(database: Database) -> list[Merchant]:
    async with database.transaction() as tx:
        made = await seed(tx, grill(), PIZZERIA, LATE)
    await hear(database)
    return made


@pytest.fixture
async def client(serve: Any, three: list[Merchant]) -> httpx.AsyncClient:
    del three
    return await serve(routes, default_tenant_id=TENANT)


async def found(client: httpx.AsyncClient, query: str) -> list[str]:
    answer = await client.get(f"/v4/merchants?{query}")
    assert answer.status_code == 200, answer.text
    return [merchant["name_en"].split()[0] for merchant in answer.json()["data"]]


@pytest.mark.parametrize(
    ("q", "dishes"),
    [
        ("shawarma", ["Chicken shawarma"]),
        ("shwarma", ["Chicken shawarma"]),
        ("shaw", ["Chicken shawarma"]),
        ("الشاورمه", ["Chicken shawarma"]),
        ("شورما", ["Chicken shawarma"]),
        ("margarita", ["Margherita"]),
        ("مارغاريتا", ["Margherita"]),
        ("layali shawarma", ["Chicken shawarma"]),
        ("دَجاج  رانش", ["Chicken ranch"]),
        ("pizza chicken", ["Chicken ranch"]),
        ("zzzzzz", []),
        ("100%_'", []),
        ("!!", []),
    ],
)
async def test_dishes_are_found_as_they_are_typed(
    client: httpx.AsyncClient, q: str, dishes: list[str]
) -> None:
    answer = await client.get("/v4/search", params={"q": q})
    assert answer.status_code == 200, answer.text
    assert [one["name_en"] for one in answer.json()["data"]["dishes"]] == dishes


async def test_what_fits_best_and_can_be_had_comes_first(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/v4/search?q=chicken")).json()["data"]
    assert {one["name_en"] for one in answer["dishes"]} == {"Chicken shawarma", "Chicken ranch"}
    bread = (await client.get("/v4/search?q=bred&limit=1")).json()["data"]
    assert (bread["meant"], bread["dishes_in_all"]) == ("bread", 2)
    (first,) = bread["dishes"]
    assert (first["name_en"], first["merchant"]["open"]) == ("Arabic bread", False)
    in_arabic = await client.get("/v4/search?q=خبر", headers={"Accept-Language": "ar"})
    assert in_arabic.json()["data"]["meant"] == "خبز"
    assert in_arabic.json()["data"]["dishes"][0]["name"] == "خبز عربي"


async def test_merchants_are_found_by_name_and_by_what_they_are_known_for(
    client: httpx.AsyncClient,
) -> None:
    for q in ("forno", "فورنو", "pizzza", "البيتزا"):
        answer = (await client.get("/v4/search", params={"q": q})).json()["data"]
        assert [m["name_en"] for m in answer["merchants"]] == ["Forno Rosso"]
        assert answer["merchants"][0]["price_level"] == 3


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (NEAR, ["Layali", "Forno", "Night"]),
        (f"{NEAR}&max_distance_m=1000", ["Layali", "Forno"]),
        (f"{NEAR}&open_now=true", ["Layali", "Forno"]),
        ("min_rating=4", ["Forno"]),
        ("cuisine=pizza&cuisine=bakery", ["Forno", "Night"]),
        ("price=1", ["Layali"]),
        ("price=2&price=3", ["Forno", "Night"]),
        (f"{NEAR}&sort=rating", ["Forno", "Night", "Layali"]),
        (f"{NEAR}&sort=rating&open_first=true", ["Forno", "Layali", "Night"]),
        ("sort=price", ["Layali", "Night", "Forno"]),
        ("sort=name", ["Forno", "Layali", "Night"]),
        (f"{NEAR}&limit=1&page=3", ["Night"]),
    ],
)
async def test_merchants_are_narrowed_and_ordered(
    client: httpx.AsyncClient, query: str, expected: list[str]
) -> None:
    assert await found(client, query) == expected


@pytest.mark.parametrize(
    "query", ["max_distance_m=1000", "sort=luck", "price=x", "min_rating=6", "latitude=1"]
)
async def test_a_filter_that_means_nothing_is_refused(
    client: httpx.AsyncClient, query: str
) -> None:
    assert (await client.get(f"/v4/merchants?{query}")).status_code == 400


async def test_a_page_beyond_the_last_still_counts(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/v4/merchants?limit=2&page=9")).json()
    assert (answer["data"], answer["meta"]["pagination"]["total"]) == ([], 3)


async def test_another_tenants_dishes_are_not_found(client: httpx.AsyncClient, by: By) -> None:
    other = str(by.correlation_id)
    answer = (await client.get(f"/v4/search?q=shawarma&tenant_id={other}")).json()["data"]
    assert (answer["merchants"], answer["dishes"], answer["meant"]) == ([], [], None)


async def test_a_renamed_merchant_is_found_by_its_new_name(
    database: Database, three: list[Merchant], by: By
) -> None:
    grill_, *_ = three
    fields = ruling.model.Particulars.__struct_fields__
    to = ruling.model.Particulars(
        **{f: getattr(grill_, f) for f in fields} | {"name_en": "Marjan Kitchen"}
    )
    async with database.transaction() as tx:
        change = ruling.ChangeMerchant(by=by, merchant_id=grill_.id, to=to)
        await ruling.change(tx, [change])

    await hear(database)

    async def dishes(q: str) -> int:
        async with database.transaction() as tx:
            asked = Search(tenant_id=TENANT, words=q)
            return (await finding.search_by_words(tx, asked=asked, limit=5)).dishes_in_all

    assert await dishes("marjan shawarma") == 1
    assert await dishes("layali") == 0


@pytest.mark.parametrize("opening", [Opening(0, 1440), Opening(18 * 60, 2 * 60), Opening(540, 720)])
async def test_the_week_says_what_the_hours_say(
    tx: Tx, clock: VirtualClock, opening: Opening
) -> None:
    hours = ((opening,), (), (opening,), (), (), (), (opening,))
    spans = minutes_of_week(hours)
    await seed(tx, grill(hours=hours))
    for minute in range(0, WEEK, 47):
        at = clock() + timedelta(minutes=minute)
        now = minute_of_week(at=at, timezone="Asia/Dubai")
        wanted = is_open(Timetable(hours), at=at, timezone="Asia/Dubai")
        assert any(start <= now < end for start, end in spans) == wanted
        stored = await tx.value("select open_week @> $1::int from catalog.merchant", now)
        assert stored == wanted


@pytest.mark.parametrize("openings", [(), (Opening(0, 60),), (Opening(15 * 60, 17 * 60),)])
async def test_a_special_day_goes_before_the_week(
    database: Database, clock: VirtualClock, openings: tuple[Opening, ...]
) -> None:
    today = clock().date()
    async with database.transaction() as tx:
        await seed(tx, grill())
        special = msgspec.json.encode([SpecialDay(today, openings)]).decode()
        await tx.execute("update catalog.merchant set special_days = $1::jsonb", special)
    for minutes in (0, 90, 210):
        clock.advance(timedelta(minutes=minutes))
        async with database.transaction() as tx:
            (found,) = await finding.search(tx, asked=Search())
            open_now = await finding.search(tx, asked=Search(open_now=True))
        assert bool(open_now) == (found.refusal is None)
