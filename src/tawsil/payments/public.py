"""What others may ask of payments.

Commands are handled in batches and answer, in order, with the payment as it is now or a refusal:
`authorise`, `capture`, `void`, `refund`, `release`. A card payment is only asked for here; events
tell later what became of it. Money that moves without a payment is moved by `transfer`, at once or
pending; what is pending is ended by `resolve` or `void_pending`. `balances` says what accounts
stand at, and `lock_balances` says so to one transaction at a time.
"""

from tawsil.payments.cash_events import BorneBy, CashLevel, ShortBecause
from tawsil.payments.dispute_events import DisputeEvidenceDue
from tawsil.payments.events import AccountKind, AccountRef, Method, Posting, Provider, Step
from tawsil.payments.model.cash import (
    CashAccount,
    CashDeposit,
    CashHub,
    CashShortfall,
    DepositState,
    ShortfallState,
)
from tawsil.payments.model.earning import DayOfEarnings, Earning
from tawsil.payments.model.ledger import (
    NEVER_OVERDRAWN,
    Balance,
    Line,
    Statement,
    Transfer,
    TransferKind,
)
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
from tawsil.payments.model.points import Lot
from tawsil.payments.model.points import lapses_at as points_lapse_at
from tawsil.payments.model.psp import Absent, Charge, ChargeState, Psp, Refused, Unheard, Word
from tawsil.payments.service.beginning import Authorise, Prepared, authorise, begin, prepare
from tawsil.payments.service.booking import Resolve, VoidPending, resolve, transfer, void_pending
from tawsil.payments.service.cash import (
    AnnounceDeposit,
    ApproveShortfall,
    ChangeHub,
    ConfirmDeposit,
    OpenHub,
    RefuseDeposit,
    RejectShortfall,
    ReportShortfall,
    SetCashLimit,
    announce_deposit,
    approve_shortfall,
    change_hub,
    confirm_deposit,
    open_hub,
    refuse_deposit,
    reject_shortfall,
    report_shortfall,
    set_cash_limit,
)
from tawsil.payments.service.cash_in_hand import on_due as on_due_cash
from tawsil.payments.service.earnings import RecordEarning, record_earnings
from tawsil.payments.service.loyalty import (
    AdjustPoints,
    EarnPoints,
    Points,
    TakePointsBack,
    points_of,
    purses_of,
)
from tawsil.payments.service.loyalty import adjust as adjust_points
from tawsil.payments.service.loyalty import earn as earn_points
from tawsil.payments.service.loyalty import earned as points_earned
from tawsil.payments.service.loyalty import history as points_history
from tawsil.payments.service.loyalty import on_due as on_due_points
from tawsil.payments.service.loyalty import take_back as take_points_back
from tawsil.payments.service.paying import (
    Capture,
    Refund,
    Release,
    Void,
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
from tawsil.payments.store.breakers import of_tenants as circuits_of_tenants
from tawsil.payments.store.cash import ACCOUNT_SORTS as CASH_ACCOUNT_SORTS
from tawsil.payments.store.cash import (
    DEPOSIT_SORTS,
    SHORTFALL_SORTS,
    DepositFilter,
    ShortfallFilter,
)
from tawsil.payments.store.cash import AccountFilter as CashAccountFilter
from tawsil.payments.store.cash import accounts as cash_accounts
from tawsil.payments.store.cash import accounts_of as cash_accounts_of
from tawsil.payments.store.cash import deposits as cash_deposits
from tawsil.payments.store.cash import hubs_of as cash_hubs
from tawsil.payments.store.cash import shortfalls as cash_shortfalls
from tawsil.payments.store.earnings import SORTS as EARNING_SORTS
from tawsil.payments.store.earnings import EarningFilter
from tawsil.payments.store.earnings import days as earning_days
from tawsil.payments.store.earnings import search as search_earnings
from tawsil.payments.store.faults import standing as alarms
from tawsil.payments.store.ledger import balances, imbalance, lock_balances, statement
from tawsil.payments.store.payments import of_references
from tawsil.payments.store.payout_accounts import ACCOUNT_SORTS, AccountFilter, plans
from tawsil.payments.store.payout_accounts import search as search_payout_accounts
from tawsil.payments.store.payouts import SORTS as PAYOUT_SORTS
from tawsil.payments.store.payouts import Filter as PayoutFilter
from tawsil.payments.store.payouts import find_run as find_payout_run
from tawsil.payments.store.payouts import reached as reached_payout
from tawsil.payments.store.payouts import search as search_payouts
from tawsil.payments.store.points import PointsAdjustment
from tawsil.payments.store.points import owed as points_owed
from tawsil.payments.store.points import unreconciled as points_unreconciled
from tawsil.payments.store.webhooks import forget as forget_webhooks

__all__ = (
    "ACCOUNT_SORTS",
    "CASH_ACCOUNT_SORTS",
    "DEPOSIT_SORTS",
    "EARNING_SORTS",
    "NEVER_OVERDRAWN",
    "PAYABLE",
    "PAYOUT_SORTS",
    "SHORTFALL_SORTS",
    "Absent",
    "AccountFilter",
    "AccountKind",
    "AccountRef",
    "AdjustPoints",
    "AnnounceDeposit",
    "ApproveShortfall",
    "Authorise",
    "Balance",
    "Block",
    "BorneBy",
    "Capture",
    "CardToken",
    "CashAccount",
    "CashAccountFilter",
    "CashDeposit",
    "CashHub",
    "CashLevel",
    "CashShortfall",
    "ChangeHub",
    "Charge",
    "ChargeState",
    "ConfirmDeposit",
    "DayOfEarnings",
    "DecideRun",
    "DepositFilter",
    "DepositState",
    "DisputeEvidenceDue",
    "EarnPoints",
    "Earning",
    "EarningFilter",
    "Every",
    "Line",
    "Lot",
    "Method",
    "OpenHub",
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
    "Points",
    "PointsAdjustment",
    "Posting",
    "Prepared",
    "Provider",
    "Psp",
    "PutPlan",
    "Ready",
    "RecordEarning",
    "Refund",
    "RefuseDeposit",
    "Refused",
    "RejectShortfall",
    "Release",
    "Remittance",
    "RemittanceState",
    "ReportShortfall",
    "Resolve",
    "Retry",
    "Run",
    "RunState",
    "Said",
    "SetCashLimit",
    "SetDestination",
    "SetPlan",
    "ShortBecause",
    "ShortfallFilter",
    "ShortfallState",
    "StartRun",
    "Statement",
    "Step",
    "TakePointsBack",
    "Transfer",
    "TransferKind",
    "Unblock",
    "Unheard",
    "Void",
    "VoidPending",
    "Withdraw",
    "WithdrawalQuote",
    "Word",
    "adjust_points",
    "alarms",
    "announce_deposit",
    "approve_shortfall",
    "authorise",
    "balances",
    "begin",
    "block",
    "capture",
    "cash_accounts",
    "cash_accounts_of",
    "cash_deposits",
    "cash_hubs",
    "cash_shortfalls",
    "change_hub",
    "circuits_of_tenants",
    "clearing",
    "confirm_deposit",
    "decide_run",
    "earn_points",
    "earning_days",
    "find_payout_run",
    "forget_webhooks",
    "hear_payout_webhook",
    "hear_webhook",
    "imbalance",
    "lock_balances",
    "of_references",
    "on_due",
    "on_due_cash",
    "on_due_payout",
    "on_due_payout_account",
    "on_due_points",
    "open_hub",
    "outlook",
    "plans",
    "points_earned",
    "points_history",
    "points_lapse_at",
    "points_of",
    "points_owed",
    "points_unreconciled",
    "prepare",
    "purses_of",
    "put_plan",
    "reached_payout",
    "record_earnings",
    "refund",
    "refuse_deposit",
    "reject_shortfall",
    "release",
    "report_shortfall",
    "resolve",
    "retry",
    "search_earnings",
    "search_payout_accounts",
    "search_payouts",
    "set_cash_limit",
    "set_destination",
    "set_plan",
    "start_run",
    "statement",
    "take_points_back",
    "transfer",
    "unblock",
    "void",
    "void_pending",
    "withdraw",
    "withdrawal_quote",
)
