"""What is to be expected of a city, and where its idle couriers do better to wait."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from math import exp
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.dispatch import model, planning, store
from tawsil.dispatch.model import Suggestion
from tawsil.dispatch.store import Asked
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted, By

EVERY: Final = timedelta(minutes=1)
LATELY: Final = timedelta(minutes=90)
FADES_S: Final = 1800.0
"""What was asked for so long ago counts for 1/e of what is asked for now."""
SOON: Final = timedelta(hours=1)
DAYS: Final = 7
SITES_MAX: Final = 40
SAMPLE_MAX: Final = 100
ACCEPTANCE_WITHIN: Final = timedelta(hours=1)


class Expected(Struct, frozen=True, kw_only=True):
    demand: tuple[planning.Demand, ...]
    notice_s: tuple[float, ...]


class Outlooks:
    """Looks ahead once a minute for each city. A dispatcher has one, and so has a virtual day."""

    def __init__(self) -> None:
        self._looked_at: dict[UUID, datetime] = {}

    async def due(self, tx: Tx, *, tenant_id: UUID, city_id: UUID) -> Expected | None:
        """What to expect, if it is time to look again and there is anything."""
        looked_at = self._looked_at.get(city_id)
        if looked_at is not None and tx.now - looked_at < EVERY:
            return None
        self._looked_at[city_id] = tx.now
        days = [timedelta(days=n) for n in range(1, DAYS + 1)]
        windows = [(tx.now - LATELY, tx.now), *((tx.now - d, tx.now - d + SOON) for d in days)]
        asked = await store.asked_in(tx, tenant_id=tenant_id, city_id=city_id, windows=windows)
        return expected(asked) if asked else None


def expected(asked: Sequence[Asked]) -> Expected:
    """Jobs per hour of each site: as lately, the newest counting most; and if earlier days are
    known, halfway between that and the mean of this hour on them.
    """
    days = len({day for site in asked for day in site.earlier})
    lasting_s = FADES_S * (1 - exp(-LATELY.total_seconds() / FADES_S))
    demand: list[planning.Demand] = []
    for site in asked:
        rate = 3600 / lasting_s * sum(exp(-age_s / FADES_S) for age_s in site.ages_s)
        if days:
            rate = (rate + len(site.earlier) / days * (timedelta(hours=1) / SOON)) / 2
        demand.append(planning.Demand(site=site.site_id, place=site.place, jobs_per_hour=rate))
    demand.sort(key=lambda d: (-d.jobs_per_hour, d.site))
    notices = sorted(max(0.0, notice_s) for site in asked for notice_s in site.notices_s)
    step = max(1, len(notices) // SAMPLE_MAX)
    return Expected(demand=tuple(demand[:SITES_MAX]), notice_s=tuple(notices[::step]))


async def suggest(
    tx: Tx, by: By, *, city_id: UUID, moves: Sequence[planning.Move], asked: AbstractSet[UUID]
) -> list[Suggestion]:
    """Tell couriers of moves, but nobody who was told of one lately or has an offer to answer."""
    free = [move for move in moves if move.courier not in asked]
    if not free:
        return []
    told = await store.fresh_suggestions(
        tx, tenant_id=by.tenant_id, courier_ids=[move.courier for move in free]
    )
    decided = [
        model.suggest(
            Suggestion(
                id=tx.ids(),
                tenant_id=by.tenant_id,
                city_id=city_id,
                courier_id=move.courier,
                site_id=move.site,
                place=move.place,
                made_at=tx.now,
            )
        )
        for move in free
        if move.courier not in told
    ]
    made = [d for d in decided if isinstance(d, Accepted)]
    await store.keep_suggestions(tx, [d.state for d in made])
    await tx.record([(by, d) for d in made])
    return [d.state for d in made]
