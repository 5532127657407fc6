"""What has happened to merchants and their products."""

from datetime import datetime
from typing import Final
from uuid import UUID

from tawsil.kernel.decisions import Event
from tawsil.kernel.places import Place


class MerchantListed(Event, frozen=True, tag="merchant.listed.v1"):
    merchant_id: UUID
    city_id: UUID
    place: Place


class MerchantPaused(Event, frozen=True, tag="merchant.paused.v1"):
    """No end means until somebody resumes."""

    merchant_id: UUID
    until: datetime | None


class MerchantResumed(Event, frozen=True, tag="merchant.resumed.v1"):
    merchant_id: UUID


class MerchantBusyChanged(Event, frozen=True, tag="merchant.busy_changed.v1"):
    """Preparing takes this much longer than usual; 0: as usual again."""

    merchant_id: UUID
    extra_s: int


class MerchantPrepTimeChanged(Event, frozen=True, tag="merchant.prep_time_changed.v1"):
    merchant_id: UUID
    prep_time_s: int


class ProductAvailabilityChanged(Event, frozen=True, tag="product.availability_changed.v1"):
    """Unavailable without an end means until somebody says otherwise."""

    product_id: UUID
    merchant_id: UUID
    available: bool
    until: datetime | None


EVENTS: Final = (
    MerchantListed,
    MerchantPaused,
    MerchantResumed,
    MerchantBusyChanged,
    MerchantPrepTimeChanged,
    ProductAvailabilityChanged,
)
