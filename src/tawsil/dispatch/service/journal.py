"""What a tick knew and decided: kept as one row, and told again for one delivery."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.dispatch import planning, store
from tawsil.dispatch.model import Delivery, Offer
from tawsil.dispatch.service import replanning
from tawsil.dispatch.service.replanning import Inputs
from tawsil.dispatch.store import DecisionRow, decision_rows
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By, Refusal

ROWS_AT_ONCE: Final = 50


class Told(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A commitment of the plan and what came of it: an offer, or why there was none."""

    courier: UUID
    jobs: tuple[UUID, ...]
    added: tuple[UUID, ...]
    pickup_at: datetime
    terms: Mapping[str, float]
    offer_id: UUID | None = None
    refused: str | None = None


class Held(Struct, frozen=True, kw_only=True):
    job: UUID
    reason: str
    until: datetime | None
    courier: UUID | None


class Considered(Struct, frozen=True, kw_only=True):
    """A courier thought of for a job, and what each reason counted in seconds of waiting."""

    job: UUID
    courier: UUID
    pickup_at: datetime
    terms: Mapping[str, float]


class LeftOut(Struct, frozen=True, kw_only=True):
    """How many couriers were not thought of, why, and some of them; for one job, or for any."""

    reason: str
    couriers: int
    examples: tuple[UUID, ...]
    job: UUID | None = None


class Story(Struct, frozen=True, kw_only=True):
    """What a tick came to."""

    told: tuple[Told, ...]
    held: tuple[Held, ...]
    considered: tuple[Considered, ...]
    left_out: tuple[LeftOut, ...]


class Decided(Struct, frozen=True, kw_only=True):
    """A tick as it is read back, whole."""

    id: UUID
    city_id: UUID
    at: datetime
    policy: str
    policy_version: int
    solver_s: float
    inputs: Inputs
    story: Story
    plan_hash: bytes


class Explanation(Struct, frozen=True, kw_only=True):
    """One tick, as far as it concerns one delivery."""

    decision_id: UUID
    at: datetime
    policy: str
    policy_version: int
    told: Told | None
    held: Held | None
    considered: tuple[Considered, ...]
    left_out: tuple[LeftOut, ...]


def written(
    id_: UUID,
    by: By,
    *,
    city_id: UUID,
    inputs: Inputs,
    left_out: Mapping[str, Sequence[UUID]],
    plan: planning.Plan,
    solver_s: float,
    made: Mapping[UUID, Offer | Refusal],
    waiting: Sequence[Delivery],
) -> DecisionRow:
    """The row of a tick; `left_out` names couriers the planner was not shown, by reason."""
    beforehand = [
        LeftOut(reason=reason, couriers=len(ids), examples=tuple(ids))
        for reason, ids in left_out.items()
    ]
    # A `Story` when it is read: the planner's own facts have the same fields.
    story = {
        "told": [_told(c, made.get(c.courier)) for c in plan.commitments],
        "held": plan.holds,
        "considered": plan.candidates,
        "left_out": [*beforehand, *plan.exclusions],
    }
    return DecisionRow(
        id=id_,
        tenant_id=by.tenant_id,
        city_id=city_id,
        at=plan.at,
        policy=plan.policy,
        policy_version=plan.version,
        delivery_ids=tuple(d.id for d in waiting),
        offer_ids=tuple(o.id for o in made.values() if isinstance(o, Offer)),
        jobs=len(inputs.jobs),
        couriers=len(inputs.couriers),
        solver_s=solver_s,
        plan_hash=replanning.hash_of(plan),
        inputs=replanning.packed(inputs),
        story=replanning.packed(story),
    )


def _told(commitment: planning.Commitment, outcome: Offer | Refusal | None) -> Told:
    refused = outcome.code if isinstance(outcome, Refusal) else "dispatch.changed_meanwhile"
    offer_id = outcome.id if isinstance(outcome, Offer) else None
    return Told(
        courier=commitment.courier,
        jobs=commitment.jobs,
        added=commitment.added,
        pickup_at=commitment.pickup_at,
        terms=commitment.terms,
        offer_id=offer_id,
        refused=None if offer_id else refused,
    )


def read(row: DecisionRow) -> Decided:
    return Decided(
        id=row.id,
        city_id=row.city_id,
        at=row.at,
        policy=row.policy,
        policy_version=row.policy_version,
        solver_s=row.solver_s,
        inputs=replanning.unpacked(row.inputs, Inputs),
        story=replanning.unpacked(row.story, Story),
        plan_hash=row.plan_hash,
    )


def explained(row: DecisionRow, *, delivery_id: UUID) -> Explanation:
    """What a tick said about one delivery."""
    story = replanning.unpacked(row.story, Story)
    return Explanation(
        decision_id=row.id,
        at=row.at,
        policy=row.policy,
        policy_version=row.policy_version,
        told=next((t for t in story.told if delivery_id in t.added), None),
        held=next((h for h in story.held if h.job == delivery_id), None),
        considered=tuple(c for c in story.considered if c.job == delivery_id),
        left_out=tuple(x for x in story.left_out if x.job in {None, delivery_id}),
    )


def reproduces(row: DecisionRow) -> bool:
    """Whether planning again from what was kept gives the plan that was carried out."""
    inputs = replanning.unpacked(row.inputs, Inputs)
    return replanning.hash_of(replanning.plan_again(inputs)) == row.plan_hash


async def policies_between(
    tx: Tx, *, tenant_id: UUID, city_id: UUID, from_at: datetime, to_at: datetime
) -> list[tuple[planning.Policy, int]]:
    """By what a window was decided, with the weights of then, and how many ticks each."""
    counts = await decision_rows.policies_between(tx, city_id=city_id, from_at=from_at, to_at=to_at)
    found: list[tuple[planning.Policy, int]] = []
    for id_, ticks in counts:
        row = await store.decision(tx, tenant_id=tenant_id, id_=id_)
        assert row is not None, "a kept tick stays"
        found.append((replanning.unpacked(row.inputs, Inputs).policy, ticks))
    return found


async def decisions_between(
    tx: Tx, *, city_id: UUID, from_at: datetime, to_at: datetime
) -> AsyncIterator[DecisionRow]:
    """Every kept tick of a window, in order."""
    after: UUID | None = None
    while True:
        rows = await decision_rows.decisions_between(
            tx, city_id=city_id, from_at=from_at, to_at=to_at, after=after, limit=ROWS_AT_ONCE
        )
        for row in rows:
            yield row
        if len(rows) < ROWS_AT_ONCE:
            return
        after = rows[-1].id


async def requested_between(
    tx: Tx, *, city_id: UUID, from_at: datetime, to_at: datetime
) -> list[Delivery]:
    """What was asked for in a window, in that order."""
    ids = await decision_rows.requested_ids(tx, city_id=city_id, from_at=from_at, to_at=to_at)
    known = await store.deliveries(tx, ids=ids)
    return [known[id_] for id_ in ids]
