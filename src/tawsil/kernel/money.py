"""Money: integer minor units of an ISO 4217 currency."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final

from msgspec import Struct

_LISTED: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_DIGITS: Final = {currency: n for n, listed in _LISTED.items() for currency in listed.split()}
"""As ISO 4217 lists them; all others have two. CLDR's differ: it drops what nobody counts in."""


class Money(Struct, frozen=True):
    """An amount in minor units (fils, cents) of one currency."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if not (len(self.currency) == 3 and self.currency.isascii() and self.currency.isupper()):
            raise ValueError(f"currency must be an ISO 4217 code, not {self.currency!r}")

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._same(other), self.currency)

    def _same(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise ValueError(f"cannot combine {self.currency} with {other.currency}")
        return other.minor


def share(amount_minor: int, *, basis_points: int) -> int:
    """`basis_points` / 10,000 of an amount, rounded half away from zero."""
    numerator = abs(amount_minor) * basis_points
    rounded = (numerator + 5_000) // 10_000
    return rounded if amount_minor >= 0 else -rounded


def included(amount_minor: int, *, basis_points: int) -> int:
    """What of an amount was added to the rest of it at `basis_points`; half away from zero."""
    whole = 10_000 + basis_points
    rounded = (2 * abs(amount_minor) * basis_points + whole) // (2 * whole)
    return rounded if amount_minor >= 0 else -rounded


def digits(currency: str) -> int:
    """How many digits of a currency are minor units: 2 for AED, 3 for KWD, none for JPY."""
    return _DIGITS.get(currency, 2)


def major(minor: int, currency: str) -> Decimal:
    """An amount as people write it: 2350 fils are 23.50 dirhams."""
    return Decimal(minor).scaleb(-digits(currency))


def minor(major: Decimal, currency: str) -> int:
    """An amount in minor units: 23.50 dirhams are 2350 fils.

    Raises:
        ValueError: when there is no such amount in the currency.
    """
    scaled = major.scaleb(digits(currency))
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{major} is no amount of {currency}")
    return int(scaled)


def split(total_minor: int, weights: Sequence[int]) -> list[int]:
    """Divide a total in proportion to weights so that the parts add up to it exactly.

    Largest-remainder (Hamilton) method; ties go to the earlier part.

    Raises:
        ValueError: when the weights are empty, negative or all zero.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise ValueError("weights must be non-negative and add up to more than zero")
    exact = [Fraction(total_minor * weight, whole) for weight in weights]
    parts = [int(part // 1) for part in exact]
    missing = total_minor - sum(parts)
    by_remainder = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
    for i in by_remainder[:missing]:
        parts[i] += 1
    assert sum(parts) == total_minor, "a split must add up to what was split"
    return parts
