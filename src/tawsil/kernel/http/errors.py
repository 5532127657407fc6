"""Errors leave as an envelope: a code, a sentence in the caller's language, and what to do.

Nothing that a client sends makes a 5xx.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar, cast

import asyncpg
import msgspec
import structlog
from litestar import Response
from litestar.connection import ASGIConnection
from litestar.exceptions import (
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)

from tawsil.kernel.batches import KeyInFlightError, KeyReusedError, OverloadedError
from tawsil.kernel.decisions import Refusal
from tawsil.kernel.http.envelope import Envelope, ErrorItem, error_envelope, request_context
from tawsil.kernel.http.whys import understood
from tawsil.kernel.i18n import text
from tawsil.kernel.lists import UnlistableError

T = TypeVar("T")
log = structlog.get_logger(__name__)
RETRY_AFTER_S: Final = 1
NO_BODY: Final = "'data'"  # how Litestar says that the body is missing
DECODING: Final = "deserializing"  # where msgspec says that it recursed too deeply
LONGEST_WHY: Final = 300  # what was sent is quoted in it, and may be long
OUT_OF_RANGE: Final = "out of"  # how asyncpg says that a value does not fit its type
DATABASE_GONE: Final = (
    ConnectionError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)


class Problem(Exception):  # noqa: N818 - the field's word for an HTTP error document
    """An answer that is an error: a status and the code of a sentence, with what fills it."""

    def __init__(
        self, status: int, code: str, *, headers: Mapping[str, str] | None = None, **detail: Any
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}


def not_found() -> Problem:
    """The same answer for what does not exist and for what is not the caller's to see."""
    return Problem(404, "request.not_found")


def settled(outcome: T | Refusal) -> T:
    """The outcome, unless it is a refusal, which leaves as an error."""
    if isinstance(outcome, Refusal):
        raise Problem(outcome.status, outcome.code, **outcome.detail)
    return outcome


def refusal_envelope(refusal: Refusal) -> Envelope[None]:
    return error_envelope([_item(refusal.code, dict(refusal.detail))])


def _item(code: str, detail: dict[str, Any], field: str | None = None) -> ErrorItem:
    shown = {name: _shown(value) for name, value in detail.items()}
    return ErrorItem(code=code, message=text(code, params=shown), field=field, detail=detail)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    several = cast("Iterable[object]", value) if isinstance(value, Iterable) else [value]
    return ", ".join(map(str, several))


def _answer(problem: Problem) -> Response[Envelope[None]]:
    headers = dict(problem.headers)
    if "retry_after_s" in problem.detail:
        headers.setdefault("Retry-After", str(problem.detail["retry_after_s"]))
    return Response(
        error_envelope([_item(problem.code, problem.detail)]),
        status_code=problem.status,
        headers=headers,
    )


Handled = ASGIConnection[Any, Any, Any, Any]


def _problem(_: Handled, error: Problem) -> Response[Envelope[None]]:
    return _answer(error)


def _overloaded(_: Handled, __: OverloadedError) -> Response[Envelope[None]]:
    return _answer(
        Problem(
            503,
            "request.overloaded",
            headers={"Retry-After": str(RETRY_AFTER_S)},
            retry_after_s=RETRY_AFTER_S,
        )
    )


def _in_flight(_: Handled, __: KeyInFlightError) -> Response[Envelope[None]]:
    return _answer(Problem(409, "idempotency.in_flight"))


def _reused(_: Handled, __: KeyReusedError) -> Response[Envelope[None]]:
    return _answer(Problem(422, "idempotency.reused"))


def _unlistable(_: Handled, error: UnlistableError) -> Response[Envelope[None]]:
    return _answer(Problem(400, error.code, **error.detail))


def _invalid(_: Handled, error: ValidationException) -> Response[Envelope[None]]:
    extra: Any = error.extra
    entries = cast("list[dict[str, Any]]", extra if isinstance(extra, list) else [])
    items = [
        _item("request.invalid", {"why": _why(entry["message"])}, field=entry.get("key"))
        for entry in entries
        if "message" in entry
    ]
    if not items:
        items = [_item("request.invalid", {"why": _why(error.detail)})]
    return Response(error_envelope(items), status_code=400)


def _why(message: object) -> str:
    if message == NO_BODY:
        return text("request.why_no_body")
    why = understood(str(message))
    return why if len(why) <= LONGEST_WHY else f"{why[:LONGEST_WHY]}…"


def _unreadable(_: Handled, error: msgspec.MsgspecError) -> Response[Envelope[None]]:
    return _answer(Problem(400, "request.invalid", why=_why(error)))


def _not_utf8(_: Handled, __: UnicodeDecodeError) -> Response[Envelope[None]]:
    return _answer(Problem(400, "request.invalid", why="text must be UTF-8"))


