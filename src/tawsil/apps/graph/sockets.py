"""Subscriptions over a WebSocket (`graphql-transport-ws`), many on one connection.

Who it is says `connection_init` (`{"authorization": "Bearer …"}`), or the handshake's header or
cookie; the guard refuses handshakes that another site's page makes with our cookie.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from datetime import timedelta
from typing import Annotated, Any, Final

import msgspec
from litestar import WebSocket, websocket
from litestar.datastructures import State
from litestar.exceptions import WebSocketDisconnect
from msgspec import Meta, Struct
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http.async_base_view import AsyncWebSocketAdapter
from strawberry.http.exceptions import NonJsonMessageReceived, WebSocketDisconnected
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
)
from strawberry.types import ExecutionResult
from strawberry.types.unset import UNSET, UnsetType

from tawsil.apps.graph.asked import Asked
from tawsil.apps.graph.errors import as_result, retell
from tawsil.apps.graph.schema import Operation, listen
from tawsil.kernel.db import Database
from tawsil.kernel.http import PUBLIC, Caller, Problem
from tawsil.kernel.http.callers import token_of
from tawsil.kernel.http.limits import DEFAULT, Limiter
from tawsil.kernel.http.live import GOING_AWAY, HEARTBEAT_S, Hub

MOST_OPERATIONS: Final = 20
LONGEST_MESSAGE: Final = 100_000
INIT_WITHIN: Final = timedelta(seconds=10)
UNACCEPTABLE: Final = 4_406  # codes of the protocol
SIGNED_OUT: Final = 4_401

Socket = WebSocket[Any, Any, State]
Id = Annotated[str, Meta(min_length=1, max_length=100)]


class Init(Struct, tag="connection_init", omit_defaults=True):
    payload: dict[str, Any] = {}


class Query(Struct, rename="camel", omit_defaults=True):
    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None


class Subscribe(Struct, tag="subscribe"):
    id: Id
    payload: Query


class Complete(Struct, tag="complete"):
    id: Id


class Ping(Struct, tag="ping"):
    pass


class Pong(Struct, tag="pong"):
    pass


_read: Final = msgspec.json.Decoder(Init | Subscribe | Complete | Ping | Pong).decode


class _Wire(AsyncWebSocketAdapter):
    """The messages of the protocol, checked before its handler sees them."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._receiving: asyncio.Task[str] | None = None
        self._ended = False
        self._gone = asyncio.Event()

    async def iter_json(
        self, *, ignore_parsing_errors: bool = False
    ) -> AsyncGenerator[object, None]:
        del ignore_parsing_errors
        while (text := await self._received()) is not None:
            if len(text) > LONGEST_MESSAGE:
                raise NonJsonMessageReceived
            try:
                message = msgspec.to_builtins(_read(text))
            except msgspec.MsgspecError as error:
                raise NonJsonMessageReceived from error
            yield message

    async def _received(self) -> str | None:
        """The next message; None when there will be none."""
        if self._ended:
            return None
        self._receiving = asyncio.create_task(self._socket.receive_data(mode="text"))
        try:
            return await self._receiving
        except WebSocketDisconnect:
            return None
        except asyncio.CancelledError:
            if not self._ended:
                raise
            await self._gone.wait()  # whoever ends it says why, before the server closes it
            return None

    async def send_json(self, message: Mapping[str, object]) -> None:
        try:
            await self._socket.send_data(msgspec.json.encode(message).decode())
        except WebSocketDisconnect as gone:
            raise WebSocketDisconnected from gone

    async def close(self, code: int, reason: str) -> None:
        """End it. The server closes a socket only when nobody waits to receive from it."""
        if self._ended:
            return
        self._ended = True
        if self._receiving is not None and not self._receiving.done():
            self._receiving.cancel()
            await asyncio.wait({self._receiving})
        with suppress(WebSocketDisconnect):
            await self._socket.close(code=code, reason=reason)
        self._gone.set()


