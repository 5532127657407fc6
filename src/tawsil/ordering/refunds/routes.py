"""Refunds over HTTP: asked for on an order, decided by staff, listed for whoever they concern."""

from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, get, post, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Stream

from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    HEAVY,
    Asked,
    Caller,
    Commands,
    Envelope,
    FromInstant,
    Problem,
    ToInstant,
    allow,
    asked_of,
    check_window,
    columns,
    csv_of,
    envelope,
    list_envelope,
    ordered_of,
)
from tawsil.kernel.reach import Reach
from tawsil.ordering.access import acting, visible
from tawsil.ordering.moves import Party
from tawsil.ordering.refunds import service, store
from tawsil.ordering.refunds.model import Decider, PaidTo, Refund, RefundState
from tawsil.ordering.refunds.views import (
    ReasonsBody,
    ReasonView,
    RefundBody,
    RefundView,
    RefusalBody,
)

TAGS: Final = ["Refunds"]
COLUMNS: Final = columns(
    "id",
    "order_id",
    "merchant_id",
    "state",
    "scope",
    "reason",
    "paid_to",
    "currency",
    "amount_minor",
    "merchant_minor",
    "courier_minor",
    "platform_minor",
    "tax_minor",
    "asked_as",
    "asked_at",
    "decided_at",
    "decided_because",
    "ended_at",
)


def decider(caller: Caller, party: Party) -> Decider:
    return Decider(
        id=caller.user_id,
        party=party,
        exceeds="all" in caller.scopes("refund:exceed"),
        overrides="all" in caller.scopes("refund:override"),
    )


