"""Whether providers answer, and what was left behind at one that did not."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from tawsil.kernel.decisions import Event


class Provider(StrEnum):
    """An acquirer that the platform has a contract with."""

    STRIPE = "stripe"
    DIRECT = "direct"


class StrayLeft(Event, frozen=True, tag="payment_stray.left.v1"):
    """There may be a charge at a provider, for a payment that has gone elsewhere."""

    reference_id: UUID
    provider: Provider


class StrayFound(Event, frozen=True, tag="payment_stray.found.v1"):
    """There is: it is voided."""

    reference_id: UUID
    provider: Provider


class StrayClosed(Event, frozen=True, tag="payment_stray.closed.v1"):
    """Nothing of it is left, or nothing ever was; or somebody else has captured it."""

    reference_id: UUID
    provider: Provider
    outcome: str


class ProviderOpened(Event, frozen=True, tag="provider.opened.v1"):
    """The provider does not answer, and is not asked until it is probed at `until_at`."""

    provider: Provider
    until_at: datetime


class ProviderHalfOpened(Event, frozen=True, tag="provider.half_opened.v1"):
    """The provider answers a probe, and is given one authorisation at a time."""

    provider: Provider


class ProviderClosed(Event, frozen=True, tag="provider.closed.v1"):
    """The provider does its work again."""

    provider: Provider


class ProviderPaused(Event, frozen=True, tag="provider.paused.v1"):
    """An operator took the provider out of use."""

    provider: Provider
    reason: str


class ProviderResumed(Event, frozen=True, tag="provider.resumed.v1"):
    """An operator has the provider tried again at once."""

    provider: Provider


PROVIDER_EVENTS: Final = (
    StrayLeft,
    StrayFound,
    StrayClosed,
    ProviderOpened,
    ProviderHalfOpened,
    ProviderClosed,
    ProviderPaused,
    ProviderResumed,
)
