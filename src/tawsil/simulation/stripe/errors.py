"""What goes wrong, in the shape in which Stripe says so."""

from http import HTTPStatus
from typing import Any, Final

NOT_BEGUN: Final = frozenset(
    {"parameter_missing", "parameter_unknown", "parameter_invalid_integer"}
)
"""Errors before anything was executed: no answer is kept under the idempotency key."""


class ApiError(Exception):
    """An answer that is not a success."""

    def __init__(
        self,
        message: str,
        *,
        status: int = HTTPStatus.BAD_REQUEST,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"type": kind, "message": message}
        for name, value in {"code": code, "param": param, **more}.items():
            if value is not None:
                self.body[name] = value

    @property
    def begun(self) -> bool:
        """Whether the endpoint had begun to execute, so that its answer is kept."""
        return self.body.get("code") not in NOT_BEGUN


def missing(kind: str, thing_id: str) -> ApiError:
    return ApiError(
        f"No such {kind.replace('_', '')}: '{thing_id}'",
        status=HTTPStatus.NOT_FOUND,
        code="resource_missing",
        param="id",
    )
