"""Pricing over HTTP."""

from typing import Any, Final

from tawsil.pricing.routes import commission, conditions, quotes

routes: Final[list[Any]] = [*quotes.routes, *conditions.routes, *commission.routes]
