"""Payments over HTTP: the acquirer's webhooks, a payment to look at, and one's own account."""

import hmac
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    PUBLIC,
    WEBHOOK,
    Caller,
    Envelope,
    PageNumber,
    PageQuery,
    PageSize,
    Pagination,
    Problem,
    allow,
    envelope,
    not_found,
)
from tawsil.payments import public
from tawsil.payments.public import AccountKind, AccountRef, Balance, Line, Payment

SIGNATURE_HEADER: Final = "tawsil-psp-signature"
TOLERANCE_S: Final = 300


class PaymentView(Struct, frozen=True):
    """A payment as its payer sees it."""

    reference_id: UUID
    method: str
    state: str
    amount_minor: int
    captured_minor: int
    refunded_minor: int
    currency: str
    decline_code: str | None
    created_at: datetime

    @classmethod
    def of(cls, payment: Payment) -> "PaymentView":
        return cls(
            reference_id=payment.reference_id,
            method=payment.method.value,
            state=payment.state.value,
            amount_minor=payment.amount_minor,
            captured_minor=payment.captured_minor,
            refunded_minor=payment.refunded_minor,
            currency=payment.currency,
            decline_code=payment.decline_code,
            created_at=payment.created_at,
        )


class BalanceView(Struct, frozen=True):
    """Above zero: owed to you. Below: owed by you, such as cash you have collected."""

    account: str
    balance_minor: int
    currency: str

    @classmethod
    def of(cls, balance: Balance) -> "BalanceView":
        return cls(balance.account.kind.value, balance.balance_minor, balance.currency)


class LineView(Struct, frozen=True):
    transfer_id: UUID
    kind: str
    reference_id: UUID
    account: str
    amount_minor: int
    currency: str
    at: datetime

    @classmethod
    def of(cls, line: Line) -> "LineView":
        return cls(
            transfer_id=line.transfer_id,
            kind=line.kind.value,
            reference_id=line.reference_id,
            account=line.account.kind.value,
            amount_minor=line.amount_minor,
            currency=line.currency,
            at=line.at,
        )


class AccountView(Struct, frozen=True):
    balances: list[BalanceView]
    lines: list[LineView]


class WebhookAnswer(Struct, frozen=True):
    """`duplicate`: this event was heard before, and nothing was done."""

    duplicate: bool


class _Charge(Struct, frozen=True):
    reference: str


class _Data(Struct, frozen=True):
    charge: _Charge


class _Webhook(Struct, frozen=True):
    """The parts of a webhook that are used; what else it says is looked up instead."""

    id: str
    data: _Data


def signed(*, secret: str, signature: str, body: bytes, now: datetime) -> bool:
    """Whether `t=SECOND,v1=HEX` is an HMAC-SHA256 of the second, a dot and the body, and fresh."""
    parts = [part.partition("=") for part in signature.split(",")]
    seconds = [value for name, _, value in parts if name == "t"]
    if len(seconds) != 1 or not (seconds[0].isascii() and seconds[0].isdigit()):
        return False
    text = seconds[0]
    if len(text) > 12 or abs(now.timestamp() - int(text)) > TOLERANCE_S:
        return False
    expected = hmac.new(secret.encode(), text.encode() + b"." + body, sha256).hexdigest().encode()
    given = [value.encode() for name, _, value in parts if name == "v1"]
    return any(hmac.compare_digest(expected, one) for one in given)


@post(
    "/v4/webhooks/psp",
    opt={"rule": PUBLIC, "limit": WEBHOOK},
    status_code=200,
    tags=["Payments"],
    summary="Hear from the acquirer that a charge has changed",
)
async def hear_psp(
    request: Request[Any, Any, State], state: State, database: NamedDependency[Database]
) -> Envelope[WebhookAnswer]:
    """Signed in `Tawsil-Psp-Signature`; the same event twice is answered the same and done once."""
    body = await request.body()
    fresh = signed(
        secret=state.psp_webhook_secret,
        signature=request.headers.get(SIGNATURE_HEADER, ""),
        body=body,
        now=database.now(),
    )
    if not fresh:
        raise Problem(401, "payment.signature_invalid")
    webhook = msgspec.json.decode(body, type=_Webhook)
    async with database.transaction() as tx:
        first = await public.hear_webhook(
            tx, event_id=webhook.id, reference=webhook.data.charge.reference
        )
    return envelope(WebhookAnswer(duplicate=not first))


@get(
    "/v4/payments/{reference_id:uuid}",
    opt={"rule": allow("payment:read")},
    tags=["Payments"],
    summary="Show what has become of a payment",
)
async def show_payment(
    reference_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> Envelope[PaymentView]:
    """By what was paid for, such as an order: the payer's own, or any with the right to all."""
    async with database.transaction() as tx:
        found = await public.of_references(tx, reference_ids=[reference_id])
    payment = found.get(reference_id)
    if payment is None or not _may_see(caller, payment):
        raise not_found()
    return envelope(PaymentView.of(payment))


@get(
    "/v4/accounts/me",
    opt={"rule": allow("payment:read")},
    tags=["Payments"],
    summary="Show your balance and statement",
)
async def show_account(
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    page: PageNumber = 1,
    limit: PageSize = 20,
) -> Envelope[AccountView]:
    """A merchant's account, or what a courier has earned and the cash a courier holds."""
    query = PageQuery(page=page, limit=limit)
    accounts = _accounts(caller)
    async with database.transaction() as tx:
        balances = await public.balances(tx, tenant_id=caller.tenant_id, accounts=accounts)
        statement = await public.statement(
            tx,
            tenant_id=caller.tenant_id,
            accounts=accounts,
            offset=query.offset,
            limit=query.limit,
        )
    return envelope(
        AccountView(
            balances=[BalanceView.of(balance) for balance in balances],
            lines=[LineView.of(line) for line in statement.lines],
        ),
        pagination=Pagination(
            page=page,
            limit=limit,
            total=statement.total,
            total_pages=-(-statement.total // limit),
        ),
    )


def _may_see(caller: Caller, payment: Payment) -> bool:
    if payment.tenant_id != caller.tenant_id:
        return False
    scopes = caller.scopes("payment:read")
    return "all" in scopes or ("own" in scopes and payment.payer_id == caller.user_id)


def _accounts(caller: Caller) -> list[AccountRef]:
    if caller.location_id is not None:
        return [AccountRef(AccountKind.MERCHANT, caller.location_id)]
    own = (AccountKind.COURIER, AccountKind.COURIER_CASH, AccountKind.CUSTOMER)
    return [AccountRef(kind, caller.user_id) for kind in own]


routes: Final = [hear_psp, show_payment, show_account]
