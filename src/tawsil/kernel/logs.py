"""Structured logs: one JSON object a line, with the request they belong to."""

import logging
import sys
from typing import Any

import structlog
from structlog.contextvars import merge_contextvars

from tawsil.kernel.settings import Settings

_TOP = (
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
_METADATA = ("ip_address", "user_agent", "endpoint")


def configure_logs(settings: Settings, *, service: str, version: str) -> None:
    """Send every log line to standard error; JSON in the contract's shape, or for a console."""

    def name(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
        return {
            "service": service,
            "version": version,
            "environment": settings.environment,
            **event,
        }

    shared: list[Any] = [
        merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    final: list[Any] = (
        [
            name,
            structlog.processors.EventRenamer("message"),
            _shape,
            structlog.processors.JSONRenderer(default=str),
        ]
        if settings.log_format == "json"
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    level = logging.getLevelNamesMapping()[settings.log_level]
    structlog.configure(
        processors=[*shared, *final],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s")


def _shape(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """The contract's layout: known fields on top, the rest under `context` and `metadata`."""
    shaped = {key: event.pop(key) for key in _TOP if key in event}
    metadata = {key: event.pop(key) for key in _METADATA if key in event}
    return {**shaped, "context": event, "metadata": metadata}
