"""What the virtual city charges, and what its merchants have agreed to."""

from collections.abc import Mapping
from typing import Final

from tawsil.geography import public as geography
from tawsil.geography.public import VAT, TaxClass, Taxed
from tawsil.pricing import public as pricing
from tawsil.simulation.city.cuisine import Trade

RULES: Final = geography.CityRules(
    taxes=geography.TaxRules(
        rates=(
            VAT,
            geography.TaxRate(
                name="Zero-rated VAT",
                name_ar="ضريبة بنسبة صفر",
                rate_bp=0,
                applies_to=(Taxed.ZERO,),
            ),
        )
    ),
    service_fee_least_minor=100,
    service_fee_most_minor=1_500,
    delivery_base_minor=800,
    delivery_per_km_minor=200,
    delivery_windows=(geography.Window(starts_min=23 * 60, ends_min=5 * 60, surcharge_minor=300),),
)
"""Fees from which couriers, who want two dirhams for a kilometre, can live; nights cost more."""

TAX_CLASSES: Final[Mapping[Trade, TaxClass]] = {Trade.PHARMACY: TaxClass.ZERO}

PLANS: Final[Mapping[Trade, pricing.CommissionPlan]] = {
    Trade.RESTAURANT: pricing.CommissionPlan(
        rate_bp=2_000,
        tiers=(
            pricing.Tier(from_minor=5_000_000, rate_bp=1_800),
            pricing.Tier(from_minor=15_000_000, rate_bp=1_500),
        ),
        least_minor=200,
    ),
    Trade.GROCERY: pricing.CommissionPlan(rate_bp=1_200, fixed_minor=100),
    Trade.PHARMACY: pricing.CommissionPlan(rate_bp=1_000, fixed_minor=200, most_minor=2_500),
}
"""A bakery has no plan: the city's percentage counts."""
