"""What the platform keeps of what a merchant sells: pure."""

from datetime import datetime
from typing import Annotated, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from tawsil.geography.public import CityRules
from tawsil.kernel.decisions import Deadline, Decision, Refusal, accept, refuse
from tawsil.kernel.money import share
from tawsil.pricing.events import CommissionPlanned

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


class PlannedCommission(Struct, frozen=True, kw_only=True):
    """A merchant's plan since an instant, until another one's; it never changes."""

    stream: ClassVar[str] = "commission"
    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID
    merchant_id: UUID
    starts_at: datetime
    plan: CommissionPlan
    reason: str
    set_at: datetime
    set_by_id: UUID | None = None

    @property
    def deadline(self) -> Deadline | None:
        """None: which plan counts follows from the clock."""
        return None


class Agreed(Struct, frozen=True, kw_only=True):
    """What counts for a merchant now, and what it has sold this month."""

    plan_id: UUID | None = None
    plan: CommissionPlan
    turnover_minor: int = 0

    @property
    def rate_bp(self) -> int:
        return self.plan.rate_at(self.turnover_minor)


def plan(planned: PlannedCommission, *, now: datetime) -> Decision[PlannedCommission]:
    """From now or later: what was quoted stays as it was."""
    if planned.starts_at < now:
        return refuse("commission.starts_in_the_past", status=422, starts_at=planned.starts_at)
    if refused := _unsound(planned.plan):
        return refused
    return accept(
        planned,
        CommissionPlanned(
            plan_id=planned.id,
            merchant_id=planned.merchant_id,
            starts_at=planned.starts_at,
            rate_bp=planned.plan.rate_bp,
            fixed_minor=planned.plan.fixed_minor,
            tiers=len(planned.plan.tiers),
        ),
    )


def _unsound(plan: CommissionPlan) -> Refusal | None:
    steps = [tier.from_minor for tier in plan.tiers]
    if steps != sorted(set(steps)):
        return refuse("commission.tiers_not_ascending", status=422, tiers=steps)
    if plan.most_minor is not None and plan.most_minor < plan.least_minor:
        return refuse(
            "commission.limits_crossed",
            status=422,
            least_minor=plan.least_minor,
            most_minor=plan.most_minor,
        )
    return None


def month_of(at: datetime, *, timezone: str) -> datetime:
    """When the calendar month that it is there began."""
    local = at.astimezone(ZoneInfo(timezone))
    return local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
