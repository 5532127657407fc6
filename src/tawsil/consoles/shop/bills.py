"""What something costs, part by part, as it is written on carts, orders and receipts."""

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.kernel.i18n import current_locale


class TaxLine(Struct, frozen=True, kw_only=True):
    name: str
    name_ar: str
    rate_bp: int
    tax_minor: int

    @property
    def named(self) -> str:
        return self.name_ar if current_locale.get() == "ar" else self.name


class Taken(Struct, frozen=True, kw_only=True):
    """What a promotion took off."""

    promotion_id: UUID
    name_en: str
    name_ar: str
    code: str | None
    amount_minor: int

    @property
    def named(self) -> str:
        return self.name_ar if current_locale.get() == "ar" else self.name_en


class FeeParts(Struct, frozen=True, kw_only=True):
    surge_minor: int = 0


class Bill(Struct, frozen=True, kw_only=True):
    """The amounts of a quote or an order; they add up to the total."""

    subtotal_minor: int
    delivery_fee_minor: int
    service_fee_minor: int
    small_order_fee_minor: int
    discount_minor: int
    tax_minor: int
    tip_minor: int
    total_minor: int
    tax_included: bool
    taxes: tuple[TaxLine, ...]
    delivery_fee_parts: FeeParts = FeeParts()


ROWS: Final = ("subtotal", "delivery_fee", "service_fee", "small_order_fee")


class Row(Struct, frozen=True, kw_only=True):
    """One line of a bill; `named` is said after its word, as a tax or a promotion is called."""

    word: str
    minor: int
    named: str = ""
    rate_bp: int | None = None
    surge_minor: int = 0
    adds: bool = True
    """Whether it counts towards the total: a tax that is in the prices does not."""


def rows(bill: Bill, discounts: tuple[Taken, ...]) -> Iterator[Row]:
    """Every part there is, in the order in which they add up."""
    for word in ROWS:
        minor: int = getattr(bill, f"{word}_minor")
        if minor or word in {"subtotal", "delivery_fee"}:
            surge_minor = bill.delivery_fee_parts.surge_minor if word == "delivery_fee" else 0
            yield Row(word=word, minor=minor, surge_minor=surge_minor)
    for one in discounts:
        yield Row(word="discount", minor=-one.amount_minor, named=one.named)
    for tax in bill.taxes:
        word = "tax_within" if bill.tax_included else "tax"
        yield Row(
            word=word,
            minor=tax.tax_minor,
            named=tax.named,
            rate_bp=tax.rate_bp,
            adds=not bill.tax_included,
        )
    if bill.tip_minor:
        yield Row(word="tip", minor=bill.tip_minor)
