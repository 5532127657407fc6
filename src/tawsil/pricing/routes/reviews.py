"""What looked like an abuse of promotions, over HTTP: for operations alone."""

from typing import Any, Final
from uuid import UUID

from litestar import Response, get, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody

from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    Asked,
    Caller,
    Commands,
    Envelope,
    Problem,
    allow,
    asked_of,
    list_envelope,
)
from tawsil.kernel.reach import Reach
from tawsil.pricing.model.redemptions import Verdict
from tawsil.pricing.routes.promotions import OF_MODULE
from tawsil.pricing.service import promotions as service
from tawsil.pricing.store import redemptions
from tawsil.pricing.store.redemptions import REVIEW_SORTS, ReviewFilter
from tawsil.pricing.views import JudgeBody, ReviewView

TAGS: Final = ["Promotions"]


async def asked_for(
    verdict: FromQuery[Verdict | None] = None,
    promotion_id: FromQuery[UUID | None] = None,
    customer_id: FromQuery[UUID | None] = None,
) -> ReviewFilter:
    return ReviewFilter(verdict=verdict, promotion_id=promotion_id, customer_id=customer_id)


@get(
    "/v4/promotion-reviews",
    opt={"rule": allow("promotion:read"), **OF_MODULE},
    dependencies={"which": Provide(asked_for), **asked_of(REVIEW_SORTS)},
    tags=TAGS,
    summary="Customers who seem to be one another, the latest first",
)
async def list_reviews(
    asked: NamedDependency[Asked],
    which: NamedDependency[ReviewFilter],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Envelope[list[ReviewView]]:
    """What a promotion's watches found: refused, or let through and flagged."""
    async with database.transaction() as tx:
        found = await redemptions.search_reviews(
            tx, reach=reach, which=which, take=asked.take(which)
        )
    return list_envelope(found.map(ReviewView.of), asked)


@put(
    "/v4/promotion-reviews/{review_id:uuid}",
    opt={"rule": allow("promotion:update"), **OF_MODULE},
    tags=TAGS,
    summary="Clear a customer, or uphold the suspicion",
)
async def judge_review(
    review_id: FromPath[UUID],
    data: JSONBody[JudgeBody],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[ReviewView]]:
    """Who is cleared may have the promotion; against whom it is upheld, never again."""
    if not reach.everything:
        raise Problem(403, "request.forbidden", permission="promotion:update")
    command = service.Judge(by=caller.by, review_id=review_id, verdict=data.verdict)
    return await commands.submit(service.judge, command, view=ReviewView.of)


routes: Final[list[Any]] = [list_reviews, judge_review]
