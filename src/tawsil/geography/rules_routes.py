"""What a city decides for itself, over HTTP: for those who run the tenant."""

from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from tawsil.geography import public
from tawsil.geography.model import City
from tawsil.geography.rules import CityRules, CityRulesBody
from tawsil.kernel.db import Database
from tawsil.kernel.http import Caller, Commands, Envelope, Problem, allow, envelope, not_found
from tawsil.kernel.reach import Reach

TAGS: Final = ["Cities"]
READ: Final = "zone:read"
UPDATE: Final = "zone:update"
EXAMPLE: Final[dict[str, Any]] = {
    "taxes": {
        "included": False,
        "rates": [
            {
                "name": "VAT",
                "name_ar": "ضريبة القيمة المضافة",
                "rate_bp": 500,
                "applies_to": ["standard", "delivery", "service", "small_order"],
            },
            {
                "name": "Zero-rated VAT",
                "name_ar": "ضريبة بنسبة صفر",
                "rate_bp": 0,
                "applies_to": ["zero"],
            },
        ],
    },
    "commission_bp": 2_000,
    "service_fee_bp": 500,
    "service_fee_least_minor": 100,
    "service_fee_most_minor": 1_500,
    "small_order_minor": 3_000,
    "small_order_topped_up": True,
    "delivery_bands": [
        {"up_to_m": 2_000, "fee_minor": 600},
        {"up_to_m": 5_000, "fee_minor": 900},
        {"up_to_m": 10_000, "fee_minor": 1_500},
    ],
    "delivery_windows": [
        {"days": [4, 5], "starts_min": 1_320, "ends_min": 300, "surcharge_minor": 300}
    ],
    "free_delivery_from_minor": 20_000,
    "suggested_tips_bp": [500, 1_000, 1_500],
    "most_delivery_distance_m": 10_000,
}


RulesBody = Annotated[CityRulesBody, Meta(examples=[EXAMPLE])]


@get(
    "/v4/cities/{city_id:uuid}/rules",
    opt={"rule": allow(READ)},
    tags=TAGS,
    summary="What a city charges, taxes and shares",
)
async def show_rules(
    city_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Envelope[CityRules]:
    _of_the_tenant(reach, READ)
    async with database.transaction() as tx:
        city = await public.city_of(tx, tenant_id=caller.tenant_id, city_id=city_id)
    if city is None:
        raise not_found()
    return envelope(city.rules)


@put(
    "/v4/cities/{city_id:uuid}/rules",
    opt={"rule": allow(UPDATE)},
    tags=TAGS,
    summary="Set what a city charges, taxes and shares",
)
async def change_rules(
    city_id: FromPath[UUID],
    data: JSONBody[RulesBody],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[CityRules]]:
    """For quotes from now on; those that bind already stay as they are."""
    _of_the_tenant(reach, UPDATE)
    command = public.ChangeRules(by=caller.by, city_id=city_id, rules=data.rules())
    return await commands.submit(public.change_rules, command, view=_rules_of)


def _rules_of(city: City) -> CityRules:
    return city.rules


def _of_the_tenant(reach: Reach, permission: str) -> None:
    if not reach.everything:
        raise Problem(403, "request.forbidden", permission=permission)


routes: Final[list[Any]] = [show_rules, change_rules]
