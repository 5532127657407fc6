"""The envelope every JSON answer comes in."""

from collections.abc import Sequence
from contextvars import ContextVar
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from litestar.params import QueryParameter
from msgspec import Meta, Struct

T = TypeVar("T")
API_VERSION = "v4"


class RequestContext(Struct, frozen=True):
    """What is known of a request before anything else is."""

    request_id: UUID
    at: datetime


request_context: ContextVar[RequestContext] = ContextVar("request_context")


class Pagination(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which part of a list this is. Reached by cursor, it has no number and nothing is counted."""

    page: int | None = None
    limit: int
    total: int | None = None
    total_pages: int | None = None
    next_cursor: str | None = None


class EnvelopeMeta(Struct, frozen=True, omit_defaults=True):
    timestamp: datetime
    request_id: UUID
    version: str
    pagination: Pagination | None = None


class ErrorItem(Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong: a stable code, a sentence for people, and where."""

    code: str
    message: str
    field: str | None = None
    detail: dict[str, Any] = {}


class Envelope(Struct, Generic[T], frozen=True):
    success: bool
    data: T
    meta: EnvelopeMeta
    errors: list[ErrorItem] = []


PageNumber = Annotated[int, QueryParameter(ge=1, le=100_000)]
PageSize = Annotated[int, QueryParameter(ge=1, le=100)]


class PageQuery(Struct, frozen=True):
    """Which page of a list: pages count from 1."""

    page: Annotated[int, Meta(ge=1, le=100_000)] = 1
    limit: Annotated[int, Meta(ge=1, le=100)] = 20

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.limit


class Page(Struct, Generic[T], frozen=True):
    """One page of a list and how many there are in all."""

    items: Sequence[T]
    total: int


def envelope(data: T, *, pagination: Pagination | None = None) -> Envelope[T]:
    context = request_context.get()
    meta = EnvelopeMeta(
        timestamp=context.at,
        request_id=context.request_id,
        version=API_VERSION,
        pagination=pagination,
    )
    return Envelope(success=True, data=data, meta=meta)


def page_envelope(page: Page[T], query: PageQuery) -> Envelope[list[T]]:
    return envelope(
        list(page.items),
        pagination=Pagination(
            page=query.page,
            limit=query.limit,
            total=page.total,
            total_pages=-(-page.total // query.limit),
        ),
    )


def error_envelope(errors: list[ErrorItem]) -> Envelope[None]:
    context = request_context.get()
    meta = EnvelopeMeta(timestamp=context.at, request_id=context.request_id, version=API_VERSION)
    return Envelope(success=False, data=None, meta=meta, errors=errors)
