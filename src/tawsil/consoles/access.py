"""Who may see these pages, and what they may do there."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from litestar.datastructures import State
from msgspec import Struct
from msgspec.structs import replace

from tawsil.consoles.view import LiveWatch, Watch
from tawsil.kernel.http import Caller, Problem

STAFF: Final = "order:list"
READ: Final = "order:read"
ASSIGN: Final = "order:assign"
HOLD: Final = "zone:update"
BOOKS: Final = "payment:read"
TICKETS: Final = "ticket:update"
REFUNDS: Final = "refund:decide"
SYSTEM: Final = "system:read"
STUDIES: Final = "system:monitor"
TUNE: Final = "system:configure"
PROMOTIONS: Final = "promotion:update"
TENANTS: Final = "tenant:read"


class May(Struct, frozen=True):
    """What a page offers to whoever looks at it."""

    city: bool = False
    dispatch: bool = False
    assign: bool = False
    hold: bool = False
    books: bool = False
    tickets: bool = False
    refunds: bool = False
    studies: bool = False
    tune: bool = False
    merchant: bool = False
    courier: bool = False
    customer: bool = False
    admin: bool = False
    promotions: bool = False
    tenants: bool = False

    @classmethod
    def of(cls, caller: Caller) -> "May":
        return cls(
            city="all" in caller.scopes(STAFF),
            dispatch="all" in caller.scopes(READ),
            assign="all" in caller.scopes(ASSIGN),
            hold="all" in caller.scopes(HOLD),
            books="all" in caller.scopes(BOOKS),
            tickets="all" in caller.scopes(TICKETS),
            refunds="all" in caller.scopes(REFUNDS),
            studies="all" in caller.scopes(STUDIES),
            tune="all" in caller.scopes(TUNE),
            merchant=caller.location_id is not None and "own" in caller.scopes("merchant:update"),
            courier="own" in caller.scopes("courier:update"),
            customer="own" in caller.scopes("order:cancel"),
            admin="all" in caller.scopes(SYSTEM),
            promotions="all" in caller.scopes(PROMOTIONS) and "all" in caller.scopes(SYSTEM),
            tenants="all" in caller.scopes(TENANTS),
        )

    def without(self, modules: Collection[str]) -> "May":
        """The same in a company that does without these modules."""
        return replace(
            self,
            promotions=self.promotions and "promotions" not in modules,
            studies=self.studies and "experiments" not in modules,
        )


def watch_of(state: State, caller: Caller, *, permission: str = STAFF) -> Watch:
    """What the caller may watch: only those whose permission reaches their whole tenant.

    Raises:
        Problem: 403.
    """
    if "all" not in caller.scopes(permission):
        raise Problem(403, "request.forbidden", permission=permission)
    return state.get("watch") or LiveWatch(state.database, registry=state.registry)


def uuid_or_none(asked: str | None) -> UUID | None:
    try:
        return UUID(asked) if asked else None
    except ValueError:
        return None
