"""Measure the ways between couriers, sites and doors once, for one decision."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from tawsil.dispatch.planning.model import Courier, Demand, Job, Outlook, Snapshot, TravelTimes

CHAINED_MAX: Final = 150
"""Among so many jobs trips are planned one after another; more are matched only."""


def survey(
    *,
    now: datetime,
    jobs: Iterable[Job],
    couriers: Iterable[Courier],
    travel: TravelTimes,
    demand: Sequence[Demand] = (),
    notice_s: Sequence[float] = (),
) -> Snapshot:
    """A snapshot in canonical order; a site lies where its first job says.

    `demand` and `notice_s` (see `Outlook`) are wanted only to move idle couriers.
    """
    known = tuple(sorted(jobs, key=lambda j: j.id))
    staff = tuple(sorted(couriers, key=lambda c: c.id))
    members: dict[UUID, list[int]] = {}
    for row, job in enumerate(known):
        members.setdefault(job.site, []).append(row)
    site_of = np.empty(len(known), dtype=np.intp)
    between_s: dict[int, NDArray[np.float64]] = {}
    for site, rows in enumerate(members.values()):
        site_of[rows] = site
        if len(rows) > 1:
            doors = [known[row].dropoff for row in rows]
            between_s[site] = travel.matrix_s(doors, doors)
    places = [known[rows[0]].pickup for rows in members.values()]
    outlook = None
    if demand:
        spots = [d.place for d in demand]
        outlook = Outlook(
            demand=tuple(demand),
            notice_s=tuple(notice_s),
            approach_s=travel.matrix_s([c.place for c in staff], spots),
            between_s=travel.matrix_s(spots, spots),
        )
    return Snapshot(
        now=now,
        jobs=known,
        couriers=staff,
        sites=tuple(members),
        site_of=site_of,
        approach_s=travel.matrix_s([c.place for c in staff], places),
        carry_s=travel.pairs_s([j.pickup for j in known], [j.dropoff for j in known]),
        between_s=between_s,
        outlook=outlook,
        onward_s=(
            travel.matrix_s([j.dropoff for j in known], places)
            if len(known) <= CHAINED_MAX
            else None
        ),
    )
