"""Two policies take turns in a city, zone by zone and block by block, so that they are compared.

Both decide over the same couriers: whom one of them counts on, the other does without. Who goes
first changes every minute.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.dispatch import store
from tawsil.dispatch.model import Delivery
from tawsil.dispatch.model.policies import LIVE_POLICY
from tawsil.dispatch.planning import Policy
from tawsil.dispatch.service.requests import unknown
from tawsil.dispatch.store import policy_rows
from tawsil.experiments import public as experiments
from tawsil.experiments.public import Experiment, Metric, Observation
from tawsil.geography import public as geography
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Command, Refusal, refuse
from tawsil.kernel.places import Place

METRICS: Final = (
    Metric(name="door_s"),
    Metric(name="to_assign_s"),
    Metric(name="lost", worse_by_most=0.01),
)
"""From being asked for to the door; from being urgent to having a courier; 1 if nobody came."""


class Named(Struct, frozen=True):
    """A version of a policy."""

    name: str
    number: int

    @property
    def arm(self) -> str:
        return f"{self.name}:{self.number}"

    @classmethod
    def of(cls, arm: str) -> "Named":
        name, _, number = arm.rpartition(":")
        return cls(name, int(number))


class BeginSwitchback(Command, frozen=True, kw_only=True):
    """No zones: the city is one unit."""

    city_id: UUID
    name: str
    control: Named
    candidate: Named
    zone_ids: tuple[UUID, ...] = ()
    block_min: int
    washout_s: int
    starts_at: datetime
    ends_at: datetime


class Part(Struct, frozen=True):
    """The deliveries that one policy decides about."""

    policy: Policy
    jobs: dict[UUID, Delivery]
    whole: bool = False
    """These are all there are."""


async def begin(tx: Tx, commands: Sequence[BeginSwitchback]) -> list[Experiment | Refusal]:
    """Fix who decides where and when; each policy must have passed its week in this city."""
    return [await _begin(tx, command) for command in commands]


async def _begin(tx: Tx, command: BeginSwitchback) -> Experiment | Refusal:
    city = await geography.city_of(tx, tenant_id=command.by.tenant_id, city_id=command.city_id)
    if city is None:
        return unknown()
    zones = await geography.zones(tx, city_id=city.id)
    if strange := set(command.zone_ids) - {zone.id for zone in zones}:
        return refuse("dispatch.zone_of_another_city", status=422, zone_id=min(strange))
    for named in (command.control, command.candidate):
        if refusal := await _not_fit(tx, named, tenant_id=city.tenant_id, city_id=city.id):
            return refusal
    draft = experiments.Draft(
        by=command.by,
        city_id=city.id,
        name=command.name,
        arms=(command.control.arm, command.candidate.arm),
        metrics=METRICS,
        units=command.zone_ids,
        block_min=command.block_min,
        washout_s=command.washout_s,
        starts_at=command.starts_at,
        ends_at=command.ends_at,
    )
    (drafted,) = await experiments.draft(tx, [draft])
    if isinstance(drafted, Refusal):
        return drafted
    schedule = experiments.Schedule(by=command.by, experiment_id=drafted.id)
    (scheduled,) = await experiments.schedule(tx, [schedule])
    return scheduled


async def _not_fit(tx: Tx, named: Named, *, tenant_id: UUID, city_id: UUID) -> Refusal | None:
    """What is live, or the default, has proved itself; any other needs a passed week."""
    if named == Named(LIVE_POLICY.name, LIVE_POLICY.version):
        return None
    version = await policy_rows.policy(
        tx, tenant_id=tenant_id, name=named.name, number=named.number
    )
    if version is None:
        return refuse("dispatch.no_such_policy", status=422, name=named.name, version=named.number)
    live = await policy_rows.live_weights(tx, city_id=city_id)
    if live is not None and (live.name, live.version) == (named.name, named.number):
        return None
    trial = await policy_rows.last_trial(tx, city_id=city_id, weights_hash=version.weights_hash)
    if trial is None:
        return refuse("dispatch.policy_not_tried", name=named.name, version=named.number)
    if not trial.passed:
        return refuse("dispatch.policy_failed_trial", name=named.name, version=named.number)
    return None


async def parts_of(
    tx: Tx, jobs: dict[UUID, Delivery], *, tenant_id: UUID, city_id: UUID, policy: Policy
) -> list[Part]:
    """Who decides about what just now; without an experiment `policy` about everything."""
    running = await experiments.arm_at(tx, tenant_id=tenant_id, city_id=city_id, at=tx.now)
    if running is None:
        return [Part(policy, jobs, whole=True)]
    zones = await _zones(tx, city_id=city_id, places=[d.pickup for d in jobs.values()])
    by_arm: dict[str | None, dict[UUID, Delivery]] = {}
    for zone_id, delivery in zip(zones, jobs.values(), strict=True):
        by_arm.setdefault(running.arm_of(zone_id), {})[delivery.id] = delivery
    order = sorted(by_arm, key=lambda arm: arm or "", reverse=tx.now.minute % 2 == 1)
    return [
        Part(await _policy(tx, arm, tenant_id=tenant_id, otherwise=policy), by_arm[arm])
        for arm in order
    ]


async def _policy(tx: Tx, arm: str | None, *, tenant_id: UUID, otherwise: Policy) -> Policy:
    if arm is None or Named.of(arm) == Named(LIVE_POLICY.name, LIVE_POLICY.version):
        return otherwise if arm is None else LIVE_POLICY
    named = Named.of(arm)
    version = await policy_rows.policy(
        tx, tenant_id=tenant_id, name=named.name, number=named.number
    )
    return version.policy if version else otherwise


async def observe(tx: Tx, *, delivery_ids: Sequence[UUID], lost: bool) -> None:
    """Measure deliveries that ended: brought to the door, or given up because nobody came."""
    ended = list((await store.deliveries(tx, ids=delivery_ids)).values())
    measured: list[Observation] = []
    for city_id in sorted({d.city_id for d in ended}):
        theirs = [d for d in ended if d.city_id == city_id]
        zones = await _zones(tx, city_id=city_id, places=[d.pickup for d in theirs])
        for zone_id, delivery in zip(zones, theirs, strict=True):
            measured += [
                Observation(
                    tenant_id=delivery.tenant_id,
                    city_id=city_id,
                    zone_id=zone_id,
                    subject_id=delivery.id,
                    started_at=delivery.requested_at,
                    metric=metric,
                    value=value,
                )
                for metric, value in _values(delivery, lost=lost).items()
            ]
    await experiments.observe(tx, measured)


def _values(delivery: Delivery, *, lost: bool) -> dict[str, float]:
    if lost:
        return {"lost": 1.0}
    assert delivery.ended_at is not None, "what is done has ended"
    assert delivery.assigned_at is not None, "somebody brought it"
    to_assign_s = (delivery.assigned_at - delivery.urgent_at).total_seconds()
    return {
        "lost": 0.0,
        "door_s": (delivery.ended_at - delivery.requested_at).total_seconds(),
        "to_assign_s": max(0.0, to_assign_s),
    }


async def _zones(tx: Tx, *, city_id: UUID, places: Sequence[Place]) -> list[UUID | None]:
    found = await geography.zones_of(tx, city_id=city_id, places=places)
    return [zone.id if zone else None for zone in found]
