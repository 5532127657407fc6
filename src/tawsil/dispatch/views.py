"""Offers, deliveries and decisions as the API shows them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from tawsil.dispatch.events import Cause, PayParts, Prep, Stop
from tawsil.dispatch.model import (
    TO_COLLECT,
    Action,
    Delivery,
    Offer,
    Offering,
    OfferState,
    Rules,
    RulesSet,
    State,
    Suggestion,
)
from tawsil.dispatch.service.by_hand import Asked
from tawsil.dispatch.service.journal import Considered, Explanation, LeftOut
from tawsil.kernel.db import event_type
from tawsil.kernel.decisions import Event
from tawsil.kernel.events import Recorded
from tawsil.kernel.http.errors import refusal_envelope
from tawsil.kernel.i18n import text
from tawsil.kernel.places import Place
from tawsil.tracking.events import StopKind


class OfferView(Struct, frozen=True):
    """`round_id` is shared by the offers of couriers who are asked for the same at once.

    The earning is the sum of its parts and the incentive; `collect_minor` is cash to be collected
    at the doors. The way to the pick-up is part of the distance.
    """

    id: UUID
    round_id: UUID
    mode: Offering
    courier_id: UUID
    delivery_ids: tuple[UUID, ...]
    reference_ids: tuple[UUID, ...]
    state: OfferState
    estimated_earning_minor: int
    earning_parts: PayParts
    incentive_minor: int
    collect_minor: int
    currency: str
    distance_m: int
    distance_to_pickup_m: int
    distance_from_pickup_m: int
    deliveries: int
    prep_state: Prep
    ready_at: datetime | None
    stops: tuple[Stop, ...]
    joins: bool
    made_at: datetime
    expires_at: datetime
    answered_at: datetime | None
    reason: str | None

    @staticmethod
    def of(offer: Offer) -> "OfferView":
        payload = offer.payload
        return OfferView(
            id=offer.id,
            round_id=offer.round_id,
            mode=offer.mode,
            courier_id=offer.courier_id,
            delivery_ids=offer.delivery_ids,
            reference_ids=offer.reference_ids,
            state=offer.state,
            estimated_earning_minor=payload.earning_minor,
            earning_parts=payload.parts,
            incentive_minor=payload.incentive_minor,
            collect_minor=payload.collect_minor,
            currency=payload.currency,
            distance_m=payload.distance_m,
            distance_to_pickup_m=payload.to_pickup_m,
            distance_from_pickup_m=payload.distance_m - payload.to_pickup_m,
            deliveries=payload.deliveries,
            prep_state=payload.prep,
            ready_at=payload.ready_at,
            stops=payload.stops,
            joins=offer.joins,
            made_at=offer.made_at,
            expires_at=offer.expires_at,
            answered_at=offer.answered_at,
            reason=offer.reason,
        )


class PassedOverView(Struct, frozen=True):
    courier_id: UUID
    code: str
    sentence: str


class AskedView(Struct, frozen=True):
    """The offers that were made, and who could not be asked and why."""

    reference_id: UUID
    offers: tuple[OfferView, ...]
    passed_over: tuple[PassedOverView, ...]

    @staticmethod
    def of(asked: Asked) -> "AskedView":
        return AskedView(
            reference_id=asked.reference_id,
            offers=tuple(OfferView.of(o) for o in asked.offers),
            passed_over=tuple(
                PassedOverView(courier_id=id_, code=error.code, sentence=error.message)
                for id_, why in asked.passed_over.items()
                for error in refusal_envelope(why).errors
            ),
        )


class SuggestionView(Struct, frozen=True):
    """An idle courier does better to wait near this place; staying costs them nothing."""

    id: UUID
    courier_id: UUID
    site_id: UUID
    place: Place
    made_at: datetime
    until_at: datetime

    @staticmethod
    def of(suggestion: Suggestion) -> "SuggestionView":
        return SuggestionView(
            id=suggestion.id,
            courier_id=suggestion.courier_id,
            site_id=suggestion.site_id,
            place=suggestion.place,
            made_at=suggestion.made_at,
            until_at=suggestion.until_at,
        )


class RulesSetView(Struct, frozen=True):
    id: UUID
    city_id: UUID
    rules: Rules
    set_at: datetime
    set_by: UUID | None
    reason: str

    @staticmethod
    def of(rules_set: RulesSet) -> "RulesSetView":
        return RulesSetView(
            id=rules_set.id,
            city_id=rules_set.city_id,
            rules=rules_set.rules,
            set_at=rules_set.set_at,
            set_by=rules_set.set_by,
            reason=rules_set.reason,
        )


class DeliveryView(Struct, frozen=True):
    """`at_risk`: why its courier may not manage it; at `grace_ends_at` they lose it, unless it is
    on board. `stranded`: for what people were called while it was on board. Until `undo_until_at`
    what an operator decided can be taken back.
    """

    id: UUID
    reference_id: UUID
    city_id: UUID
    site_id: UUID
    state: State
    level: int
    courier_id: UUID | None
    pickup: Place
    dropoff: Place
    ready_at: datetime
    requested_at: datetime
    urgent_at: datetime
    pickup_eta_at: datetime | None
    dropoff_eta_at: datetime | None
    at_risk: Cause | None
    at_risk_since_at: datetime | None
    grace_ends_at: datetime | None
    stranded: tuple[Cause, ...]
    undo_until_at: datetime | None

    @staticmethod
    def of(delivery: Delivery) -> "DeliveryView":
        return DeliveryView(**_shown(delivery))


def _shown(delivery: Delivery) -> dict[str, Any]:
    etas, risk, undo = delivery.etas, delivery.risk, delivery.undo
    return {
        "id": delivery.id,
        "reference_id": delivery.reference_id,
        "city_id": delivery.city_id,
        "site_id": delivery.site_id,
        "state": delivery.state,
        "level": delivery.level,
        "courier_id": delivery.courier_id,
        "pickup": delivery.pickup,
        "dropoff": delivery.dropoff,
        "ready_at": delivery.ready_at,
        "requested_at": delivery.requested_at,
        "urgent_at": delivery.urgent_at,
        "pickup_eta_at": etas.pickup_at if etas else None,
        "dropoff_eta_at": etas.dropoff_at if etas else None,
        "at_risk": risk.cause if risk else None,
        "at_risk_since_at": risk.since_at if risk else None,
        "grace_ends_at": delivery.grace_ends_at,
        "stranded": tuple(sorted(delivery.stranded)),
        "undo_until_at": undo.until_at if undo else None,
    }


class NextRungView(Struct, frozen=True):
    """What happens if nobody takes it until then; above the last rung it is given up."""

    kind: str
    at: datetime
    level: int | None
    actions: tuple[Action, ...]


class UnassignedView(DeliveryView, frozen=True):
    """A delivery without a courier, and how far up the ladder it is."""

    searched_since_at: datetime
    lost_because: Cause | None
    earning_minor: int
    incentive_minor: int
    currency: str
    actions_taken: tuple[Action, ...]
    next_rung: NextRungView

    @staticmethod
    def of(delivery: Delivery) -> "UnassignedView":
        ladder, level, due = delivery.rules.ladder, delivery.level, delivery.deadline
        assert due is not None, "who waits is woken"
        upcoming = ladder[level] if level < len(ladder) else None
        return UnassignedView(
            **_shown(delivery),
            searched_since_at=delivery.searched_since_at,
            lost_because=delivery.lost_because,
            earning_minor=delivery.earning_minor,
            incentive_minor=delivery.incentive_minor,
            currency=delivery.currency,
            actions_taken=tuple(action for rung in ladder[:level] for action in rung.actions),
            next_rung=NextRungView(
                kind=due.kind,
                at=due.at,
                level=level + 1 if upcoming else None,
                actions=upcoming.actions if upcoming else (),
            ),
        )


class JobStopView(Struct, frozen=True):
    """A door still to visit, and which deliveries change hands there."""

    kind: StopKind
    reference_ids: tuple[UUID, ...]
    place: Place
    expected_at: datetime
    returning: bool
    """What could not be handed over is given back here."""


class JobView(Struct, frozen=True):
    """A courier's present work; both lists are empty when there is none."""

    deliveries: tuple[DeliveryView, ...]
    stops: tuple[JobStopView, ...]

    @staticmethod
    def of(carried: Sequence[Delivery]) -> "JobView":
        """`carried` in the order of drop-off: first what is to be collected, then the doors, then
        back with what nobody took.
        """
        collecting = sorted(
            (d for d in carried if d.state in TO_COLLECT),
            key=lambda d: (_pickup_at(d), d.site_id, d.id),
        )
        pickups = [
            _stop(StopKind.PICKUP, list(there))
            for _, there in groupby(collecting, key=lambda d: d.site_id)
        ]
        doors = [_stop(StopKind.DROPOFF, [d]) for d in carried if d.state is not State.FAILED]
        back = [_stop(StopKind.PICKUP, [d]) for d in carried if d.state is State.FAILED]
        return JobView(
            deliveries=tuple(DeliveryView.of(d) for d in carried),
            stops=(*pickups, *doors, *back),
        )


