"""Lists on pages: filters in the address, and pages of what the API found."""

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar
from urllib.parse import urlencode

import msgspec
from msgspec import Struct, field

from tawsil.consoles.assets import Asked
from tawsil.consoles.own_api import answered, ask_as_caller
from tawsil.kernel.http.envelope import Pagination

T = TypeVar("T")


class Listed(Struct, Generic[T], frozen=True, kw_only=True):
    """A page of a list, as the API answered; `asked` is what it was narrowed to."""

    items: list[T]
    page: int
    pages: int
    total: int
    asked: Mapping[str, str]

    @property
    def address(self) -> str:
        """Where its pages are, up to the number of one."""
        narrowed = given({**self.asked, "page": ""})
        return f"?{urlencode({**narrowed, 'page': ''})}"


class _Meta(Struct, frozen=True):
    pagination: Pagination | None = None


class _Answer(Struct, frozen=True):
    meta: _Meta = field(default_factory=_Meta)


async def listed(
    request: Asked,
    api: str,
    type_: type[T],
    *,
    query: Mapping[str, str | Sequence[str]],
    asked: Mapping[str, str] | None = None,
) -> Listed[T]:
    """What the API finds; `asked` stands in the address of the page, `query` in the API's.

    Raises:
        Problem: it refused.
    """
    answer = await ask_as_caller(request, "GET", f"{api}?{urlencode(given(query), doseq=True)}")
    items = answered(answer, list[type_])
    known = msgspec.json.decode(answer.content, type=_Answer).meta.pagination
    return Listed(
        items=items,
        page=(known and known.page) or 1,
        pages=(known and known.total_pages) or 1,
        total=len(items) if known is None or known.total is None else known.total,
        asked=asked or {},
    )


def given(fields: Mapping[str, T]) -> dict[str, T]:
    """Those fields that are not empty."""
    return {name: value for name, value in fields.items() if value}
