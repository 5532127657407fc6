import json
import re
from typing import Any

import pytest

from consoles.painted import DECISION_ID, HELD, HOSTILE
from tawsil.consoles.assets import ASSETS, BUILDS, FOREVER, NotBuiltError, address, built, script
from tawsil.consoles.routes import routes


@pytest.fixture
async def client(serve: Any, known: dict[str, Any]) -> Any:
    return await serve(routes, **known)


@pytest.fixture
async def staff(client: Any, operator: str) -> Any:
    client.headers["Authorization"] = f"Bearer {operator}"
    return client


async def get(client: Any, path: str, **more: Any) -> Any:
    return await client.get(path, follow_redirects=False, **more)


async def test_the_city_is_shown_whole_without_scripts(staff: Any, watch: Any) -> None:
    page = await get(staff, "/city")
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    for order in watch.orders:
        assert f"#{order.number}" in page.text
        assert f"order={order.id}" in page.text


async def test_nothing_a_merchant_calls_itself_becomes_markup(staff: Any, watch: Any) -> None:
    chosen = watch.orders[0].id
    for path in (f"/city?order={chosen}", f"/city/orders/{chosen}"):
        page = await get(staff, path)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;alert" in page.text
    snapshot = (await get(staff, "/city/snapshot")).json()
    assert "<script>" not in snapshot["queue"]
    assert snapshot["merchants"][0]["name"] == HOSTILE


async def test_data_inside_a_page_cannot_end_its_element(staff: Any) -> None:
    text = (await get(staff, "/city")).text
    held = text.split('id="snapshot"')[1].split(">", 1)[1].split("</script>")[0]
    assert json.loads(held)["merchants"][0]["name"] == HOSTILE


async def test_no_page_has_anything_the_policy_forbids(staff: Any, watch: Any) -> None:
    watch.conditions = HELD
    paths = (
        "/city",
        "/city/dispatch",
        f"/city/decisions/{DECISION_ID}",
        "/sign-in",
        "/design",
        f"/city/orders/{watch.orders[1].id}",
    )
    for path in paths:
        text = (await get(staff, path)).text
        assert " style=" not in text
        assert " onclick=" not in text
        assert "<style" not in text


async def test_the_queue_can_be_narrowed_in_the_address(staff: Any, watch: Any) -> None:
    ready = next(o for o in watch.orders if o.status == "READY_FOR_PICKUP")
    page = await get(staff, "/city?stage=ready")
    assert page.text.count('<li data-order="') == 1
    assert str(ready.id) in page.text
    unknown = await get(staff, "/city?stage=nonsense")
    assert unknown.text.count('<li data-order="') == len(watch.orders)


async def test_an_order_is_told_as_a_page_and_as_a_part(staff: Any, watch: Any) -> None:
    order = watch.orders[4]
    page = await get(staff, f"/city/orders/{order.id}")
    part = await get(staff, f"/city/orders/{order.id}?part=true")
    assert "<!doctype html>" in page.text
    assert "<!doctype html>" not in part.text
    assert "Why this courier" in part.text


async def test_unknown_orders_and_cities_are_friendly_404s(staff: Any) -> None:
    for path in ("/city/orders/01900000-0000-7000-8000-00000000ffff", "/city?city=nowhere"):
        page = await get(staff, path)
        assert page.status_code == 404
        assert page.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("role", "permissions"),
    [
        ("customer", ("order:read:own",)),
        ("merchant", ("order:read:assigned",)),
        ("delivery_partner", ("order:read:assigned",)),
        ("municipal_manager", ("order:list:municipality",)),
    ],
)
async def test_others_get_a_friendly_page_instead_of_the_city(
    client: Any, callers: Any, role: str, permissions: tuple[str, ...]
) -> None:
    token = callers.token(role, *permissions)
    headers = {"Authorization": f"Bearer {token}"}
    page = await get(client, "/city", headers=headers)
    assert page.status_code == 403
    assert "This page is not for your account" in page.text
    assert (await get(client, "/city/snapshot", headers=headers)).status_code == 403


