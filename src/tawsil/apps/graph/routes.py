"""GraphQL over HTTP, as the GraphQL-over-HTTP specification says; subscriptions as SSE too.

Only JSON is read, so that no form on a foreign page can ask in somebody's name, and only POST.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody
from litestar.response import ServerSentEvent, ServerSentEventMessage
from msgspec import Meta, Struct
from strawberry.types import ExecutionResult

from tawsil.apps.graph.asked import Asked
from tawsil.apps.graph.errors import formatted, refused
from tawsil.apps.graph.schema import SCHEMA, Operation, listen, run
from tawsil.apps.graph.sockets import graph_websocket
from tawsil.kernel.db import Database
from tawsil.kernel.http import PUBLIC, SIGNED_IN, Caller, Commands
from tawsil.kernel.http.callers import token_of
from tawsil.kernel.http.live import HEARTBEAT_S, Hub

TAGS: Final = ["GraphQL"]
ANSWER: Final = "application/graphql-response+json"
PLAIN: Final = "application/json"
STREAM: Final = "text/event-stream"


class GraphQLBody(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One operation. `extensions` are allowed for, and not used."""

    query: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=100_000,
            examples=["query Mine { orders(first: 10) { nodes { id status } } }"],
        ),
    ]
    variables: Annotated[dict[str, Any], Meta(examples=[{}])] | None = None
    operation_name: Annotated[str, Meta(max_length=200, examples=["Mine"])] | None = None
    extensions: dict[str, Any] | None = None

    @property
    def operation(self) -> Operation:
        return Operation(
            query=self.query, variables=self.variables, operation_name=self.operation_name
        )


class GraphQLFault(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What went wrong with a field, or with the whole request."""

    message: str
    locations: list[dict[str, int]] = []
    path: list[str | int] = []
    extensions: dict[str, Any] = {}


class GraphQLAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """As the specification of GraphQL has it."""

    data: dict[str, Any] | None = None
    errors: list[GraphQLFault] = []
    extensions: dict[str, Any] = {}


@post(
    ["/graphql", "/v4/graphql"],
    opt={"rule": SIGNED_IN},
    status_code=200,
    tags=TAGS,
    summary="Ask in GraphQL",
    responses={
        200: ResponseSpec(
            data_container=GraphQLAnswer,
            media_type=ANSWER,
            description="What could be answered, and an error for each field that could not",
        ),
        400: ResponseSpec(
            data_container=GraphQLAnswer, media_type=ANSWER, description="Nothing was run"
        ),
    },
)
async def ask(
    request: Request[Any, Any, State],
    data: JSONBody[GraphQLBody],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    commands: NamedDependency[Commands],
    state: State,
) -> Response[Any]:
    """A query or a mutation; with `Accept: text/event-stream` a subscription.

    The schema is at `/v4/graphql/schema.graphql`. A request that is refused as a whole (it does not
    parse, asks for what there is not, or for too much) is a 400 without `data`, or a 200 for those
    who accept `application/json` alone. Errors at fields come with what could be answered; their
    `extensions` hold `code` (FORBIDDEN, NOT_FOUND, CONFLICT …) and our own code as `problem`.
    Send an Idempotency-Key with a mutation: repeats then do no harm.
    """
    token, authenticate = token_of(request), request.app.state.authenticate
    asked = Asked(
        caller=caller,
        database=database,
        reach_of=state.reach_of,
        check_city=state.check_city,
        providers=state.providers,
        digester=state.get("digester"),
        introspection=state.settings.graphql_introspection,
        commands=commands,
        hub=state.hub,
        authenticate=lambda: authenticate(token),
    )
    accepted = request.headers.get("accept", ANSWER)
    if STREAM in accepted:
        return ServerSentEvent(_events(listen(request, data.operation, asked), state.hub))
    result = await run(request, data.operation, asked)
    plain = PLAIN in accepted and ANSWER not in accepted
    return Response(
        msgspec.json.encode(formatted(result)),
        media_type=PLAIN if plain else ANSWER,
        status_code=400 if refused(result) and not plain else 200,
        headers={"Idempotent-Replayed": "true"} if asked.replayed else {},
    )


async def _events(
    results: AsyncGenerator[ExecutionResult, None], hub: Hub
) -> AsyncGenerator[ServerSentEventMessage, None]:
    """As graphql-sse has it, in its distinct mode: `next` for each result, then `complete`."""
    yield ServerSentEventMessage(
        comment="listening", data=None
    )  # the headers leave with what comes first
    upcoming = asyncio.ensure_future(anext(results, None))
    try:
        while True:
            done, _ = await asyncio.wait({upcoming}, timeout=HEARTBEAT_S)
            if not done:
                yield ServerSentEventMessage(comment="still here", data=None)
                continue
            result = upcoming.result()
            if result is None:
                break
            data = msgspec.json.encode(formatted(result)).decode()
            yield ServerSentEventMessage(event="next", data=data)
            upcoming = asyncio.ensure_future(anext(results, None))
    finally:
        upcoming.cancel()
        await asyncio.wait({upcoming})
        await results.aclose()
    if not hub.closed.is_set():  # a client whose server goes comes back
        yield ServerSentEventMessage(event="complete", data="")


@get(
    "/v4/graphql/schema.graphql",
    opt={"rule": PUBLIC},
    media_type="text/plain",
    tags=TAGS,
    summary="The GraphQL schema, in its own language",
    sync_to_thread=False,
)
def show_schema() -> str:
    return SCHEMA.as_str()


routes: Final = [ask, show_schema, graph_websocket]
