"""Simpler ways to decide, to measure the engine against. Both take orders as they were placed."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np

from tawsil.dispatch.planning import Commitment, Plan, Policy, Snapshot

Decide = Callable[[Snapshot, Policy], Plan]


def greedy(snapshot: Snapshot, policy: Policy) -> Plan:
    """The nearest idle courier, at once; whoever finds nobody idle waits for the next decision."""
    return _first_come(snapshot, policy, among_busy=False)


def first_come(snapshot: Snapshot, policy: Policy) -> Plan:
    """Whoever can be there first, busy or not, told at the last moment; oldest order first."""
    return _first_come(snapshot, policy, among_busy=True)


def _first_come(snapshot: Snapshot, policy: Policy, *, among_busy: bool) -> Plan:
    now, couriers = snapshot.now, snapshot.couriers
    free_s = np.array([max(0.0, (c.free_at - now).total_seconds()) for c in couriers])
    off_s = np.array(
        [np.inf if c.off_at is None else (c.off_at - now).total_seconds() for c in couriers]
    )
    spare = np.array([not c.collecting for c in couriers], dtype=np.bool_)
    if not among_busy:
        spare &= free_s <= 0
    taken = {job for c in couriers for job in c.collecting}
    commitments: list[Commitment] = []
    for row in sorted(range(len(snapshot.jobs)), key=lambda r: snapshot.jobs[r].placed_at):
        job = snapshot.jobs[row]
        if job.id in taken or not spare.any():
            continue
        door_s = (
            free_s + snapshot.approach_s[:, snapshot.site_of[row]] + policy.services.pickup_s / 2
        )
        ready_s = (job.ready_at - now).total_seconds()
        pickup_s = np.maximum(door_s, ready_s)
        door_s = np.where(spare & (pickup_s <= off_s), door_s, np.inf)
        nearest = int(np.argmin(door_s))
        if np.isinf(door_s[nearest]):
            continue
        spare[nearest] = False
        leaves_s = ready_s - float(door_s[nearest]) + float(free_s[nearest])
        if among_busy and (free_s[nearest] > 0 or leaves_s >= policy.tick_s + policy.lead_s):
            continue
        carried_s = policy.services.drop_offsets_s([float(snapshot.carry_s[row])])[0]
        pickup_at = now + timedelta(seconds=float(pickup_s[nearest]))
        commitments.append(
            Commitment(
                courier=couriers[nearest].id,
                site=job.site,
                jobs=(job.id,),
                added=(job.id,),
                pickup_at=pickup_at,
                dropoff_ats=(pickup_at + timedelta(seconds=carried_s),),
                terms={},
            )
        )
    return Plan(at=now, policy=policy.name, version=policy.version, commitments=tuple(commitments))
