"""Where idle couriers do better to wait.

The wait to expect of a new job depends on how soon a courier can be at its site and on the
notice given: within the notice, driving costs nothing. An idle courier moves where that shortens
the expected wait over all sites most; the second nearest courier counts too, for the nearest may
be taken.
"""

from typing import Final

import numpy as np

from tawsil.dispatch.planning.costs import Costs, Flags, Floats
from tawsil.dispatch.planning.matching import Matching
from tawsil.dispatch.planning.model import Move, Outlook

HORIZON_S: Final = 1200.0
"""Couriers who are free within this time, and stay as long, are counted on."""
DRIVE_MAX_S: Final = 600.0
SPOTS_MAX: Final = 40
MOVES_MAX: Final = 3
TAKEN: Final = 0.3
"""How often the nearest courier is taken when a job comes."""
FAR_S: Final = 7200.0


def moves(costs: Costs, matching: Matching) -> list[Move]:
    outlook, couriers = costs.snapshot.outlook, costs.snapshot.couriers
    if outlook is None or not outlook.demand or not outlook.notice_s or not costs.policy.moves:
        return []
    unused = ~costs.collecting
    matched = np.array(matching.couriers, dtype=np.intp)
    unused[matched[matched >= 0]] = False
    counted = np.flatnonzero(
        unused & (costs.free_s <= HORIZON_S) & (costs.off_s > costs.free_s + HORIZON_S)
    )
    idle: Flags = costs.free_s[counted] <= 0
    wait = _expected_wait(costs, outlook)
    arrival_s = outlook.approach_s[counted] + costs.free_s[counted, None]
    weights = np.array([float(d.jobs_per_hour) for d in outlook.demand])
    weights = weights / weights.sum()
    spots = np.argsort(-weights, kind="stable")[:SPOTS_MAX]
    found: list[Move] = []
    while len(found) < MOVES_MAX and idle.any():
        gain_s = _gains(wait, weights, arrival_s, idle, outlook.between_s[spots])
        drive_s = outlook.approach_s[np.ix_(counted, spots)]
        gain_s -= costs.policy.move * drive_s
        gain_s[(drive_s > DRIVE_MAX_S) | (drive_s <= 0)] = -1.0
        mover, at = np.unravel_index(int(np.argmax(gain_s)), gain_s.shape)
        if gain_s[mover, at] < costs.policy.move_gain_s:
            break
        spot = int(spots[at])
        courier, demand = couriers[int(counted[mover])], outlook.demand[spot]
        found.append(Move(courier=courier.id, site=demand.site, place=demand.place))
        idle[mover] = False
        arrival_s[mover] = outlook.between_s[spot] + drive_s[mover, at]
    return found


class _Wait:
    """Expected wait of a job, by how long the courier takes to its site."""

    def __init__(self, notice_s: Floats, service_s: float) -> None:
        self._grid_s = np.arange(0.0, FAR_S + 60.0, 60.0)
        late_s = self._grid_s[:, None] + service_s - notice_s
        self._wait_s = np.maximum(0.0, late_s).mean(axis=1)

    def __call__(self, arrival_s: Floats) -> Floats:
        return np.asarray(np.interp(arrival_s, self._grid_s, self._wait_s), dtype=np.float64)


def _expected_wait(costs: Costs, outlook: Outlook) -> _Wait:
    return _Wait(np.array(outlook.notice_s), costs.half_pickup_s)


def _gains(wait: _Wait, weights: Floats, arrival_s: Floats, idle: Flags, spots_s: Floats) -> Floats:
    """Expected wait saved for each counted courier at each spot, shape (couriers, spots)."""
    sites = arrival_s.shape[1]
    rows = np.argsort(arrival_s, axis=0, kind="stable")[:3]
    nearest: Floats = np.full((3, sites), FAR_S)
    nearest[: len(rows)] = np.take_along_axis(arrival_s, rows, axis=0)
    who = np.full((3, sites), -1)
    who[: len(rows)] = rows
    now_s = _cover(wait, nearest[0], nearest[1]) @ weights
    gains = np.full((len(arrival_s), len(spots_s)), -np.inf)
    for row in np.flatnonzero(idle):
        others = nearest.copy()
        others[who == row] = FAR_S
        others.sort(axis=0)
        nearer = np.minimum(spots_s, others[0])
        next_ = np.minimum(np.maximum(spots_s, others[0]), others[1])
        gains[row] = now_s - _cover(wait, nearer, next_) @ weights
    return gains


def _cover(wait: _Wait, nearest_s: Floats, next_s: Floats) -> Floats:
    return (1 - TAKEN) * wait(nearest_s) + TAKEN * wait(next_s)
