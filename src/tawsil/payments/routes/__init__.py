"""Payments over HTTP."""

from typing import Final

from tawsil.payments.routes import (
    accounts,
    books,
    cash,
    cash_desk,
    corrections,
    desk,
    disputes,
    earnings,
    loyalty,
    payments,
    payout_desk,
    payouts,
    providers,
    reconciliation,
    statements,
    webhooks,
)

routes: Final = [
    *webhooks.routes,
    *payments.routes,
    *desk.routes,
    *providers.routes,
    *accounts.routes,
    *statements.routes,
    *corrections.routes,
    *payouts.routes,
    *payout_desk.routes,
    *loyalty.routes,
    *reconciliation.routes,
    *books.routes,
    *cash.routes,
    *cash_desk.routes,
    *earnings.routes,
    *disputes.routes,
]
