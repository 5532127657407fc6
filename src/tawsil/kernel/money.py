"""Money: integer minor units of an ISO 4217 currency."""

from collections.abc import Sequence
from fractions import Fraction

from msgspec import Struct


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
