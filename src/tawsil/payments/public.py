"""What others may ask of payments.

Commands are handled in batches and answer, in order, with the payment as it is now or a refusal:
`authorise`, `capture`, `void`, `refund`, `release`, and `transfer` for money that moves without a
payment. A card payment is only asked for here; events tell later what became of it.
"""

from tawsil.payments.events import AccountKind, AccountRef, Method, Posting, Provider, Step
from tawsil.payments.model.ledger import Balance, Line, Statement, Transfer, TransferKind
from tawsil.payments.model.payee import (
    Payee,
    Payees,
    Ready,
    Remittance,
    RemittanceState,
    Said,
)
from tawsil.payments.model.payment import CardToken, Payment, PaymentState, clearing
from tawsil.payments.model.payout import Payout, PayoutState, Run, RunState
from tawsil.payments.model.payout_account import PAYABLE, Every, PayoutAccount, Plan
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
from tawsil.payments.service.payout_accounts import (
    Block,
    Outlook,
    PutPlan,
    SetDestination,
    SetPlan,
    Unblock,
    block,
    outlook,
    put_plan,
    set_destination,
    set_plan,
    unblock,
)
from tawsil.payments.service.payouts import hear_webhook as hear_payout_webhook
from tawsil.payments.service.payouts import on_due as on_due_payout
from tawsil.payments.service.payouts import on_due_account as on_due_payout_account
from tawsil.payments.service.withdrawals import (
    DecideRun,
    Retry,
    StartRun,
    Withdraw,
    WithdrawalQuote,
    decide_run,
    retry,
    start_run,
    withdraw,
)
from tawsil.payments.service.withdrawals import quote as withdrawal_quote
from tawsil.payments.store.ledger import balances, imbalance, statement
from tawsil.payments.store.payments import of_references
from tawsil.payments.store.payout_accounts import ACCOUNT_SORTS, AccountFilter, plans
from tawsil.payments.store.payout_accounts import search as search_payout_accounts
from tawsil.payments.store.payouts import SORTS as PAYOUT_SORTS
from tawsil.payments.store.payouts import Filter as PayoutFilter
from tawsil.payments.store.payouts import find_run as find_payout_run
from tawsil.payments.store.payouts import reached as reached_payout
from tawsil.payments.store.payouts import search as search_payouts
from tawsil.payments.store.webhooks import forget as forget_webhooks

__all__ = (
    "ACCOUNT_SORTS",
    "PAYABLE",
    "PAYOUT_SORTS",
    "Absent",
    "AccountFilter",
    "AccountKind",
    "AccountRef",
    "Authorise",
    "Balance",
    "Block",
    "Capture",
    "CardToken",
    "Charge",
    "ChargeState",
    "DecideRun",
    "Every",
    "Line",
    "Method",
    "Outlook",
    "Payee",
    "Payees",
    "Payment",
    "PaymentState",
    "Payout",
    "PayoutAccount",
    "PayoutFilter",
    "PayoutState",
    "Plan",
    "Posting",
    "Provider",
    "Psp",
    "PutPlan",
    "Ready",
    "Refund",
    "Refused",
    "Release",
    "Remittance",
    "RemittanceState",
    "Retry",
    "Run",
    "RunState",
    "Said",
    "SetDestination",
    "SetPlan",
    "StartRun",
    "Statement",
    "Step",
    "Transfer",
    "TransferKind",
    "Unblock",
    "Unheard",
    "Void",
    "Withdraw",
    "WithdrawalQuote",
    "Word",
    "authorise",
    "balances",
    "block",
    "capture",
    "clearing",
    "decide_run",
    "find_payout_run",
    "forget_webhooks",
    "hear_payout_webhook",
    "hear_webhook",
    "imbalance",
    "of_references",
    "on_due",
    "on_due_payout",
    "on_due_payout_account",
    "outlook",
    "plans",
    "put_plan",
    "reached_payout",
    "refund",
    "release",
    "retry",
    "search_payout_accounts",
    "search_payouts",
    "set_destination",
    "set_plan",
    "start_run",
    "statement",
    "transfer",
    "unblock",
    "void",
    "withdraw",
    "withdrawal_quote",
)
