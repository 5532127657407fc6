"""An offer: its states, its legal moves, and what each answer decides."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.dispatch import events
from tawsil.dispatch.events import OfferPayload
from tawsil.dispatch.model.rules import Offering
from tawsil.kernel.decisions import Deadline, Decision, Refusal, accept, refuse
from tawsil.tracking.events import StopKind

TAKEN: Final = "taken_by_another"
"""Why an offer is withdrawn when another courier of its round said yes."""


class OfferState(StrEnum):
    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


OFFER_MOVES: Final[Mapping[OfferState, frozenset[OfferState]]] = {
    **{state: frozenset[OfferState]() for state in OfferState},
    OfferState.PENDING: frozenset(OfferState) - {OfferState.PENDING},
}


class Etas(Struct, frozen=True, kw_only=True):
    """When the courier is expected at the pick-up, to have the goods, and to hand them over."""

    arrival_at: datetime
    pickup_at: datetime
    dropoff_at: datetime


class Offer(Struct, frozen=True, kw_only=True):
    """One question to one courier: will you take these? A bundle is one offer.

    Several couriers may be asked for the same at once: their offers are one round, and the first
    yes wins. An offer to one courier alone is a round of its own.

    `joins`: the courier is on a job already and would collect these with it, so the offer does not
    take the courier off anything.
    """

    stream: ClassVar[str] = "offer"

    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID
    correlation_id: UUID
    round_id: UUID
    mode: Offering = Offering.ONE_BY_ONE
    courier_id: UUID
    delivery_ids: tuple[UUID, ...]
    reference_ids: tuple[UUID, ...]
    arrival_at: datetime
    payload: OfferPayload
    joins: bool = False
    made_at: datetime
    expires_at: datetime
    state: OfferState = OfferState.PENDING
    answered_at: datetime | None = None
    reason: str | None = None
    declined: bool = False
    """Counts as a no: the courier is not asked again for these deliveries."""

    @property
    def deadline(self) -> Deadline | None:
        if self.state is not OfferState.PENDING:
            return None
        return Deadline(kind="offer_expires", at=self.expires_at)

    @property
    def pending(self) -> bool:
        return self.state is OfferState.PENDING

    def etas(self) -> dict[UUID, Etas]:
        """The expected instants of every delivery on the offered route."""
        pickup_at = next(s.at for s in self.payload.stops if s.kind is StopKind.PICKUP)
        return {
            id_: Etas(arrival_at=self.arrival_at, pickup_at=pickup_at, dropoff_at=stop.at)
            for stop in self.payload.stops
            if stop.kind is StopKind.DROPOFF
            for id_ in stop.delivery_ids
        }


def make_offer(offer: Offer) -> Decision[Offer]:
    return accept(
        offer,
        _offer_event(
            events.OfferMade,
            offer,
            expires_at=offer.expires_at,
            payload=offer.payload,
            round_id=offer.round_id,
            mode=offer.mode,
        ),
    )


def accept_offer(offer: Offer, *, now: datetime) -> Decision[Offer]:
    """Yes, in time. The one answer that counts is the first."""
    if refused := not_answerable(offer, now=now):
        return refused
    return accept(
        replace(offer, state=OfferState.ACCEPTED, answered_at=now),
        _offer_event(events.OfferAccepted, offer, response_time_s=_response_time_s(offer, now)),
    )


def reject_offer(offer: Offer, *, reason: str | None, now: datetime) -> Decision[Offer]:
    if refused := not_answerable(offer, now=now):
        return refused
    return accept(
        replace(offer, state=OfferState.REJECTED, answered_at=now, reason=reason, declined=True),
        _offer_event(
            events.OfferRejected,
            offer,
            response_time_s=_response_time_s(offer, now),
            reason=reason,
        ),
    )


def expire_offer(offer: Offer) -> Decision[Offer]:
    assert offer.pending, "only a pending offer expires"
    return accept(
        replace(offer, state=OfferState.EXPIRED, declined=True),
        _offer_event(events.OfferExpired, offer),
    )


def withdraw_offer(offer: Offer, *, reason: str, declined: bool = False) -> Decision[Offer]:
    """The platform takes it back; `declined` if it is the courier who cannot take it."""
    assert offer.pending, "only a pending offer is withdrawn"
    return accept(
        replace(offer, state=OfferState.WITHDRAWN, reason=reason, declined=declined),
        _offer_event(events.OfferWithdrawn, offer, reason=reason),
    )


def not_answerable(offer: Offer, *, now: datetime) -> Refusal | None:
    """Why it is too late to answer; an offer past its time is over before its timer rings."""
    if offer.pending and now < offer.expires_at:
        return None
    state = OfferState.EXPIRED if offer.pending else offer.state
    code = f"dispatch.offer_{TAKEN if offer.reason == TAKEN else state}"
    return refuse(code, state=state, legal=sorted(OFFER_MOVES[state]))


def _response_time_s(offer: Offer, now: datetime) -> float:
    return (now - offer.made_at).total_seconds()


def _offer_event(cls: Any, offer: Offer, **fields: Any) -> Any:
    return cls(
        offer_id=offer.id,
        courier_id=offer.courier_id,
        delivery_ids=offer.delivery_ids,
        reference_ids=offer.reference_ids,
        **fields,
    )
