"""From a caller and a permission to what it reaches; a route gets the one of its own rule."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol
from uuid import UUID

from litestar import Request
from litestar.datastructures import State

from tawsil.kernel.http.callers import Caller, Rule
from tawsil.kernel.reach import AREA_LEVELS, Reach

_OF_MERCHANT: Final = frozenset({"own", "assigned", "merchant"})


class CitiesBelow(Protocol):
    """The cities below an area, if it is the tenant's and at one of the levels."""

    async def __call__(
        self, *, tenant_id: UUID, area_id: UUID, levels: Sequence[str]
    ) -> frozenset[UUID]: ...


ReachOf = Callable[[Caller, str], Awaitable[Reach]]
"""What a caller reaches under `resource:action`."""


def reaching(cities_below: CitiesBelow) -> ReachOf:
    """The one way from scopes to reach.

    `all` is everything. A scope that names a level of area reaches the cities below the area that
    the caller's location is, at that level or below it. `own` is what belongs to the caller,
    `assigned` what it is to do; of a merchant's user both are its merchant's too.
    """

    async def reach_of(caller: Caller, permission: str) -> Reach:
        scopes = caller.scopes(permission)
        if "all" in scopes:
            return Reach(tenant_id=caller.tenant_id, everything=True)
        levels = [n for n, level in enumerate(AREA_LEVELS, start=1) if level in scopes]
        city_ids: frozenset[UUID] = frozenset()
        if levels and caller.location_id is not None:
            city_ids = await cities_below(
                tenant_id=caller.tenant_id,
                area_id=caller.location_id,
                levels=AREA_LEVELS[: max(levels)],
            )
        of_merchant = "merchant" in caller.roles
        return Reach(
            tenant_id=caller.tenant_id,
            city_ids=city_ids,
            user_id=caller.user_id if "own" in scopes else None,
            assigned_to=caller.user_id if "assigned" in scopes and not of_merchant else None,
            location_id=caller.location_id if of_merchant and scopes & _OF_MERCHANT else None,
        )

    return reach_of


async def no_areas(*, tenant_id: UUID, area_id: UUID, levels: Sequence[str]) -> frozenset[UUID]:  # noqa: ARG001 - the shape of CitiesBelow
    """Where there are no areas, nothing lies below one."""
    return frozenset()


async def provide_reach(request: Request[Any, Any, State]) -> Reach:
    """What the caller reaches under the permission that the route asks for."""
    rule = request.route_handler.opt["rule"]
    assert isinstance(rule, Rule)
    assert rule.permission is not None, "only a permission has a reach"
    return await request.app.state.reach_of(request.user, rule.permission)
