"""What of a total a customer pays with points and credit of their own: pure.

It is only promised here: whoever takes the quote reserves it, and is refused if it is gone by then.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal
from uuid import UUID

from msgspec import Struct

from tawsil.geography.public import LoyaltyRules
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Refusal, refuse
from tawsil.kernel.money import share

AllPoints = Literal["all"]


class Purse(Struct, frozen=True, kw_only=True):
    """What a customer has left of a currency."""

    points_minor: int = 0
    credit_minor: int = 0


Purses = Mapping[str, Purse]
PursesOf = Callable[[Tx, UUID, UUID], Awaitable[Purses]]
"""The purses of a tenant's customer by currency: who keeps them stands above pricing."""

EMPTY = Purse()


class Wish(Struct, frozen=True, kw_only=True):
    """How a customer wants to pay, and what they have."""

    use_points: int | AllPoints = 0
    use_credit: bool = False
    purses: Purses = {}


class Funds(Struct, frozen=True, kw_only=True):
    """So much of a total is paid with points, and so much with credit."""

    points_minor: int = 0
    credit_minor: int = 0

    @property
    def total_minor(self) -> int:
        return self.points_minor + self.credit_minor


def fund(total_minor: int, *, wish: Wish, currency: str, rules: LoyaltyRules) -> Funds | Refusal:
    """Points first, as far as the city lets them be used for one order, then credit."""
    purse = wish.purses.get(currency, EMPTY)
    most_minor = share(total_minor, basis_points=rules.burn_bp) if rules.on else 0
    if wish.use_points == "all":
        points_minor = min(purse.points_minor, most_minor)
    elif wish.use_points > purse.points_minor:
        return refuse(
            "quote.points_short",
            asked_minor=wish.use_points,
            available_minor=purse.points_minor,
        )
    elif wish.use_points > most_minor:
        return refuse(
            "quote.points_limited",
            status=422,
            asked_minor=wish.use_points,
            most_minor=most_minor,
        )
    else:
        points_minor = wish.use_points
    rest_minor = total_minor - points_minor
    credit_minor = min(purse.credit_minor, rest_minor) if wish.use_credit else 0
    return Funds(points_minor=points_minor, credit_minor=credit_minor)
