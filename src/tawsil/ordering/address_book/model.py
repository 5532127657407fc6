"""A kept address: what its customer calls it, and where it is."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.kernel.decisions import Refusal, refuse
from tawsil.kernel.places import Place, distance_m

MOST: Final = 20
SAME_WITHIN_M: Final = 30


class Address(Struct, frozen=True, kw_only=True):
    """Of one customer; one of theirs is where things go unless they say otherwise."""

    id: UUID
    tenant_id: UUID
    customer_id: UUID
    name: str
    address: str
    place: Place
    instructions: str
    is_default: bool
    kept_at: datetime


def keep(book: Sequence[Address], new: Address) -> Address | Refusal:
    """The new one, or the one that is there already; the first of a book is its default."""
    known = next((one for one in book if _same(one, new)), None)
    if known is not None:
        return known
    if len(book) >= MOST:
        return refuse("address.enough", most=MOST)
    return replace(new, is_default=new.is_default or not book)


def next_default(book: Sequence[Address], gone: Address) -> Address | None:
    """Which takes its place when the default goes: the one kept last."""
    left = [one for one in book if one.id != gone.id]
    if not gone.is_default or not left:
        return None
    return max(left, key=lambda one: (one.kept_at, one.id))


def _same(one: Address, other: Address) -> bool:
    near = distance_m(one.place, other.place) <= SAME_WITHIN_M
    return near and one.address.casefold() == other.address.casefold()
