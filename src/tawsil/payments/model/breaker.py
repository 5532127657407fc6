"""A circuit breaker per provider, and who is asked when one of them is down. No I/O, no clock.

closed: the provider is asked. open: it is not, until a probe of ours is answered. half-open: it
answers again, and is trusted with one authorisation at a time until one has gone well. paused: an
operator keeps it open.

What counts against a provider is silence, not a declined card: each silence strains the circuit by
one, each answer eases it by a fifth, and at `BREAKS_AT` it opens. A provider that answers four
times out of five stays in use; one that is silent every other time does not.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Final
from uuid import UUID, uuid5

from msgspec import Struct
from msgspec.structs import replace

from tawsil.kernel.decisions import Accepted, Deadline, Decision, accept, refuse
from tawsil.payments.events import Provider, Step
from tawsil.payments.model.payment import CardToken
from tawsil.payments.provider_events import (
    ProviderClosed,
    ProviderHalfOpened,
    ProviderOpened,
    ProviderPaused,
    ProviderResumed,
)

BREAKS_AT: Final = 4.0
EASED_BY: Final = 0.8
FORGOTTEN_AFTER: Final = timedelta(seconds=60)
FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(seconds=60)
FORGIVEN_AFTER: Final = timedelta(minutes=5)
"""Closed for so long, a circuit that opens again begins with the first pause."""
PROBE_LASTS: Final = timedelta(seconds=20)
TRIAL_LASTS: Final = timedelta(seconds=15)


class Circuit(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    PAUSED = "paused"


class Breaker(Struct, frozen=True, kw_only=True):
    """A provider as one tenant has found it.

    `until_at`: when an open circuit is probed, and how long a half-open one is on trial.
    """

    stream: ClassVar[str] = "provider"

    id: UUID
    tenant_id: UUID
    provider: Provider
    since_at: datetime
    version: int = 0
    circuit: Circuit = Circuit.CLOSED
    strain: float = 0.0
    strained_at: datetime | None = None
    times: int = 0
    until_at: datetime | None = None
    reason: str | None = None

    @property
    def city_id(self) -> None:
        """A provider serves every city."""
        return

    @property
    def deadline(self) -> Deadline | None:
        if self.circuit is not Circuit.OPEN or self.until_at is None:
            return None
        return Deadline("probe", self.until_at)

    def takes(self, step: Step | None, *, at: datetime) -> bool:
        """Whether it may be asked now; `None` is a look."""
        match self.circuit:
            case Circuit.CLOSED:
                return True
            case Circuit.HALF_OPEN if step is Step.AUTHORISE:
                return self.until_at is None or self.until_at <= at
            case Circuit.HALF_OPEN:
                return True
            case Circuit.OPEN | Circuit.PAUSED:
                return False


def breaker(*, tenant_id: UUID, provider: Provider, at: datetime) -> Breaker:
    """One that has not met with anything yet."""
    id_ = uuid5(tenant_id, provider.value)
    return Breaker(id=id_, tenant_id=tenant_id, provider=provider, since_at=at)


def choose(
    cards: Sequence[CardToken],
    breakers: Mapping[Provider, Breaker],
    *,
    tried: Sequence[Provider] = (),
    at: datetime,
) -> Provider | None:
    """Who is to be asked: the first that a card is there for, and that may be asked."""
    for card in cards:
        known = breakers.get(card.provider)
        free = known is None or known.takes(Step.AUTHORISE, at=at)
        if free and card.provider not in tried:
            return card.provider
    return None


def on_trial(breaker: Breaker, *, at: datetime) -> Breaker:
    """Who asks a half-open provider for an authorisation is the only one for a while."""
    if breaker.circuit is not Circuit.HALF_OPEN:
        return breaker
    return replace(breaker, until_at=at + TRIAL_LASTS)


def silent(breaker: Breaker, *, heard_before: int, at: datetime) -> Accepted[Breaker]:
    """It did not answer, after so many answers since the last silence."""
    match breaker.circuit:
        case Circuit.CLOSED:
            fresh = breaker.strained_at is None or at - breaker.strained_at > FORGOTTEN_AFTER
            eased = 0.0 if fresh else breaker.strain * EASED_BY**heard_before
            strained = replace(breaker, strain=eased + 1, strained_at=at)
            return _opened(strained, at=at) if strained.strain >= BREAKS_AT else accept(strained)
        case Circuit.HALF_OPEN:
            return _opened(breaker, at=at)
        case Circuit.OPEN | Circuit.PAUSED:
            return accept(breaker)


def answered(breaker: Breaker, *, at: datetime) -> Accepted[Breaker]:
    """It answered an authorisation: a circuit on trial is closed."""
    if breaker.circuit is not Circuit.HALF_OPEN:
        return accept(breaker)
    closed = replace(
        breaker, circuit=Circuit.CLOSED, strain=0.0, strained_at=None, since_at=at, until_at=None
    )
    return accept(closed, ProviderClosed(provider=breaker.provider))


def probing(breaker: Breaker, *, at: datetime) -> Accepted[Breaker]:
    """The pause is over: somebody looks whether it answers."""
    assert breaker.circuit is Circuit.OPEN
    return accept(replace(breaker, until_at=at + PROBE_LASTS))


def probed(breaker: Breaker, *, heard: bool, at: datetime) -> Accepted[Breaker]:
    if breaker.circuit is not Circuit.OPEN:
        return accept(breaker)
    if not heard:
        longer = replace(breaker, times=breaker.times + 1)
        return accept(replace(longer, until_at=at + _pause(longer)))
    half = replace(breaker, circuit=Circuit.HALF_OPEN, since_at=at, until_at=None)
    return accept(half, ProviderHalfOpened(provider=breaker.provider))


def pause(breaker: Breaker, *, reason: str, at: datetime) -> Decision[Breaker]:
    """An operator takes it out of use."""
    if breaker.circuit is Circuit.PAUSED:
        return refuse("payment.provider_paused_already", provider=breaker.provider.value)
    paused = replace(breaker, circuit=Circuit.PAUSED, since_at=at, until_at=None, reason=reason)
    return accept(paused, ProviderPaused(provider=breaker.provider, reason=reason))


def resume(breaker: Breaker, *, at: datetime) -> Decision[Breaker]:
    """Into use again, once it answers; also before an open circuit would be probed."""
    if breaker.circuit in {Circuit.CLOSED, Circuit.HALF_OPEN}:
        return refuse("payment.provider_in_use", provider=breaker.provider.value)
    resumed = replace(breaker, circuit=Circuit.OPEN, since_at=at, until_at=at, times=1, reason=None)
    return accept(resumed, ProviderResumed(provider=breaker.provider))


def _opened(breaker: Breaker, *, at: datetime) -> Accepted[Breaker]:
    forgiven = breaker.circuit is Circuit.CLOSED and at - breaker.since_at > FORGIVEN_AFTER
    opened = replace(
        breaker,
        circuit=Circuit.OPEN,
        since_at=at,
        times=1 if forgiven else breaker.times + 1,
        strain=0.0,
        strained_at=None,
    )
    until_at = at + _pause(opened)
    return accept(
        replace(opened, until_at=until_at),
        ProviderOpened(provider=breaker.provider, until_at=until_at),
    )


def _pause(breaker: Breaker) -> timedelta:
    return min(FIRST_PAUSE * 2 ** min(breaker.times - 1, 10), LONGEST_PAUSE)
