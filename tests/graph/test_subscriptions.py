"""Subscriptions over real sockets: who hears what, and until when."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from socket import socket
from time import monotonic_ns
from typing import Any
from uuid import UUID

import httpx
import pytest
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server
from httpx_sse import aconnect_sse
from msgspec import Struct
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_websocket
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from graph.conftest import Graph
from ordering.conftest import KITCHEN
from tawsil.apps.feeds import positions
from tawsil.apps.graph import routes, sockets
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.http import live
from tawsil.kernel.http.app import create_app
from tawsil.kernel.http.limits import Limit, Limiter, LocalWindows
from tawsil.kernel.http.live import Audience, LiveMessage
from tawsil.ordering import journey
from tawsil.tracking import public as tracking

PROTOCOL = Subprotocol("graphql-transport-ws")
STATUS = "subscription($id: ID!) { orderStatusUpdated(orderId: $id) { id status items { name } } }"
LOCATION = "subscription($id: ID!) { deliveryLocationUpdated(orderId: $id) { orderId latitude } }"
NEW = "subscription($id: ID!) { newOrder(merchantId: $id) { id merchantId } }"


class Wire(Struct):
    address: str
    graph: Graph
    callers: Any

    @asynccontextmanager
    async def connected(self, who: str | None, **handshake: Any) -> AsyncIterator["Line"]:
        url = f"ws://{self.address}/graphql"
        async with connect_websocket(
            url, subprotocols=[PROTOCOL], proxy=None, additional_headers=handshake or None
        ) as connection:
            line = Line(connection)
            payload = {"authorization": f"Bearer {self.graph.tokens[who]}"} if who else {}
            await line.send(type="connection_init", payload=payload)
            yield line

    async def listeners(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.graph.hub._streams) != count:
                await asyncio.sleep(0.01)

    async def moves_on(self, handle: Any) -> None:
        """The order takes its next step."""
        street, order = self.graph.street, self.graph.order
        async with self.graph.database.transaction() as tx:
            command = journey.MoveOrder(
                by=street.by, order_id=order.id, acting=street.accepting(order).acting
            )
            (outcome,) = await handle(tx, [command])
            assert outcome.status, outcome

    def tell(self, message: LiveMessage) -> None:
        self.graph.hub._tell([message])


class Line(Struct):
    connection: ClientConnection

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def subscribe(self, name: str, query: str, id_: UUID) -> None:
        payload = {"query": query, "variables": {"id": str(id_)}}
        await self.send(id=name, type="subscribe", payload=payload)

    async def hear(self) -> Any:
        async with asyncio.timeout(10):
            return json.loads(await self.connection.recv())

    async def closed(self) -> int:
        with pytest.raises(ConnectionClosed) as ended:
            async with asyncio.timeout(10):
                while True:
                    await self.connection.recv()
        assert ended.value.rcvd is not None
        return ended.value.rcvd.code


@pytest.fixture
async def wire(graph: Graph, callers: Any) -> AsyncIterator[Wire]:
    app = create_app(
        routes=routes.routes,
        database=graph.database,
        authenticate=callers,
        state={"hub": graph.hub, "settings": graph.settings, "providers": ()},
        lifespan=[graph.hub.running],
        limiter=Limiter(LocalWindows(now_ns=monotonic_ns)),
    )
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Server(app, port=port, interface=Interfaces.ASGI, log_level=LogLevels.critical)
    serving = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(20):
            while True:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.02)
        yield Wire(f"127.0.0.1:{port}", graph, callers)
    finally:
        graph.hub.close()
        await asyncio.sleep(0.1)
        server.stop()
        async with asyncio.timeout(20):
            await serving


async def test_everybody_on_an_order_hears_of_it_over_a_websocket(wire: Wire) -> None:
    order_id = wire.graph.order.id
    async with wire.connected("customer") as customer, wire.connected("support") as support:
        for line in (customer, support):
            assert await line.hear() == {"type": "connection_ack"}
            await line.subscribe("s", STATUS, order_id)
        await wire.listeners(2)
        await wire.moves_on(journey.start_preparing)
        for line in (customer, support):
            message = await line.hear()
            assert (message["id"], message["type"]) == ("s", "next")
            assert message["payload"]["data"]["orderStatusUpdated"] == {
                "id": str(order_id),
                "status": "PREPARING",
                "items": [{"name": "Kebab"}],
            }
        await wire.moves_on(journey.mark_ready)
        message = await customer.hear()
        assert message["payload"]["data"]["orderStatusUpdated"]["status"] == "READY_FOR_PICKUP"
        await customer.send(id="s", type="complete")
        await wire.listeners(1)
        await customer.send(type="ping")
        assert await customer.hear() == {"type": "pong"}
    await wire.listeners(0)


async def test_who_may_not_see_it_may_not_listen(wire: Wire) -> None:
    order_id, merchant_id = wire.graph.order.id, wire.graph.street.merchant_id
    forbidden = (
        ("other customer", STATUS, order_id, "NOT_FOUND"),
        ("other courier", LOCATION, order_id, "NOT_FOUND"),
        ("support elsewhere", STATUS, order_id, "NOT_FOUND"),
        ("super admin elsewhere", NEW, merchant_id, "NOT_FOUND"),
        ("customer elsewhere", LOCATION, order_id, "NOT_FOUND"),
        ("other merchant", NEW, merchant_id, "NOT_FOUND"),
        ("customer", NEW, merchant_id, "NOT_FOUND"),
        ("nobody in particular", STATUS, order_id, "FORBIDDEN"),
        ("super admin", NEW, order_id, "NOT_FOUND"),
    )
    for who, query, id_, code in forbidden:
        async with wire.connected(who) as line:
            await line.hear()
            await line.subscribe("s", query, id_)
            message = await line.hear()
            assert message["type"] == "error", who
            assert message["payload"][0]["extensions"]["code"] == code, who
            assert not wire.graph.hub._streams


async def test_a_merchant_hears_of_its_new_orders(wire: Wire) -> None:
    street = wire.graph.street
    async with wire.connected("merchant") as line:
        await line.hear()
        await line.subscribe("n", NEW, street.merchant_id)
        await wire.listeners(1)
        async with wire.graph.database.transaction() as tx:
            order = await street.offered(tx)
        message = await line.hear()
        assert message["payload"]["data"]["newOrder"] == {
            "id": str(order.id),
            "merchantId": str(street.merchant_id),
        }


async def test_where_the_courier_is(
    wire: Wire, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the customer their order's courier; for operations too, whichever order is told of."""
    graph = wire.graph
    monkeypatch.setattr(live, "FEED_S", 0.05)
    graph.hub._feeds = [positions()]
    for who in ("customer", "support"):
        clock.advance(timedelta(seconds=30))
        async with graph.database.transaction() as tx:
            ping = tracking.Ping(place=KITCHEN, at=tx.now, accuracy_m=5)
            command = tracking.RecordPositions(
                by=graph.street.by, courier_id=graph.street.courier_id, pings=[ping]
            )
            (receipt,) = await tracking.record(tx, [command])
            assert receipt.accepted == 1
        async with wire.connected(who) as line:
            await line.hear()
            await line.subscribe("l", LOCATION, graph.order.id)
            message = await line.hear()
            assert message["payload"]["data"]["deliveryLocationUpdated"] == {
                "orderId": str(graph.order.id),
                "latitude": KITCHEN.latitude,
            }


