"""What has happened to merchants and their products."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from tawsil.kernel.decisions import Event
from tawsil.kernel.places import Place


class SuspendedBecause(StrEnum):
    """Why a merchant takes no orders for now."""

    HYGIENE = "hygiene"
    LICENCE = "licence"
    FRAUD = "fraud"
    COMPLAINTS = "complaints"
    PAYMENT = "payment"
    OWN_WISH = "own_wish"
    OTHER = "other"


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


class MerchantChanged(Event, frozen=True, tag="merchant.changed.v1"):
    """Some of what is written about the merchant is new: which of it."""

    merchant_id: UUID
    fields: tuple[str, ...]


class MerchantVerified(Event, frozen=True, tag="merchant.verified.v1"):
    """It was looked at and found to be what it says: it takes orders from now on."""

    merchant_id: UUID


class MerchantSuspended(Event, frozen=True, tag="merchant.suspended.v1"):
    """It takes no orders until it is reinstated; those it has taken go on."""

    merchant_id: UUID
    reason: SuspendedBecause


class MerchantReinstated(Event, frozen=True, tag="merchant.reinstated.v1"):
    merchant_id: UUID


class ProductAvailabilityChanged(Event, frozen=True, tag="product.availability_changed.v1"):
    """Unavailable without an end means until somebody says otherwise."""

    product_id: UUID
    merchant_id: UUID
    available: bool
    until: datetime | None


class ProductTaxed(Event, frozen=True, tag="product.taxed.v1"):
    """It is of this tax class from now on."""

    product_id: UUID
    merchant_id: UUID
    tax_class: str


class ProductListed(Event, frozen=True, tag="product.listed.v1"):
    """It is on the menu, in a category, at a price."""

    product_id: UUID
    merchant_id: UUID
    category_id: UUID
    price_minor: int
    currency: str


class ProductChanged(Event, frozen=True, tag="product.changed.v1"):
    """Some of what is written about it is new: which of it. For quotes from now on."""

    product_id: UUID
    merchant_id: UUID
    fields: tuple[str, ...]
    price_minor: int
    currency: str


class ProductMoved(Event, frozen=True, tag="product.moved.v1"):
    """It stands elsewhere on the menu, perhaps in another category."""

    product_id: UUID
    merchant_id: UUID
    category_id: UUID


class ProductRetired(Event, frozen=True, tag="product.retired.v1"):
    """It is sold no more. What was ordered of it stays ordered."""

    product_id: UUID
    merchant_id: UUID


class ProductRestored(Event, frozen=True, tag="product.restored.v1"):
    product_id: UUID
    merchant_id: UUID


class CategoryListed(Event, frozen=True, tag="category.listed.v1"):
    category_id: UUID
    merchant_id: UUID


class CategoryChanged(Event, frozen=True, tag="category.changed.v1"):
    category_id: UUID
    merchant_id: UUID
    fields: tuple[str, ...]


class CategoryMoved(Event, frozen=True, tag="category.moved.v1"):
    category_id: UUID
    merchant_id: UUID


class CategoryRetired(Event, frozen=True, tag="category.retired.v1"):
    """It is sold no more, and nothing in it."""

    category_id: UUID
    merchant_id: UUID


class CategoryRestored(Event, frozen=True, tag="category.restored.v1"):
    """It is sold again, with what was in it."""

    category_id: UUID
    merchant_id: UUID


MENU_CHANGES: Final = (
    ProductAvailabilityChanged,
    ProductTaxed,
    ProductListed,
    ProductChanged,
    ProductMoved,
    ProductRetired,
    ProductRestored,
    CategoryListed,
    CategoryChanged,
    CategoryMoved,
    CategoryRetired,
    CategoryRestored,
)
"""After any of these a merchant's menu reads differently."""

EVENTS: Final = (
    MerchantListed,
    MerchantPaused,
    MerchantResumed,
    MerchantBusyChanged,
    MerchantPrepTimeChanged,
    MerchantChanged,
    MerchantVerified,
    MerchantSuspended,
    MerchantReinstated,
    *MENU_CHANGES,
)
