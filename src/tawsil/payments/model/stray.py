"""A charge that may have been made where a payment is not any longer. No I/O, no clock.

When an authorisation is not heard of and goes to another provider, or is turned into cash, nobody
knows whether the first provider made its charge. A stray remembers to look there, and voids what
turns up: it is never captured. That nothing is there is believed once it was seen several times
over a quarter of an hour; a webhook opens the stray again.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.kernel.decisions import Accepted, Deadline, Event, accept
from tawsil.payments.events import Provider
from tawsil.payments.model.payment import Payment
from tawsil.payments.model.psp import Absent, Charge, ChargeState, Word
from tawsil.payments.provider_events import StrayClosed, StrayFound, StrayLeft

FIRST_LOOK: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(minutes=15)
SURE_AFTER: Final = timedelta(minutes=15)
LEAST_LOOKS: Final = 4


class StrayState(StrEnum):
    LOST = "lost"  # nobody knows whether there is a charge
    VOIDING = "voiding"
    CLOSED = "closed"


class Outcome(StrEnum):
    ABSENT = "absent"
    VOIDED = "voided"
    DECLINED = "declined"
    CAPTURED = "captured"  # not by us: reconciliation shows it


class Stray(Struct, frozen=True, kw_only=True):
    """`looks` were answered that there is nothing; `silences` were not answered, in a row."""

    stream: ClassVar[str] = "payment_stray"

    id: UUID
    tenant_id: UUID
    city_id: UUID
    payment_id: UUID
    reference_id: UUID
    provider: Provider
    created_at: datetime
    since_at: datetime
    state: StrayState = StrayState.LOST
    version: int = 0
    charge_id: str | None = None
    looks: int = 0
    silences: int = 0
    outcome: Outcome | None = None

    @property
    def deadline(self) -> Deadline | None:
        if self.state is StrayState.CLOSED:
            return None
        pause = FIRST_LOOK * 2 ** min(self.looks + self.silences, 10)
        return Deadline("look", self.since_at + min(pause, LONGEST_PAUSE))

    @property
    def void_key(self) -> str:
        return f"{self.payment_id}:stray"


def leave(payment: Payment, *, stray_id: UUID, provider: Provider, at: datetime) -> Accepted[Stray]:
    """The payment goes on elsewhere."""
    stray = Stray(
        id=stray_id,
        tenant_id=payment.tenant_id,
        city_id=payment.city_id,
        payment_id=payment.id,
        reference_id=payment.reference_id,
        provider=provider,
        created_at=at,
        since_at=at,
    )
    return accept(stray, StrayLeft(reference_id=payment.reference_id, provider=provider))


def look_again(stray: Stray, *, at: datetime) -> Accepted[Stray]:
    """Somebody goes to look; if nobody comes back, somebody else will."""
    return accept(replace(stray, since_at=at, silences=stray.silences + 1))


def hear(stray: Stray, word: Word, *, at: datetime) -> Accepted[Stray]:
    """Take in what its provider says of it."""
    match word:
        case Charge(state=ChargeState.CHALLENGED | ChargeState.AUTHORISED):
            found = replace(stray, charge_id=word.id, since_at=at, silences=0)
            if stray.state is StrayState.VOIDING:
                return accept(found)
            event = StrayFound(reference_id=stray.reference_id, provider=stray.provider)
            return accept(replace(found, state=StrayState.VOIDING, outcome=None), event)
        case Charge():
            return _closed(replace(stray, charge_id=word.id), _ENDS[word.state], at=at)
        case Absent() if stray.state is StrayState.LOST:
            looked = replace(stray, since_at=at, looks=stray.looks + 1, silences=0)
            sure = looked.looks >= LEAST_LOOKS and at - stray.created_at >= SURE_AFTER
            return _closed(looked, Outcome.ABSENT, at=at) if sure else accept(looked)
        case _:
            return accept(stray)


_ENDS: Final = {
    ChargeState.CLOSED: Outcome.VOIDED,
    ChargeState.DECLINED: Outcome.DECLINED,
    ChargeState.CAPTURED: Outcome.CAPTURED,
}


def _closed(stray: Stray, outcome: Outcome, *, at: datetime) -> Accepted[Stray]:
    if stray.state is StrayState.CLOSED:
        return accept(stray)
    closed = replace(stray, state=StrayState.CLOSED, outcome=outcome, since_at=at)
    events: tuple[Event, ...] = (
        StrayClosed(
            reference_id=stray.reference_id, provider=stray.provider, outcome=outcome.value
        ),
    )
    return accept(closed, *events)
