"""What answers about cash look like."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from tawsil.payments.public import (
    BorneBy,
    CashAccount,
    CashDeposit,
    CashHub,
    CashLevel,
    CashShortfall,
    DepositState,
    ShortBecause,
    ShortfallState,
)


class CashView(Struct, frozen=True):
    """`held_minor` is to be handed in; `limit_minor` is the courier's own, null: the city's.

    At the level `near` it is time to go to a hub; at `full`, or when `blocked`, nobody sends the
    courier to collect more. `since_at` is when the oldest of it was collected.
    """

    courier_id: UUID
    currency: str
    held_minor: int
    limit_minor: int | None
    level: CashLevel
    blocked: bool
    since_at: datetime | None
    block_at: datetime | None

    @classmethod
    def of(cls, account: CashAccount) -> "CashView":
        return cls(
            courier_id=account.courier_id,
            currency=account.currency,
            held_minor=account.held_minor,
            limit_minor=account.limit_minor,
            level=account.level,
            blocked=account.blocked,
            since_at=account.since_at,
            block_at=account.block_at,
        )


class HubView(Struct, frozen=True):
    id: UUID
    city_id: UUID
    name_en: str
    name_ar: str
    latitude: float
    longitude: float
    is_open: bool

    @classmethod
    def of(cls, hub: CashHub) -> "HubView":
        return cls(
            id=hub.id,
            city_id=hub.city_id,
            name_en=hub.name_en,
            name_ar=hub.name_ar,
            latitude=hub.place.latitude,
            longitude=hub.place.longitude,
            is_open=hub.is_open,
        )


class DepositView(Struct, frozen=True):
    """A confirmed deposit is the courier's receipt: `counted_minor` is owed no more."""

    id: UUID
    courier_id: UUID
    hub_id: UUID
    currency: str
    announced_minor: int
    counted_minor: int | None
    difference_minor: int | None
    state: DepositState
    announced_at: datetime
    decided_at: datetime | None
    decided_by: UUID | None

    @classmethod
    def of(cls, deposit: CashDeposit) -> "DepositView":
        return cls(
            id=deposit.id,
            courier_id=deposit.courier_id,
            hub_id=deposit.hub_id,
            currency=deposit.currency,
            announced_minor=deposit.announced_minor,
            counted_minor=deposit.counted_minor,
            difference_minor=deposit.difference_minor,
            state=deposit.state,
            announced_at=deposit.announced_at,
            decided_at=deposit.decided_at,
            decided_by=deposit.decided_by,
        )


class ShortfallView(Struct, frozen=True):
    id: UUID
    courier_id: UUID
    reference_id: UUID
    currency: str
    short_minor: int
    reason: ShortBecause
    words: str
    state: ShortfallState
    borne_by: BorneBy | None
    reported_at: datetime
    decided_at: datetime | None
    decided_by: UUID | None

    @classmethod
    def of(cls, shortfall: CashShortfall) -> "ShortfallView":
        return cls(
            id=shortfall.id,
            courier_id=shortfall.courier_id,
            reference_id=shortfall.reference_id,
            currency=shortfall.currency,
            short_minor=shortfall.short_minor,
            reason=shortfall.reason,
            words=shortfall.words,
            state=shortfall.state,
            borne_by=shortfall.borne_by,
            reported_at=shortfall.reported_at,
            decided_at=shortfall.decided_at,
            decided_by=shortfall.decided_by,
        )
