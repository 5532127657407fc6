"""Payments that go on by hand: cash or later instead of a card, and lists to reconcile them."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from litestar import Response, get, post
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
    Problem,
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
)
from tawsil.kernel.reach import Reach
from tawsil.payments.events import Method, Provider
from tawsil.payments.model.payment import Payment, PaymentState
from tawsil.payments.service import paying as service
from tawsil.payments.store import payment_list as store
from tawsil.payments.store.payments import of_references

Reason = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,63}$(?!\n)", examples=["provider_down"])]
COLUMNS: Final = columns(
    "reference_id",
    "payer_id",
    "method",
    "provider",
    "state",
    "amount_minor",
    "captured_minor",
    "refunded_minor",
    "settled_minor",
    "outstanding_minor",
    "currency",
    "created_at",
)


class SwitchBody(Struct, forbid_unknown_fields=True):
    """A code, because it stands in the log for ever."""

    reason: Reason


class SettleBody(Struct, forbid_unknown_fields=True):
    """How it came in."""

    by: Annotated[Literal["cash", "bank", "card"], Meta(examples=["bank"])]


class LookedView(Struct, frozen=True):
    """`looking`: the provider is being asked; the payment says soon what it said."""

    looking: bool


class DeskPaymentView(Struct, frozen=True, kw_only=True):
    """A payment as those see it who reconcile. `tried`: providers that were given up for it."""

    reference_id: UUID
    payer_id: UUID
    city_id: UUID
    method: str
    provider: str | None
    tried: list[str]
    state: str
    amount_minor: int
    captured_minor: int
    refunded_minor: int
    settled_minor: int
    outstanding_minor: int
    currency: str
    attempts: int
    decline_code: str | None
    created_at: datetime

    @classmethod
    def of(cls, payment: Payment) -> "DeskPaymentView":
        return cls(
            reference_id=payment.reference_id,
            payer_id=payment.payer_id,
            city_id=payment.city_id,
            method=payment.method.value,
            provider=payment.provider and payment.provider.value,
            tried=[one.value for one in payment.tried],
            state=payment.state.value,
            amount_minor=payment.amount_minor,
            captured_minor=payment.captured_minor,
            refunded_minor=payment.refunded_minor,
            settled_minor=payment.settled_minor,
            outstanding_minor=payment.outstanding_minor,
            currency=payment.currency,
            attempts=payment.attempts,
            decline_code=payment.decline_code,
            created_at=payment.created_at,
        )


@post(
    "/v4/payments/{reference_id:uuid}/take-cash",
    opt={"rule": allow("payment:update")},
    status_code=200,
    tags=["Payments"],
    summary="Take cash for what no provider takes",
)
async def take_cash(
    reference_id: FromPath[UUID],
    data: JSONBody[SwitchBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[DeskPaymentView]]:
    """The order goes on at once. A card that turns out to have been authorised is let go."""
    return await _switch(commands, caller, reference_id, Method.CASH, data.reason)


@post(
    "/v4/payments/{reference_id:uuid}/approve-later",
    opt={"rule": allow("payment:update")},
    status_code=200,
    tags=["Payments"],
    summary="Let the customer pay later",
)
async def approve_later(
    reference_id: FromPath[UUID],
    data: JSONBody[SwitchBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[DeskPaymentView]]:
    """The order goes on at once; once delivered, its amount is a debt of the customer's."""
    return await _switch(commands, caller, reference_id, Method.LATER, data.reason)


@post(
    "/v4/payments/{reference_id:uuid}/settle-later",
    opt={"rule": allow("payment:update")},
    status_code=200,
    tags=["Payments"],
    summary="What was to be paid later has come in",
)
async def settle_later(
    reference_id: FromPath[UUID],
    data: JSONBody[SettleBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[DeskPaymentView]]:
    """The whole of what is outstanding, into the platform's bank account."""
    command = service.SettleLater(by=caller.by, reference_id=reference_id, how=data.by)
    return await commands.submit(service.settle_later, command, view=DeskPaymentView.of)


@post(
    "/v4/payments/{reference_id:uuid}/look",
    opt={"rule": allow("payment:update")},
    status_code=202,
    tags=["Payments"],
    summary="Ask the provider now what became of a payment",
)
async def look(
    reference_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> Envelope[LookedView]:
    """It is looked up anyway, every fifteen minutes at the latest."""
    async with database.transaction() as tx:
        payment = (await of_references(tx, reference_ids=[reference_id])).get(reference_id)
        if payment is None or payment.tenant_id != caller.tenant_id:
            raise not_found()
        if payment.provider is None:
            raise Problem(409, "payment.no_provider", method=payment.method.value)
        await service.look(tx, payment)
    return envelope(LookedView(looking=True))


async def asked_for(
    method: FromQuery[Method | None] = None,
    states: Annotated[list[PaymentState] | None, QueryParameter(name="state")] = None,
    provider: FromQuery[Provider | None] = None,
    from_at: FromInstant = None,
    to_at: ToInstant = None,
    outstanding: Annotated[
        bool | None,
        QueryParameter(description="Captured, to be paid later, and not settled yet."),
    ] = None,
) -> store.Filter:
    check_window(from_at, to_at)
    return store.Filter(
        method=method,
        states=tuple(states) if states else None,
        provider=provider,
        from_at=from_at,
        to_at=to_at,
        outstanding=outstanding,
    )


WHICH: Final = {"which": Provide(asked_for)}


@get(
    "/v4/payments",
    opt={"rule": allow("payment:read")},
    dependencies={**WHICH, **asked_of(store.SORTS)},
    tags=["Payments"],
    summary="List payments",
)
async def list_payments(
    asked: NamedDependency[Asked],
    which: NamedDependency[store.Filter],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Envelope[list[DeskPaymentView]]:
    """Those the caller may see, newest first: one's own, or everybody's."""
    async with database.transaction() as tx:
        found = await store.search(tx, reach=reach, which=which, take=asked.take(which))
    return list_envelope(found.map(DeskPaymentView.of), asked)


@get(
    "/v4/payments.csv",
    opt={"rule": allow("payment:read"), "limit": HEAVY},
    dependencies={**WHICH, **ordered_of(store.SORTS)},
    tags=["Payments"],
    summary="All payments of a list, as a file",
    media_type="text/csv",
)
async def export_payments(
    asked: NamedDependency[Asked],
    which: NamedDependency[store.Filter],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Stream:
    """The same filters and order as the list; at most 100,000 rows, whole or not at all."""
    return await csv_of(
        "payments",
        COLUMNS,
        asked.take(which),
        database=database,
        search=partial(store.search, reach=reach, which=which),
        view=DeskPaymentView.of,
    )


async def _switch(
    commands: Commands, caller: Caller, reference_id: UUID, method: Method, reason: str
) -> Response[Envelope[DeskPaymentView]]:
    command = service.Switch(by=caller.by, reference_id=reference_id, method=method, reason=reason)
    return await commands.submit(service.switch, command, view=DeskPaymentView.of)


routes: Final[list[Any]] = [
    list_payments,
    export_payments,
    take_cash,
    approve_later,
    settle_later,
    look,
]