async def test_without_a_session_one_is_sent_to_take_it_up(client: Any) -> None:
    city = await get(client, "/city?stage=late")
    assert city.status_code == 303
    assert city.headers["location"] == "/session?next=%2Fcity%3Fstage%3Dlate"
    assert (await get(client, city.headers["location"])).status_code == 401
    assert (await get(client, "/city/snapshot")).status_code == 401


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/session/refresh", "/preferences"])
@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "http://testserver.evil", "http://["]
)
async def test_forms_of_other_sites_are_refused(client: Any, path: str, origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": origin}
    answer = await client.post(path, headers=headers, data={"locale": "ar"}, follow_redirects=False)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "host", ["", ":80", "[::1", "[z]", "a b", "a@b", "here:port", "here:99999", "\xe9"]
)
async def test_a_host_that_cannot_be_is_the_senders_mistake(client: Any, host: str) -> None:
    headers = [(b"Host", host.encode("latin-1")), (b"Origin", f"http://{host}".encode("latin-1"))]
    answer = await client.post("/preferences", headers=headers, data={"locale": "ar"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "request.invalid"


@pytest.mark.parametrize("host", ["[::1]:8400", "tawsil_api:8400", "127.0.0.1", "a.example."])
async def test_every_host_that_can_be_is_answered(client: Any, host: str) -> None:
    assert (await client.get("/design", headers={"Host": host})).status_code == 200


async def test_language_and_theme_are_remembered(client: Any) -> None:
    for field, value in (("locale", "ar"), ("theme", "dark")):
        answer = await client.post(
            "/preferences",
            data={field: value, "next": "/design"},
            headers={"Origin": str(client.base_url).rstrip("/")},
            follow_redirects=False,
        )
        assert answer.headers["location"] == "/design"
        assert f"tawsil_{field}={value}" in answer.headers["set-cookie"]
    page = await get(client, "/design", headers={"Cookie": "tawsil_locale=ar; tawsil_theme=dark"})
    assert '<html lang="ar" dir="rtl" data-theme="dark">' in page.text


@pytest.mark.parametrize("after", ["//evil.example", "https://evil.example", "/\\evil", "", "x"])
async def test_a_form_leads_nowhere_else(client: Any, after: str) -> None:
    answer = await client.post(
        "/preferences",
        data={"theme": "no such theme", "next": after},
        headers={"Origin": str(client.base_url).rstrip("/")},
        follow_redirects=False,
    )
    assert answer.headers["location"] == "/"
    assert "set-cookie" not in answer.headers


async def test_files_are_kept_for_good_under_their_version(client: Any) -> None:
    for name, asset in ASSETS.items():
        answer = await get(client, address(name))
        assert answer.content == asset.body
        assert answer.headers["cache-control"] == FOREVER
    stale = await get(client, "/static/older/city.css")
    assert stale.headers["cache-control"] == "no-cache"
    known = {"If-None-Match": stale.headers["etag"]}
    assert (await get(client, "/static/older/city.css", headers=known)).status_code == 304
    assert (await get(client, "/static/older/..%2Froutes.py")).status_code == 404


async def test_what_was_built_is_kept_for_good_under_its_own_name(client: Any) -> None:
    for name, asset in BUILDS.items():
        answer = await get(client, f"/static/built/{name}")
        assert (answer.content, answer.headers["cache-control"]) == (asset.body, FOREVER)
    zipped = await get(client, built("icons.svg"), headers={"Accept-Encoding": "gzip"})
    assert zipped.headers["content-encoding"] == "gzip"
    assert int(zipped.headers["content-length"]) < len(zipped.content) / 2
    font = built("inter-latin-wght-normal.woff2")
    packed = await get(client, font, headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in packed.headers


async def test_surfaces_are_installed_in_the_language_of_the_page(client: Any) -> None:
    shown = (await get(client, "/design", headers={"Accept-Language": "ar"})).text
    assert '<link rel="manifest" href="/install/customer/ar">' in shown
    answer = await get(client, "/install/customer/ar")
    assert answer.headers["content-type"] == "application/manifest+json"
    manifest = answer.json()
    assert (manifest["name"], manifest["dir"]) == ("توصيل", "rtl")
    for icon in manifest["icons"]:
        picture = await get(client, icon["src"])
        size = int.from_bytes(picture.content[16:20])
        assert icon["sizes"] == f"{size}x{size}"
    for wrong in ("operations/en", "customer/fr"):
        assert (await get(client, f"/install/{wrong}")).status_code == 404


async def test_a_page_names_the_scripts_it_runs(client: Any) -> None:
    shown = (await get(client, "/design")).text
    assert script("page") in shown
    for address_ in re.findall(r'(?:href|src)="(/static/built/[^"#]+)', shown):
        assert (await get(client, address_)).status_code == 200
    with pytest.raises(NotBuiltError, match="make assets"):
        script("nothing-of-that-name")
