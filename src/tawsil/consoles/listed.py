"""Lists on pages: filters in the address, and pages of what the API found."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from tawsil.consoles.assets import Asked
from tawsil.consoles.own_api import answered, ask_as_caller

T = TypeVar("T")


class Pagination(Struct, frozen=True):
    page: int
    total: int
    total_pages: int


class _Meta(Struct, frozen=True):
    pagination: Pagination


class _Answer(Struct, frozen=True):
    meta: _Meta


class Listed(Struct, frozen=True, kw_only=True):
    """One page of a list. `address` is where it is, `asked` what was narrowed to."""

    items: Sequence[Any]
    pagination: Pagination
    address: str
    asked: Mapping[str, str]

    @property
    def pages(self) -> str:
        """Where its pages are, up to the number of one."""
        return f"{self.address}?{urlencode([*self.asked.items(), ('page', '')])}"


async def listed(
    request: Asked,
    api: str,
    type_: type[T],
    *,
    address: str,
    asked: Mapping[str, str],
    query: Sequence[tuple[str, str]],
    page: int,
) -> Listed:
    """What the API finds; `asked` stands in the address of the page, `query` in the API's.

    Raises:
        Problem: it refused.
    """
    sought = urlencode([*query, ("page", str(page))])
    answer = await ask_as_caller(request, "GET", f"{api}?{sought}")
    items = answered(answer, list[type_])
    meta = msgspec.json.decode(answer.content, type=_Answer).meta
    return Listed(items=items, pagination=meta.pagination, address=address, asked=asked)
