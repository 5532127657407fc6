"""Who asks for help, who sees it and who works on it, over HTTP."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from msgspec import Struct

from support.conftest import Desk
from tawsil.identity.public import PERMISSIONS, Role
from tawsil.kernel.db import Database
from tawsil.kernel.i18n import LOCALES
from tawsil.ordering.model import Order
from tawsil.support import causes, routes

CUSTOMER = PERMISSIONS[Role.CUSTOMER]
STAFF = PERMISSIONS[Role.SUPPORT_STAFF]


class Scene(Struct):
    """One order, and tokens of those on it, of support and of strangers."""

    client: httpx.AsyncClient
    desk: Desk
    order: Order
    tokens: dict[str, str]
    people: dict[str, UUID]

    async def ask(
        self, who: str, method: str, path: str = "", *, locale: str = "en", **sent: Any
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.tokens[who]}", "Accept-Language": locale}
        address = f"/v4/support/tickets{path and '/'}{path}"
        return await self.client.request(
            method, address, headers={**headers, **sent.pop("headers", {})}, **sent
        )

    async def complain(self, who: str = "customer", **fields: Any) -> httpx.Response:
        body = {
            "kind": "order_problem",
            "subject_kind": "order",
            "subject_id": str(self.order.id),
            "words": "Half of it is missing.",
            **fields,
        }
        return await self.ask(who, "POST", json=body)


@pytest.fixture
async def scene(serve: Any, database: Database, desk: Desk, callers: Any, ids: Any) -> Scene:
    async with database.transaction() as tx:
        await desk.open(tx)
        order = await desk.searching(tx)
        people = {
            "support": await desk.hire(tx, Role.SUPPORT_STAFF, "sara"),
            "admin": await desk.hire(tx, Role.ADMIN, "adam"),
        }
    tokens = {
        "customer": callers.token("customer", *CUSTOMER, user_id=desk.customer_id),
        "other customer": callers.token("customer", *CUSTOMER),
        "support": callers.token("support_staff", *STAFF, user_id=people["support"]),
        "admin": callers.token("admin", *PERMISSIONS[Role.ADMIN], user_id=people["admin"]),
        "merchant": callers.token(
            "merchant", *PERMISSIONS[Role.MERCHANT], location_id=desk.merchant_id
        ),
        "courier": callers.token("delivery_partner", *PERMISSIONS[Role.DELIVERY_PARTNER]),
        "support elsewhere": callers.token("support_staff", *STAFF, tenant_id=ids()),
    }
    client = await serve(routes.routes)
    return Scene(client, desk, order, tokens, people)


async def test_a_customer_asks_and_support_answers(scene: Scene) -> None:
    asked = await scene.complain()
    assert asked.status_code == 201, asked.text
    ticket = asked.json()["data"]
    assert (ticket["status"], ticket["priority"], ticket["opened_by"]) == ("OPEN", "normal", "user")
    assert ticket["next_deadline"] == "first_response"
    id_ = ticket["id"]
    taken = await scene.ask("support", "POST", f"{id_}/assign", json={})
    assert taken.json()["data"]["assignee_id"] == str(scene.people["support"])
    assert taken.json()["data"]["status"] == "IN_PROGRESS"
    for words, internal in (("The kitchen forgot it.", True), ("We are sorry.", False)):
        body = {"words": words, "internal": internal}
        assert (await scene.ask("support", "POST", f"{id_}/notes", json=body)).status_code == 201
    waiting = await scene.ask("support", "POST", f"{id_}/status", json={"status": "WAITING"})
    assert waiting.json()["data"]["legal_moves"] == ["IN_PROGRESS", "RESOLVED"]
    again = await scene.complain(words="And it was cold.")
    assert again.json()["data"]["id"] == id_
    assert again.json()["data"]["status"] == "IN_PROGRESS", "an answer wakes it"
    done = {"status": "RESOLVED", "resolution": "solved", "words": "Sent.", "internal": False}
    resolved = await scene.ask("support", "POST", f"{id_}/status", json=done)
    assert resolved.json()["data"]["resolution"] == "solved"
    seen = {
        who: [note["words"] for note in (await scene.ask(who, "GET", id_)).json()["data"]["notes"]]
        for who in ("customer", "support")
    }
    assert seen["customer"] == [
        "Half of it is missing.",
        "We are sorry.",
        "And it was cold.",
        "Sent.",
    ]
    assert seen["support"][1] == "The kitchen forgot it."


async def test_each_sees_what_is_theirs(scene: Scene, database: Database) -> None:
    mine = (await scene.complain()).json()["data"]["id"]
    async with database.transaction() as tx:
        await causes.stranded(tx, [scene.desk.stranded(tx, scene.order.id)])
    seen = {
        who: {t["id"]: t["kind"] for t in (await scene.ask(who, "GET")).json()["data"]}
        for who in ("customer", "other customer", "support", "admin", "support elsewhere")
    }
    assert seen["customer"] == {mine: "order_problem"}, "what the platform notes is for staff"
    assert set(seen["support"].values()) == {"order_problem", "food_on_board"}
    assert seen["admin"] == seen["support"]
    assert seen["other customer"] == seen["support elsewhere"] == {}
    (food,) = (id_ for id_, kind in seen["support"].items() if kind == "food_on_board")
    for who, id_ in (
        ("customer", food),
        ("other customer", mine),
        ("support elsewhere", mine),
        ("support", str(scene.order.id)),
    ):
        assert (await scene.ask(who, "GET", id_)).status_code == 404, who
    for who in ("merchant", "courier"):
        assert (await scene.ask(who, "GET")).status_code == 403
        assert (await scene.complain(who)).status_code == 403


async def test_only_staff_work_on_tickets(scene: Scene) -> None:
    id_ = (await scene.complain()).json()["data"]["id"]
    steps = {
        "assign": {},
        "notes": {"words": "x"},
        "status": {"status": "IN_PROGRESS"},
        "priority": {"priority": "high"},
    }
    for step, body in steps.items():
        for who, status in (("customer", 403), ("merchant", 403), ("support elsewhere", 404)):
            answer = await scene.ask(who, "POST", f"{id_}/{step}", json=body)
            assert answer.status_code == status, (who, step, answer.text)
    raised = await scene.ask("admin", "POST", f"{id_}/priority", json={"priority": "urgent"})
    assert raised.json()["data"]["priority"] == "urgent"
    given = {"assignee_id": str(scene.people["admin"])}
    answer = await scene.ask("support", "POST", f"{id_}/assign", json=given)
    assert answer.json()["data"]["assignee_id"] == str(scene.people["admin"])


async def test_what_a_customer_may_ask_about(scene: Scene) -> None:
    refused = {
        "ticket.kind_not_yours": (403, {"kind": "food_on_board"}),
        "ticket.priority_not_yours": (403, {"priority": "urgent"}),
        "ticket.subject_unknown": (422, {"subject_id": str(UUID(int=7))}),
    }
    for code, (status, fields) in refused.items():
        answer = await scene.complain(**fields)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code)
    foreign = await scene.complain("other customer")
    unknown = await scene.complain("other customer", subject_id=str(UUID(int=7)))
    assert foreign.status_code == unknown.status_code == 422
    assert foreign.json()["errors"] == unknown.json()["errors"], "nobody can tell that it exists"
    about_courier = {"subject_kind": "courier", "subject_id": str(scene.desk.courier_id)}
    answer = await scene.complain(kind="other", **about_courier)
    assert answer.status_code == 422


async def test_staff_open_tickets_about_anything_of_their_tenant(scene: Scene) -> None:
    courier = {"subject_kind": "courier", "subject_id": str(scene.desk.courier_id)}
    city = {"subject_kind": "city", "subject_id": str(scene.order.city_id)}
    opened = [
        await scene.complain("support", kind="courier_problem", **courier),
        await scene.complain("support", kind="dispatch_alert", priority="urgent", **city),
        await scene.complain("support", kind="other"),
    ]
    assert [answer.status_code for answer in opened] == [201] * 3, [a.text for a in opened]
    wrong = await scene.complain("support", kind="courier_problem")
    assert wrong.json()["errors"][0]["code"] == "ticket.wrong_subject"
    assert wrong.json()["errors"][0]["detail"]["legal"] == ["courier"]
    for subject in (courier, city, {}):
        elsewhere = await scene.complain("support elsewhere", kind="other", **subject)
        assert elsewhere.json()["errors"][0]["code"] == "ticket.subject_unknown"


async def test_tickets_are_listed_by_what_one_looks_for(scene: Scene) -> None:
    courier = {"subject_kind": "courier", "subject_id": str(scene.desk.courier_id)}
    one = (await scene.complain("support")).json()["data"]["id"]
    two = (await scene.complain("support", kind="other", **courier)).json()["data"]["id"]
    await scene.ask("support", "POST", f"{two}/assign", json={})
    looked_for = [
        ({"status": "OPEN"}, [one]),
        ({"status": ["OPEN", "IN_PROGRESS"]}, [two, one]),
        ({"kind": "other"}, [two]),
        ({"priority": ["low", "normal"]}, [two, one]),
        ({"priority": "urgent"}, []),
        ({"assignee_id": str(scene.people["support"])}, [two]),
        ({"subject_id": str(scene.order.id)}, [one]),
        ({"city_id": str(scene.order.city_id)}, [two, one]),
        ({"limit": 1, "page": 2}, [one]),
    ]
    for params, found in looked_for:
        answer = await scene.ask("support", "GET", params=params)
        assert [ticket["id"] for ticket in answer.json()["data"]] == found, params
    assert answer.json()["meta"]["pagination"] == {
        "page": 2,
        "limit": 1,
        "total": 2,
        "total_pages": 2,
    }
    for params in ({"status": "DONE"}, {"assignee_id": "me"}, {"limit": 0}):
        assert (await scene.ask("support", "GET", params=params)).status_code == 400
    theirs = await scene.ask("customer", "GET", params={"kind": "food_on_board"})
    assert theirs.json()["data"] == []


async def test_an_illegal_move_names_the_legal_ones(scene: Scene) -> None:
    id_ = (await scene.complain()).json()["data"]["id"]

    async def move(**body: Any) -> tuple[int, dict[str, Any]]:
        answer = await scene.ask("support", "POST", f"{id_}/status", json=body)
        return answer.status_code, (answer.json()["errors"] or [{}])[0]

    status, error = await move(status="CLOSED")
    assert (status, error["code"]) == (409, "ticket.illegal_move")
    assert error["detail"]["legal"] == ["IN_PROGRESS", "RESOLVED", "WAITING"]
    status, error = await move(status="RESOLVED")
    assert (status, error["code"]) == (422, "ticket.resolution_missing")
    assert "solved" in error["message"]
    status, error = await move(status="WAITING", resolution="solved")
    assert (status, error["code"]) == (422, "ticket.resolution_unexpected")
    assert (await move(status="RESOLVED", resolution="solved"))[0] == 200
    assert (await move(status="CLOSED"))[0] == 200
    for path, body in (("notes", {"words": "late"}), ("priority", {"priority": "low"})):
        answer = await scene.ask("support", "POST", f"{id_}/{path}", json=body)
        assert answer.json()["errors"][0]["code"] == "ticket.closed"
    assert (await scene.ask("support", "POST", f"{id_}/assign", json={})).status_code == 409


async def test_bad_input_is_said_to_be_bad(scene: Scene) -> None:
    for fields in ({"words": ""}, {"words": "   "}, {"words": "x" * 2_001}, {"kind": "war"}):
        assert (await scene.complain(**fields)).status_code == 400, fields
    assert (await scene.complain(colour="red")).status_code == 400


async def test_a_repeat_under_the_same_key_adds_nothing(scene: Scene) -> None:
    body = {
        "kind": "other",
        "subject_kind": "order",
        "subject_id": str(scene.order.id),
        "words": "Where is it?",
    }
    key = {"Idempotency-Key": "once"}
    first = await scene.ask("customer", "POST", json=body, headers=key)
    again = await scene.ask("customer", "POST", json=body, headers=key)
    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
    id_ = first.json()["data"]["id"]
    assert len((await scene.ask("support", "GET", id_)).json()["data"]["notes"]) == 1


@pytest.mark.parametrize("locale", LOCALES)
async def test_why_the_platform_opened_it_reads_well(
    scene: Scene, database: Database, locale: str
) -> None:
    async with database.transaction() as tx:
        await causes.stranded(tx, [scene.desk.stranded(tx, scene.order.id)])
        await causes.nobody_takes_it(tx, [scene.desk.escalated(tx, scene.order.id, "ticket")])
    for listed in (await scene.ask("support", "GET")).json()["data"]:
        shown = await scene.ask("support", "GET", listed["id"], locale=locale)
        (note,) = shown.json()["data"]["notes"]
        assert "{" not in note["words"]
        assert "courier_stalled" not in note["words"]
        assert "ticket." not in note["words"]
        assert any("\u0600" <= letter <= "\u06ff" for letter in note["words"]) == (locale == "ar")
