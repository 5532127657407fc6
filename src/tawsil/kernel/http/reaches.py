"""From a caller and a permission to what it reaches; a route gets the one of its own rule."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol
from uuid import UUID

from litestar import Request
from litestar.datastructures import State
from msgspec import UnsetType

from tawsil.kernel.http.callers import Caller, Rule
from tawsil.kernel.http.errors import Problem
from tawsil.kernel.reach import AREA_LEVELS, Reach

_OF_MERCHANT: Final = frozenset({"own", "assigned", "merchant"})


class CitiesBelow(Protocol):
    """The cities below an area, if it is the tenant's and at one of the levels."""

    async def __call__(
        self, *, tenant_id: UUID, area_id: UUID, levels: Sequence[str]
    ) -> frozenset[UUID]: ...


class OwnsCity(Protocol):
    """Whether there is such a city, and it is the tenant's."""

    async def __call__(self, *, tenant_id: UUID, city_id: UUID) -> bool: ...


class CityCheck:
    """For contexts beside the one that knows the cities: a body names one of the tenant's own."""

    def __init__(self, owns: OwnsCity) -> None:
        self._owns = owns

    async def __call__(self, city_id: UUID | UnsetType | None, *, tenant_id: UUID) -> None:
        """Accept a city of the tenant's, and none.

        Raises:
            Problem: 422.
        """
        if not isinstance(city_id, UUID):
            return
        if not await self._owns(tenant_id=tenant_id, city_id=city_id):
            raise Problem(422, "request.city_unknown")


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


async def any_city(*, tenant_id: UUID, city_id: UUID) -> bool:  # noqa: ARG001 - the shape of OwnsCity
    """Where nobody knows the cities, each is taken as it comes."""
    return True


def provide_city_check(state: State) -> CityCheck:
    return state.check_city


async def provide_reach(request: Request[Any, Any, State]) -> Reach:
    """What the caller reaches under the permission that the route asks for."""
    rule = request.route_handler.opt["rule"]
    assert isinstance(rule, Rule)
    assert rule.permission is not None, "only a permission has a reach"
    return await request.app.state.reach_of(request.user, rule.permission)
