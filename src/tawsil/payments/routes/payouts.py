"""Payouts over HTTP: one's own, and for operations everybody's."""

from functools import partial
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from litestar import Response, get, post, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Stream
from msgspec import Meta, Struct

from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    HEAVY,
    Asked,
    Caller,
    Commands,
    Envelope,
    FromInstant,
    ToInstant,
    allow,
    asked_of,
    check_window,
    columns,
    csv_of,
    envelope,
    list_envelope,
    not_found,
    ordered_of,
    settled,
)
from tawsil.kernel.reach import Reach
from tawsil.payments import public
from tawsil.payments.events import PayoutCause
from tawsil.payments.public import AccountKind, AccountRef, PayoutState, Provider
from tawsil.payments.routes.payout_views import (
    OutlookView,
    PayoutAccountView,
    PayoutView,
    WithdrawalQuoteView,
)

TAGS: Final = ["Payouts"]
READ: Final = "payment:read"
WITHDRAW: Final = "payment:withdraw"
OwnerKind = Literal["merchant", "courier", "customer"]
Amount = Annotated[int, Meta(ge=1, le=10**12)]

COLUMNS: Final = columns(
    "id",
    "owner.kind",
    "owner.owner_id",
    "cause",
    "period",
    "state",
    "amount_minor",
    "fee_minor",
    "currency",
    "destination.label",
    "code",
    "created_at",
    "paid_at",
)


class DestinationBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A token that the provider gave for the account. Never send the account's number."""

    provider: Provider
    token: Annotated[str, Meta(min_length=6, max_length=120, examples=["bank_ok"])]
    label: Annotated[str, Meta(min_length=1, max_length=60, examples=["My bank ••42"])]


class WithdrawBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`null`: all there is."""

    amount_minor: Amount | None = None


DESTINATION_EXAMPLE: Final = {"provider": "direct", "token": "bank_ok", "label": "My bank ••42"}
DestinationIn = Annotated[DestinationBody, Meta(examples=[DESTINATION_EXAMPLE])]
WithdrawIn = Annotated[WithdrawBody, Meta(examples=[{"amount_minor": 5_000}])]


async def asked_for(
    states: Annotated[list[PayoutState] | None, QueryParameter(name="state")] = None,
    cause: FromQuery[list[PayoutCause] | None] = None,
    owner_kind: FromQuery[OwnerKind | None] = None,
    owner_id: FromQuery[UUID | None] = None,
    city_id: FromQuery[UUID | None] = None,
    run_id: FromQuery[UUID | None] = None,
    from_: FromInstant = None,
    to: ToInstant = None,
) -> public.PayoutFilter:
    check_window(from_, to)
    return public.PayoutFilter(
        states=tuple(states) if states else None,
        causes=tuple(cause) if cause else None,
        owner_kind=AccountKind(owner_kind) if owner_kind else None,
        owner_id=owner_id,
        city_id=city_id,
        run_id=run_id,
        since=from_,
        until=to,
    )


WHICH: Final = {"which": Provide(asked_for)}


@get(
    "/v4/payouts",
    opt={"rule": allow(READ)},
    dependencies={**WHICH, **asked_of(public.PAYOUT_SORTS)},
    tags=TAGS,
    summary="List payouts",
)
async def list_payouts(
    asked: NamedDependency[Asked],
    which: NamedDependency[public.PayoutFilter],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Envelope[list[PayoutView]]:
    """One's own, or for operations all of the tenant; the newest first, unless sorted otherwise."""
    async with database.transaction() as tx:
        found = await public.search_payouts(tx, reach=reach, which=which, take=asked.take(which))
    return list_envelope(found.map(PayoutView.of), asked)