async def test_a_session_that_ends_is_told_no_more(wire: Wire) -> None:
    token = wire.graph.tokens["customer"]
    async with wire.connected("customer") as line:
        await line.hear()
        await line.subscribe("s", STATUS, wire.graph.order.id)
        await wire.listeners(1)
        del wire.callers._book[token]
        await wire.moves_on(journey.start_preparing)
        message = await line.hear()
        assert message["payload"]["data"] is None
        assert message["payload"]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert (await line.hear())["type"] == "complete"
        await wire.listeners(0)
        await line.subscribe("t", STATUS, wire.graph.order.id)
        refused = await line.hear()
        assert (refused["id"], refused["type"]) == ("t", "error")
        assert refused["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_quiet_subscription_ends_with_its_session_too(wire: Wire) -> None:
    async with wire.connected("customer") as line:
        await line.hear()
        await line.subscribe("s", STATUS, wire.graph.order.id)
        await wire.listeners(1)
        del wire.callers._book[wire.graph.tokens["customer"]]
        message = await line.hear()
        (error,) = message["payload"]["errors"]
        assert error["extensions"]["problem"] == "request.token_invalid"
        await wire.listeners(0)


async def test_a_socket_whose_session_is_over_is_closed(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "HEARTBEAT_S", 0.05)
    async with wire.connected("customer") as line:
        await line.hear()
        del wire.callers._book[wire.graph.tokens["customer"]]
        assert await line.closed() == sockets.SIGNED_OUT


async def test_who_it_is_is_asked_and_a_foreign_pages_cookie_does_not_count(wire: Wire) -> None:
    cookie = f"tawsil_access={wire.graph.tokens['customer']}"
    ours, foreign = f"http://{wire.address}", "https://evil.example"
    bearer = f"Bearer {wire.graph.tokens['customer']}"
    for known in ({"Cookie": cookie, "Origin": ours}, {"Authorization": bearer, "Origin": foreign}):
        async with wire.connected(None, **known) as line:
            assert await line.hear() == {"type": "connection_ack"}
    for unknown in ({}, {"Authorization": "Bearer forged"}, {"Authorization": "Basic eDp5"}):
        async with wire.connected(None, **unknown) as line:
            assert await line.closed() == 4_403, unknown
    for origin in (foreign, "null"):
        with pytest.raises(InvalidStatus) as refused:
            async with wire.connected(None, Cookie=cookie, Origin=origin):
                pass
        assert refused.value.response.status_code == 403


async def test_what_is_no_message_ends_the_connection(wire: Wire) -> None:
    for wrong in (
        "x",
        "[]",
        "{}",
        '{"type": "subscribe"}',
        '{"type": "shout"}',
        '{"type": "subscribe", "id": 1, "payload": {"query": "{me{id}}"}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": 1}}',
        '{"type": "ping", "payload": "' + "x" * 100_000 + '"}',
        b"\x00\x01",
    ):
        async with wire.connected("customer") as line:
            await line.hear()
            await line.connection.send(wrong)
            assert await line.closed() == 4_400, wrong
    async with connect_websocket(f"ws://{wire.address}/graphql", proxy=None) as plain:
        assert await Line(plain).closed() == sockets.UNACCEPTABLE


async def test_limits_hold_for_subscriptions_too(wire: Wire) -> None:
    bomb = 'subscription { orderStatusUpdated(orderId: "x") { merchant { products(first: 100) {'
    bomb += " nodes { merchant { products(first: 100) { nodes { id } } } } } } } }"
    for query, problem in ((bomb, "graph.too_costly"), ("{ me { id } }", None), ("{ me", None)):
        async with wire.connected("customer") as line:
            await line.hear()
            await line.send(id="s", type="subscribe", payload={"query": query})
            message = await line.hear()
            assert message["type"] == "error"
            assert message["payload"][0]["extensions"].get("problem") == problem
    async with wire.connected("support") as line:
        await line.hear()
        for n in range(sockets.MOST_OPERATIONS + 1):
            await line.subscribe(f"s{n}", STATUS, wire.graph.order.id)
        message = await line.hear()
        assert message["type"] == "error"
        assert message["id"] == f"s{sockets.MOST_OPERATIONS}"


async def test_what_is_asked_over_a_socket_counts_like_any_request(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "DEFAULT", Limit("default", 3))
    async with wire.connected("customer") as line:
        await line.hear()
        for n in range(4):
            await line.subscribe(f"s{n}", STATUS, wire.graph.order.id)
        refused = await line.hear()
        assert (refused["id"], refused["type"]) == ("s3", "error")
        assert refused["payload"][0]["extensions"]["code"] == "TOO_MANY_REQUESTS"


async def test_a_server_that_goes_says_so(wire: Wire) -> None:
    async with wire.connected("customer") as line:
        await line.hear()
        await line.subscribe("s", STATUS, wire.graph.order.id)
        await wire.listeners(1)
        wire.graph.hub.close()
        assert await line.closed() == live.GOING_AWAY


async def test_the_same_as_server_sent_events(wire: Wire) -> None:
    headers = {"Authorization": f"Bearer {wire.graph.tokens['customer']}"}
    body = {"query": STATUS, "variables": {"id": str(wire.graph.order.id)}}
    async with httpx.AsyncClient(
        base_url=f"http://{wire.address}", headers=headers, trust_env=False, timeout=10
    ) as client:
        async with aconnect_sse(client, "POST", "/v4/graphql", json=body) as source:
            assert source.response.headers["content-type"].startswith("text/event-stream")
            await wire.listeners(1)
            await wire.moves_on(journey.start_preparing)
            async for event in source.aiter_sse():
                assert event.event == "next"
                status = json.loads(event.data)["data"]["orderStatusUpdated"]["status"]
                assert status == "PREPARING"
                break
        await wire.listeners(0)
        heard: list[Any] = []
        body["variables"] = {"id": str(wire.graph.database.ids())}
        async with aconnect_sse(client, "POST", "/v4/graphql", json=body) as source:
            heard = [event async for event in source.aiter_sse()]
        assert [event.event for event in heard] == ["next", "complete"]
        (error,) = json.loads(heard[0].data)["errors"]
        assert error["extensions"]["code"] == "NOT_FOUND"


async def test_a_listener_who_falls_behind_is_told(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_UNREAD", 3)
    async with wire.connected("customer") as line:
        await line.hear()
        await line.subscribe("s", STATUS, wire.graph.order.id)
        await wire.listeners(1)
        me = frozenset({wire.graph.street.customer_id})
        audience = Audience(tenant_id=wire.graph.order.tenant_id, user_ids=me)
        for _ in range(5):
            wire.tell(LiveMessage(event="x", data=None, audience=audience))
        message = await line.hear()
        (error,) = message["payload"]["errors"]
        assert error["extensions"]["problem"] == "graph.fell_behind"
