"""Pricing over HTTP."""

from typing import Any, Final

from tawsil.pricing.routes import (
    commission,
    conditions,
    estimates,
    preview,
    promotions,
    quotes,
    reviews,
)

routes: Final[list[Any]] = [
    *quotes.routes,
    *estimates.routes,
    *promotions.routes,
    *reviews.routes,
    *commission.routes,
    *conditions.routes,
    *preview.routes,
]
