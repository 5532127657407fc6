"""Payments over HTTP."""

from typing import Final

from tawsil.payments.routes import (
    accounts,
    books,
    cash,
    cash_desk,
    earnings,
    loyalty,
    payments,
    payout_desk,
    payouts,
    reconciliation,
    webhooks,
)

routes: Final = [
    *webhooks.routes,
    *payments.routes,
    *accounts.routes,
    *payouts.routes,
    *payout_desk.routes,
    *loyalty.routes,
    *reconciliation.routes,
    *books.routes,
    *cash.routes,
    *cash_desk.routes,
    *earnings.routes,
]
