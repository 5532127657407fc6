"""What an order costs, of what that is made, and who gets which part."""

from msgspec import Struct

from tawsil.pricing import public as pricing


class Amounts(Struct, frozen=True, kw_only=True):
    """Integer minor units of one currency; the parts add up to the total twice over."""

    currency: str
    subtotal_minor: int
    delivery_fee_minor: int
    service_fee_minor: int
    small_order_fee_minor: int
    discount_minor: int
    tax_minor: int
    tip_minor: int
    total_minor: int
    merchant_minor: int
    courier_minor: int
    platform_minor: int
    tax_included: bool = False
    """Whether the prices and fees hold the tax already."""
    taxes: tuple[pricing.TaxLine, ...] = ()
    delivery_tax_minor: int = 0
    delivery_fee_parts: pricing.DeliveryFeeParts = pricing.DeliveryFeeParts()
    points_minor: int = 0
    """What of the total the customer's points pay; `credit_minor` likewise their credit."""
    credit_minor: int = 0

    @property
    def due_minor(self) -> int:
        """What is left for card or cash."""
        return self.total_minor - self.points_minor - self.credit_minor

    def __post_init__(self) -> None:
        charged = (
            self.subtotal_minor
            + self.delivery_fee_minor
            + self.service_fee_minor
            + self.small_order_fee_minor
            - self.discount_minor
            + (0 if self.tax_included else self.tax_minor)
            + self.tip_minor
        )
        shared = self.merchant_minor + self.courier_minor + self.platform_minor + self.tax_minor
        assert charged == self.total_minor == shared, "quote = charge = payouts + fees + tax"
        assert min(self.points_minor, self.credit_minor, self.due_minor) >= 0, "paid once"
        assert self.tax_minor == sum(line.tax_minor for line in self.taxes), "as the rates say"
