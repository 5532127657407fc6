"""Which courier collects what, and when to say so: one pure decision over one snapshot.

`plan(snapshot, policy)` is called by the dispatcher's tick, by the simulated city and by the
replay of published days. It does no I/O and knows neither clock nor randomness.
"""

from tawsil.dispatch.planning.engine import plan
from tawsil.dispatch.planning.model import (
    Candidate,
    Commitment,
    Courier,
    Demand,
    Exclusion,
    Hold,
    Job,
    Move,
    Outlook,
    Plan,
    Policy,
    Services,
    Snapshot,
    TravelTimes,
)
from tawsil.dispatch.planning.survey import survey

__all__ = [
    "Candidate",
    "Commitment",
    "Courier",
    "Demand",
    "Exclusion",
    "Hold",
    "Job",
    "Move",
    "Outlook",
    "Plan",
    "Policy",
    "Services",
    "Snapshot",
    "TravelTimes",
    "plan",
    "survey",
]
