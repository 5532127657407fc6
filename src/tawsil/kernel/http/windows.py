"""A stretch of time in a query: `from` and `to`, each of which may be left out."""

from datetime import UTC, datetime
from typing import Annotated, TypeAlias

from litestar.params import QueryParameter

from tawsil.kernel.http.errors import Problem

_EXAMPLE = "2026-11-20T12:00:00Z"

FromInstant: TypeAlias = Annotated[
    datetime | None, QueryParameter(name="from", description=f"An instant, such as {_EXAMPLE}.")
]
ToInstant: TypeAlias = Annotated[
    datetime | None, QueryParameter(name="to", description=f"An instant, such as {_EXAMPLE}.")
]

_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def check_window(from_at: datetime | None, to_at: datetime | None) -> None:
    """Raise `Problem` 400 for an instant without an offset from UTC or not in its calendar, or a
    window that is empty.

    Litestar leaves a query's `Meta(tz=True)` unchecked.
    """
    for name, at in (("from", from_at), ("to", to_at)):
        if at is not None and at.utcoffset() is None:
            why = f"`{name}` needs an offset from UTC, as in {_EXAMPLE}"
            raise Problem(400, "request.invalid", why=why)
        if at is not None and not _FIRST <= at <= _LAST:
            why = f"`{name}` must be between {_FIRST.isoformat()} and {_LAST.isoformat()}"
            raise Problem(400, "request.invalid", why=why)
    if from_at is not None and to_at is not None and not from_at < to_at:
        raise Problem(400, "request.invalid", why="`from` must be before `to`")
