"""What others may ask of payments.

Commands are handled in batches and answer, in order, with the payment as it is now or a refusal:
`authorise`, `capture`, `void`, `refund`, `release`, and `transfer` for money that moves without a
payment. A card payment is only asked for here; events tell later what became of it.
"""

from tawsil.payments.events import AccountKind, AccountRef, Method, Posting, Provider, Step
from tawsil.payments.model.ledger import Balance, Line, Statement, Transfer, TransferKind
from tawsil.payments.model.payment import CardToken, Payment, PaymentState, clearing
from tawsil.payments.model.psp import Absent, Charge, ChargeState, Psp, Refused, Unheard, Word
from tawsil.payments.service.booking import transfer
from tawsil.payments.service.paying import (
    Authorise,
    Capture,
    Refund,
    Release,
    Void,
    authorise,
    capture,
    hear_webhook,
    on_due,
    refund,
    release,
    void,
)
from tawsil.payments.store.ledger import balances, imbalance, statement
from tawsil.payments.store.payments import of_references
from tawsil.payments.store.webhooks import forget as forget_webhooks

__all__ = (
    "Absent",
    "AccountKind",
    "AccountRef",
    "Authorise",
    "Balance",
    "Capture",
    "CardToken",
    "Charge",
    "ChargeState",
    "Line",
    "Method",
    "Payment",
    "PaymentState",
    "Posting",
    "Provider",
    "Psp",
    "Refund",
    "Refused",
    "Release",
    "Statement",
    "Step",
    "Transfer",
    "TransferKind",
    "Unheard",
    "Void",
    "Word",
    "authorise",
    "balances",
    "capture",
    "clearing",
    "forget_webhooks",
    "hear_webhook",
    "imbalance",
    "of_references",
    "on_due",
    "refund",
    "release",
    "statement",
    "transfer",
    "void",
)
