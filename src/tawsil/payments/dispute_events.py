"""What happened to a dispute: a cardholder has asked the bank for the money back."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from tawsil.kernel.decisions import Event
from tawsil.payments.events import AccountRef, Provider


class DisputeState(StrEnum):
    INQUIRY = "inquiry"  # the bank asks, and has taken nothing yet
    NEEDS_RESPONSE = "needs_response"
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"
    CLOSED = "closed"  # an inquiry that came to nothing


class DisputeOpened(Event, frozen=True, tag="dispute.opened.v1"):
    """A cardholder asks the bank for the money back; evidence is wanted until `due_at`."""

    payment_id: UUID
    reference_id: UUID
    reason: str
    amount_minor: int
    currency: str
    inquiry: bool
    due_at: datetime | None


class DisputeMoneyMoved(Event, frozen=True, tag="dispute.money_moved.v1"):
    """The provider has taken so much back; below zero, it has given so much back to us."""

    reference_id: UUID
    provider: Provider
    withdrawn_minor: int
    currency: str


class DisputeMoved(Event, frozen=True, tag="dispute.moved.v1"):
    """It is open, in another state than before."""

    reference_id: UUID
    state: DisputeState


class DisputeAnswered(Event, frozen=True, tag="dispute.answered.v1"):
    """The platform sends evidence, or accepts the loss."""

    reference_id: UUID
    accepted: bool


class DisputeAnswerRefused(Event, frozen=True, tag="dispute.answer_refused.v1"):
    reference_id: UUID
    code: str


class DisputeEvidenceDue(Event, frozen=True, tag="dispute.evidence_due.v1"):
    """Nobody has answered, and soon it is too late."""

    reference_id: UUID
    due_at: datetime


class DisputeDecided(Event, frozen=True, tag="dispute.decided.v1"):
    """Won, lost or closed; `borne_by` is whose loss it is."""

    reference_id: UUID
    outcome: DisputeState
    lost_minor: int
    currency: str
    borne_by: AccountRef | None


class DisputeBearerChosen(Event, frozen=True, tag="dispute.bearer_chosen.v1"):
    reference_id: UUID
    before: AccountRef
    borne_by: AccountRef


EVENTS: Final = (
    DisputeOpened,
    DisputeMoneyMoved,
    DisputeMoved,
    DisputeAnswered,
    DisputeAnswerRefused,
    DisputeEvidenceDue,
    DisputeDecided,
    DisputeBearerChosen,
)
