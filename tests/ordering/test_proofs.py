"""Pictures of handovers: kept once, seen by whom they concern, forgotten in time."""

from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from conftest import NOON, Callers, Serve
from ordering.conftest import Street
from ordering.test_model import at_status
from tawsil.geography.public import HandoverRules, Proof
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.deadlines import Deadlines
from tawsil.kernel.decisions import Refusal
from tawsil.ordering import events, handover, routes
from tawsil.ordering.events import Status
from tawsil.ordering.handover import Shown
from tawsil.ordering.model import Order, lose_courier
from tawsil.ordering.moves import Party
from tawsil.ordering.proofs import model, service, store
from tawsil.ordering.proofs.model import MOST_BYTES, MOST_OF_AN_ORDER, Picture
from tawsil.ordering.proofs.service import KeepPicture
from tawsil.ordering.steps import Acting

JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 60
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 60
WEBP = b"RIFF\x40\0\0\0WEBPVP8 " + b"\0" * 60


def picture(street: Street, order: Order, content: bytes = JPEG, **fields: Any) -> KeepPicture:
    return KeepPicture(
        **{
            "by": street.by,
            "order_id": order.id,
            "picture_id": street.ids(),
            "courier_id": street.courier_id,
            "kind": Proof.PHOTO,
            "content": content,
            "taken_at": order.placed_at + timedelta(minutes=1),
            **fields,
        }
    )


async def kept(tx: Tx, command: KeepPicture) -> Picture | Refusal:
    (outcome,) = await service.keep(tx, [command])
    return outcome


async def code_of(tx: Tx, command: KeepPicture) -> str:
    outcome = await kept(tx, command)
    assert isinstance(outcome, Refusal), outcome
    return outcome.code


@pytest.fixture
async def order(tx: Tx, street: Street) -> Order:
    await street.open(tx)
    return await street.carried(tx)


