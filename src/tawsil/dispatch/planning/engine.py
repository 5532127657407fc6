"""The decision: match couriers with bundles, then tell only those who must leave now.

A job is held while waiting costs nothing, for until then a better courier or a companion from
the same site may turn up; a courier is told at the last moment at which it can still be there
when the job is ready.
"""

from datetime import datetime, timedelta
from typing import Final

import numpy as np

from tawsil.dispatch.planning.chains import chain
from tawsil.dispatch.planning.costs import FORBIDDEN_S, Bundle, Costs
from tawsil.dispatch.planning.matching import Matching, match
from tawsil.dispatch.planning.model import (
    Candidate,
    Commitment,
    Exclusion,
    Hold,
    HoldReason,
    Plan,
    Policy,
    Snapshot,
)
from tawsil.dispatch.planning.moves import moves

EXAMPLES: Final = 3


def plan(snapshot: Snapshot, policy: Policy) -> Plan:
    """What to tell whom now, what to hold and why. Pure: the same snapshot, the same plan."""
    costs = Costs(snapshot, policy)
    rows = {job.id: row for row, job in enumerate(snapshot.jobs)}
    under_way = [
        costs.bundle(tuple(rows[job] for job in courier.collecting), courier=index)
        for index, courier in enumerate(snapshot.couriers)
        if courier.collecting
    ]
    taken = [row for bundle in under_way for row in bundle.rows]
    assert len(taken) == len(set(taken)), "a job is being collected by two couriers"
    alone = sorted(set(range(len(snapshot.jobs))) - set(taken))
    matching = match(costs, open_=[costs.bundle((row,)) for row in alone], under_way=under_way)
    if policy.chains:
        matching = chain(costs, matching, under_way)
    commitments: list[Commitment] = []
    holds: list[Hold] = []
    for before, bundle in zip(under_way, matching.under_way, strict=True):
        _tell_joining(costs, before, bundle, commitments, holds)
    for column, bundle in enumerate(matching.open):
        _tell(costs, matching, column, bundle, commitments, holds)
    return Plan(
        at=snapshot.now,
        policy=policy.name,
        version=policy.version,
        commitments=tuple(commitments),
        holds=tuple(holds),
        candidates=tuple(_candidates(costs, matching)),
        exclusions=tuple(_exclusions(costs, matching)),
        moves=tuple(moves(costs, matching)),
    )


def _must_decide(costs: Costs, at_s: float) -> bool:
    """Whether the next decision would come too late for something to happen at `at_s`."""
    return at_s < costs.policy.tick_s + costs.policy.lead_s


def _tell(
    costs: Costs,
    matching: Matching,
    column: int,
    bundle: Bundle,
    commitments: list[Commitment],
    holds: list[Hold],
) -> None:
    courier = matching.couriers[column]
    if courier < 0:
        reason: HoldReason = _nobody(matching, column)
        holds += [_hold(costs, row, reason) for row in bundle.rows]
        return
    if matching.after_s and matching.after_s[column] > 0:
        until_s = matching.after_s[column]
        reason = "reserved_for_busy_courier"
        holds += [_hold(costs, row, reason, courier, until_s) for row in bundle.rows]
        return
    free_s = float(costs.free_s[courier])
    leave_s = bundle.ready_s - float(costs.door_s[courier, bundle.site]) + free_s
    if free_s <= 0 and _must_decide(costs, leave_s):
        commitments.append(_commitment(costs, bundle, courier))
        return
    reason = "courier_can_wait" if free_s <= 0 else "reserved_for_busy_courier"
    until_s = max(free_s, leave_s - costs.policy.lead_s)
    holds += [_hold(costs, row, reason, courier, until_s) for row in bundle.rows]


