"""Lists over HTTP: pages and cursors, sorting, and the whole list as CSV.

A route depends on `asked_of(SORTS)` for `asked`, makes its filter `which`, has its store take
`asked.take(which)` within its `reach`, and answers with `list_envelope`. An export depends on
`ordered_of(SORTS)` and answers with `csv_of`.
"""

import csv
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from io import StringIO
from operator import attrgetter
from typing import Annotated, Any, Final, Protocol, TypeVar

from litestar.di import Provide
from litestar.params import QueryParameter
from litestar.response import Stream
from msgspec import Struct

from tawsil.kernel.db import Database, Tx
from tawsil.kernel.http.envelope import Envelope, PageNumber, PageSize, Pagination, envelope
from tawsil.kernel.http.errors import Problem
from tawsil.kernel.lists import Slice, Sorts, Take

T = TypeVar("T")

MOST_EXPORTED: Final = 100_000
EXPORTED_AT_ONCE: Final = 1_000
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")  # how a spreadsheet knows a formula


class Asked(Struct, frozen=True, kw_only=True):
    """Which part of a list, in which order: by page, or by the cursor that came with the last."""

    sorts: Sorts
    sort: str | None
    page: int
    limit: int
    cursor: str | None

    def take(self, which: Struct) -> Take:
        return self.sorts.take(
            which,
            sort=self.sort,
            limit=self.limit,
            offset=(self.page - 1) * self.limit,
            cursor=self.cursor,
        )


def asked_of(sorts: Sorts) -> dict[str, Provide]:
    """What a list's route depends on: `asked`."""
    example = sorts.default
    known = ", ".join(sorted(sorts.keys))

    async def asked(
        sort: Annotated[
            str | None,
            QueryParameter(
                max_length=200,
                description=f"Keys by weight, `-` before one that runs down: such as `{example}`. "
                f"Known: {known}.",
            ),
        ] = None,
        page: PageNumber = 1,
        limit: PageSize = 20,
        cursor: Annotated[
            str | None,
            QueryParameter(
                min_length=1,
                max_length=2_000,
                description="`next_cursor` of the part before, with the same filters and order. "
                "Not together with `page`.",
            ),
        ] = None,
    ) -> Asked:
        if cursor is not None and page != 1:
            raise Problem(400, "request.page_and_cursor")
        return Asked(sorts=sorts, sort=sort, page=page, limit=limit, cursor=cursor)

    return {"asked": Provide(asked)}


def ordered_of(sorts: Sorts) -> dict[str, Provide]:
    """What an export's route depends on: `asked`, for all of the list."""
    known = ", ".join(sorted(sorts.keys))

    async def asked(
        sort: Annotated[
            str | None, QueryParameter(max_length=200, description=f"As in the list: {known}.")
        ] = None,
    ) -> Asked:
        return Asked(sorts=sorts, sort=sort, page=1, limit=EXPORTED_AT_ONCE, cursor=None)

    return {"asked": Provide(asked)}


def list_envelope(found: Slice[T], asked: Asked) -> Envelope[list[T]]:
    pages = None if found.total is None else -(-found.total // asked.limit)
    return envelope(
        list(found.items),
        pagination=Pagination(
            page=None if found.total is None else asked.page,
            limit=asked.limit,
            total=found.total,
            total_pages=pages,
            next_cursor=found.next_cursor,
        ),
    )


# CSV (RFC 4180)


def columns(*names: str) -> dict[str, Callable[[Any], object]]:
    """Columns that are attributes of what is listed; `pickup.latitude` is named pickup_latitude."""
    return {name.replace(".", "_"): attrgetter(name) for name in names}


class Search(Protocol[T]):
    """Finds a part of a list."""

    def __call__(self, tx: Tx, /, *, take: Take) -> Awaitable[Slice[T]]: ...


async def csv_of(
    name: str,
    columns: Mapping[str, Callable[[Any], object]],
    take: Take,
    *,
    database: Database,
    search: Search[T],
    view: Callable[[T], object] | None = None,
) -> Stream:
    """The whole list as a file, read part by part: no transaction waits for a slow reader.

    `columns` read what `search` finds, or the `view` of it.

    Raises:
        Problem: 422 when the list is longer than `MOST_EXPORTED`; a file is whole or not at all.
    """

    async def part(take: Take) -> Slice[Any]:
        async with database.transaction() as tx:
            found = await search(tx, take=take)
        return found if view is None else found.map(view)

    first = await part(take)
    assert first.total is not None, "an export begins at the beginning"
    if first.total > MOST_EXPORTED:
        raise Problem(422, "request.export_too_long", most=MOST_EXPORTED, found=first.total)

    async def lines() -> AsyncGenerator[str, None]:
        yield csv_lines([list(columns)])
        found = first
        while True:
            yield csv_lines([[read(item) for read in columns.values()] for item in found.items])
            if found.next_cursor is None:
                return
            found = await part(take.from_cursor(found.next_cursor))

    return Stream(
        lines(),
        media_type="text/csv; charset=utf-8; header=present",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


def csv_lines(rows: Sequence[Sequence[object]]) -> str:
    written = StringIO()
    csv.writer(written, lineterminator="\r\n").writerows([map(_cell, row) for row in rows])
    return written.getvalue()


def _cell(value: object) -> str:
    """A value as text. What a spreadsheet would run as a formula gets an apostrophe before it."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case int() | float():
            return str(value)
        case Enum():
            return str(value.value)
        case _:
            text = str(value)
            return f"'{text}" if text.startswith(_FORMULA) else text
