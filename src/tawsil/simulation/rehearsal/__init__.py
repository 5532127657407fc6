"""A while of dispatch, lived in memory: the same plans, invented or remembered orders, no database.

A `Scenario` is what the world does of itself: who orders what when, when it is really ready, who
is on shift. `rehearse` lives it under a policy and says what came of it. The same scenario, policy
and seed give the same outcome. A week of the invented city takes well under a minute.
"""

from tawsil.simulation.rehearsal.scenario import Courier, Order, Roads, Scenario, Shift, Straight
from tawsil.simulation.rehearsal.world import Outcome, rehearse

__all__ = [
    "Courier",
    "Order",
    "Outcome",
    "Roads",
    "Scenario",
    "Shift",
    "Straight",
    "rehearse",
]
