"""What a tick knew and decided: kept as one row, and told again for one delivery."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from tawsil.dispatch import planning
from tawsil.dispatch.model import Delivery, Offer
from tawsil.dispatch.store import DecisionRow
from tawsil.kernel.decisions import By, Refusal


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


class Outcome(Struct, frozen=True, kw_only=True):
    told: tuple[Told, ...]
    held: tuple[Held, ...]


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


class Inputs(Struct, frozen=True, kw_only=True):
    """All that the plan was made from, but travel times: enough to plan again."""

    jobs: tuple[planning.Job, ...]
    couriers: tuple[planning.Courier, ...]


class Explanation(Struct, frozen=True, kw_only=True):
    """One tick, as far as it concerns one delivery."""

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
    made: Mapping[UUID, Offer | Refusal],
    waiting: Sequence[Delivery],
) -> DecisionRow:
    """The row of a tick; `left_out` names couriers the planner was not shown, by reason."""
    return DecisionRow(
        id=id_,
        tenant_id=by.tenant_id,
        city_id=city_id,
        at=plan.at,
        policy=plan.policy,
        policy_version=plan.version,
        delivery_ids=tuple(d.id for d in waiting),
        inputs=inputs,
        candidates=plan.candidates,
        exclusions=[
            *(
                LeftOut(reason=reason, couriers=len(ids), examples=tuple(ids))
                for reason, ids in left_out.items()
            ),
            *plan.exclusions,
        ],
        outcome={
            "told": [_told(c, made.get(c.courier)) for c in plan.commitments],
            "held": plan.holds,
        },
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


def explained(row: DecisionRow, *, delivery_id: UUID) -> Explanation:
    """What a tick said about one delivery."""
    outcome: Outcome = _read(row.outcome, Outcome)
    considered: list[Considered] = _read(row.candidates, list[Considered])
    left_out: list[LeftOut] = _read(row.exclusions, list[LeftOut])
    return Explanation(
        at=row.at,
        policy=row.policy,
        policy_version=row.policy_version,
        told=next((t for t in outcome.told if delivery_id in t.added), None),
        held=next((h for h in outcome.held if h.job == delivery_id), None),
        considered=tuple(c for c in considered if c.job == delivery_id),
        left_out=tuple(x for x in left_out if x.job in {None, delivery_id}),
    )


def _read(document: Any, type_: Any) -> Any:
    return msgspec.convert(document, type_)
