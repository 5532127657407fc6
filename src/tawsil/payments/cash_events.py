"""What happens to cash on its way from customers' doors to a hub."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tawsil.kernel.decisions import Event
from tawsil.kernel.places import Place


class CashLevel(StrEnum):
    """How much cash a courier holds, as against how much they may."""

    WELL = "well"
    NEAR = "near"
    FULL = "full"


class CashLevelChanged(Event, frozen=True, kw_only=True, tag="cash.level_changed.v1"):
    """Near the limit the courier should hand in; at the limit nobody sends them for more."""

    courier_id: UUID
    held_minor: int
    limit_minor: int | None
    currency: str
    level: CashLevel


class CashLimitSet(Event, frozen=True, kw_only=True, tag="cash.limit_set.v1"):
    """Without an amount it is the city's again."""

    courier_id: UUID
    currency: str
    limit_minor: int | None


class CashReminded(Event, frozen=True, kw_only=True, tag="cash.reminded.v1"):
    """The courier has held cash since then, and is to hand it in until `block_at`."""

    courier_id: UUID
    held_minor: int
    currency: str
    since_at: datetime
    block_at: datetime


class CashBlocked(Event, frozen=True, kw_only=True, tag="cash.blocked.v1"):
    """The courier kept cash for too long, and collects no more."""

    courier_id: UUID
    held_minor: int
    currency: str
    since_at: datetime
    block_at: datetime


class CashUnblocked(Event, frozen=True, kw_only=True, tag="cash.unblocked.v1"):
    courier_id: UUID
    currency: str


class CashHubOpened(Event, frozen=True, kw_only=True, tag="cash_hub.opened.v1"):
    hub_id: UUID
    place: Place


class CashHubChanged(Event, frozen=True, kw_only=True, tag="cash_hub.changed.v1"):
    hub_id: UUID
    place: Place
    is_open: bool


class CashDepositAnnounced(Event, frozen=True, kw_only=True, tag="cash_deposit.announced.v1"):
    deposit_id: UUID
    courier_id: UUID
    hub_id: UUID
    announced_minor: int
    currency: str


class CashDepositConfirmed(Event, frozen=True, kw_only=True, tag="cash_deposit.confirmed.v1"):
    """What was counted is booked, whatever was announced."""

    deposit_id: UUID
    courier_id: UUID
    hub_id: UUID
    announced_minor: int
    counted_minor: int
    currency: str


class CashDepositRefused(Event, frozen=True, kw_only=True, tag="cash_deposit.refused.v1"):
    deposit_id: UUID
    courier_id: UUID
    hub_id: UUID


class ShortBecause(StrEnum):
    """Why a customer paid less cash than was due."""

    CUSTOMER_HAD_LESS = "customer_had_less"
    NO_CHANGE = "no_change"
    OTHER = "other"


class BorneBy(StrEnum):
    """Who owes what was not paid at the door."""

    CUSTOMER = "customer"
    PLATFORM = "platform"


class CashShortfallReported(Event, frozen=True, kw_only=True, tag="cash_shortfall.reported.v1"):
    shortfall_id: UUID
    courier_id: UUID
    reference_id: UUID
    short_minor: int
    currency: str
    reason: ShortBecause


class CashShortfallApproved(Event, frozen=True, kw_only=True, tag="cash_shortfall.approved.v1"):
    shortfall_id: UUID
    courier_id: UUID
    reference_id: UUID
    short_minor: int
    currency: str
    borne_by: BorneBy


class CashShortfallRejected(Event, frozen=True, kw_only=True, tag="cash_shortfall.rejected.v1"):
    shortfall_id: UUID
    courier_id: UUID
    reference_id: UUID