@pytest.mark.parametrize(
    ("content", "is_"),
    [
        (JPEG, "image/jpeg"),
        (PNG, "image/png"),
        (WEBP, "image/webp"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
        (b"GIF89a" + b"\0" * 20, None),
        (b"RIFF\x40\0\0\0WAVEfmt ", None),
        (b"<html><script>", None),
        (b"", None),
    ],
)
def test_an_image_is_known_by_its_own_bytes(content: bytes, is_: str | None) -> None:
    assert model.sniffed(content) == is_


async def test_a_picture_is_kept_whole_and_once(tx: Tx, street: Street, order: Order) -> None:
    command = picture(street, order)
    first, again = await service.keep(tx, [command, command])
    assert isinstance(first, Picture), first
    assert again == first
    assert await kept(tx, command) == first
    found = await store.content(tx, order_id=order.id, id_=first.id)
    assert found == (first, JPEG)
    assert first.kept_until_at == tx.now + model.KEPT_FOR
    other = picture(street, order, PNG, picture_id=command.picture_id)
    assert await code_of(tx, other) == "proof.id_taken"


async def test_what_is_no_picture_is_refused(tx: Tx, street: Street, order: Order) -> None:
    assert await code_of(tx, picture(street, order, b"%PDF-1.7 and more")) == "proof.not_an_image"
    large = JPEG + b"\0" * MOST_BYTES
    assert await code_of(tx, picture(street, order, large)) == "proof.too_large"
    for _ in range(MOST_OF_AN_ORDER):
        assert isinstance(await kept(tx, picture(street, order)), Picture)
    assert await code_of(tx, picture(street, order)) == "proof.too_many"


async def test_who_had_the_order_may_still_send_what_they_saw(
    tx: Tx, street: Street, order: Order
) -> None:
    stranger = picture(street, order, courier_id=street.ids())
    assert await code_of(tx, stranger) == "request.not_found"
    gone = await street.after(
        tx, order, lose_courier(order, courier_id=street.courier_id, reason="courier_offline")
    )
    assert gone.courier_id is None
    assert isinstance(await kept(tx, picture(street, order)), Picture)


@pytest.mark.parametrize(
    ("shown", "proof"),
    [
        (Shown(pin="4711"), "pin"),
        (Shown(pictures=frozenset({Proof.PHOTO})), "photo"),
        (Shown(pin="4711", pictures=frozenset({Proof.PHOTO})), "pin"),
        (Shown(pin="0815", pictures=frozenset({Proof.SIGNATURE})), "signature"),
        (Shown(), "courier"),
        (Shown(pin="0815"), "order.wrong_pin"),
    ],
)
def test_a_handover_is_shown_by_the_best_there_is(shown: Shown, proof: str) -> None:
    assert shown_by(shown) == proof


PHOTO = frozenset({Proof.PHOTO})
ASKED = HandoverRules(proofs=(Proof.PIN, Proof.SIGNATURE), word_is_enough=False)


@pytest.mark.parametrize(
    ("shown", "party", "proof"),
    [
        (Shown(rules=ASKED), Party.COURIER, "order.proof_needed"),
        (
            Shown(rules=ASKED, pictures=frozenset({Proof.PHOTO})),
            Party.COURIER,
            "order.proof_needed",
        ),
        (Shown(rules=ASKED, pictures=frozenset({Proof.SIGNATURE})), Party.COURIER, "signature"),
        (Shown(rules=ASKED, pin="4711"), Party.COURIER, "pin"),
        (Shown(rules=ASKED), Party.OPERATOR, "courier"),
    ],
)
def test_a_city_says_what_a_courier_has_to_show(shown: Shown, party: Party, proof: str) -> None:
    assert shown_by(shown, party=party) == proof


def shown_by(shown: Shown, *, party: Party = Party.COURIER) -> str:
    before = replace(at_status(Status.IN_TRANSIT), handover_pin="4711")
    decision = handover.deliver(before, party=party, shown=shown, now=NOON)
    if isinstance(decision, Refusal):
        return decision.code
    (event,) = decision.events
    assert isinstance(event, events.OrderDelivered)
    return event.proof


async def test_a_handover_with_a_picture(tx: Tx, street: Street, order: Order) -> None:
    one = await kept(tx, picture(street, order))
    assert isinstance(one, Picture)
    command = service.DeliverOrder(
        by=street.by,
        order_id=order.id,
        acting=Acting(Party.COURIER, street.courier_id),
        proof_ids=(one.id, street.ids()),
    )
    shown = await service.shown(tx, [command])
    assert shown(order, command) == Shown(pictures=frozenset({Proof.PHOTO}))


async def test_a_picture_is_forgotten_in_time_and_that_is_on_record(
    database: Database, clock: VirtualClock, street: Street
) -> None:
    async with database.transaction() as tx:
        await street.open(tx)
        order = await street.carried(tx)
        one = await kept(tx, picture(street, order))
        assert isinstance(one, Picture)
    deadlines = Deadlines({"proof": service.on_due})
    clock.advance(model.KEPT_FOR - timedelta(seconds=1))
    assert await deadlines.fire(database) == 0
    clock.advance(timedelta(seconds=1))
    assert await deadlines.fire(database) == 1
    async with database.transaction() as tx:
        assert await store.content(tx, order_id=order.id, id_=one.id) is None
        (left,) = (await store.of_orders(tx, [order.id]))[order.id]
        told = "select count(*) from kernel.event where type = 'proof.forgotten.v1'"
        assert await tx.value(told) == 1
    assert (left.forgotten, left.sha256) == (True, one.sha256)
    assert await deadlines.fire(database) == 0


async def test_who_sees_the_pictures_of_a_handover(
    serve: Serve, database: Database, callers: Callers, street: Street
) -> None:
    client = await serve(routes.routes)
    async with database.transaction() as tx:
        await street.open(tx)
        order = await street.carried(tx)

    def bearer(role: str, *permissions: str, **fields: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {callers.token(role, *permissions, **fields)}"}

    courier = bearer(
        "delivery_partner",
        "order:read:assigned",
        "order:update:assigned",
        user_id=street.courier_id,
    )
    path = f"/v4/orders/{order.id}/proofs"
    body = {
        "kind": "photo",
        "taken_at": "2026-11-20T12:00:00Z",
        "content": b64encode(JPEG).decode(),
    }
    sent = await client.put(f"{path}/{street.ids()}", headers=courier, json=body)
    assert sent.status_code == 200, sent.text
    id_ = sent.json()["data"]["id"]
    sees = {
        "courier": courier,
        "customer": bearer("customer", "order:read:own", user_id=street.customer_id),
        "staff": bearer("support_staff", "order:read"),
    }
    for who, headers in sees.items():
        shown = await client.get(f"{path}/{id_}", headers=headers)
        assert (shown.status_code, shown.content) == (200, JPEG), who
        assert shown.headers["content-type"] == "image/jpeg"
        listed = await client.get(path, headers=headers)
        assert [one["id"] for one in listed.json()["data"]] == [id_]
    merchant = bearer("merchant", "order:read:assigned", location_id=street.merchant_id)
    stranger = bearer("customer", "order:read:own")
    for headers in (merchant, stranger):
        assert (await client.get(path, headers=headers)).status_code == 404
        assert (await client.get(f"{path}/{id_}", headers=headers)).status_code == 404


async def test_what_a_courier_has_to_know_at_each_door(
    serve: Serve, database: Database, callers: Callers, street: Street
) -> None:
    client = await serve(routes.routes)
    async with database.transaction() as tx:
        await street.open(tx)
        order = await street.carried(tx)
    token = callers.token("delivery_partner", "courier:read:own", user_id=street.courier_id)
    answer = await client.get(
        f"/v4/drivers/{street.courier_id}/job-sheet", headers={"Authorization": f"Bearer {token}"}
    )
    (sheet,) = answer.json()["data"]
    assert sheet["order_id"] == str(order.id)
    assert sheet["pickup"]["name_en"] == "Layali Grill"
    assert sheet["dropoff"]["instructions"] == "Ring twice"
    assert sheet["collect_minor"] == order.amounts.total_minor
    assert sheet["handover"] == {"proofs": ["pin", "photo"], "word_is_enough": True}
    assert "handover_pin" not in sheet