def _too_deep(request: Handled, error: RecursionError) -> Response[Envelope[None]]:
    if DECODING not in str(error):
        return _failed(request, error)
    return _answer(Problem(400, "request.invalid", why="it is nested too deeply"))


def _unstorable(_: Handled, __: asyncpg.PostgresError) -> Response[Envelope[None]]:
    return _answer(Problem(400, "request.invalid", why="text must not contain NUL characters"))


def _out_of_range(request: Handled, error: asyncpg.DataError) -> Response[Envelope[None]]:
    """A number or a time that the database cannot keep came with the request; else it is ours."""
    if isinstance(error, asyncpg.NumericValueOutOfRangeError) or OUT_OF_RANGE in str(error):
        return _answer(
            Problem(400, "request.invalid", why="a number or a time is out of the possible range")
        )
    return _failed(request, error)


def _unavailable(request: Handled, error: Exception) -> Response[Envelope[None]]:
    log.error("request.database_gone", path=request.url.path, error=repr(error))
    return _answer(
        Problem(
            503,
            "request.unavailable",
            headers={"Retry-After": str(RETRY_AFTER_S)},
            retry_after_s=RETRY_AFTER_S,
        )
    )


_HTTP_CODES: Final = {413: "request.too_large"}


def _http(_: Handled, error: HTTPException) -> Response[Envelope[None]]:
    match error:
        case NotFoundException():
            return _answer(not_found())
        case MethodNotAllowedException():
            return _answer(
                Problem(405, "request.method_not_allowed", headers=dict(error.headers or {}))
            )
        case _ if error.status_code in _HTTP_CODES:
            return _answer(Problem(error.status_code, _HTTP_CODES[error.status_code]))
        case _:
            return _answer(Problem(error.status_code, "request.invalid", why=_why(error.detail)))


def _failed(request: Handled, error: Exception) -> Response[Envelope[None]]:
    request_id = str(request_context.get().request_id)
    log.error("request.failed", path=request.url.path, exc_info=error)
    return _answer(Problem(500, "request.failed", request_id=request_id))


EXCEPTION_HANDLERS: Final[dict[int | type[Exception], Any]] = {
    Problem: _problem,
    OverloadedError: _overloaded,
    KeyInFlightError: _in_flight,
    KeyReusedError: _reused,
    UnlistableError: _unlistable,
    ValidationException: _invalid,
    msgspec.MsgspecError: _unreadable,
    asyncpg.CharacterNotInRepertoireError: _unstorable,
    asyncpg.UntranslatableCharacterError: _unstorable,
    UnicodeDecodeError: _not_utf8,
    asyncpg.DataError: _out_of_range,
    RecursionError: _too_deep,
    **dict.fromkeys(DATABASE_GONE, _unavailable),
    HTTPException: _http,
    Exception: _failed,
}


def answer_to(request: Handled, error: Exception) -> Response[Envelope[None]]:
    """The answer to an error that does not leave by itself, as one of several in an answer."""
    known = next(cls for cls in type(error).__mro__ if cls in EXCEPTION_HANDLERS)
    return EXCEPTION_HANDLERS[known](request, error)


ShowProblem = Callable[[Any, Response[Envelope[None]]], Response[Any]]
"""An error as a page, made of the answer that a program would get."""
_Answers = Callable[[Handled, Any], Response[Any]]
_API: Final = re.compile(r"/(v[0-9]+|graphql)(/|$)")


def as_pages(show: ShowProblem) -> dict[int | type[Exception], Any]:
    """Exception handlers for routes whose answers people read."""

    def paged(known: int | type[Exception]) -> _Answers:
        def answer(request: Handled, error: Any) -> Response[Any]:
            return show(request, EXCEPTION_HANDLERS[known](request, error))

        return answer

    return {known: paged(known) for known in EXCEPTION_HANDLERS}


def as_pages_to_browsers(show: ShowProblem | None) -> dict[int | type[Exception], Any]:
    """Exception handlers for a whole application: what leads to no route is a page to a browser.

    Whoever asks for something of the API gets an envelope, wherever they look at it.
    """
    if show is None:
        return EXCEPTION_HANDLERS
    pages = as_pages(show)

    def either(known: int | type[Exception]) -> _Answers:
        def answer(request: Handled, error: Any) -> Response[Any]:
            return (pages if _is_lost(request) else EXCEPTION_HANDLERS)[known](request, error)

        return answer

    return {known: either(known) for known in EXCEPTION_HANDLERS}


def _is_lost(request: Handled) -> bool:
    """Whether a browser has come to an address, or with a method, that nothing answers to."""
    looks = "text/html" in request.headers.get("accept", "")
    return looks and "route_handler" not in request.scope and not _API.match(request.url.path)
