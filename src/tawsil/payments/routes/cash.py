"""A courier's cash: what they hold, hand in and lack."""

from typing import Annotated, Final
from uuid import UUID

from litestar import Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from tawsil.couriers import public as couriers
from tawsil.kernel.db import Database
from tawsil.kernel.http import Caller, Commands, Envelope, allow, envelope, not_found
from tawsil.kernel.reach import Reach
from tawsil.kernel.text import Prose
from tawsil.payments import public
from tawsil.payments.public import ShortBecause
from tawsil.payments.routes.cash_views import CashView, DepositView, ShortfallView

UPDATE: Final = "courier:update"
MOST_MINOR: Final = 1_000_000_000
Minor = Annotated[int, Meta(ge=1, le=MOST_MINOR, examples=[12_500])]


class DepositBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`amount_minor`: what you hand in; without it, all that you hold."""

    hub_id: Annotated[UUID, Meta(examples=["0192a3b4-0000-7000-8000-000000000001"])]
    amount_minor: Minor | None = None


class ShortfallBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`reference_id`: the order. `short_minor`: by how much the customer paid less than was due."""

    reference_id: Annotated[UUID, Meta(examples=["0192a3b4-0000-7000-8000-000000000002"])]
    short_minor: Annotated[int, Meta(ge=1, le=MOST_MINOR, examples=[250])]
    reason: Annotated[ShortBecause, Meta(examples=["no_change"])]
    words: Annotated[Prose, Meta(max_length=500, examples=["I had no coins left."])] = ""


class LimitBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`limit_minor`: how much this courier may hold; null: what the city allows."""

    limit_minor: Annotated[int, Meta(ge=0, le=MOST_MINOR, examples=[150_000])] | None


@get(
    "/v4/drivers/{courier_id:uuid}/cash",
    opt={"rule": allow("courier:read")},
    tags=["Cash"],
    summary="The cash a courier holds",
)
async def show_cash(
    courier_id: FromPath[UUID], reach: NamedDependency[Reach], database: NamedDependency[Database]
) -> Envelope[list[CashView]]:
    """Per currency; nothing for who never held any. Their own, or for who looks after couriers."""
    async with database.transaction() as tx:
        await couriers.check_reached(tx, reach=reach, courier_id=courier_id)
        accounts = await public.cash_accounts_of(tx, courier_id=courier_id)
    return envelope([CashView.of(account) for account in accounts])


@post(
    "/v4/drivers/{courier_id:uuid}/cash/deposits",
    opt={"rule": allow(UPDATE)},
    status_code=201,
    tags=["Cash"],
    summary="Announce cash that is handed in",
)
async def announce_deposit(
    courier_id: FromPath[UUID],
    data: JSONBody[DepositBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[DepositView]]:
    """At a hub of the courier's city, one deposit at a time. It counts once it is confirmed."""
    _reach(caller, courier_id)
    return await commands.submit(
        public.announce_deposit,
        public.AnnounceDeposit(
            by=caller.by,
            courier_id=courier_id,
            hub_id=data.hub_id,
            amount_minor=data.amount_minor,
        ),
        view=DepositView.of,
        status=201,
    )


@post(
    "/v4/drivers/{courier_id:uuid}/cash/shortfalls",
    opt={"rule": allow(UPDATE)},
    status_code=201,
    tags=["Cash"],
    summary="Report that a customer paid less in cash than was due",
)
async def report_shortfall(
    courier_id: FromPath[UUID],
    data: JSONBody[ShortfallBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[ShortfallView]]:
    """Once for an order that was paid in cash. An operator decides who bears it."""
    _reach(caller, courier_id)
    return await commands.submit(
        public.report_shortfall,
        public.ReportShortfall(
            by=caller.by,
            courier_id=courier_id,
            reference_id=data.reference_id,
            short_minor=data.short_minor,
            reason=data.reason,
            words=data.words,
        ),
        view=ShortfallView.of,
        status=201,
    )


@put(
    "/v4/drivers/{courier_id:uuid}/cash/limit",
    opt={"rule": allow("payment:update")},
    tags=["Cash"],
    summary="Set how much cash a courier may hold",
)
async def set_limit(
    courier_id: FromPath[UUID],
    data: JSONBody[LimitBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[CashView]]:
    """Nobody sends the courier to collect what would make them hold more."""
    return await commands.submit(
        public.set_cash_limit,
        public.SetCashLimit(by=caller.by, courier_id=courier_id, limit_minor=data.limit_minor),
        view=CashView.of,
    )


def _reach(caller: Caller, courier_id: UUID) -> None:
    """A courier's own scope reaches themselves; operations' reaches every courier of a tenant."""
    scopes = caller.scopes(UPDATE)
    if "all" not in scopes and not ("own" in scopes and caller.user_id == courier_id):
        raise not_found()


routes: Final = [show_cash, announce_deposit, report_shortfall, set_limit]
