"""Points: a customer's own, and for staff anybody's and what is owed in all."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from tawsil.experiments.public import Module
from tawsil.identity import public as identity
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.http import (
    Caller,
    Commands,
    Envelope,
    Problem,
    allow,
    envelope,
    not_found,
)
from tawsil.payments import public
from tawsil.payments.public import Points, PointsAdjustment
from tawsil.payments.routes.access import check_whole
from tawsil.payments.routes.accounts import LineView

TAGS: Final = ["Loyalty"]
OF_MODULE: Final = {"module": Module.LOYALTY.value}
LINES: Final = 50
Code = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,63}$(?!\n)", examples=["late_apology"])]


class LotView(Struct, frozen=True, kw_only=True):
    """So many points, gone at `lapses_at` unless they are used."""

    lapses_at: datetime
    left_minor: int


class PointsView(Struct, frozen=True, kw_only=True):
    """`available_minor` may be spent: what orders under way have reserved is not."""

    currency: str
    balance_minor: int
    reserved_minor: int
    available_minor: int
    lots: list[LotView]

    @classmethod
    def of(cls, points: Points) -> "PointsView":
        return cls(
            currency=points.currency,
            balance_minor=points.balance_minor,
            reserved_minor=points.reserved_minor,
            available_minor=points.available_minor,
            lots=[
                LotView(lapses_at=lot.lapses_at, left_minor=lot.left_minor) for lot in points.lots
            ],
        )


class LoyaltyView(Struct, frozen=True, kw_only=True):
    """A customer's points per currency, and the newest of what moved them."""

    points: list[PointsView]
    history: list[LineView]


class AdjustmentBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Above zero is given, below zero is taken; the reason is a code."""

    amount_minor: Annotated[int, Meta(ge=-1_000_000, le=1_000_000, examples=[500])]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)", examples=["AED"])]
    reason: Code


class AdjustmentView(Struct, frozen=True, kw_only=True):
    customer_id: UUID
    currency: str
    amount_minor: int
    reason: str

    @classmethod
    def of(cls, adjustment: PointsAdjustment) -> "AdjustmentView":
        return cls(
            customer_id=adjustment.customer_id,
            currency=adjustment.currency,
            amount_minor=adjustment.amount_minor,
            reason=adjustment.reason,
        )


class OwedView(Struct, frozen=True, kw_only=True):
    currency: str
    owed_minor: int


@get(
    "/v4/loyalty",
    opt={"rule": allow("payment:read"), **OF_MODULE},
    tags=TAGS,
    summary="My points",
)
async def show_points(
    caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[LoyaltyView]:
    """What you have, when it lapses, what orders have reserved, and the last fifty movements."""
    async with database.transaction() as tx:
        return envelope(await _loyalty(tx, caller.tenant_id, caller.user_id))


@get(
    "/v4/loyalty/owed",
    opt={"rule": allow("payment:read"), **OF_MODULE},
    tags=TAGS,
    summary="What is owed in points",
)
async def show_owed(
    caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[list[OwedView]]:
    """All customers' points, per currency: for who may see the books."""
    check_whole(caller, "payment:read")
    async with database.transaction() as tx:
        owed = await public.points_owed(tx, tenant_id=caller.tenant_id)
    return envelope([OwedView(currency=c, owed_minor=minor) for c, minor in owed.items()])


@get(
    "/v4/users/{user_id:uuid}/loyalty",
    opt={"rule": allow("payment:read"), **OF_MODULE},
    tags=TAGS,
    summary="A customer's points",
)
async def show_points_of(
    user_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> Envelope[LoyaltyView]:
    """As the customer sees them; for staff."""
    check_whole(caller, "payment:read")
    async with database.transaction() as tx:
        await _check_known(tx, caller, user_id)
        return envelope(await _loyalty(tx, caller.tenant_id, user_id))


@post(
    "/v4/users/{user_id:uuid}/loyalty/adjustments",
    opt={"rule": allow("payment:adjust"), **OF_MODULE},
    status_code=201,
    tags=TAGS,
    summary="Give or take points",
)
async def adjust_points(
    user_id: FromPath[UUID],
    data: JSONBody[AdjustmentBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
    database: NamedDependency[Database],
) -> Response[Envelope[AdjustmentView]]:
    """The platform bears what is given. No more is taken than is there. Send an Idempotency-Key."""
    check_whole(caller, "payment:adjust")
    async with database.transaction() as tx:
        await _check_known(tx, caller, user_id)
    if data.amount_minor == 0:
        raise Problem(422, "loyalty.nothing_to_adjust")
    command = public.AdjustPoints(
        by=caller.by,
        customer_id=user_id,
        currency=data.currency,
        amount_minor=data.amount_minor,
        reason=data.reason,
    )
    return await commands.submit(public.adjust_points, command, view=AdjustmentView.of, status=201)


async def _check_known(tx: Tx, caller: Caller, user_id: UUID) -> None:
    if user_id not in await identity.get_many(tx, tenant_id=caller.tenant_id, ids=[user_id]):
        raise not_found()


async def _loyalty(tx: Tx, tenant_id: UUID, customer_id: UUID) -> LoyaltyView:
    points = await public.points_of(tx, tenant_id=tenant_id, customer_id=customer_id)
    lines = await public.points_history(
        tx, tenant_id=tenant_id, customer_id=customer_id, limit=LINES
    )
    return LoyaltyView(
        points=[PointsView.of(one) for one in points],
        history=[LineView.of(line) for line in lines],
    )


routes: Final[list[Any]] = [show_points, show_owed, show_points_of, adjust_points]
