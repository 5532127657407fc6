"""Double entry: what moves between accounts, and why it always adds up.

An amount above zero is a credit: the platform owes it to the account's owner. One below zero is a
debit: the owner owes it. Money that the acquirer holds for the platform therefore stands as a debit
on `psp_clearing`, and cash in a courier's pocket as a debit on `courier_cash`. Every transfer has
one reference and one currency and sums to zero, so each reference and each currency does too.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from tawsil.kernel.decisions import Command
from tawsil.payments.events import AccountRef, PaymentCaptured, PaymentRefunded, Posting
from tawsil.payments.model.payment import net


class TransferKind(StrEnum):
    CAPTURE = "capture"
    REFUND = "refund"
    PAYOUT = "payout"
    PAYOUT_RETURN = "payout_return"
    CASH_HANDOVER = "cash_handover"
    CASH_SHORTFALL = "cash_shortfall"
    CASH_OFFSET = "cash_offset"  # owed in cash, set against what was earned
    WAIT = "wait"  # a courier's, at the merchant
    INCENTIVE = "incentive"
    ADJUSTMENT = "adjustment"
    PSP_FEE = "psp_fee"
    PSP_SETTLEMENT = "psp_settlement"
    RECONCILIATION = "reconciliation"


class Transfer(Command, frozen=True, kw_only=True):
    """Amounts between accounts that sum to zero. The same `id` again is the same transfer."""

    id: UUID
    kind: TransferKind
    reference_id: UUID
    currency: str
    postings: tuple[Posting, ...]


class Line(Struct, frozen=True, kw_only=True):
    """One entry of an account's statement."""

    transfer_id: UUID
    kind: TransferKind
    reference_id: UUID
    account: AccountRef
    amount_minor: int
    currency: str
    at: datetime


class Statement(Struct, frozen=True):
    """Some of the newest lines, and how many there are in all."""

    lines: Sequence[Line]
    total: int


class Balance(Struct, frozen=True):
    account: AccountRef
    currency: str
    balance_minor: int


def captured(event: PaymentCaptured) -> tuple[Posting, ...]:
    """What came in is owed by whoever received it, and owed to those who share it."""
    return net((Posting(event.received_in, -event.amount_minor), *event.shares))


def refunded(event: PaymentRefunded) -> tuple[Posting, ...]:
    """What went back is taken from those who bear it."""
    return net((Posting(event.returned_by, event.amount_minor),), *event.borne_by)


def total_minor(postings: Sequence[Posting]) -> int:
    return sum(posting.amount_minor for posting in postings)
