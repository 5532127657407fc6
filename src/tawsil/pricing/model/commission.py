"""What the platform keeps of what a merchant sells: pure."""

from typing import Annotated

from msgspec import Meta, Struct

from tawsil.geography.public import CityRules
from tawsil.kernel.money import share

BasisPoints = Annotated[int, Meta(ge=0, le=10_000, examples=[1_800])]
Minor = Annotated[int, Meta(ge=0, le=10**12)]


class Tier(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rate once the month's turnover has reached so much."""

    from_minor: Annotated[int, Meta(gt=0, le=10**15)]
    rate_bp: BasisPoints


class CommissionPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A share of what is sold, and so much for each order; no less and no more than so much.

    The rate may change with what the merchant has sold in the calendar month so far.
    """

    rate_bp: BasisPoints
    tiers: Annotated[tuple[Tier, ...], Meta(max_length=20)] = ()
    fixed_minor: Minor = 0
    least_minor: Minor = 0
    most_minor: Minor | None = None

    def rate_at(self, turnover_minor: int) -> int:
        reached = [t.rate_bp for t in self.tiers if turnover_minor >= t.from_minor]
        return reached[-1] if reached else self.rate_bp

    def of(self, sold_minor: int, *, turnover_minor: int = 0) -> int:
        """Never more than what was sold: nobody owes anything for having sold."""
        rate = self.rate_at(turnover_minor)
        wanted = share(sold_minor, basis_points=rate) + self.fixed_minor
        wanted = max(wanted, self.least_minor)
        if self.most_minor is not None:
            wanted = min(wanted, self.most_minor)
        return min(wanted, sold_minor)


def usual(*, rules: CityRules, own_bp: int | None) -> CommissionPlan:
    """Without a plan: the merchant's own percentage, or else the city's."""
    return CommissionPlan(rate_bp=rules.commission_bp if own_bp is None else own_bp)
