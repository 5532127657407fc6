"""Bundles that are worth a thought, whoever may collect them."""

from collections.abc import Sequence
from typing import Final

from tawsil.dispatch.planning.costs import FORBIDDEN_S, Bundle, Costs

SIZE_MAX: Final = 3
"""Larger bundles are only thought of if the matching made them."""
DETOUR_S: Final = 900.0
"""Waiting that a bundle may cost its jobs, against each of them going alone at once."""
POOL_MAX: Final = 400


def pool_of(
    costs: Costs, matched: Sequence[Bundle], under_way: Sequence[Bundle]
) -> tuple[list[Bundle], list[Bundle]]:
    """Open bundles: each job alone, those matched, and jobs of one site together; and, for
    couriers who are on the way to collect, what they have with each bundle that might join it.
    """
    taken = {row for bundle in under_way for row in bundle.rows}
    singles = [costs.bundle((row,)) for row in range(len(costs.snapshot.jobs)) if row not in taken]
    open_ = {frozenset(b.rows): b for b in (*singles, *matched)}
    grown = singles
    for size in range(2, min(SIZE_MAX, costs.policy.bundle_max) + 1):
        grown = [b for b in _grown(costs, grown, singles) if frozenset(b.rows) not in open_]
        grown = grown[: max(0, POOL_MAX - len(open_))]
        assert all(len(b.rows) == size for b in grown)
        open_ |= {frozenset(b.rows): b for b in grown}
    bundles = list(open_.values())
    joined = [
        costs.merged(going, bundle)
        for going in under_way
        for bundle in bundles
        if bundle.site == going.site
        and len(bundle.rows) + len(going.rows) <= costs.policy.bundle_max
    ]
    return bundles, [b for b in joined if costs.with_courier_s(b, b.courier) < FORBIDDEN_S]


def _grown(costs: Costs, bundles: Sequence[Bundle], singles: Sequence[Bundle]) -> list[Bundle]:
    """Each bundle with one more job of its site, the least detour first, no set of jobs twice."""
    at_site: dict[int, list[Bundle]] = {}
    alone_s = {single.rows[0]: costs.alone_s(single) for single in singles}
    for single in singles:
        at_site.setdefault(single.site, []).append(single)
    found: dict[frozenset[int], tuple[float, Bundle]] = {}
    for bundle in bundles:
        for single in at_site[bundle.site]:
            rows = frozenset((*bundle.rows, *single.rows))
            if rows in found or len(rows) == len(bundle.rows):
                continue
            both = costs.merged(bundle, single)
            detour_s = costs.alone_s(both) - sum(alone_s[row] for row in rows)
            if detour_s <= DETOUR_S:
                found[rows] = detour_s, both
    return [bundle for _, bundle in sorted(found.values(), key=lambda f: (f[0], f[1].rows))]