def _stop(kind: StopKind, deliveries: Sequence[Delivery]) -> JobStopView:
    first = deliveries[0]
    assert first.etas is not None, "a courier's work has expected times"
    pickup = kind is StopKind.PICKUP
    return JobStopView(
        kind=kind,
        reference_ids=tuple(d.reference_id for d in deliveries),
        place=first.pickup if pickup else first.dropoff,
        expected_at=first.etas.pickup_at
        if pickup and first.state is not State.FAILED
        else first.etas.dropoff_at,
        returning=first.state is State.FAILED,
    )


def _pickup_at(delivery: Delivery) -> datetime:
    assert delivery.etas is not None
    return delivery.etas.pickup_at


class LeftOutView(Struct, frozen=True):
    reason: str
    sentence: str
    couriers: int
    examples: tuple[UUID, ...]

    @staticmethod
    def of(left_out: LeftOut) -> "LeftOutView":
        return LeftOutView(
            reason=left_out.reason,
            sentence=text(
                f"dispatch.left_out_{left_out.reason}", params={"couriers": left_out.couriers}
            ),
            couriers=left_out.couriers,
            examples=left_out.examples,
        )


class DecisionView(Struct, frozen=True):
    """One tick about one delivery. Terms are in seconds of a customer's waiting; less is better."""

    id: UUID
    at: datetime
    policy: str
    policy_version: int
    sentence: str
    courier_id: UUID | None
    offer_id: UUID | None
    terms: Mapping[str, float]
    considered: tuple[Considered, ...]
    left_out: tuple[LeftOutView, ...]

    @staticmethod
    def of(why: Explanation) -> "DecisionView":
        chosen = why.told or why.held
        return DecisionView(
            id=why.decision_id,
            at=why.at,
            policy=why.policy,
            policy_version=why.policy_version,
            sentence=_sentence(why),
            courier_id=chosen.courier if chosen else None,
            offer_id=why.told.offer_id if why.told else None,
            terms=why.told.terms if why.told else {},
            considered=why.considered,
            left_out=tuple(LeftOutView.of(x) for x in why.left_out),
        )


