"""Connections: a page of a list, with a cursor for each of its members."""

from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeAlias, TypeVar

import strawberry

from tawsil.kernel.http import Problem
from tawsil.kernel.lists import Slice

T = TypeVar("T")
U = TypeVar("U")

First: TypeAlias = Annotated[
    int, strawberry.argument(description="How many at most: from 1 to 100.")
]


@strawberry.type(description="Whether a list goes on, and where: give `endCursor` as `after`.")
class PageInfo:
    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class Edge(Generic[T]):
    cursor: str
    node: T


@strawberry.type
class Connection(Generic[T]):
    edges: list[Edge[T]]
    page_info: PageInfo
    total_count: int | None = strawberry.field(
        description="How many there are in all; counted for the first page alone."
    )

    @strawberry.field(description="The same as `edges { node }`.")
    def nodes(self) -> list[T]:
        return [edge.node for edge in self.edges]


def page_of(found: Slice[U], view: Callable[[U], T]) -> Connection[T]:
    """A page of a list that is read by cursor."""
    pairs = zip(found.cursors, found.items, strict=True)
    return Connection(
        edges=[Edge(cursor=cursor, node=view(one)) for cursor, one in pairs],
        page_info=PageInfo(
            has_next_page=found.next_cursor is not None,
            end_cursor=found.cursors[-1] if found.cursors else None,
        ),
        total_count=found.total,
    )


def connection_of(
    known: Sequence[U], view: Callable[[U], T], *, first: int, after: str | None
) -> Connection[T]:
    """A page of a list that is known in full; its cursors are positions.

    Raises:
        Problem: 400, the cursor is none of ours.
    """
    begin = 0 if after is None else _position(after, len(known))
    shown = known[begin : begin + first]
    end = begin + len(shown)
    return Connection(
        edges=[Edge(cursor=str(begin + n + 1), node=view(one)) for n, one in enumerate(shown)],
        page_info=PageInfo(has_next_page=end < len(known), end_cursor=str(end) if shown else None),
        total_count=len(known),
    )


def _position(cursor: str, end: int) -> int:
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10 and int(cursor) <= end):
        raise Problem(400, "request.cursor_invalid")
    return int(cursor)