@get(
    "/v4/payouts.csv",
    opt={"rule": allow(READ), "limit": HEAVY},
    dependencies={**WHICH, **ordered_of(public.PAYOUT_SORTS)},
    tags=TAGS,
    summary="All payouts of a list, as a file",
    media_type="text/csv",
)
async def export_payouts(
    asked: NamedDependency[Asked],
    which: NamedDependency[public.PayoutFilter],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Stream:
    """The same filters and order as the list; at most 100,000 rows, whole or not at all."""
    return await csv_of(
        "payouts",
        COLUMNS,
        asked.take(which),
        database=database,
        search=partial(public.search_payouts, reach=reach, which=which),
    )


@get(
    "/v4/payouts/{payout_id:uuid}",
    opt={"rule": allow(READ)},
    tags=TAGS,
    summary="Show what has become of a payout",
)
async def show_payout(
    payout_id: FromPath[UUID],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Envelope[PayoutView]:
    """One's own, or for operations any of the tenant."""
    async with database.transaction() as tx:
        payout = await public.reached_payout(tx, reach=reach, payout_id=payout_id)
    if payout is None:
        raise not_found()
    return envelope(PayoutView.of(payout))


@get(
    "/v4/payouts/account",
    opt={"rule": allow(READ)},
    tags=TAGS,
    summary="Show where your money goes, and when next",
)
async def show_payout_account(
    caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[OutlookView]:
    """The destination, the plan, and what would be paid out now; 404 before one was set."""
    async with database.transaction() as tx:
        outlook = await public.outlook(tx, tenant_id=caller.tenant_id, owner=owner_of(caller))
    if outlook is None:
        raise not_found()
    return envelope(OutlookView.of(outlook))


@put(
    "/v4/payouts/account/destination",
    opt={"rule": allow(WITHDRAW)},
    status_code=200,
    tags=TAGS,
    summary="Say where your money is to go",
)
async def set_own_destination(
    data: JSONBody[DestinationIn],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[PayoutAccountView]]:
    """A token of a provider's. It is used once the provider has confirmed it.

    A changed destination is not paid for some days, so that nobody who got hold of an account can
    empty it at once.
    """
    command = public.SetDestination(
        by=caller.by,
        owner=owner_of(caller),
        provider=data.provider,
        token=data.token,
        label=data.label,
    )
    return await commands.submit(public.set_destination, command, view=PayoutAccountView.of)


@get(
    "/v4/payouts/instant/quote",
    opt={"rule": allow(READ)},
    tags=TAGS,
    summary="Show what an instant withdrawal costs",
)
async def quote_withdrawal(
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    amount_minor: Annotated[
        int | None, QueryParameter(ge=1, le=10**12, description="Left out: all there is.")
    ] = None,
) -> Envelope[WithdrawalQuoteView]:
    """What would leave the account, be kept, and arrive; or why nothing can be withdrawn now."""
    async with database.transaction() as tx:
        quote = await public.withdrawal_quote(
            tx, by=caller.by, owner=owner_of(caller), amount_minor=amount_minor
        )
    return envelope(WithdrawalQuoteView.of(settled(quote)))


@post(
    "/v4/payouts/instant",
    opt={"rule": allow(WITHDRAW)},
    status_code=201,
    tags=TAGS,
    summary="Withdraw what you have earned at once",
)
async def withdraw(
    data: JSONBody[WithdrawIn],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[PayoutView]]:
    """For a fee, so often a day. Not below the minimum, and not while cash is owed.

    Send an `Idempotency-Key`, so that a repeated request withdraws once.
    """
    command = public.Withdraw(by=caller.by, owner=owner_of(caller), amount_minor=data.amount_minor)
    return await commands.submit(public.withdraw, command, view=PayoutView.of, status=201)


def owner_of(caller: Caller) -> AccountRef:
    """Whose money a caller's own is."""
    if "merchant" in caller.roles and caller.location_id is not None:
        return AccountRef(AccountKind.MERCHANT, caller.location_id)
    courier = "delivery_partner" in caller.roles
    return AccountRef(AccountKind.COURIER if courier else AccountKind.CUSTOMER, caller.user_id)


routes: Final[list[Any]] = [
    list_payouts,
    export_payouts,
    show_payout,
    show_payout_account,
    set_own_destination,
    quote_withdrawal,
    withdraw,
]
