"""Payments over HTTP."""

from typing import Final

from tawsil.payments.routes import accounts, books, payments, reconciliation, webhooks

routes: Final = [
    *webhooks.routes,
    *payments.routes,
    *accounts.routes,
    *reconciliation.routes,
    *books.routes,
]
