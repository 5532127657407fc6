"""Who collects what: an assignment of bundles to couriers, and bundles that pay."""

from collections.abc import Sequence
from itertools import combinations
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from tawsil.dispatch.planning.costs import FORBIDDEN_S, Bundle, Costs, Floats, Matrix

ROUNDS_MAX: Final = 6
CELLS_MAX: Final = 500_000
"""Beyond this many couriers times bundles, the assignment is solved once only, the near first."""
NEAR: Final = 25
TRIALS_MAX: Final = 1_000


class Matching(Struct, frozen=True):
    """`couriers` holds the row of each open bundle's courier, or -1; `under_way` the bundles of
    couriers who are already collecting, with what joins them. `after_s` says when a courier has
    finished another trip that comes before, or 0 if none does.
    """

    open: tuple[Bundle, ...]
    couriers: tuple[int, ...]
    matrix: Matrix
    under_way: tuple[Bundle, ...]
    after_s: tuple[float, ...] = ()


class _Merge(Struct, frozen=True):
    gain_s: float
    first: int
    second: int
    bundle: Bundle
    courier: int


def match(costs: Costs, *, open_: Sequence[Bundle], under_way: Sequence[Bundle]) -> Matching:
    """Assign, merge bundles of one site while that saves waiting, and assign again.

    Exact sets of bundles would be a set packing; pairwise merging comes close and is quick.
    """
    matching = _assign(costs, open_, under_way)
    if costs.policy.bundle_max < 2:
        return matching
    large = matching.matrix.cost_s.size > CELLS_MAX
    for _ in range(1 if large else ROUNDS_MAX):
        merges = _merges(costs, matching)
        if not merges:
            break
        matching = _apply(costs, matching, merges)
    return matching


def _assign(costs: Costs, open_: Sequence[Bundle], under_way: Sequence[Bundle]) -> Matching:
    matrix = costs.matrix(open_)
    saved_s = matrix.cost_s - np.array([costs.unmatched_s(b) for b in open_])
    np.minimum(saved_s, 0.0, out=saved_s)
    couriers = np.full(len(open_), -1, dtype=np.intp)
    if saved_s.size > CELLS_MAX:
        _assign_near(costs, open_, saved_s, couriers)
    _assign_all(saved_s, couriers)
    return Matching(
        open=tuple(open_),
        couriers=tuple(couriers.tolist()),
        matrix=matrix,
        under_way=tuple(under_way),
    )


def _assign_all(saved_s: Floats, couriers: NDArray[np.intp]) -> None:
    """Fill in the bundles without a courier from the couriers without a bundle."""
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - a second, for whoever plans

    columns = np.flatnonzero(couriers < 0)
    idle = np.ones(saved_s.shape[0], dtype=np.bool_)
    idle[couriers[couriers >= 0]] = False
    rows = np.flatnonzero(idle)
    rest_s = saved_s[np.ix_(rows, columns)]
    chosen, served = linear_sum_assignment(rest_s)
    saves = rest_s[chosen, served] < 0
    couriers[columns[served[saves]]] = rows[chosen[saves]]


def _assign_near(
    costs: Costs, open_: Sequence[Bundle], saved_s: Floats, couriers: NDArray[np.intp]
) -> None:
    """Give bundles one of the couriers who can be there first: a sparse problem, solved exactly.

    A city of thousands falls apart into neighbourhoods; who finds nobody near is left for
    `_assign_all`. An added column for each bundle stands for leaving it alone.
    """
    from scipy import sparse  # noqa: PLC0415 - a second, for whoever plans
    from scipy.sparse.csgraph import (  # noqa: PLC0415 - as above
        min_weight_full_bipartite_matching,
    )

    staff, count = saved_s.shape
    near = min(NEAR, staff - 1)
    sites = np.array([b.site for b in open_], dtype=np.intp)
    arrival_s = costs.snapshot.approach_s.T[sites] + costs.free_s
    nearest = np.argpartition(arrival_s, near, axis=1)[:, :near]
    alone = np.arange(staff, staff + count, dtype=np.intp)
    columns = np.concatenate([nearest, alone[:, None]], axis=1)
    values = np.concatenate(
        [saved_s[nearest, np.arange(count)[:, None]], np.zeros((count, 1))], axis=1
    )
    values += 1.0 - values.min()  # the solver takes a zero for a missing edge
    starts = np.arange(0, columns.size + 1, near + 1)
    graph = sparse.csr_array(
        (values.ravel(), columns.ravel(), starts), shape=(count, staff + count)
    )
    bundles, chosen = min_weight_full_bipartite_matching(graph)
    met = chosen < staff
    met[met] = saved_s[chosen[met], bundles[met]] < 0
    couriers[bundles[met]] = chosen[met]