def _nobody(matching: Matching, column: int) -> HoldReason:
    """Why no courier is left for a bundle."""
    if (matching.matrix.cost_s[:, column] < FORBIDDEN_S).any():
        return "couriers_short"
    excluded = {reason: flags[:, column] for reason, flags in matching.matrix.excluded.items()}
    over = excluded.pop("over_cash_limit")
    otherwise = np.logical_or.reduce(list(excluded.values()))
    return "over_cash_limit" if (over & ~otherwise).any() else "no_courier_in_reach"


def _tell_joining(
    costs: Costs, before: Bundle, bundle: Bundle, commitments: list[Commitment], holds: list[Hold]
) -> None:
    if bundle.rows == before.rows:
        return
    pickup_s = costs.pickup_s(before, before.courier)
    if _must_decide(costs, pickup_s):
        commitments.append(_commitment(costs, bundle, bundle.courier))
        return
    joining = [row for row in bundle.rows if row not in before.rows]
    holds += [_hold(costs, row, "joins_later", bundle.courier, pickup_s) for row in joining]


def _hold(
    costs: Costs,
    row: int,
    reason: HoldReason,
    courier: int | None = None,
    until_s: float | None = None,
) -> Hold:
    couriers = costs.snapshot.couriers
    return Hold(
        job=costs.snapshot.jobs[row].id,
        reason=reason,
        until=None if until_s is None else _instant(costs, until_s),
        courier=None if courier is None else couriers[courier].id,
    )


def _commitment(costs: Costs, bundle: Bundle, courier: int) -> Commitment:
    jobs, person = costs.snapshot.jobs, costs.snapshot.couriers[courier]
    pickup_s = costs.pickup_s(bundle, courier)
    ids = tuple(jobs[row].id for row in bundle.rows)
    return Commitment(
        courier=person.id,
        site=jobs[bundle.rows[0]].site,
        jobs=ids,
        added=tuple(id_ for id_ in ids if id_ not in person.collecting),
        pickup_at=_instant(costs, pickup_s),
        dropoff_ats=tuple(_instant(costs, pickup_s + offset) for offset in bundle.offsets_s),
        terms=costs.explain(bundle, courier),
    )


def _instant(costs: Costs, seconds: float) -> datetime:
    return costs.snapshot.now + timedelta(seconds=seconds)


def _candidates(costs: Costs, matching: Matching) -> list[Candidate]:
    cost_s = matching.matrix.cost_s
    count = min(costs.policy.candidates, cost_s.shape[0])
    if not count or not cost_s.size:
        return []
    best = np.argpartition(cost_s, count - 1, axis=0)[:count]
    found: list[Candidate] = []
    for column, bundle in enumerate(matching.open):
        nearest: list[int] = best[:, column].tolist()
        ranked = sorted(nearest, key=lambda row: (cost_s[row, column], row))
        for courier in ranked:
            if cost_s[courier, column] >= FORBIDDEN_S:
                continue
            pickup_at = _instant(costs, float(matching.matrix.pickup_s[courier, column]))
            terms = costs.explain(bundle, courier)
            found += [
                Candidate(
                    job=costs.snapshot.jobs[row].id,
                    courier=costs.snapshot.couriers[courier].id,
                    pickup_at=pickup_at,
                    terms=terms,
                )
                for row in bundle.rows
            ]
    return found


def _exclusions(costs: Costs, matching: Matching) -> list[Exclusion]:
    couriers = costs.snapshot.couriers
    found: list[Exclusion] = []
    for reason, flags in matching.matrix.excluded.items():
        counts = flags.sum(axis=0).tolist()
        for column, bundle in enumerate(matching.open):
            if not counts[column]:
                continue
            some: list[int] = np.flatnonzero(flags[:, column])[:EXAMPLES].tolist()
            examples = tuple(couriers[row].id for row in some)
            found += [
                Exclusion(
                    job=costs.snapshot.jobs[row].id,
                    reason=reason,
                    couriers=counts[column],
                    examples=examples,
                )
                for row in bundle.rows
            ]
    return found
