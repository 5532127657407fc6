"""A dispute: a cardholder has asked the bank for the money back. No I/O, no clock.

What a provider says of it is `Found`, wherever it was heard. `observe` takes it in, and takes it in
again without effect; how much has been withdrawn is compared with what is booked already, so that
order, delay and repetition do not matter. The books follow how a dispute stands (`holding`): what
is written is the difference between before and after.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import ClassVar, Final, Protocol, runtime_checkable
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.kernel.decisions import Accepted, Deadline, Decision, Event, accept, refuse
from tawsil.payments.dispute_events import (
    DisputeAnswered,
    DisputeAnswerRefused,
    DisputeBearerChosen,
    DisputeDecided,
    DisputeEvidenceDue,
    DisputeMoneyMoved,
    DisputeMoved,
    DisputeOpened,
    DisputeState,
)
from tawsil.payments.events import AccountKind, AccountRef, Posting, Provider
from tawsil.payments.model.payment import clearing, net
from tawsil.payments.model.psp import Absent, Refused, Unheard

WARNED_BEFORE: Final = timedelta(days=3)
"""How long before evidence is due somebody is called to it."""

LOOK_EVERY: Final = timedelta(days=1)
_S = DisputeState
ANSWERABLE: Final = frozenset({_S.INQUIRY, _S.NEEDS_RESPONSE})
OPEN: Final = ANSWERABLE | {_S.UNDER_REVIEW}
MOVES: Final[Mapping[DisputeState, frozenset[DisputeState]]] = MappingProxyType(
    {
        _S.INQUIRY: frozenset({_S.NEEDS_RESPONSE, _S.UNDER_REVIEW, _S.WON, _S.LOST, _S.CLOSED}),
        _S.NEEDS_RESPONSE: frozenset({_S.UNDER_REVIEW, _S.WON, _S.LOST, _S.CLOSED}),
        _S.UNDER_REVIEW: frozenset({_S.NEEDS_RESPONSE, _S.WON, _S.LOST, _S.CLOSED}),
        _S.WON: frozenset({_S.LOST}),  # the cardholder's bank has the last word
        _S.LOST: frozenset({_S.NEEDS_RESPONSE, _S.UNDER_REVIEW, _S.WON}),  # an appeal
        _S.CLOSED: frozenset({_S.NEEDS_RESPONSE}),  # an inquiry that became a dispute
    }
)


class Evidence(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the platform has to say to the cardholder's bank."""

    explanation: str = ""
    product: str = ""
    delivered_on: str = ""
    refund_refused_because: str = ""


class Found(Struct, frozen=True, kw_only=True):
    """What a provider says is so. `withdrawn_minor` is what it has taken back by now."""

    id: str
    charge_id: str
    state: DisputeState
    reason: str
    amount_minor: int
    withdrawn_minor: int
    currency: str
    due_at: datetime | None


@runtime_checkable
class Desk(Protocol):
    """A provider through whom disputes are answered. The same `key` answers once."""

    async def look_at_dispute(self, *, dispute_id: str) -> "Found | Absent | Refused | Unheard": ...
    async def send_evidence(
        self, *, key: str, dispute_id: str, evidence: Evidence
    ) -> "Found | Absent | Refused | Unheard": ...
    async def accept_dispute(
        self, *, key: str, dispute_id: str
    ) -> "Found | Absent | Refused | Unheard": ...


class Dispute(Struct, frozen=True, kw_only=True):
    """`withdrawn_minor` is booked. `evidence` is kept until the provider has it.

    `borne_by` is whose loss it is, or would be.
    """

    stream: ClassVar[str] = "dispute"

    id: UUID
    tenant_id: UUID
    city_id: UUID
    payment_id: UUID
    reference_id: UUID
    provider: Provider
    provider_dispute_id: str
    reason: str
    amount_minor: int
    withdrawn_minor: int
    currency: str
    state: DisputeState
    borne_by: AccountRef
    opened_at: datetime
    looked_at: datetime
    version: int = 0
    due_at: datetime | None = None
    warned: bool = False
    answers: int = 0
    accepted: bool = False
    answered_at: datetime | None = None
    evidence: Evidence | None = None

    def __post_init__(self) -> None:
        assert self.withdrawn_minor >= 0
        assert not (self.accepted and self.evidence), "one answer or the other"

    @property
    def key(self) -> str:
        """The idempotency key of the answer."""
        return f"{self.id}:answer:{self.answers}"

    @property
    def deadline(self) -> Deadline | None:
        """Somebody is called before evidence is due; what is open is looked at every day."""
        if self.state not in OPEN:
            return None
        look_at = self.looked_at + LOOK_EVERY
        if self._waits_for_us and self.due_at is not None and not self.warned:
            warn_at = max(self.opened_at, self.due_at - WARNED_BEFORE)
            if warn_at <= look_at:
                return Deadline("evidence_due", warn_at)
        return Deadline("dispute_look", look_at)

    @property
    def _waits_for_us(self) -> bool:
        return self.state in ANSWERABLE and self.answered_at is None


