"""Payments over HTTP."""

from typing import Final

from tawsil.payments.routes import accounts, payments, webhooks

routes: Final = [*webhooks.routes, *payments.routes, *accounts.routes]