def _merges(costs: Costs, matching: Matching) -> list[_Merge]:
    """Pairs of bundles that are better collected together, best first, no bundle twice."""
    bundles = (*matching.open, *matching.under_way)
    couriers = (*matching.couriers, *(b.courier for b in matching.under_way))
    now_s = [
        costs.unmatched_s(b) if c < 0 else costs.with_courier_s(b, c)
        for b, c in zip(bundles, couriers, strict=True)
    ]
    spare_s = [now - costs.alone_s(b) for now, b in zip(now_s, bundles, strict=True)]
    sites: dict[int, list[int]] = {}
    for index, bundle in enumerate(bundles):
        sites.setdefault(bundle.site, []).append(index)
    pairs = [
        pair
        for members in sites.values()
        for pair in combinations(members, 2)
        if max(couriers[pair[0]], couriers[pair[1]]) >= 0
        and _may_merge(costs, bundles[pair[0]], bundles[pair[1]])
        and spare_s[pair[0]] + spare_s[pair[1]] > costs.policy.services.dropoff_s
    ]
    pairs.sort(key=lambda pair: -spare_s[pair[0]] - spare_s[pair[1]])
    found: list[_Merge] = []
    for first, second in pairs[:TRIALS_MAX]:
        bundle = costs.merged(bundles[first], bundles[second])
        hosts = {couriers[first], couriers[second]} - {-1}
        if bundle.courier >= 0:
            hosts = {bundle.courier}
        for courier in sorted(hosts):
            merged_s = costs.with_courier_s(bundle, courier)
            gain_s = now_s[first] + now_s[second] - merged_s
            if gain_s > 0 and merged_s < FORBIDDEN_S:
                found.append(_Merge(gain_s, first, second, bundle, courier))
    found.sort(key=lambda m: -m.gain_s)
    used: set[int] = set()
    chosen: list[_Merge] = []
    for merge in found:
        if used.isdisjoint((merge.first, merge.second)):
            used |= {merge.first, merge.second}
            chosen.append(merge)
    return chosen


def _may_merge(costs: Costs, a: Bundle, b: Bundle) -> bool:
    fits = len(a.rows) + len(b.rows) <= costs.policy.bundle_max
    return fits and not (a.courier >= 0 and b.courier >= 0)


def _apply(costs: Costs, matching: Matching, merges: Sequence[_Merge]) -> Matching:
    gone = {index for merge in merges for index in (merge.first, merge.second)}
    joined = {merge.bundle.courier: merge.bundle for merge in merges if merge.bundle.courier >= 0}
    under_way = [joined.get(b.courier, b) for b in matching.under_way]
    fresh = [merge for merge in merges if merge.bundle.courier < 0]
    kept = [index for index in range(len(matching.open)) if index not in gone]
    open_ = [*(matching.open[index] for index in kept), *(merge.bundle for merge in fresh)]
    if matching.matrix.cost_s.size <= CELLS_MAX:
        return _assign(costs, open_, under_way)
    return Matching(
        open=tuple(open_),
        couriers=(*(matching.couriers[index] for index in kept), *(m.courier for m in fresh)),
        matrix=costs.matrix(open_),
        under_way=tuple(under_way),
    )