def opened(
    found: Found,
    *,
    dispute_id: UUID,
    tenant_id: UUID,
    city_id: UUID,
    payment_id: UUID,
    reference_id: UUID,
    provider: Provider,
    borne_by: AccountRef,
    at: datetime,
) -> Accepted[Dispute]:
    """A dispute that was not known, as it stands."""
    first = DisputeState.INQUIRY if found.withdrawn_minor == 0 else DisputeState.NEEDS_RESPONSE
    dispute = Dispute(
        id=dispute_id,
        tenant_id=tenant_id,
        city_id=city_id,
        payment_id=payment_id,
        reference_id=reference_id,
        provider=provider,
        provider_dispute_id=found.id,
        reason=found.reason,
        amount_minor=found.amount_minor,
        withdrawn_minor=0,
        currency=found.currency,
        state=found.state if found.state in ANSWERABLE else first,
        borne_by=borne_by,
        due_at=found.due_at,
        opened_at=at,
        looked_at=at,
    )
    event = DisputeOpened(
        payment_id=payment_id,
        reference_id=reference_id,
        reason=found.reason,
        amount_minor=found.amount_minor,
        currency=found.currency,
        inquiry=dispute.state is DisputeState.INQUIRY,
        due_at=found.due_at,
    )
    begun = accept(dispute, event)
    following = observe(begun.state, found, at=at)
    return Accepted(state=following.state, events=(*begun.events, *following.events))


def observe(dispute: Dispute, found: Found, *, at: datetime) -> Accepted[Dispute]:
    """Take in what the provider says is so."""
    assert found.id == dispute.provider_dispute_id
    moved_minor = found.withdrawn_minor - dispute.withdrawn_minor
    events: list[Event] = []
    seen = replace(dispute, looked_at=at, due_at=found.due_at)
    if moved_minor:
        events.append(
            DisputeMoneyMoved(
                reference_id=dispute.reference_id,
                provider=dispute.provider,
                withdrawn_minor=moved_minor,
                currency=dispute.currency,
            )
        )
        seen = replace(seen, withdrawn_minor=found.withdrawn_minor)
    if found.state is not dispute.state and found.state in MOVES[dispute.state]:
        seen = replace(seen, state=found.state)
        events.append(_entered(seen))
        if seen.state in ANSWERABLE:  # again: an inquiry has become a dispute, or a loss an appeal
            seen = replace(seen, answered_at=None, warned=False)
    return accept(seen, *events)


def answer(dispute: Dispute, *, evidence: Evidence | None, at: datetime) -> Decision[Dispute]:
    """Send evidence to the bank; or, with none, accept the loss. Once, and in time."""
    if dispute.state not in ANSWERABLE or dispute.answered_at is not None:
        return refuse("dispute.not_answerable", state=dispute.state.value)
    if dispute.due_at is not None and at >= dispute.due_at:
        return refuse("dispute.too_late", due_at=dispute.due_at.isoformat())
    if evidence == Evidence():
        return refuse("dispute.evidence_empty", status=422)
    accepted = evidence is None
    return accept(
        replace(
            dispute,
            evidence=evidence,
            accepted=accepted,
            answered_at=at,
            answers=dispute.answers + 1,
        ),
        DisputeAnswered(reference_id=dispute.reference_id, accepted=accepted),
    )


def answer_refused(dispute: Dispute, *, code: str) -> Accepted[Dispute]:
    """The provider did not take the answer: another may be given."""
    return accept(
        replace(dispute, evidence=None, accepted=False, answered_at=None),
        DisputeAnswerRefused(reference_id=dispute.reference_id, code=code),
    )


def bear(dispute: Dispute, *, borne_by: AccountRef) -> Decision[Dispute]:
    """Choose whose loss it is; also when it is lost already, as long as it is not so already."""
    if borne_by == dispute.borne_by:
        return accept(dispute)
    if dispute.state in {DisputeState.WON, DisputeState.CLOSED}:
        return refuse("dispute.nothing_lost", state=dispute.state.value)
    chosen = DisputeBearerChosen(
        reference_id=dispute.reference_id,
        before=dispute.borne_by,
        borne_by=borne_by,
    )
    return accept(replace(dispute, borne_by=borne_by), chosen)


def due(dispute: Dispute, *, at: datetime) -> Accepted[Dispute]:
    """Evidence is due soon, and nobody has answered."""
    assert dispute.due_at is not None, "only what is due has this deadline"
    event = DisputeEvidenceDue(reference_id=dispute.reference_id, due_at=dispute.due_at)
    return accept(replace(dispute, warned=True, looked_at=at), event)


def holding(dispute: Dispute) -> tuple[Posting, ...]:
    """How the books stand for it: what is gone is in dispute, or lost to whoever bears it."""
    lost = dispute.state is DisputeState.LOST
    gone = dispute.borne_by if lost else AccountRef(AccountKind.DISPUTED)
    amount_minor = dispute.withdrawn_minor
    return net((Posting(clearing(dispute.provider), amount_minor), Posting(gone, -amount_minor)))


def _entered(dispute: Dispute) -> Event:
    if dispute.state in OPEN:
        return DisputeMoved(reference_id=dispute.reference_id, state=dispute.state)
    lost = dispute.state is DisputeState.LOST
    return DisputeDecided(
        reference_id=dispute.reference_id,
        outcome=dispute.state,
        lost_minor=dispute.withdrawn_minor if lost else 0,
        currency=dispute.currency,
        borne_by=dispute.borne_by if lost else None,
    )
