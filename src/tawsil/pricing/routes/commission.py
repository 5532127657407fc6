"""What the platform keeps of what merchants sell, over HTTP."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from tawsil.catalog import public as catalog
from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    Caller,
    Commands,
    Envelope,
    Page,
    PageNumber,
    PageQuery,
    PageSize,
    Problem,
    allow,
    not_found,
    page_envelope,
)
from tawsil.kernel.reach import Reach
from tawsil.kernel.text import Prose
from tawsil.pricing.model.commission import CommissionPlan, PlannedCommission
from tawsil.pricing.service import commission as service

TAGS: Final = ["Merchants"]
UPDATE: Final = "merchant:update"
EXAMPLE: Final[dict[str, Any]] = {
    "plan": {
        "rate_bp": 2_000,
        "tiers": [
            {"from_minor": 5_000_000, "rate_bp": 1_800},
            {"from_minor": 15_000_000, "rate_bp": 1_500},
        ],
        "fixed_minor": 100,
        "least_minor": 250,
        "most_minor": 10_000,
    },
    "reason": "renewed for the next year",
}


class _PlanBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Without a start: from now on."""

    plan: CommissionPlan
    reason: Annotated[Prose, Meta(min_length=1, max_length=200)]
    starts_at: Annotated[datetime, Meta(tz=True)] | None = None


PlanBody = Annotated[_PlanBody, Meta(examples=[EXAMPLE])]


class PlannedCommissionView(Struct, frozen=True, kw_only=True):
    """A plan counts from `starts_at` until another one's."""

    id: UUID
    merchant_id: UUID
    starts_at: datetime
    plan: CommissionPlan
    reason: str
    set_at: datetime
    set_by_id: UUID | None

    @classmethod
    def of(cls, planned: PlannedCommission) -> "PlannedCommissionView":
        return cls(**{field: getattr(planned, field) for field in cls.__struct_fields__})


@post(
    "/v4/admin/merchants/{merchant_id:uuid}/commission-plans",
    opt={"rule": allow(UPDATE)},
    tags=TAGS,
    summary="Plan what the platform keeps of what a merchant sells",
)
async def plan_commission(
    merchant_id: FromPath[UUID],
    data: JSONBody[PlanBody],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[PlannedCommissionView]]:
    """A percentage, by the month's turnover if it says so, and so much for each order.

    Of an order it is never more than what the merchant sold in it. For quotes from its start on.
    """
    if not reach.everything:
        raise Problem(403, "request.forbidden", permission=UPDATE)
    command = service.PlanCommission(
        by=caller.by,
        merchant_id=merchant_id,
        plan=data.plan,
        starts_at=data.starts_at,
        reason=data.reason,
    )
    return await commands.submit(service.plan, command, view=PlannedCommissionView.of, status=201)


@get(
    "/v4/admin/merchants/{merchant_id:uuid}/commission-plans",
    opt={"rule": allow("merchant:list")},
    tags=TAGS,
    summary="What was planned for a merchant",
)
async def list_plans(
    merchant_id: FromPath[UUID],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
    page: PageNumber = 1,
    limit: PageSize = 20,
) -> Envelope[list[PlannedCommissionView]]:
    """The latest to begin first, those to come included. Plans are added, never changed."""
    query = PageQuery(page=page, limit=limit)
    async with database.transaction() as tx:
        if merchant_id not in await catalog.reached(tx, reach=reach, ids=[merchant_id]):
            raise not_found()
        found, total = await service.history(
            tx, merchant_id=merchant_id, limit=query.limit, offset=query.offset
        )
    return page_envelope(
        Page(items=[PlannedCommissionView.of(p) for p in found], total=total), query
    )


routes: Final[list[Any]] = [plan_commission, list_plans]
