"""A menu as its merchant writes it, over HTTP and in the database."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from tawsil.catalog import public
from tawsil.catalog.menu_routes import DISH
from tawsil.catalog.public import Line, Merchant
from tawsil.catalog.routes import routes
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import Refusal


class Desk:
    """The menu of the grill, as one of its people writes it."""

    def __init__(self, client: httpx.AsyncClient, merchant: Merchant, token: str) -> None:
        self.client = client
        self.merchant = merchant
        self._headers = {"Authorization": f"Bearer {token}"}
        self.here = f"/v4/merchants/{merchant.id}"

    async def ask(self, method: str, path: str, **sent: Any) -> httpx.Response:
        return await self.client.request(method, path, headers=self._headers, **sent)

    async def do(self, method: str, path: str, **sent: Any) -> Any:
        answer = await self.ask(method, path, **sent)
        assert answer.is_success, answer.text
        return answer.json()["data"]

    async def code(self, method: str, path: str, **sent: Any) -> tuple[int, str]:
        answer = await self.ask(method, path, **sent)
        return answer.status_code, answer.json()["errors"][0]["code"]

    async def written(self) -> list[dict[str, Any]]:
        return (await self.do("GET", f"{self.here}/menu/written"))["categories"]

    async def names(self) -> list[list[str]]:
        """What customers see."""
        menu = (await self.client.get(f"{self.here}/menu")).json()["data"]
        return [[c["name_en"], *[p["name_en"] for p in c["products"]]] for c in menu["categories"]]


@pytest.fixture
async def client(serve: Any, listed: list[Merchant]) -> httpx.AsyncClient:
    del listed
    return await serve(routes)


@pytest.fixture
def desk(client: httpx.AsyncClient, callers: Any, listed: list[Merchant]) -> Desk:
    permissions = ("merchant:update:own", "menu:*:own")
    token = callers.token("merchant", *permissions, location_id=listed[0].id)
    return Desk(client, listed[0], token)


def dish(product: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """What a form sends back of a dish that it was given."""
    groups = [
        {
            **{f: group[f] for f in ("name_en", "name_ar", "min_choices", "max_choices")},
            "group_id": group["id"],
            "options": [
                {
                    **{f: option[f] for f in ("name_en", "name_ar", "price_delta_minor")},
                    "option_id": option["id"],
                }
                for option in group["options"]
            ],
        }
        for group in product["option_groups"]
    ]
    plain = (
        "name_en",
        "name_ar",
        "description_en",
        "description_ar",
        "price_minor",
        "tax_class",
        "image_url",
        "prep_time_minutes",
        "edition",
    )
    return {**{f: product[f] for f in plain}, "option_groups": groups, **changed}


async def test_a_category_and_a_dish_are_added_and_sold(desk: Desk) -> None:
    names = {"name_en": "Sweets", "name_ar": "حلويات"}
    category = await desk.do("POST", f"{desk.here}/categories", json=names)
    assert await desk.names() == [["Wraps", "Chicken shawarma"], ["Drinks", "Water"]]
    body = {**DISH, "name_en": "Knafeh", "category_id": category["id"]}
    added = await desk.do("POST", f"{desk.here}/products", json=body)
    assert (added["edition"], added["price_minor"], added["currency"]) == (1, 1_200, "AED")
    assert [o["name"] for o in added["option_groups"][0]["options"]] == ["Regular", "Large"]
    assert (await desk.names())[-1] == ["Sweets", "Knafeh"]
    shown = await desk.do("GET", f"/v4/products/{added['id']}")
    assert shown == added


async def test_a_dish_is_changed_and_what_was_read_before_is_stale(
    desk: Desk, database: Database
) -> None:
    (wraps, _) = await desk.written()
    (shawarma,) = wraps["products"]
    path = f"/v4/products/{shawarma['id']}"
    out = {"availability": "out_today"}
    await desk.do("PUT", f"{path}/availability", json=out)
    changed = await desk.do(
        "PUT", path, json=dish(shawarma, price_minor=1_350, tax_class="reduced")
    )
    assert (changed["edition"], changed["price_minor"]) == (2, 1_350), "running out changes nothing"
    stale = await desk.ask("PUT", path, json=dish(shawarma, price_minor=1))
    assert stale.status_code == 409
    (error,) = stale.json()["errors"]
    assert (error["code"], error["detail"]["edition"]) == ("written.stale", 2)
    async with database.transaction() as tx:
        rows = await tx.rows(
            "select type, data from kernel.event where stream_id = $1 order by version",
            UUID(shawarma["id"]),
        )
    assert [row["type"] for row in rows] == [
        "product.availability_changed.v1",
        "product.changed.v1",
        "product.taxed.v1",
    ]


async def test_options_that_are_left_out_are_retired_and_come_back(
    desk: Desk, database: Database
) -> None:
    (shawarma,) = (await desk.written())[0]["products"]
    path = f"/v4/products/{shawarma['id']}"
    size, extras = shawarma["option_groups"]
    body = dish(shawarma)
    cheese = body["option_groups"][1]["options"].pop(1)
    body["option_groups"].reverse()
    new = {"name_en": "Chilli", "name_ar": "حار"}
    body["option_groups"][0]["options"].insert(0, new)
    less = await desk.do("PUT", path, json=body)
    assert [[o["name"] for o in g["options"]] for g in less["option_groups"]] == [
        ["Chilli", "Garlic sauce", "Pickles"],
        ["Regular", "Large"],
    ]
    assert less["option_groups"][1] == size
    assert await desk.do("GET", path) == less
    lines = [
        Line(
            product_id=UUID(shawarma["id"]),
            quantity=1,
            option_ids=(UUID(size["options"][0]["id"]), UUID(cheese["option_id"])),
        )
    ]
    async with database.transaction() as tx:
        refused = await public.price_lines(tx, merchant_id=desk.merchant.id, lines=lines, at=tx.now)
    assert isinstance(refused, Refusal)
    assert refused.code == "product.option_unknown"
    back = await desk.do("PUT", path, json={**dish(shawarma), "edition": 2})
    assert back["option_groups"] == shawarma["option_groups"], extras
    assert await desk.do("GET", path) == back


@pytest.mark.parametrize(
    ("group", "code"),
    [
        ({"min_choices": 2, "max_choices": 1}, "menu.choices_impossible"),
        ({"max_choices": 3}, "menu.choices_impossible"),
        ({"group_id": "01920000-0000-7000-8000-0000000000d2"}, "menu.option_not_its_own"),
    ],
)
async def test_options_that_make_no_sense_are_refused(
    desk: Desk, group: dict[str, Any], code: str
) -> None:
    (shawarma,) = (await desk.written())[0]["products"]
    body = dish(shawarma)
    body["option_groups"][0] |= group
    assert await desk.code("PUT", f"/v4/products/{shawarma['id']}", json=body) == (422, code)


async def test_dishes_and_categories_are_moved(desk: Desk) -> None:
    wraps, drinks = await desk.written()
    added = [
        await desk.do(
            "POST",
            f"{desk.here}/products",
            json={**DISH, "name_en": name, "category_id": wraps["id"]},
        )
        for name in ("Falafel", "Kebab")
    ]
    assert (await desk.names())[0] == ["Wraps", "Chicken shawarma", "Falafel", "Kebab"]
    falafel, kebab = (f"/v4/products/{one['id']}/move" for one in added)
    to_top = {"category_id": wraps["id"], "after_id": None}
    await desk.do("POST", kebab, json=to_top)
    assert (await desk.names())[0] == ["Wraps", "Kebab", "Chicken shawarma", "Falafel"]
    water = drinks["products"][0]["id"]
    across = {"category_id": drinks["id"], "after_id": water}
    await desk.do("POST", falafel, json=across)
    assert (await desk.names())[1] == ["Drinks", "Water", "Falafel"]
    gone = {"category_id": wraps["id"], "after_id": water}
    assert await desk.code("POST", kebab, json=gone) == (409, "menu.neighbour_gone")
    await desk.do("POST", f"/v4/categories/{drinks['id']}/move", json={"after_id": None})
    assert [names[0] for names in await desk.names()] == ["Drinks", "Wraps"]


async def test_what_is_retired_is_not_sold_and_comes_back_to_its_place(
    desk: Desk, database: Database
) -> None:
    wraps, drinks = await desk.written()
    before = await desk.names()
    water = drinks["products"][0]["id"]

    async def price() -> str | None:
        async with database.transaction() as tx:
            priced = await public.price_lines(
                tx,
                merchant_id=desk.merchant.id,
                lines=[Line(product_id=UUID(water), quantity=1)],
                at=tx.now,
            )
        return priced.code if isinstance(priced, Refusal) else None

    for thing in (f"/v4/products/{water}", f"/v4/categories/{drinks['id']}"):
        assert await price() is None
        await desk.do("POST", f"{thing}/retire")
        await desk.do("POST", f"{thing}/retire")
        assert await price() == "product.unknown"
        assert await desk.names() == before[:1]
        assert len(await desk.written()) == 2, "those who write it still see it"
        await desk.do("POST", f"{thing}/restore")
        assert await desk.names() == before
    await desk.do("POST", f"/v4/categories/{drinks['id']}/retire")
    body = {**DISH, "category_id": drinks["id"]}
    refused = await desk.code("POST", f"{desk.here}/products", json=body)
    assert refused == (409, "written.retired")
    renamed = {"name_en": "Juices", "name_ar": "عصائر", "edition": 1}
    refused = await desk.code("PUT", f"/v4/categories/{drinks['id']}", json=renamed)
    assert refused == (409, "written.retired")
    done = await desk.do("PUT", f"/v4/categories/{wraps['id']}", json=renamed)
    assert (done["name_ar"], done["edition"]) == ("عصائر", 2)


async def test_only_its_own_people_and_operations_write_a_menu(
    desk: Desk, callers: Any, listed: list[Merchant]
) -> None:
    wraps, _ = await desk.written()
    path = f"/v4/products/{wraps['products'][0]['id']}/retire"
    neighbour = callers.token("merchant", "menu:*:own", location_id=listed[1].id)
    other = Desk(desk.client, desk.merchant, neighbour)
    for method, where, body in [
        ("POST", path, None),
        ("GET", f"{desk.here}/menu/written", None),
        ("POST", f"{desk.here}/products", {**DISH, "category_id": wraps["id"]}),
        ("PUT", f"/v4/categories/{wraps['id']}", {"name_en": "a", "name_ar": "b", "edition": 1}),
    ]:
        assert await other.code(method, where, json=body) == (404, "request.not_found")
    into = {**DISH, "category_id": wraps["id"]}
    own = Desk(desk.client, listed[1], neighbour)
    assert (await own.code("POST", f"{own.here}/products", json=into))[0] == 404
    operations = Desk(desk.client, desk.merchant, callers.token("admin", "menu:*"))
    assert (await operations.do("POST", path))["retired_at"] is not None


async def test_hours_and_words_are_changed_once_for_an_edition(
    desk: Desk, database: Database
) -> None:
    profile = await desk.do("GET", f"{desk.here}/profile")
    assert (profile["edition"], profile["timezone"]) == (1, "Asia/Dubai")
    async with database.transaction() as tx:
        today, tomorrow = tx.now.date(), tx.now.date() + timedelta(days=1)
    body = {
        "hours": [[[660, 900], [1080, 120]]] * 7,
        "special_days": [
            {"day": f"{tomorrow}"},
            {"day": f"{today}", "openings": []},
            {"day": "2026-01-01", "openings": []},
        ],
        "edition": 1,
    }
    done = await desk.do("PUT", f"{desk.here}/hours", json=body)
    assert [special["day"] for special in done["special_days"]] == [f"{today}", f"{tomorrow}"]
    shown = (await desk.client.get(desk.here)).json()["data"]
    assert not shown["open"]
    assert shown["opens_at"] == "2026-11-22T07:00:00Z", "eleven in Dubai, after two days shut"
    assert await desk.code("PUT", f"{desk.here}/hours", json=body) == (409, "written.stale")
    overlap = {"hours": [[[0, 61], [60, 120]], *[[]] * 6], "edition": 2}
    refused = await desk.code("PUT", f"{desk.here}/hours", json=overlap)
    assert refused == (422, "merchant.hours_overlap")
    twice = {**body, "edition": 2, "special_days": [{"day": f"{today}"}] * 2}
    refused = await desk.code("PUT", f"{desk.here}/hours", json=twice)
    assert refused == (422, "merchant.special_day_twice")
    words = {
        "description_en": "Since 1987.",
        "description_ar": "منذ 1987.",
        "phone": "+97140000009",
        "edition": 2,
    }
    assert (await desk.do("PUT", f"{desk.here}/profile", json=words))["edition"] == 3
    shown = (await desk.client.get(desk.here)).json()["data"]
    assert (shown["description"], shown["phone"]) == ("Since 1987.", "+97140000009")