class _Door:
    """One connection: who came through it, and what they run. The handler's view and schema."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._state: State = socket.app.state
        self._token = token_of(socket)
        self.connection_params: dict[str, Any] = {}
        self.hub: Hub = self._state.hub

    async def on_ws_connect(self, _: object) -> UnsetType:
        """Let in whom we know.

        Raises:
            ConnectionRejectionError: we do not know them.
        """
        given = self.connection_params.get("authorization")
        if isinstance(given, str):
            scheme, _, token = given.partition(" ")
            self._token = token.strip() if scheme.lower() == "bearer" else None
        try:
            await self.caller()
        except Problem:
            raise ConnectionRejectionError from None
        return UNSET

    async def caller(self) -> Caller:
        if self._token is None:
            raise Problem(401, "request.unauthenticated")
        authenticate: Callable[[str], Awaitable[Caller]] = self._state.authenticate
        return await authenticate(self._token)

    async def stream(
        self,
        query: str,
        *,
        variable_values: dict[str, Any] | None,
        operation_name: str | None,
        **_: object,
    ) -> AsyncGenerator[ExecutionResult, None]:
        """The results of one operation, with an `Asked` of its own; it counts as a request."""
        try:
            caller = await self.caller()
            limiter: Limiter | None = self._state.get("limiter")
            if limiter is not None:
                await limiter.admit(self._socket.scope, DEFAULT, user_id=caller.user_id)
        except Problem as problem:
            return self._refused(problem)
        database: Database = self._state.database.within([caller.tenant_id])
        asked = Asked(
            caller=caller,
            database=database,
            reach_of=self._state.reach_of,
            check_city=self._state.check_city,
            providers=self._state.providers,
            digester=self._state.get("digester"),
            introspection=self._state.settings.graphql_introspection,
            hub=self.hub,
            authenticate=self.caller,
        )
        operation = Operation(query=query, variables=variable_values, operation_name=operation_name)
        return self._results(operation, asked)

    async def _refused(self, problem: Problem) -> AsyncGenerator[ExecutionResult, None]:
        result = as_result(problem)
        retell(self._socket, result)
        yield result

    async def _results(
        self, operation: Operation, asked: Asked
    ) -> AsyncGenerator[ExecutionResult, None]:
        async with aclosing(listen(self._socket, operation, asked)) as results:
            async for result in results:
                yield result
        if self.hub.closed.is_set():
            await asyncio.Event().wait()  # not complete: the connection ends, and comes back

    async def watch(self, wire: _Wire) -> None:
        """End the connection when the server goes, or the session is over."""
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await self.hub.closed.wait()
            except TimeoutError:
                try:
                    await self.caller()
                except Problem:
                    await wire.close(SIGNED_OUT, "sign in again")
                    return
                continue
            await wire.close(GOING_AWAY, "restarting: connect again")
            return


@websocket(["/graphql", "/v4/graphql"], opt={"rule": PUBLIC})
async def graph_websocket(socket: Socket) -> None:
    """Who it is is asked by the protocol itself, in its first message."""
    if GRAPHQL_TRANSPORT_WS_PROTOCOL not in socket.scope["subprotocols"]:
        await socket.accept()
        await socket.close(code=UNACCEPTABLE, reason="Subprotocol not acceptable")
        return
    await socket.accept(subprotocols=GRAPHQL_TRANSPORT_WS_PROTOCOL)
    wire, door = _Wire(socket), _Door(socket)
    asked_of: Any = door  # it has all that the handler asks of a view and of a schema
    handler: BaseGraphQLTransportWSHandler[Any, None] = BaseGraphQLTransportWSHandler(
        view=asked_of,
        websocket=wire,
        context=door,
        root_value=None,
        schema=asked_of,
        connection_init_wait_timeout=INIT_WITHIN,
        max_subscriptions_per_connection=MOST_OPERATIONS,
    )
    watching = asyncio.create_task(door.watch(wire))
    try:
        await handler.handle()
    finally:
        watching.cancel()
        await asyncio.wait({watching})
