"""What restaurants will be asked for: a forecast from the orders placed so far."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from tawsil.dispatch.planning import Demand
from tawsil.simulation.mdrp.instance import MINUTE, Instance, Order, site_ids

RECENT: Final = 90 * MINUTE
RECENT_MIN: Final = 5
"""Fewer orders than this say nothing about the next."""


def recent_demand(instance: Instance, orders: Iterable[Order], *, now: datetime) -> list[Demand]:
    """What each restaurant was asked for lately."""
    sites = site_ids(instance)
    asked = Counter(o.restaurant for o in orders if now - RECENT < o.placed_at <= now)
    if asked.total() < RECENT_MIN:
        return []
    return [
        Demand(
            site=sites[name],
            place=instance.restaurants[name].place,
            jobs_per_hour=count / (RECENT / timedelta(hours=1)),
        )
        for name, count in sorted(asked.items())
    ]
