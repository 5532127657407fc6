"""A payment to look at."""

from datetime import datetime
from html import escape
from typing import Final
from uuid import UUID

from litestar import MediaType, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    PUBLIC,
    Caller,
    Envelope,
    allow,
    envelope,
    not_found,
)
from tawsil.kernel.i18n import current_locale, text
from tawsil.payments import public
from tawsil.payments.public import Payment
from tawsil.payments.service import paying as service

RETURNED: Final = """<!doctype html>
<html lang="{locale}" dir="{direction}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tawsil</title>
{onward}<main><p>{sentence}</p></main>
</html>
"""


class PaymentView(Struct, frozen=True):
    """A payment as its payer sees it.

    While it is `challenged`, `next_action_url` is where the cardholder answers their bank.
    """

    reference_id: UUID
    method: str
    state: str
    amount_minor: int
    captured_minor: int
    refunded_minor: int
    currency: str
    decline_code: str | None
    next_action_url: str | None
    created_at: datetime

    @classmethod
    def of(cls, payment: Payment, *, to_payer: bool) -> "PaymentView":
        return cls(
            reference_id=payment.reference_id,
            method=payment.method.value,
            state=payment.state.value,
            amount_minor=payment.amount_minor,
            captured_minor=payment.captured_minor,
            refunded_minor=payment.refunded_minor,
            currency=payment.currency,
            decline_code=payment.decline_code,
            next_action_url=payment.challenge_url if to_payer else None,
            created_at=payment.created_at,
        )


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
    return envelope(PaymentView.of(payment, to_payer=payment.payer_id == caller.user_id))


def _may_see(caller: Caller, payment: Payment) -> bool:
    if payment.tenant_id != caller.tenant_id:
        return False
    scopes = caller.scopes("payment:read")
    return "all" in scopes or ("own" in scopes and payment.payer_id == caller.user_id)


@get(
    "/v4/payments/returned/{payment_id:uuid}",
    opt={"rule": PUBLIC},
    include_in_schema=False,
    media_type=MediaType.HTML,
)
async def come_back(
    payment_id: FromPath[UUID], database: NamedDependency[Database], state: State
) -> str:
    """Where the bank sends a payer who has answered it. The address proves nothing, so it is
    looked up. The payer goes on to the page of what was paid for, if there are pages: from one of
    ours, because after the bank's no browser would send our cookies.
    """
    async with database.transaction() as tx:
        reference_id = await service.hear_payer_is_back(tx, payment_id=payment_id)
    pages: str | None = state.get("after_payment")
    onward = ""
    if pages and reference_id is not None:
        onward = f'<meta http-equiv="refresh" content="1;url={pages}/{reference_id}">\n'
    locale = current_locale.get()
    return RETURNED.format(
        locale=locale,
        direction="rtl" if locale == "ar" else "ltr",
        onward=onward,
        sentence=escape(text("payment.returned")),
    )


routes: Final = [show_payment, come_back]
