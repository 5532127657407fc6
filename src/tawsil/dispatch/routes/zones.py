"""How the zones of a city do, over HTTP."""

from typing import Final
from uuid import UUID

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from tawsil.dispatch.model.zones import ZoneHealth
from tawsil.dispatch.routes.access import TAGS
from tawsil.dispatch.service import zones as service
from tawsil.geography import public as geography
from tawsil.kernel.db import Database
from tawsil.kernel.http import Envelope, allow, envelope, not_found, since_v2
from tawsil.kernel.reach import Reach


@get(
    since_v2("/admin/analytics/zone-health"),
    opt={"rule": allow("analytics:read")},
    tags=TAGS,
    summary="Demand, supply and waiting in each zone",
)
async def show_zone_health(
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
    city_id: FromQuery[UUID | None] = None,
) -> Envelope[list[ZoneHealth]]:
    """As it is now, in one city or in all that you reach; live streams tell of changes.

    `score` is from 0 to 1: four tenths for free couriers for each job that waits, four for how soon
    jobs are taken (none after ten minutes), two for the share of open jobs that are not late.
    """
    if not reach.from_above:
        raise not_found()
    async with database.transaction() as tx:
        cities = await geography.cities(tx, tenant_id=reach.tenant_id)
        asked = [c for c in cities if reach.city(c.id) and city_id in {None, c.id}]
        if city_id is not None and not asked:
            raise not_found()
        found = [zone for c in asked for zone in await service.zone_health(tx, city_id=c.id)]
    return envelope(found)


routes: Final = [show_zone_health]
