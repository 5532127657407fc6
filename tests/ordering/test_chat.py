"""What the people of an order write to each other: to whom, until when, and without a number."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordering.conftest import Street
from tawsil.apps import wiring
from tawsil.couriers import public as couriers
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.i18n import LOCALES, catalogues
from tawsil.kernel.settings import SettingsError, load_settings
from tawsil.ordering import handover, model, routes
from tawsil.ordering.chat.model import (
    HIDDEN,
    MOST_MESSAGES,
    OPEN_AFTER,
    QUICK_REPLIES,
    without_numbers,
)
from tawsil.ordering.chat.relay import TemplateRelay
from tawsil.ordering.model import Order
from tawsil.ordering.moves import Party

CUSTOMER = ("order:read:own", "order:update:own")
ASSIGNED = ("order:read:assigned", "order:update:assigned", "courier:read:own")


class Scene:
    """An order with a courier on it, its people and strangers."""

    def __init__(
        self, client: httpx.AsyncClient, database: Database, street: Street, order: Order
    ) -> None:
        self.client, self.database, self.street, self.order = client, database, street, order
        self.tokens: dict[str, str] = {}

    async def ask(
        self, who: str, method: str, path: str = "messages", *, locale: str = "en", **json: Any
    ) -> httpx.Response:
        return await self.client.request(
            method,
            f"/v4/orders/{self.order.id}/{path}",
            headers={"Authorization": f"Bearer {self.tokens[who]}", "Accept-Language": locale},
            json=json or None,
        )

    async def write(self, who: str, thread: str, words: str, **json: Any) -> Any:
        answer = await self.ask(who, "POST", thread=thread, words=words, **json)
        assert answer.status_code == 201, answer.text
        return answer.json()["data"]

    async def threads(self, who: str, **how: Any) -> dict[str, Any]:
        answer = await self.ask(who, "GET", **how)
        assert answer.status_code == 200, answer.text
        return {thread["thread"]: thread for thread in answer.json()["data"]["threads"]}

    async def end(self) -> None:
        async with self.database.transaction() as tx:
            street, order = self.street, self.order
            order = await street.after(
                tx, order, model.pick_up(order, party=Party.COURIER, now=tx.now)
            )
            handed = handover.deliver(
                order, party=Party.COURIER, shown=handover.Shown(), now=tx.now
            )
            self.order = await street.after(tx, order, handed)


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["code"]


@pytest.fixture
async def scene(serve: Any, database: Database, street: Street, callers: Any, ids: Any) -> Scene:
    async with database.transaction() as tx:
        await street.open(tx)
        order = await street.carried(tx)
    relay = TemplateRelay({"marsa": "+97140000000,,{order}*{to}#"})
    client = await serve(routes.routes, registry=wiring.REGISTRY, relay=relay)
    scene = Scene(client, database, street, order)
    scene.tokens = {
        "customer": callers.token("customer", *CUSTOMER, user_id=street.customer_id),
        "merchant": callers.token("merchant", *ASSIGNED, location_id=street.merchant_id),
        "courier": callers.token("delivery_partner", *ASSIGNED, user_id=street.courier_id),
        "support": callers.token("support_staff", "order:read", "order:update"),
        "other customer": callers.token("customer", *CUSTOMER),
        "other merchant": callers.token("merchant", *ASSIGNED, location_id=ids()),
        "other courier": callers.token("delivery_partner", *ASSIGNED),
    }
    return scene


async def test_unread_messages_stand_on_the_couriers_sheet(
    scene: Scene, database: Database, ids: Any
) -> None:
    """Only those of the time when the order was theirs."""
    newcomer = couriers.NewCourier(
        by=scene.street.by,
        courier_id=scene.street.courier_id,
        city_id=scene.order.city_id,
        vehicle=couriers.Vehicle.BICYCLE,
    )
    async with database.transaction() as tx:
        await couriers.create_couriers(tx, couriers=[newcomer])
    first = await scene.write("customer", "courier", "Blue door")
    await scene.write("customer", "courier", "Second floor")
    await scene.write("customer", "merchant", "Not for the courier")
    assert await unread(scene) == [2]
    await scene.ask("courier", "POST", "messages/read", thread="courier", message_id=first["id"])
    assert await unread(scene) == [1]
    async with database.transaction() as tx:
        of_another = "update ordering.message set courier_id = $1 where courier_id is not null"
        await tx.execute(of_another, ids())
    assert await unread(scene) == [0]


async def unread(scene: Scene) -> list[int]:
    answer = await scene.client.get(
        f"/v4/drivers/{scene.street.courier_id}/job-sheet",
        headers={"Authorization": f"Bearer {scene.tokens['courier']}"},
    )
    return [sheet["unread"] for sheet in answer.json()["data"]]


async def test_each_sees_the_conversations_they_take_part_in(scene: Scene) -> None:
    await scene.write("customer", "courier", "Blue door")
    await scene.write("merchant", "merchant", "Ten more minutes")
    await scene.write("support", "courier", "We are here")
    seen = {
        who: {name: [m["words"] for m in t["messages"]] for name, t in threads.items()}
        for who in ("customer", "merchant", "courier", "support")
        for threads in [await scene.threads(who)]
    }
    to_courier, to_merchant = ["Blue door", "We are here"], ["Ten more minutes"]
    assert seen["customer"] == seen["support"] == {"courier": to_courier, "merchant": to_merchant}
    assert seen["courier"] == {"courier": to_courier}
    assert seen["merchant"] == {"merchant": to_merchant}
    for who in ("other customer", "other merchant", "other courier"):
        assert code_of(await scene.ask(who, "GET")) == (404, "request.not_found")
        sent = await scene.ask(who, "POST", thread="courier", words="Hello")
        assert code_of(sent) == (404, "request.not_found")


async def test_nobody_writes_where_they_take_no_part(scene: Scene) -> None:
    for who, thread in (("merchant", "courier"), ("courier", "merchant")):
        sent = await scene.ask(who, "POST", thread=thread, words="Hello")
        assert code_of(sent) == (403, "chat.not_yours")
        mark = {"thread": thread, "message_id": str(scene.order.id)}
        assert (await scene.ask(who, "POST", "messages/read", **mark)).status_code == 404


async def test_read_marks_are_seen_by_the_others_and_never_go_back(scene: Scene) -> None:
    first = await scene.write("customer", "courier", "Blue door")
    second = await scene.write("customer", "courier", "Not the red one")
    assert (await scene.threads("courier"))["courier"]["unread"] == 2
    assert (await scene.threads("customer"))["courier"]["unread"] == 0
    for message in (second, first):
        mark = {"thread": "courier", "message_id": message["id"]}
        answer = await scene.ask("courier", "POST", "messages/read", **mark)
        assert answer.json()["data"]["message_id"] == second["id"]
    assert (await scene.threads("courier"))["courier"]["unread"] == 0
    seen = (await scene.threads("customer"))["courier"]["messages"]
    assert [(m["mine"], m["read_by"]) for m in seen] == [(True, ["courier"])] * 2


async def test_a_quick_reply_is_read_in_the_language_of_the_reader(scene: Scene) -> None:
    sent = await scene.ask("courier", "POST", thread="courier", quick="at_your_door")
    assert sent.status_code == 201
    said = {
        locale: (await scene.threads("customer", locale=locale))["courier"]["messages"][0]["words"]
        for locale in LOCALES
    }
    assert said == {"en": "I am at your door.", "ar": "أنا عند بابك."}
    theirs = await scene.ask("customer", "POST", thread="courier", quick="at_your_door")
    assert code_of(theirs) == (422, "chat.unknown_quick_reply")
    for both in ({}, {"words": "Hello", "quick": "thank_you"}):
        answer = await scene.ask("customer", "POST", thread="courier", **both)
        assert code_of(answer) == (422, "chat.words_or_quick")


def test_every_quick_reply_is_said_in_both_languages() -> None:
    for quick in {code for codes in QUICK_REPLIES.values() for code in codes}:
        assert all(catalogues[locale].has(f"chat.quick.{quick}") for locale in LOCALES), quick


async def test_it_ends_some_time_after_the_order_and_sooner_for_couriers_to_read(
    scene: Scene, clock: VirtualClock
) -> None:
    await scene.write("customer", "courier", "Blue door")
    await scene.end()
    clock.advance(OPEN_AFTER - timedelta(seconds=1))
    await scene.write("customer", "courier", "I left my keys with you")
    assert len((await scene.threads("courier"))["courier"]["messages"]) == 2
    clock.advance(timedelta(seconds=1))
    sent = await scene.ask("customer", "POST", thread="courier", words="Hello?")
    assert code_of(sent) == (409, "chat.over")
    theirs = (await scene.threads("customer"))["courier"]
    assert (theirs["may_write"], theirs["why_not"], len(theirs["messages"])) == (
        False,
        "chat.over",
        2,
    )
    assert await scene.threads("courier") == {}
    assert code_of(await scene.ask("customer", "POST", "call", to="courier")) == (409, "chat.over")


async def test_another_courier_does_not_read_what_was_written_to_the_one_before(
    scene: Scene, callers: Any, ids: Any
) -> None:
    await scene.write("customer", "courier", "Blue door")
    street, instead = scene.street, ids()
    async with scene.database.transaction() as tx:
        lost = model.lose_courier(scene.order, courier_id=street.courier_id, reason="vehicle")
        order = await street.after(tx, scene.order, lost)
    sent = await scene.ask("customer", "POST", thread="courier", words="Hello?")
    assert code_of(sent) == (409, "chat.no_courier")
    async with scene.database.transaction() as tx:
        await street.after(tx, order, model.assign_courier(order, courier_id=instead))
    scene.tokens["the next"] = callers.token("delivery_partner", *ASSIGNED, user_id=instead)
    await scene.write("customer", "courier", "Blue door, as I said")
    seen = (await scene.threads("the next"))["courier"]["messages"]
    assert [message["words"] for message in seen] == ["Blue door, as I said"]
    assert len((await scene.threads("customer"))["courier"]["messages"]) == 2
    assert (await scene.ask("courier", "GET")).status_code == 404


async def test_what_is_written_is_not_in_the_log(scene: Scene) -> None:
    message = await scene.write("customer", "courier", "Blue door")
    await scene.ask("courier", "POST", "messages/read", thread="courier", message_id=message["id"])
    async with scene.database.transaction() as tx:
        rows = await tx.rows("select type, data from kernel.event where stream = 'chat'")
    assert [row["type"] for row in rows] == ["chat.message_sent.v1", "chat.read.v1"]
    assert all("Blue" not in row["data"] and message["id"] in row["data"] for row in rows)


async def test_a_conversation_has_room_for_so_many_messages(scene: Scene) -> None:
    await scene.write("customer", "courier", "Hello")
    async with scene.database.transaction() as tx:
        await tx.execute("update ordering.chat set messages = $1", MOST_MESSAGES)
    sent = await scene.ask("customer", "POST", thread="courier", words="Hello")
    assert code_of(sent) == (409, "chat.full")
    await scene.write("customer", "merchant", "The other one has room")


@pytest.mark.parametrize(
    ("who", "to", "digit"),
    [("customer", "courier", 3), ("courier", "customer", 1), ("merchant", "courier", 3)],
)
async def test_a_call_goes_through_the_relay_of_the_city(
    scene: Scene, who: str, to: str, digit: int
) -> None:
    answer = await scene.ask(who, "POST", "call", to=to)
    number = f"+97140000000,,{scene.order.number}*{digit}#"
    assert answer.json()["data"] == {"to": to, "number": number}
    nobody = await scene.ask(who, "POST", "call", to=who)
    assert code_of(nobody) == (409, "chat.nobody_to_call")
    offered = (await scene.ask(who, "GET")).json()["data"]["may_call"]
    assert to in offered
    assert who not in offered


async def test_without_a_relay_people_are_told_to_write(scene: Scene, serve: Any) -> None:
    scene.client = await serve(routes.routes, registry=wiring.REGISTRY, relay=TemplateRelay({}))
    refused = await scene.ask("customer", "POST", "call", to="courier")
    assert code_of(refused) == (409, "chat.no_relay")
    assert (await scene.ask("customer", "GET")).json()["data"]["may_call"] == []


def test_a_relay_that_cannot_be_dialled_is_refused_at_the_start() -> None:
    for template in ("0123", "+971400000{phone}", "+97140000000,{order"):
        with pytest.raises(SettingsError, match="call_relays"):
            load_settings(call_relays={"*": template})
    assert TemplateRelay({"*": "+97140000000"}).number(city="marsa", order_number=1, to="courier")


@given(
    st.text(alphabet="0123456789٠١٢٣٤", min_size=8, max_size=14),
    st.sampled_from(["", " ", "-", ". "]),
)
def test_no_telephone_number_is_passed_on(digits: str, between: str) -> None:
    said = without_numbers(f"Call +{between.join(digits)} please")
    assert said == f"Call {HIDDEN} please"


@pytest.mark.parametrize("words", ["Door 12, code 4711#", "Order 1234567", "3 × 12.50 at 19:30"])
def test_what_is_no_telephone_number_stays(words: str) -> None:
    assert without_numbers(words) == words