@post(
    "/v4/orders/{order_id:uuid}/refunds",
    opt={"rule": allow("refund:create")},
    status_code=201,
    tags=TAGS,
    summary="Ask for money back",
)
async def request_refund(
    order_id: FromPath[UUID],
    data: JSONBody[RefundBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[RefundView]]:
    """All that is left, some items and fees, or an amount; who bears it follows from the reason.

    Within limits it is `approved` at once, and `done` when the money is with the customer. Beyond
    them it stays `requested` until a second person has looked at it. Send an Idempotency-Key.
    """
    ask = data.ask()
    if ask is None:
        raise Problem(422, "refund.amount_or_items")
    who = acting(caller, "refund:create")
    return await commands.submit(
        service.request,
        service.RequestRefund(
            by=caller.by,
            order_id=order_id,
            acting=who,
            decider=decider(caller, who.party),
            ask=ask,
            reason=data.reason,
            paid_to=data.paid_to,
            bearers=data.bearers.bearers() if data.bearers else None,
            words=data.words,
        ),
        view=partial(RefundView.of, seen_by=who.party),
        status=201,
    )


@get(
    "/v4/orders/{order_id:uuid}/refunds",
    opt={"rule": allow("order:read")},
    tags=TAGS,
    summary="The refunds of an order",
)
async def list_refunds_of_order(
    order_id: FromPath[UUID],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Envelope[list[RefundView]]:
    """Oldest first. Who bears them is shown to the merchant and to staff."""
    async with database.transaction() as tx:
        _, party = await visible(tx, reach=reach, order_id=order_id)
        refunds = (await store.of_orders(tx, [order_id]))[order_id]
    return envelope([RefundView.of(refund, seen_by=party) for refund in refunds])


@post(
    "/v4/refunds/{refund_id:uuid}/approve",
    opt={"rule": allow("refund:decide")},
    status_code=200,
    tags=TAGS,
    summary="Agree to a refund that somebody else asked for",
)
async def approve_refund(
    refund_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[RefundView]]:
    """Nobody approves their own; above support's limits it takes the right to exceed them."""
    return await _decide(caller, commands, refund_id, because=None)


@post(
    "/v4/refunds/{refund_id:uuid}/refuse",
    opt={"rule": allow("refund:decide")},
    status_code=200,
    tags=TAGS,
    summary="Refuse a refund that was asked for",
)
async def refuse_refund(
    refund_id: FromPath[UUID],
    data: JSONBody[RefusalBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[RefundView]]:
    """The reason is a code; the customer sees it on the order."""
    return await _decide(caller, commands, refund_id, because=data.because)


async def _decide(
    caller: Caller, commands: Commands, refund_id: UUID, *, because: str | None
) -> Response[Envelope[RefundView]]:
    command = service.DecideRefund(
        by=caller.by,
        refund_id=refund_id,
        decider=decider(caller, Party.OPERATOR),
        because=because,
    )
    view = partial(RefundView.of, seen_by=Party.OPERATOR)
    return await commands.submit(service.decide, command, view=view)


async def asked_for(
    status: FromQuery[list[RefundState] | None] = None,
    reason: Annotated[str | None, QueryParameter(max_length=64)] = None,
    paid_to: FromQuery[PaidTo | None] = None,
    city_id: FromQuery[UUID | None] = None,
    order_id: FromQuery[UUID | None] = None,
    merchant_id: FromQuery[UUID | None] = None,
    customer_id: FromQuery[UUID | None] = None,
    from_at: FromInstant = None,
    to_at: ToInstant = None,
    least_minor: Annotated[
        int | None, QueryParameter(ge=0, le=2**53, description="In minor units.")
    ] = None,
) -> store.Filter:
    """Which refunds; the instants are when they were asked for."""
    check_window(from_at, to_at)
    return store.Filter(
        states=tuple(status) if status else None,
        reason=reason,
        paid_to=paid_to,
        city_id=city_id,
        order_id=order_id,
        merchant_id=merchant_id,
        customer_id=customer_id,
        from_at=from_at,
        to_at=to_at,
        least_minor=least_minor,
    )


WHICH: Final = {"which": Provide(asked_for)}


def _seen_by(reach: Reach, refund: Refund) -> Party:
    if reach.city(refund.city_id):
        return Party.OPERATOR
    return Party.MERCHANT if reach.location_id == refund.merchant_id else Party.CUSTOMER


@get(
    "/v4/refunds",
    opt={"rule": allow("refund:read")},
    dependencies={**WHICH, **asked_of(store.SORTS)},
    tags=TAGS,
    summary="List refunds",
)
async def list_refunds(
    asked: NamedDependency[Asked],
    which: NamedDependency[store.Filter],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Envelope[list[RefundView]]:
    """One's own as a customer, a merchant's of its orders, for staff all: newest first."""
    async with database.transaction() as tx:
        found = await store.search(tx, reach=reach, which=which, take=asked.take(which))
    return list_envelope(
        found.map(lambda refund: RefundView.of(refund, seen_by=_seen_by(reach, refund))), asked
    )


@get(
    "/v4/refunds.csv",
    opt={"rule": allow("refund:read"), "limit": HEAVY},
    dependencies={**WHICH, **ordered_of(store.SORTS)},
    tags=TAGS,
    summary="All refunds of a list, as a file",
    media_type="text/csv",
)
async def export_refunds(
    asked: NamedDependency[Asked],
    which: NamedDependency[store.Filter],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Stream:
    """The same filters and order as the list; at most 100,000 rows, whole or not at all."""
    return await csv_of(
        "refunds",
        COLUMNS,
        asked.take(which),
        database=database,
        search=partial(store.search, reach=reach, which=which),
        view=lambda refund: RefundView.of(refund, seen_by=_seen_by(reach, refund)),
    )


@get(
    "/v4/refund-reasons",
    opt={"rule": allow("refund:read")},
    tags=TAGS,
    summary="Why money is given back, and who bears it",
)
async def list_reasons(
    caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[list[ReasonView]]:
    """What the tenant decided, and the usual for what it left alone."""
    async with database.transaction() as tx:
        found = await store.reasons(tx, tenant_id=caller.tenant_id)
    return envelope([ReasonView.of(found[code]) for code in sorted(found)])


@put(
    "/v4/refund-reasons",
    opt={"rule": allow("refund:configure")},
    tags=TAGS,
    summary="Decide who bears what is given back",
)
async def put_reasons(
    data: JSONBody[ReasonsBody],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> Envelope[list[ReasonView]]:
    """Each reason named here is from now on as given; the others stay as they are."""
    reasons = {body.code: body.reason() for body in data.reasons}
    if not all(reason.by.whole for reason in reasons.values()):
        raise Problem(422, "refund.bearers_incomplete")
    async with database.transaction() as tx:
        await store.put_reasons(tx, tenant_id=caller.tenant_id, reasons=list(reasons.values()))
        found = await store.reasons(tx, tenant_id=caller.tenant_id)
    return envelope([ReasonView.of(found[code]) for code in sorted(found)])


routes: Final[list[Any]] = [
    request_refund,
    list_refunds_of_order,
    approve_refund,
    refuse_refund,
    list_refunds,
    export_refunds,
    list_reasons,
    put_reasons,
]
