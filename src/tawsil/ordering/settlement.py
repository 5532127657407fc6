"""Who gets what of an order's money, as payments' commands."""

from typing import Final
from uuid import UUID

from tawsil.kernel.decisions import By
from tawsil.ordering.model import Order, PaidBy
from tawsil.payments.public import (
    AccountKind,
    AccountRef,
    Authorise,
    Capture,
    CardToken,
    Method,
    Posting,
    Release,
    Transfer,
    TransferKind,
)
from tawsil.pricing.public import EndOfOrder

METHODS: Final = {PaidBy.CARD: Method.CARD, PaidBy.CASH: Method.CASH, PaidBy.LATER: Method.LATER}


def authorise(by: By, order: Order, *, card_tokens: tuple[CardToken, ...]) -> Authorise:
    return Authorise(
        by=by,
        reference_id=order.id,
        city_id=order.city_id,
        payer_id=order.customer_id,
        method=METHODS[order.paid_by],
        amount_minor=order.amounts.due_minor,
        currency=order.amounts.currency,
        card_tokens=card_tokens,
        funds=tuple(
            Posting(AccountRef(kind, order.customer_id), minor)
            for kind, minor in (
                (AccountKind.CUSTOMER, order.amounts.credit_minor),
                (AccountKind.LOYALTY, order.amounts.points_minor),
            )
            if minor
        ),
    )


def capture(by: By, order: Order) -> Capture:
    """The whole total to merchant, courier, platform and tax; cash is in the courier's hand."""
    return Capture(
        by=by,
        reference_id=order.id,
        amount_minor=order.amounts.due_minor,
        postings=_shares(order),
        collected_by=order.courier_id if order.paid_by is PaidBy.CASH else None,
    )


def end(by: By, order: Order) -> EndOfOrder:
    """What the order held of promotions is used for good, or given back."""
    return EndOfOrder(by=by, quote_id=order.quote_id)


def release(by: By, order: Order) -> Release:
    return Release(by=by, reference_id=order.id, reason=order.ended_because or "")


def compensate(by: By, order: Order) -> Transfer:
    """Who did their work is paid by the platform what the order would have brought them."""
    earned = tuple(
        Posting(AccountRef(kind, owner), minor)
        for kind, owner, minor in _earnings(order)
        if owner is not None and minor
    )
    owed_minor = sum(share.amount_minor for share in earned)
    return Transfer(
        by=by,
        id=order.id,
        kind=TransferKind.ADJUSTMENT,
        reference_id=order.id,
        currency=order.amounts.currency,
        postings=(Posting(AccountRef(AccountKind.PLATFORM), -owed_minor), *earned),
    )


def _earnings(order: Order) -> list[tuple[AccountKind, UUID | None, int]]:
    return [
        (AccountKind.MERCHANT, order.merchant_id, order.amounts.merchant_minor),
        (AccountKind.COURIER, order.courier_id, order.amounts.courier_minor),
    ]


def _shares(order: Order) -> tuple[Posting, ...]:
    """What promotions' budgets pay of the discount makes the platform whole for it."""
    amounts = order.amounts
    shares: list[tuple[AccountKind, UUID | None, int]] = [
        *_earnings(order),
        *_from_budgets(order),
        (AccountKind.PLATFORM, None, amounts.platform_minor + order.promotion_minor),
        (AccountKind.TAX, None, amounts.tax_minor),
    ]
    return tuple(Posting(AccountRef(kind, owner), minor) for kind, owner, minor in shares if minor)


def _from_budgets(order: Order) -> list[tuple[AccountKind, UUID | None, int]]:
    return [
        (AccountKind.PROMOTION, one.promotion_id, -one.platform_minor)
        for one in order.discounts
        if one.from_budget
    ]