def _sentence(why: Explanation) -> str:
    if why.told is not None:
        code = "dispatch.why_asked" if why.told.offer_id else "dispatch.why_passed_over"
        return text(
            code,
            params={
                "courier_id": str(why.told.courier),
                "pickup_at": _clock(why.told.pickup_at),
                "together": len(why.told.jobs),
            },
        )
    if why.held is not None:
        return text(
            f"dispatch.why_{why.held.reason}",
            params={
                "courier_id": str(why.held.courier or ""),
                "until": _clock(why.held.until),
            },
        )
    return text("dispatch.why_not_considered", params={})


def _clock(at: datetime | None) -> str:
    return f"{at:%H:%M:%S} UTC" if at is not None else "?"


class AuditView(Struct, frozen=True):
    """One recorded fact: what, when, by whom."""

    seq: int
    type: str
    stream: str
    stream_id: UUID
    version: int
    at: datetime
    actor_id: UUID | None
    actor_role: str
    correlation_id: UUID
    causation_id: UUID | None
    data: dict[str, Any]

    @staticmethod
    def of(recorded: Recorded[Any]) -> "AuditView":
        event: Event = recorded.event
        return AuditView(
            seq=recorded.seq,
            type=event_type(type(event)),
            stream=recorded.stream,
            stream_id=recorded.stream_id,
            version=recorded.version,
            at=recorded.at,
            actor_id=recorded.actor_id,
            actor_role=recorded.actor_role,
            correlation_id=recorded.correlation_id,
            causation_id=recorded.causation_id,
            data=msgspec.to_builtins(event),
        )
