"""Trips one after another: what each courier collects first, and what after that.

A matching gives each courier one bundle at most; when couriers are short, a job then waits for
whoever is free last, or is pressed into a bundle, though somebody near could make two short
trips. Here each courier gets a chain of up to two trips, a set packing over columns that are
worth a thought: each job in one trip at most, each courier in one chain. The linear relaxation
is nearly always whole; else HiGHS branches, within a bound that counts nodes and not seconds.

Only the first trip of a chain is ever told. The second says that the job is better off waiting
for this courier, and leaves the others free.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from tawsil.dispatch.planning.costs import FORBIDDEN_S, Bundle, Costs, Flags, Floats
from tawsil.dispatch.planning.matching import Matching
from tawsil.dispatch.planning.pool import pool_of

FIRST: Final = 12
"""Couriers thought of for the first trip with each bundle."""
SECOND: Final = 12
"""First trips thought of before each bundle."""
LEFT_OUT_S: Final = 5400.0
"""How much later a job in no chain is taken to be collected: it is as good as lost."""
BRANCHED: Final = 6
"""Columns for each job and courier that are branched on, those that the relaxation likes best."""
NODES_MAX: Final = 50
GAP: Final = 1e-4
WHOLE: Final = 1e-6

Ints = NDArray[np.intp]


class _Columns(Struct, frozen=True):
    """Chains in parallel arrays. Trips are rows of the pool, `second` is -1 where there is none.

    `saved_s` is what a chain costs against leaving its jobs out: the less the better. `free_s`
    is when its first trip ends.
    """

    courier: Ints
    first: Ints
    second: Ints
    saved_s: Floats
    free_s: Floats


class _Pool:
    """Bundles, and what is known of them as vectors: `open` ones first, then those of couriers
    who are on the way to collect, as they are and with what might join them.
    """

    def __init__(self, costs: Costs, open_: Sequence[Bundle], going: Sequence[Bundle]) -> None:
        self.costs: Final = costs
        self.bundles: Final = (*open_, *going)
        self.open: Final = len(open_)
        jobs = len(costs.snapshot.jobs)
        self.holds: Flags = np.zeros((len(self.bundles), jobs), dtype=np.bool_)
        for index, bundle in enumerate(self.bundles):
            self.holds[index, list(bundle.rows)] = True
        left_out_s = np.zeros(jobs)
        for bundle in open_:
            if len(bundle.rows) == 1:
                late_s = bundle.weight * LEFT_OUT_S
                left_out_s[bundle.rows[0]] = costs.alone_s(bundle) + late_s
        self.left_out_s: Floats = self.holds @ left_out_s
        held = np.count_nonzero(self.holds[:, left_out_s > 0], axis=1)
        alone = np.array([b.courier < 0 for b in self.bundles])
        self.together_s: Floats = costs.policy.bundle_s * np.maximum(0, held - alone)
        self.last = np.array([b.rows[-1] for b in self.bundles], dtype=np.intp)
        half_dropoff_s = costs.policy.services.dropoff_s / 2
        self.trip_s = np.array([b.offsets_s[-1] + half_dropoff_s for b in self.bundles])
        self.matrix = costs.matrix(open_)


def chain(costs: Costs, matching: Matching, under_way: Sequence[Bundle]) -> Matching:
    """A better plan than the matching, if somebody has to wait for a courier in it.

    `under_way` are the bundles of couriers who are collecting, without what joins them.
    """
    if costs.snapshot.onward_s is None or not costs.snapshot.couriers or _nobody_waits(matching):
        return matching
    open_, joined = pool_of(costs, matching.open, under_way)
    pool = _Pool(costs, open_, (*under_way, *joined))
    first = _first_trips(pool, {b.courier: b for b in under_way})
    columns = _joined(first, _second_trips(pool, first))
    chosen = _choose(pool, columns)
    return matching if chosen is None else _matching(pool, columns, chosen, under_way)


def _nobody_waits(matching: Matching) -> bool:
    """Whether each job travels alone, and from the moment it is ready: nothing is to be gained."""
    pickup_s = matching.matrix.pickup_s
    return all(
        courier >= 0
        and len(bundle.rows) == 1
        and pickup_s[courier, column] <= max(0.0, bundle.ready_s)
        for column, (bundle, courier) in enumerate(
            zip(matching.open, matching.couriers, strict=True)
        )
    )


def _first_trips(pool: _Pool, under_way: dict[int, Bundle]) -> _Columns:
    """Open bundles with those who can best collect them, and couriers with what they collect."""
    costs, cost_s, pickup_s = pool.costs, pool.matrix.cost_s, pool.matrix.pickup_s
    nearest = _least(cost_s, FIRST)
    courier, bundle = nearest.ravel(), np.tile(np.arange(pool.open), len(nearest))
    possible = cost_s[courier, bundle] < FORBIDDEN_S
    courier, bundle = courier[possible], bundle[possible]
    going = pool.bundles[pool.open :]
    extra_s = [_joining_s(costs, under_way[b.courier], b) for b in going]
    first = np.concatenate([bundle, np.arange(pool.open, len(pool.bundles))])
    at_s = [costs.pickup_s(b, b.courier) for b in going]
    return _Columns(
        courier=np.concatenate([courier, np.array([b.courier for b in going], dtype=np.intp)]),
        first=first,
        second=np.full(len(first), -1),
        saved_s=np.concatenate([cost_s[courier, bundle], extra_s])
        + pool.together_s[first]
        - pool.left_out_s[first],
        free_s=np.concatenate([pickup_s[courier, bundle], at_s]) + pool.trip_s[first],
    )


def _joining_s(costs: Costs, before: Bundle, after: Bundle) -> float:
    """What it adds to the waiting of all, that something joins a courier under way."""
    if before.rows == after.rows:
        return 0.0
    return costs.with_courier_s(after, after.courier) - costs.with_courier_s(before, after.courier)


def _second_trips(pool: _Pool, first: _Columns) -> _Columns:
    """Each open bundle after the first trips that lose least by it."""
    costs, p, open_ = pool.costs, pool.costs.policy, pool.bundles[: pool.open]
    assert costs.snapshot.onward_s is not None
    sites = np.array([b.site for b in open_], dtype=np.intp)
    drive_s = costs.snapshot.onward_s[np.ix_(pool.last[first.first], sites)]
    at_s = first.free_s[:, None] + drive_s + costs.half_pickup_s
    pickup_s = np.maximum(np.array([b.ready_s for b in open_]), at_s)
    cost_s = np.array([b.weight for b in open_]) * pickup_s + p.courier_time * drive_s
    cost_s += np.array([b.riding_s + p.courier_time * b.busy_s for b in open_])
    if costs.elsewhere_s is not None:
        cost_s += costs.elsewhere_s[np.ix_(first.courier, sites)]
    cost_s += pool.together_s[: pool.open] - pool.left_out_s[: pool.open]
    holds = pool.holds.astype(np.float32)
    shares_job = (holds @ holds[: pool.open].T > 0)[first.first]
    impossible = shares_job | pool.matrix.excluded["declined"][first.courier]
    impossible |= (pickup_s > costs.off_s[first.courier, None]) | (drive_s > costs.reach_s(open_))
    collected = np.array([costs.collect_minor(b) for b in pool.bundles])[first.first]
    impossible |= costs.over_limit(open_, room=costs.room[first.courier] - collected)
    cost_s[impossible] = FORBIDDEN_S
    best_s = np.full(len(pool.bundles), np.inf)
    np.minimum.at(best_s, first.first, first.saved_s)
    best = _least(cost_s + (first.saved_s - best_s[first.first])[:, None], SECOND)
    before, bundle = best.ravel(), np.tile(np.arange(pool.open), len(best))
    possible = cost_s[before, bundle] < FORBIDDEN_S
    before, bundle = before[possible], bundle[possible]
    return _Columns(
        courier=first.courier[before],
        first=first.first[before],
        second=bundle,
        saved_s=first.saved_s[before] + cost_s[before, bundle],
        free_s=first.free_s[before],
    )


def _least(cost_s: Floats, count: int) -> Ints:
    """The rows of the least cells of each column, shape (at most count, columns)."""
    if len(cost_s) <= count:
        return np.tile(np.arange(len(cost_s))[:, None], cost_s.shape[1])
    return np.argpartition(cost_s, count - 1, axis=0)[:count]


def _joined(a: _Columns, b: _Columns) -> _Columns:
    """All of both that save anything."""
    fields = {
        name: np.concatenate([getattr(a, name), getattr(b, name)]) for name in a.__struct_fields__
    }
    saves = fields["saved_s"] < 0
    return _Columns(**{name: values[saves] for name, values in fields.items()})


def _choose(pool: _Pool, columns: _Columns) -> Ints | None:
    """The columns that save most together; None if that is not found within `NODES_MAX`."""
    count = len(columns.courier)
    if not count:
        return None
    from scipy import optimize, sparse  # noqa: PLC0415 - a second, for whoever plans

    linprog: Any = optimize.linprog  # its stubs do not know that constraints may be sparse
    holds = pool.holds[columns.first]
    second = columns.second >= 0
    holds[second] |= pool.holds[columns.second[second]]
    column, job = np.nonzero(holds)
    row = np.concatenate([job, holds.shape[1] + columns.courier])
    column = np.concatenate([column, np.arange(count)])
    shape = (holds.shape[1] + len(pool.costs.snapshot.couriers), count)
    uses = sparse.csr_array((np.ones(len(row)), (row, column)), shape=shape)
    relaxed: Any = linprog(columns.saved_s, A_ub=uses, b_ub=np.ones(shape[0]), method="highs-ds")
    if relaxed.x is None:
        return None
    taken: Floats = relaxed.x
    if (np.abs(taken - np.round(taken)) <= WHOLE).all():
        return np.flatnonzero(taken > 1 / 2)
    reduced_s: Floats = columns.saved_s - uses.T @ relaxed.ineqlin.marginals
    near = np.sort(np.argsort(reduced_s, kind="stable")[: BRANCHED * shape[0]])
    branched = optimize.milp(
        columns.saved_s[near],
        constraints=optimize.LinearConstraint(uses[:, near], ub=1.0),
        bounds=optimize.Bounds(0, 1),
        integrality=np.ones(len(near), dtype=np.intp),
        options={"node_limit": NODES_MAX, "mip_rel_gap": GAP},
    )
    return None if branched.x is None else near[branched.x > 1 / 2]


def _matching(
    pool: _Pool, columns: _Columns, chosen: Ints, under_way: Sequence[Bundle]
) -> Matching:
    going = {b.courier: b for b in under_way}
    trips: list[tuple[Bundle, int, float]] = []
    for at in chosen.tolist():
        courier, first, second = (
            int(a[at]) for a in (columns.courier, columns.first, columns.second)
        )
        if first >= pool.open:
            going[courier] = pool.bundles[first]
        else:
            trips.append((pool.bundles[first], courier, 0.0))
        if second >= 0:
            trips.append((pool.bundles[second], courier, float(columns.free_s[at])))
    served = {row for bundle, *_ in trips for row in bundle.rows}
    served |= {row for bundle in going.values() for row in bundle.rows}
    trips += [
        (bundle, -1, 0.0)
        for bundle in pool.bundles[: pool.open]
        if len(bundle.rows) == 1 and bundle.rows[0] not in served
    ]
    trips.sort(key=lambda trip: trip[0].rows)
    open_ = tuple(bundle for bundle, *_ in trips)
    return Matching(
        open=open_,
        couriers=tuple(courier for _, courier, _ in trips),
        matrix=pool.costs.matrix(open_),
        under_way=tuple(going.values()),
        after_s=tuple(after_s for *_, after_s in trips),
    )
