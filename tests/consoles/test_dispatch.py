"""The dispatch page and the page of a decision, drawn from a city that stands still."""

import re
from typing import Any

import pytest

from consoles.painted import DECISION_ID, HELD, ZONES
from tawsil.consoles.routes import routes
from tawsil.kernel.i18n import LOCALES

PAGES = ("/city/dispatch", f"/city/decisions/{DECISION_ID}")


@pytest.fixture
async def client(serve: Any, known: dict[str, Any]) -> Any:
    return await serve(routes, **known)


@pytest.fixture
async def staff(client: Any, operator: str) -> Any:
    client.headers["Authorization"] = f"Bearer {operator}"
    return client


async def test_dispatch_is_shown_whole_without_scripts(staff: Any, watch: Any) -> None:
    page = await staff.get("/city/dispatch")
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    text = page.text
    for said in ("1.34", "Rung 2 of 3", "2.25 AED", "the courier does not move", "evening:2"):
        assert said in text
    assert "4 more are urgent" in text
    assert "11 more need nobody" in text
    assert f'href="/city/decisions/{DECISION_ID}"' in text
    for order in watch.orders[1:5]:
        assert f'href="/city/orders/{order.id}"' in text


async def test_what_customers_meet_is_said_in_full(staff: Any, watch: Any) -> None:
    assert "nothing out of the ordinary" in (await staff.get("/city/dispatch")).text
    watch.conditions = HELD
    text = (await staff.get("/city/dispatch")).text
    for said in ("+15 min", "+25 %", "up to 4 km", "Old port", "held by an operator until let go"):
        assert said in text
    assert re.search(r'data-step="strained" aria-current="step"', text)


async def test_the_city_has_a_banner_only_when_something_is_out_of_the_ordinary(
    staff: Any, watch: Any
) -> None:
    assert 'class="banner"' not in (await staff.get("/city")).text
    assert (await staff.get("/city/snapshot")).json()["banner"].strip() == ""
    watch.conditions = HELD
    banner = (await staff.get("/city/snapshot")).json()["banner"]
    assert "deliveries promised 15 min longer" in banner
    assert banner.strip() in (await staff.get("/city")).text


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("path", PAGES)
async def test_every_word_of_a_page_is_there(
    staff: Any, watch: Any, locale: str, path: str
) -> None:
    watch.conditions = HELD
    page = await staff.get(path, headers={"Cookie": f"tawsil_locale={locale}"})
    assert page.status_code == 200
    assert "console." not in page.text
    assert not re.search(r">\s*[a-z]+_[a-z_]+\s*<", page.text)


@pytest.mark.parametrize("path", PAGES)
async def test_nothing_anybody_calls_themselves_becomes_markup(
    staff: Any, watch: Any, path: str
) -> None:
    watch.conditions = HELD
    text = (await staff.get(path)).text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


@pytest.mark.parametrize("path", PAGES)
async def test_what_is_needed_to_read_it_without_seeing_it(staff: Any, path: str) -> None:
    text = (await staff.get(path)).text
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'aria-labelledby="([^"]+)"', text)) <= set(ids)
    assert text.count("<h1") == 1
    for button in re.findall(
        r"<(?:button|summary)[^>]*>(.*?)</(?:button|summary)>", text, re.DOTALL
    ):
        assert re.sub(r"<[^>]+>", "", button).strip()
    for field in re.findall(r'<(?:input|select)(?![^>]*type="hidden")[^>]*>', text):
        before = text[: text.index(field)]
        assert before.rfind("<label") > before.rfind("</label>")


async def test_parts_are_what_the_page_shows(staff: Any) -> None:
    page = (await staff.get("/city/dispatch")).text
    answer = (await staff.get("/city/dispatch/parts?city=marsa")).json()
    assert answer["at"].endswith("Z")
    assert set(answer["parts"]) == set(re.findall(r'data-part="(\w+)"', page))
    for part in answer["parts"].values():
        assert part.strip() in page


async def test_one_decision_is_explained(staff: Any) -> None:
    text = (await staff.get(f"/city/decisions/{DECISION_ID}")).text
    for said in ("customers’ waiting", "+98.0", "Too far away:", "On a break:", "evening:2"):
        assert said in text
    assert text.count('class="term-waiting"') == 3
    assert "5 more were held" in text


async def test_support_sees_everything_and_changes_nothing(client: Any, callers: Any) -> None:
    client.headers["Authorization"] = f"Bearer {callers.token('support_staff', 'order:read')}"
    page = await client.get("/city/dispatch")
    assert page.status_code == 200
    assert "Rung 2 of 3" in page.text
    assert 'action="/city/dispatch' not in page.text
    assert 'href="/city?' not in page.text
    city = await client.get("/city", follow_redirects=False)
    assert city.headers["location"] == "/city/dispatch"
    assert (await client.get(f"/city/decisions/{DECISION_ID}")).status_code == 200
    for path in ("hold", "let-go", f"{DECISION_ID}/escalate"):
        assert (await client.post(f"/city/dispatch/{path}")).status_code == 403


@pytest.mark.parametrize(
    ("role", "permissions"),
    [
        ("customer", ("order:read:own",)),
        ("merchant", ("order:read:assigned",)),
        ("municipal_manager", ("order:read:municipality",)),
        ("visitor", ()),
    ],
)
async def test_others_see_nothing(
    client: Any, callers: Any, role: str, permissions: tuple[str, ...]
) -> None:
    client.headers["Authorization"] = f"Bearer {callers.token(role, *permissions)}"
    for path in (*PAGES, "/city/dispatch/parts"):
        assert (await client.get(path)).status_code == 403


async def test_without_a_session_one_is_sent_to_take_it_up(client: Any) -> None:
    answer = await client.get("/city/dispatch?city=marsa", follow_redirects=False)
    assert answer.headers["location"] == "/session?next=%2Fcity%2Fdispatch%3Fcity%3Dmarsa"


async def test_unknown_cities_decisions_and_acts_are_404(staff: Any) -> None:
    for path in (
        "/city/dispatch?city=nowhere",
        "/city/dispatch/parts?city=nowhere",
        f"/city/decisions/{ZONES[0].id}",
    ):
        assert (await staff.get(path)).status_code == 404
    ours = {"Origin": str(staff.base_url).rstrip("/")}
    unknown = await staff.post(f"/city/dispatch/{DECISION_ID}/explode", headers=ours)
    assert unknown.status_code == 404


@pytest.mark.parametrize("path", ["hold", "let-go", f"{DECISION_ID}/reassign"])
@pytest.mark.parametrize("origin", [None, "null", "https://evil.example"])
async def test_forms_of_other_sites_are_refused(staff: Any, path: str, origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": origin}
    answer = await staff.post(f"/city/dispatch/{path}", headers=headers, data={"city": "marsa"})
    assert answer.status_code == 403


@pytest.mark.parametrize("said", ["nonsense", "e30=", "eyJjb2RlIjoxfQ==", "%%"])
async def test_a_cookie_that_is_not_ours_says_nothing(staff: Any, said: str) -> None:
    page = await staff.get("/city/dispatch", headers={"Cookie": f"tawsil_done={said}"})
    assert page.status_code == 200
    assert 'class="notice done"' not in page.text
