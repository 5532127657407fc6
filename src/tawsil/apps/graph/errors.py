"""Errors as GraphQL tells them: our sentence, a class of error, our code, nothing internal."""

from typing import Any, Final

from graphql import GraphQLError, GraphQLSyntaxError
from litestar import Request, WebSocket
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from tawsil.kernel.http import Problem
from tawsil.kernel.http.envelope import ErrorItem, request_context
from tawsil.kernel.http.errors import answer_to

Connection = Request[Any, Any, Any] | WebSocket[Any, Any, Any]

CLASSES: Final = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    409: "CONFLICT",
    422: "UNPROCESSABLE",
    429: "TOO_MANY_REQUESTS",
    503: "UNAVAILABLE",
    504: "TIMEOUT",
}


def retell(connection: Connection, result: ExecutionResult) -> None:
    """Put every error of a result into the caller's words, and say which request it was."""
    result.errors = [_retold(connection, error) for error in result.errors or ()] or None
    request_id = str(request_context.get().request_id)
    result.extensions = {**(result.extensions or {}), "requestId": request_id}


def formatted(result: ExecutionResult) -> dict[str, Any]:
    """A result as it goes over the wire.

    `data` is left out when nothing was run: so clients tell a refused request from one that found
    nothing.
    """
    answer: dict[str, Any] = {}
    if result.errors:
        answer["errors"] = [error.formatted for error in result.errors]
    if not refused(result):
        answer["data"] = result.data
    answer["extensions"] = result.extensions
    return answer


def refused(result: ExecutionResult) -> bool:
    """Whether the request was refused as a whole: no error stands at a field."""
    return result.data is None and all(error.path is None for error in result.errors or ())


def as_result(error: Exception) -> PreExecutionError:
    """What a request comes to that is refused for one reason."""
    return PreExecutionError(data=None, errors=[GraphQLError(_reason(error), original_error=error)])


def _reason(error: Exception) -> str:
    match error:
        case CannotGetOperationTypeError():
            return error.as_http_error_reason()
        case InvalidOperationTypeError():
            return f"{error.operation_type.value} operations are not answered here"
        case _:
            return str(error)


def _retold(connection: Connection, error: GraphQLError) -> GraphQLError:
    message, extensions = _words(connection, error)
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions,
    )


def _words(connection: Connection, error: GraphQLError) -> tuple[str, dict[str, Any]]:
    cause = _cause(error)
    if cause is None:
        at_all = isinstance(error, GraphQLSyntaxError)
        kind = "GRAPHQL_PARSE_FAILED" if at_all else "GRAPHQL_VALIDATION_FAILED"
        return error.message, {"code": kind, "status": 400}
    answer = answer_to(connection, cause)
    item: ErrorItem = answer.content.errors[0]
    status = answer.status_code or 500
    return item.message, {
        "code": CLASSES.get(status, "INTERNAL_SERVER_ERROR"),
        "problem": item.code,
        "status": status,
        "detail": item.detail,
    }


def _cause(error: GraphQLError) -> Exception | None:
    """What went wrong, unless it was the document or its variables."""
    cause: Exception | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    match cause:
        case CannotGetOperationTypeError() | InvalidOperationTypeError():
            return None
        case RecursionError():
            return Problem(400, "graph.nested_too_deeply")
        case ValueError() | TypeError() if error.path is None:
            return None  # a variable that its scalar cannot read
        case _:
            return cause
