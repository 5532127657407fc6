"""The pages of those who run the company: what is where, who may what, and what it costs."""

from typing import Any, Final

from tawsil.consoles.admin import (
    areas,
    cities,
    couriers,
    fees,
    flags,
    home,
    merchants,
    promotions,
    tenants,
    users,
)

pages: Final[list[Any]] = [
    *home.pages,
    *cities.pages,
    *fees.pages,
    *areas.pages,
    *users.pages,
    *merchants.pages,
    *couriers.pages,
    *promotions.pages,
    *flags.pages,
    *tenants.pages,
]
