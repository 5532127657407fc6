"""Structured logs: one JSON object a line, with the request they belong to.

Lines wait in memory for a moment and are written together by a thread, in the order in which they
were said; warnings, and what is worse, at once. A program that ends writes what still waits.
"""

import atexit
import logging
import sys
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from threading import Event, Lock, Thread
from time import sleep
from typing import Any, BinaryIO, Final, cast
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct

from tawsil.kernel.settings import Settings

_TOP: Final = (
    "timestamp",
    "level",
    "service",
    "version",
    "environment",
    "request_id",
    "user_id",
    "session_id",
    "message",
)
_METADATA: Final = ("ip_address", "user_agent", "endpoint")
WRITTEN_AFTER_S: Final = 0.05
MOST_WAITING: Final = 20_000

_encode: Final = msgspec.json.Encoder(enc_hook=str).encode


class About(Struct, frozen=True):
    """Which request a line belongs to."""

    request_id: UUID
    ip_address: str | None
    user_agent: str | None
    endpoint: str


class Done(Struct, frozen=True):
    """How a request ended."""

    action: str
    resource: str
    duration_ms: float
    status_code: int


current_request: ContextVar[About | None] = ContextVar("current_request", default=None)


class Lines:
    """Lines on their way to a stream."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._waiting: deque[bytes] = deque()
        self._writing = Lock()
        self._some = Event()
        self._thread: Thread | None = None

    def put(self, line: bytes) -> None:
        """Write it soon."""
        self._waiting.append(line)
        if len(self._waiting) == 1:
            self._some.set()
        if self._thread is None:
            self._thread = Thread(target=self._keep_writing, name="logs", daemon=True)
            self._thread.start()
        if len(self._waiting) > MOST_WAITING:
            self.flush()  # whoever says more than can be written waits for it to be written

    def flush(self) -> None:
        """Write everything that waits, and return when it is written."""
        with self._writing:
            lines: list[bytes] = []
            while self._waiting:
                lines.append(self._waiting.popleft())
            if lines:
                self._stream.write(b"\n".join([*lines, b""]))
                self._stream.flush()

    def _keep_writing(self) -> None:
        while True:
            self._some.wait()
            self._some.clear()
            sleep(WRITTEN_AFTER_S)
            self.flush()


class _Printer:
    """What structlog hands a finished line to: by the method of its level."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self.debug = self.info = self.msg = lines.put

    def warning(self, line: bytes) -> None:
        self._lines.put(line)
        self._lines.flush()

    error = critical = fatal = failure = exception = warn = err = warning


class _RequestLine(Struct, frozen=True):
    """The contract's layout."""

    timestamp: datetime
    level: str
    service: str
    version: str
    environment: str
    request_id: UUID
    user_id: UUID | None
    session_id: UUID | None
    message: str
    context: Done
    metadata: dict[str, str | None]


LogRequest = Callable[[About, Done, UUID | None, UUID | None], None]


def _log_request_plainly(
    _: About, done: Done, user_id: UUID | None, session_id: UUID | None
) -> None:
    who = {"user_id": str(user_id), "session_id": str(session_id)} if user_id else {}
    structlog.get_logger(__name__).info("request", **who, **msgspec.structs.asdict(done))


_log_request: LogRequest = _log_request_plainly


def log_request(about: About, done: Done, *, user_id: UUID | None, session_id: UUID | None) -> None:
    """The one line of a request."""
    _log_request(about, done, user_id, session_id)


def configure_logs(settings: Settings, *, service: str, version: str) -> None:
    """Send every log line to standard error; JSON in the contract's shape, or for a console."""
    global _log_request  # noqa: PLW0603 - like structlog's own, the configuration of a process
    level = logging.getLevelNamesMapping()[settings.log_level]
    shared: list[Any] = [
        _of_the_request,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    if settings.log_format == "json":
        lines = Lines(cast("BinaryIO", sys.stderr.buffer))
        atexit.register(lines.flush)
        constant = {"service": service, "version": version, "environment": settings.environment}

        def in_shape(_: Any, __: str, event: dict[str, Any]) -> bytes:
            return _encode(_shape({**constant, **event}))

        def printer(*_: object) -> _Printer:
            return _Printer(lines)

        final: list[Any] = [structlog.processors.EventRenamer("message"), in_shape]
        factory: Any = printer
        _log_request = _fast(lines, constant) if level <= logging.INFO else _say_nothing
    else:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        final, factory = [renderer], structlog.PrintLoggerFactory(sys.stderr)
        _log_request = _log_request_plainly
    structlog.configure(
        processors=[*shared, *final],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s")


def _say_nothing(*_: object) -> None:
    """Requests are not logged at this level."""


def _fast(lines: Lines, constant: dict[str, str]) -> LogRequest:
    """The line of every request, without going through structlog."""
    service, version, environment = constant.values()

    def log(about: About, done: Done, user_id: UUID | None, session_id: UUID | None) -> None:
        line = _RequestLine(
            datetime.now(UTC),
            "info",
            service,
            version,
            environment,
            about.request_id,
            user_id,
            session_id,
            "request",
            done,
            {
                "ip_address": about.ip_address,
                "user_agent": about.user_agent,
                "endpoint": about.endpoint,
            },
        )
        lines.put(_encode(line))

    return log


def _of_the_request(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    about = current_request.get()
    return event if about is None else {**msgspec.structs.asdict(about), **event}


def _shape(event: dict[str, Any]) -> dict[str, Any]:
    """The contract's layout: known fields on top, the rest under `context` and `metadata`."""
    shaped = {key: event.pop(key) for key in _TOP if key in event}
    metadata = {key: event.pop(key) for key in _METADATA if key in event}
    return {**shaped, "context": event, "metadata": metadata}
