"""A merchant's board: what is on it, for whom; and what comes of missing order after order."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from ordering.conftest import Street
from ordering.test_chat import ASSIGNED, Scene, scene
from ordering.test_incentive import on_duty, told
from tawsil.apps import wiring
from tawsil.catalog import public as catalog
from tawsil.dispatch import public as dispatch
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.deadlines import Deadlines
from tawsil.kernel.decisions import Refusal
from tawsil.ordering import journey, model, routes, store
from tawsil.ordering.events import Status
from tawsil.ordering.kitchen.silence import MISSED_IN_A_ROW, PAUSED_FOR
from tawsil.ordering.model import ACCEPT_WITHIN, Order
from tawsil.ordering.moves import Party
from tawsil.ordering.steps import Acting

__all__ = ["scene"]


class Board:
    def __init__(self, client: httpx.AsyncClient, street: Street, token: str) -> None:
        self._client, self._street, self._token = client, street, token

    async def look(self, token: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token or self._token}"}
        path = f"/v4/merchants/{self._street.merchant_id}/board"
        return await self._client.get(path, headers=headers)

    async def shown(self) -> dict[str, Any]:
        answer = await self.look()
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]


@pytest.fixture
async def board(serve: Any, street: Street, callers: Any) -> Board:
    token = callers.token("merchant", *ASSIGNED, location_id=street.merchant_id)
    return Board(await serve(routes.routes, registry=wiring.REGISTRY), street, token)


async def placed(database: Database, street: Street, **fields: Any) -> Order:
    async with database.transaction() as tx:
        placing = street.placing(await street.quote(tx), **fields)
        (order,) = await journey.place(tx, [placing])
        assert isinstance(order, Order), order
        return await street.after(tx, order, model.payment_safe(order, now=tx.now))


async def test_a_kitchen_sees_what_it_must_know_and_by_when(
    board: Board, database: Database, street: Street, clock: VirtualClock
) -> None:
    async with database.transaction() as tx:
        await street.open(tx)
    order = await placed(database, street, notes="No onions")
    shown = await board.shown()
    (one,) = shown["orders"]
    assert (one["id"], one["notes"], one["status"]) == (str(order.id), "No onions", "PENDING")
    assert [(i["name_en"], i["quantity"]) for i in one["items"]] == [("Kebab", 2)]
    answer_by = clock() + ACCEPT_WITHIN
    assert one["answer_by_at"] == answer_by.isoformat().replace("+00:00", "Z")
    assert "Corniche 12" not in str(shown)
    assert shown["merchant"]["taking"]
    assert shown["merchant"]["paused_because"] is None


async def test_options_are_remembered_by_both_their_names(
    database: Database, street: Street
) -> None:
    async with database.transaction() as tx:
        await street.open(tx)
        await street.offered(tx)
        (order_id,) = [row["id"] for row in await tx.rows('select id from ordering."order"')]
        ((item,),) = (await store.items(tx, [order_id])).values()
        chosen = replace(item, options=["No onions"], options_ar=["بدون بصل"])
        written = "update ordering.item set options = $1"
        await tx.execute(written, store.written(chosen))
        assert await store.items(tx, [order_id]) == {order_id: [chosen]}
        await tx.execute(written, '["No onions"]')  # as it was before
        before = replace(chosen, options_ar=["No onions"])
        assert await store.items(tx, [order_id]) == {order_id: [before]}


async def test_what_was_handed_over_stays_for_an_hour(
    board: Board, database: Database, street: Street, clock: VirtualClock
) -> None:
    async with database.transaction() as tx:
        await street.open(tx)
        await street.settled(tx)
    clock.advance(timedelta(minutes=59))
    assert [one["status"] for one in (await board.shown())["orders"]] == ["DELIVERED"]
    clock.advance(timedelta(minutes=2))
    assert (await board.shown())["orders"] == []


async def test_only_its_own_people_and_those_above_see_a_board(
    board: Board, database: Database, street: Street, callers: Any, ids: Any
) -> None:
    async with database.transaction() as tx:
        await street.open(tx)
    others = {
        callers.token("support_staff", "order:read"): 200,
        callers.token("merchant", *ASSIGNED, location_id=ids()): 404,
        callers.token("customer", "order:read:own"): 404,
        callers.token("admin", "order:*", tenant_id=ids()): 404,
    }
    assert {token: (await board.look(token)).status_code for token in others} == others


async def test_unread_messages_stand_on_the_board(board: Board, scene: Scene) -> None:
    written = [await scene.write("customer", "merchant", words) for words in ("One", "Two")]
    await scene.write("customer", "courier", "Not for the kitchen")
    assert [one["unread"] for one in (await board.shown())["orders"]] == [2]
    mark = {"thread": "merchant", "message_id": written[0]["id"]}
    await scene.ask("merchant", "POST", "messages/read", **mark)
    assert [one["unread"] for one in (await board.shown())["orders"]] == [1]


async def miss(database: Database, street: Street, clock: VirtualClock) -> None:
    await placed(database, street)
    clock.advance(ACCEPT_WITHIN)
    await Deadlines({"order": journey.on_due}).fire(database)


async def test_whoever_misses_three_in_a_row_is_paused_and_told_why(
    board: Board, database: Database, street: Street, clock: VirtualClock
) -> None:
    async with database.transaction() as tx:
        await street.open(tx)
    for times in range(1, MISSED_IN_A_ROW):
        await miss(database, street, clock)
        assert (await board.shown())["merchant"]["missed_in_a_row"] == times
        assert (await board.shown())["merchant"]["taking"]
    await miss(database, street, clock)
    merchant = (await board.shown())["merchant"]
    until = clock() + PAUSED_FOR
    assert (merchant["paused"], merchant["paused_because"]) == (True, "missed_orders")
    assert merchant["paused_until"] == until.isoformat().replace("+00:00", "Z")
    async with database.transaction() as tx:
        (again,) = await catalog.resume(
            tx, [catalog.Resume(by=street.by, merchant_id=street.merchant_id)]
        )
        assert not isinstance(again, Refusal)
    merchant = (await board.shown())["merchant"]
    assert (merchant["taking"], merchant["paused_because"]) == (True, None)


async def test_an_answer_in_between_begins_the_count_anew(
    board: Board, database: Database, street: Street, clock: VirtualClock
) -> None:
    async with database.transaction() as tx:
        await street.open(tx)
    for _ in range(MISSED_IN_A_ROW - 1):
        await miss(database, street, clock)
    order = await placed(database, street)
    async with database.transaction() as tx:
        await journey.accept_order(tx, [street.accepting(order)])
    await miss(database, street, clock)
    merchant = (await board.shown())["merchant"]
    assert (merchant["paused"], merchant["missed_in_a_row"]) == (False, 1)


async def test_the_kitchen_hands_over_once_the_courier_is_seen_to_be_there(
    board: Board, database: Database, street: Street, clock: VirtualClock
) -> None:
    async with database.transaction() as tx:
        await street.open(tx)
        order = await street.offered(tx)
        (taken,) = await journey.accept_order(tx, [street.accepting(order)])
        assert isinstance(taken, Order)
    clock.advance(timedelta(minutes=14))  # nobody is sent long before it is ready
    async with database.transaction() as tx:
        await on_duty(tx, street)
        await told(tx, street, taken)
    hand_over = journey.MoveOrder(
        by=street.by, order_id=order.id, acting=Acting(Party.MERCHANT, street.merchant_id)
    )
    async with database.transaction() as tx:
        (refused,) = await journey.pick_up(tx, [hand_over])
        assert isinstance(refused, Refusal)
        assert refused.code == "order.courier_not_here"
        delivery = (await dispatch.of_references(tx, reference_ids=[order.id]))[order.id]
        assert delivery.arrived_at is None
    (one,) = (await board.shown())["orders"]
    assert (one["may_hand_over"], one["courier"]["arrived"]) == (False, False)
    async with database.transaction() as tx:
        await tx.execute(
            "update dispatch.delivery set state = 'at_pickup', arrived_at = $1", clock()
        )
    (one,) = (await board.shown())["orders"]
    assert (one["may_hand_over"], one["courier"]["arrived"]) == (True, True)
    async with database.transaction() as tx:
        (handed,) = await journey.pick_up(tx, [hand_over])
    assert isinstance(handed, Order)
    assert handed.status is Status.PICKED_UP
