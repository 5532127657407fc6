"""Why me, and why not me: a tick as it concerns one courier, without a word about the others."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.couriers import public as couriers
from tawsil.dispatch import planning, store
from tawsil.dispatch.model import Delivery, Offer, OfferState
from tawsil.dispatch.service import journal, replanning
from tawsil.dispatch.service.journal import Decided
from tawsil.kernel.db import Tx

_AS_SOON_S: Final = 1.0
"""Who is later by less than this is as soon."""


class WhyMe(Struct, frozen=True, kw_only=True):
    """`next_s` is how much later whoever came next would have collected, if anybody could."""

    decision_id: UUID
    at: datetime
    policy: str
    policy_version: int
    pickup_at: datetime
    together: int
    joins: bool
    beside: bool
    """Asked at the same time as the one whom the plan chose; the first yes counts."""
    left_out: int
    next_s: float | None
    terms: Mapping[str, float]


class Answer(StrEnum):
    """Why somebody was not asked for a delivery."""

    CHOSEN = "chosen"
    ASKED = "asked"
    BY_HAND = "by_hand"
    NOBODY_YET = "nobody_yet"
    NOT_KEPT = "not_kept"
    OFFLINE = "offline"
    LEFT_OUT = "left_out"
    DECLINED = "declined"
    OFF_SHIFT = "off_shift_before_pickup"
    TOO_FAR = "too_far"
    COLLECTING_ELSEWHERE = "collecting_elsewhere"
    OVER_CASH_LIMIT = "over_cash_limit"
    OTHER_JOB = "other_job"
    MEANT_FOR_ANOTHER = "meant_for_another"
    LATER = "later"
    AS_SOON = "as_soon"
    SOONER = "sooner"


class WhyNotMe(Struct, frozen=True, kw_only=True):
    """`reason` says how an offer ended, or why a courier was not even shown to the planner; seconds
    are there where the answer speaks of them.
    """

    answer: Answer
    at: datetime | None = None
    policy: str | None = None
    policy_version: int | None = None
    reason: str | None = None
    later_s: float | None = None
    drive_s: float | None = None
    most_drive_s: float | None = None


async def why_me(tx: Tx, *, offer: Offer) -> WhyMe | None:
    """Why a courier was asked; nothing if the tick is not kept, or it was no tick."""
    row = await store.decision_of_offer(tx, offer_id=offer.id)
    if row is None:
        return None
    decided = journal.read(row)
    told = next(t for t in decided.story.told if t.added == offer.delivery_ids)
    first, pickup_at = told.added[0], _expected_at(offer)
    others = [
        c for c in decided.story.considered if c.job == first and c.courier != offer.courier_id
    ]
    soonest_at = min((c.pickup_at for c in others), default=None)
    return WhyMe(
        decision_id=decided.id,
        at=decided.at,
        policy=decided.policy,
        policy_version=decided.policy_version,
        pickup_at=pickup_at,
        together=len(told.jobs),
        joins=offer.joins,
        beside=told.courier != offer.courier_id,
        left_out=sum(x.couriers for x in decided.story.left_out if x.job in {None, first}),
        next_s=None if soonest_at is None else (soonest_at - pickup_at).total_seconds(),
        terms=told.terms if told.courier == offer.courier_id else {},
    )


async def why_not_me(tx: Tx, *, delivery: Delivery, courier_id: UUID) -> WhyNotMe:
    """Why somebody was not asked, at the moment when whoever has it was; or else when somebody
    was asked last.
    """
    if delivery.courier_id == courier_id:
        return WhyNotMe(answer=Answer.CHOSEN, at=delivery.assigned_at)
    made = await store.offers_about(tx, delivery_id=delivery.id)
    mine = [offer for offer in made if offer.courier_id == courier_id]
    if mine:
        return WhyNotMe(answer=Answer.ASKED, at=mine[-1].made_at, reason=mine[-1].state)
    theirs = [
        offer
        for offer in made
        if delivery.courier_id is None
        or (offer.courier_id == delivery.courier_id and offer.state is OfferState.ACCEPTED)
    ]
    if not theirs:
        alone = Answer.NOBODY_YET if delivery.courier_id is None else Answer.BY_HAND
        return WhyNotMe(answer=alone, at=delivery.assigned_at)
    row = await store.decision_of_offer(tx, offer_id=theirs[-1].id)
    if row is None:
        return WhyNotMe(answer=Answer.NOT_KEPT, at=theirs[-1].made_at)
    decided = journal.read(row)
    found = _answer(decided, theirs[-1], delivery=delivery, courier_id=courier_id)
    if found.answer is Answer.OFFLINE and await _on_duty(tx, courier_id, at=decided.at):
        # Of several parts of a tick, an earlier one had counted on them.
        found = WhyNotMe(answer=Answer.MEANT_FOR_ANOTHER)
    return replace(
        found,
        at=decided.at,
        policy=decided.policy,
        policy_version=decided.policy_version,
    )


async def _on_duty(tx: Tx, courier_id: UUID, *, at: datetime) -> bool:
    spans = await couriers.history(
        tx, courier_ids=[courier_id], from_at=at - timedelta(microseconds=1), to_at=at
    )
    return any(span.availability is not couriers.Availability.OFFLINE for span in spans)


def _expected_at(offer: Offer) -> datetime:
    """When whoever was asked was expected to collect."""
    return offer.etas()[offer.delivery_ids[0]].pickup_at


def _answer(decided: Decided, taken: Offer, *, delivery: Delivery, courier_id: UUID) -> WhyNotMe:
    """From what was known then; the ways are measured again as they were measured then."""
    courier = next((c for c in decided.inputs.couriers if c.id == courier_id), None)
    if courier is None:
        return _unseen(decided, courier_id)
    job = next(j for j in decided.inputs.jobs if j.id == delivery.id)
    return _excluded(decided, job, courier) or _compared(decided, taken, job, courier)


def _unseen(decided: Decided, courier_id: UUID) -> WhyNotMe:
    """Who was not shown to the planner was left out before, or was not there."""
    for left_out in decided.story.left_out:
        if left_out.job is None and courier_id in left_out.examples:
            return WhyNotMe(answer=Answer.LEFT_OUT, reason=left_out.reason)
    return WhyNotMe(answer=Answer.OFFLINE)


def _compared(
    decided: Decided, taken: Offer, job: planning.Job, courier: planning.Courier
) -> WhyNotMe:
    """Who could have been asked was of more use elsewhere, or came later, or nearly had it."""
    if any(told.courier == courier.id and told.offer_id for told in decided.story.told):
        return WhyNotMe(answer=Answer.OTHER_JOB)
    if any(held.courier == courier.id for held in decided.story.held):
        return WhyNotMe(answer=Answer.MEANT_FOR_ANOTHER)
    later_s = (_pickup_at(decided, job, courier) - _expected_at(taken)).total_seconds()
    if later_s > _AS_SOON_S:
        return WhyNotMe(answer=Answer.LATER, later_s=later_s)
    return WhyNotMe(answer=Answer.AS_SOON if later_s >= -_AS_SOON_S else Answer.SOONER)


def _excluded(decided: Decided, job: planning.Job, courier: planning.Courier) -> WhyNotMe | None:
    if courier.id in job.declined_by:
        return WhyNotMe(answer=Answer.DECLINED)
    sites = {j.id: j.site for j in decided.inputs.jobs}
    if courier.collecting and sites[courier.collecting[0]] != job.site:
        return WhyNotMe(answer=Answer.COLLECTING_ELSEWHERE)
    drive_s = _approach_s(decided, job, courier)
    most_s = decided.inputs.policy.reach_s * job.reach
    if not courier.collecting and drive_s > most_s:
        return WhyNotMe(answer=Answer.TOO_FAR, drive_s=drive_s, most_drive_s=most_s)
    if courier.off_at is not None and _pickup_at(decided, job, courier) > courier.off_at:
        return WhyNotMe(answer=Answer.OFF_SHIFT)
    room_minor = courier.cash_room_minor
    if job.collect_minor and room_minor is not None and job.collect_minor > room_minor:
        return WhyNotMe(answer=Answer.OVER_CASH_LIMIT)
    return None


def _pickup_at(decided: Decided, job: planning.Job, courier: planning.Courier) -> datetime:
    """When somebody could have had it in hand."""
    half_pickup = timedelta(seconds=decided.inputs.policy.services.pickup_s / 2)
    if courier.collecting or courier.waiting_at == job.site:
        there_at = max(decided.at, courier.free_at + half_pickup)
    else:
        drive = timedelta(seconds=_approach_s(decided, job, courier))
        there_at = max(decided.at, courier.free_at) + drive + half_pickup
    return max(job.ready_at, there_at)


def _approach_s(decided: Decided, job: planning.Job, courier: planning.Courier) -> float:
    match decided.inputs.travel:
        case replanning.AsTheCrowFlies():
            travel = replanning.travel_of(decided.inputs)
            return float(travel.matrix_s([courier.place], [job.pickup])[0, 0])
        case replanning.Measured():
            snapshot = replanning.snapshot_of(decided.inputs)
            row = [c.id for c in snapshot.couriers].index(courier.id)
            return float(snapshot.approach_s[row, snapshot.sites.index(job.site)])
