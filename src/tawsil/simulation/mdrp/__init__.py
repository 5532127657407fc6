"""Published days of meal delivery: the Meal Delivery Routing Problem of Grubhub.

Instances: grubhub/mdrplib; Reyes, Erera, Savelsbergh, Sahasrabudhe, O'Neil, *The Meal Delivery
Routing Problem*, 2018.
"""

from tawsil.simulation.mdrp.fast import fast_replay
from tawsil.simulation.mdrp.forecast import recent_demand
from tawsil.simulation.mdrp.instance import (
    MIDNIGHT,
    MINUTE,
    ORIGIN,
    Instance,
    Order,
    PlaneTravel,
    Restaurant,
    Shift,
    length,
    minute,
    place_on_earth,
    read_instance,
    site_ids,
)
from tawsil.simulation.mdrp.kitchens import PrepNoise
from tawsil.simulation.mdrp.policies import POLICIES, fitted
from tawsil.simulation.mdrp.scoring import Score, Solution, score, write_solution

__all__ = [
    "MIDNIGHT",
    "MINUTE",
    "ORIGIN",
    "POLICIES",
    "Instance",
    "Order",
    "PlaneTravel",
    "PrepNoise",
    "Restaurant",
    "Score",
    "Shift",
    "Solution",
    "fast_replay",
    "fitted",
    "length",
    "minute",
    "place_on_earth",
    "read_instance",
    "recent_demand",
    "score",
    "site_ids",
    "write_solution",
]
