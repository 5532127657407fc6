"""The schema, and one way to run an operation on it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

import strawberry
import structlog
from graphql import GraphQLError
from msgspec import Struct
from strawberry.exceptions import MissingQueryError
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.graphql import OperationType

from tawsil.apps.graph.asked import Asked
from tawsil.apps.graph.errors import Connection, as_result, retell
from tawsil.apps.graph.limits import Limits
from tawsil.apps.graph.mutations import Mutation
from tawsil.apps.graph.objects import SCALARS
from tawsil.apps.graph.queries import Query
from tawsil.apps.graph.subscriptions import Subscription
from tawsil.kernel.http import Problem

log = structlog.get_logger(__name__)

WITHIN_S: Final = 10.0
AT_ONCE: Final = frozenset({OperationType.QUERY, OperationType.MUTATION})
LISTENING: Final = frozenset({OperationType.SUBSCRIPTION})


class _Schema(strawberry.Schema):
    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Nothing here: what is refused is no news, and what fails is logged as it is retold."""


SCHEMA: Final = _Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    extensions=[Limits],
    config=StrawberryConfig(scalar_map=SCALARS),
)


class Operation(Struct, frozen=True, kw_only=True):
    """What a client sends, by whichever door."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None


async def run(connection: Connection, operation: Operation, asked: Asked) -> ExecutionResult:
    """The result of a query or a mutation, in the caller's words."""
    asked.operation = operation.operation_name
    try:
        async with asyncio.timeout(WITHIN_S):
            result = await SCHEMA.execute(
                operation.query,
                variable_values=operation.variables,
                operation_name=operation.operation_name,
                context_value=asked,
                allowed_operation_types=AT_ONCE,
            )
    except TimeoutError:
        result = as_result(Problem(504, "graph.too_slow", within_s=WITHIN_S))
    except MissingQueryError:
        result = as_result(Problem(400, "request.invalid", why="it has no query"))
    except (CannotGetOperationTypeError, InvalidOperationTypeError) as error:
        result = as_result(error)
    finally:
        await asked.reading.close()
    retell(connection, result)
    log.info("graphql", operation=asked.operation, cost=asked.cost, errors=len(result.errors or ()))
    return result


async def listen(
    connection: Connection, operation: Operation, asked: Asked
) -> AsyncGenerator[ExecutionResult, None]:
    """The results of a subscription as they come, in the caller's words."""
    asked.operation = operation.operation_name
    try:
        results = await SCHEMA.stream(
            operation.query,
            variable_values=operation.variables,
            operation_name=operation.operation_name,
            context_value=asked,
            allowed_operation_types=LISTENING,
        )
        async with aclosing(results):
            async for result in results:
                assert isinstance(result, ExecutionResult), "nothing is deferred"
                retell(connection, result)
                yield result
    finally:
        await asked.reading.close()
