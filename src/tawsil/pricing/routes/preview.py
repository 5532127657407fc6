"""What an order would cost under other rules of its city: for those who change them."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from tawsil.catalog.public import PricedLine
from tawsil.geography import public as geography
from tawsil.geography.public import CityRules, CityRulesBody
from tawsil.kernel.db import Database
from tawsil.kernel.http import Caller, Envelope, Problem, allow, envelope, not_found, settled
from tawsil.kernel.reach import Reach
from tawsil.pricing.model.amounts import Breakdown, divide, price
from tawsil.pricing.model.commission import CommissionPlan
from tawsil.pricing.routes.quotes import BreakdownView

TAGS: Final = ["Cities"]
READ: Final = "zone:read"
EXAMPLE: Final[dict[str, Any]] = {
    "rules": {"delivery_base_minor": 700},
    "sample": {"subtotal_minor": 8_000, "distance_m": 3_500},
}


class Sample(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An order of one product. Without a moment: now. Nobody is short of couriers in it."""

    subtotal_minor: Annotated[int, Meta(ge=0, le=10**9)]
    distance_m: Annotated[int, Meta(ge=0, le=1_000_000)]
    tip_minor: Annotated[int, Meta(ge=0, le=10**9)] = 0
    zone_id: UUID | None = None
    at: Annotated[datetime, Meta(tz=True)] | None = None


class _Preview(Struct, frozen=True, forbid_unknown_fields=True):
    rules: CityRulesBody
    sample: Sample


PreviewBody = Annotated[_Preview, Meta(examples=[EXAMPLE])]


class CostView(Struct, frozen=True, kw_only=True):
    """What the customer pays, and who gets what of it."""

    breakdown: BreakdownView
    merchant_minor: int
    courier_minor: int
    platform_minor: int
    deliverable: bool

    @classmethod
    def of(cls, breakdown: Breakdown, *, rules: CityRules, distance_m: int) -> "CostView":
        shares = divide(breakdown, rules=rules, plan=CommissionPlan(rate_bp=rules.commission_bp))
        return cls(
            breakdown=BreakdownView.of(breakdown),
            merchant_minor=shares.merchant_minor,
            courier_minor=shares.courier_minor,
            platform_minor=shares.platform_minor,
            deliverable=distance_m <= rules.most_delivery_distance_m,
        )


class PreviewView(Struct, frozen=True, kw_only=True):
    currency: str
    before: CostView
    after: CostView


@post(
    "/v4/cities/{city_id:uuid}/rules/preview",
    opt={"rule": allow(READ)},
    status_code=200,
    tags=TAGS,
    summary="What an order would cost under other rules",
)
async def preview_rules(
    city_id: FromPath[UUID],
    data: JSONBody[PreviewBody],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Envelope[PreviewView]:
    """The same order under the rules of now and under those of the body. Nothing is changed."""
    if not reach.everything:
        raise Problem(403, "request.forbidden", permission=READ)
    async with database.transaction() as tx:
        city = await geography.city_of(tx, tenant_id=caller.tenant_id, city_id=city_id)
        if city is None:
            raise not_found()
        zone_ids = {zone.id for zone in await geography.zones(tx, city_id=city_id)}
    other = data.rules.rules()
    if flaw := geography.flaw(other, zone_ids=zone_ids):
        settled(flaw)
    at_local = (data.sample.at or database.now()).astimezone(ZoneInfo(city.timezone))
    before, after = (
        CostView.of(
            _price(data.sample, rules=rules, at_local=at_local),
            rules=rules,
            distance_m=data.sample.distance_m,
        )
        for rules in (city.rules, other)
    )
    return envelope(PreviewView(currency=city.currency, before=before, after=after))


def _price(sample: Sample, *, rules: CityRules, at_local: datetime) -> Breakdown:
    line = PricedLine(
        product_id=UUID(int=0),
        name_en="",
        name_ar="",
        unit_price_minor=sample.subtotal_minor,
        quantity=1,
        options=(),
        total_minor=sample.subtotal_minor,
    )
    return price(
        [line],
        distance_m=sample.distance_m,
        rules=rules,
        tip_minor=sample.tip_minor,
        zone_id=sample.zone_id,
        at_local=at_local,
    )


routes: Final[list[Any]] = [preview_rules]
