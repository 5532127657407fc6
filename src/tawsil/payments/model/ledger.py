"""Double entry: what moves between accounts, and why it always adds up.

An amount above zero is a credit: the platform owes it to the account's owner. One below zero is a
debit: the owner owes it. Money that an acquirer holds for the platform therefore stands as a debit
on its clearing account, and cash in a courier's pocket as a debit on `courier_cash`. Every transfer
has one reference and one currency and sums to zero, so each reference and each currency does too.

A transfer is posted, or it is pending: money that is promised and has not moved. What is pending is
resolved exactly once, by a transfer that names it: posted, wholly or in part, or voided with none.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid5

from msgspec import Struct

from tawsil.kernel.decisions import Command, Refusal, refuse
from tawsil.payments.events import (
    AccountKind,
    AccountRef,
    LaterPaymentSettled,
    PaymentCaptured,
    PaymentRefunded,
    Posting,
)
from tawsil.payments.model.payment import Payment, clearing, negated, net, receivable, total_minor

HELD: Final = AccountRef(AccountKind.HELD)
CASH_DUE: Final = AccountRef(AccountKind.CASH_DUE)
NEVER_OVERDRAWN: Final = frozenset(
    {AccountKind.CUSTOMER, AccountKind.LOYALTY, AccountKind.PROMOTION}
)
"""Kinds of which no more may be promised or paid than there is; the database holds them to it."""


class TransferKind(StrEnum):
    AUTHORISATION = "authorisation"  # pending, until it is captured or voided
    FUNDS = "funds"  # a customer's own credit and points that a payment takes
    CAPTURE = "capture"
    VOID = "void"  # resolves what was pending, and moves nothing
    REFUND = "refund"
    PAYOUT = "payout"
    PAYOUT_RETURN = "payout_return"
    CASH_HANDOVER = "cash_handover"
    CASH_SHORTFALL = "cash_shortfall"
    CASH_OFFSET = "cash_offset"  # owed in cash, set against what was earned
    WAIT = "wait"  # a courier's, at the merchant
    INCENTIVE = "incentive"
    POINTS_EARNED = "points_earned"
    POINTS_TAKEN_BACK = "points_taken_back"  # with what was refunded
    POINTS_LAPSED = "points_lapsed"
    POINTS_ADJUSTED = "points_adjusted"
    ADJUSTMENT = "adjustment"
    FUNDING = "funding"
    DISPUTE = "dispute"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"
    PSP_FEE = "psp_fee"
    PSP_SETTLEMENT = "psp_settlement"
    RECONCILIATION = "reconciliation"
    CORRECTION = "correction"
    LATER_SETTLEMENT = "later_settlement"


class Transfer(Command, frozen=True, kw_only=True):
    """Amounts between accounts that sum to zero. The same `id` again is the same transfer.

    `pending` ones wait to be resolved; `resolves` is the `id` of the one that this resolves.
    Points that it gives lapse at `lapses_at`, or after the usual time.
    """

    id: UUID
    kind: TransferKind
    reference_id: UUID
    currency: str
    postings: tuple[Posting, ...]
    pending: bool = False
    resolves: UUID | None = None
    lapses_at: datetime | None = None

    def __post_init__(self) -> None:
        assert not (self.pending and self.resolves), "what resolves does not wait itself"


class Pending(Struct, frozen=True, kw_only=True):
    """A pending transfer as it was asked for, and the `id` of what has resolved it."""

    id: UUID
    tenant_id: UUID
    reference_id: UUID
    currency: str
    postings: tuple[Posting, ...]
    resolved_by: UUID | None


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


class Balance(Struct, frozen=True, kw_only=True):
    """What an account stands at. `reserved_minor` is what pending transfers take out of it."""

    account: AccountRef
    currency: str
    posted_minor: int
    pending_minor: int = 0
    reserved_minor: int = 0

    @property
    def available_minor(self) -> int:
        """What may still be spent: what is coming is not, and what is promised is not either."""
        return self.posted_minor - self.reserved_minor


def authorisation_id(payment: Payment) -> UUID:
    """Of the pending transfer of what goes through card or cash."""
    return uuid5(payment.id, "authorisation")


def funds_id(payment: Payment) -> UUID:
    """Of the pending transfer of what is paid from the customer's own accounts."""
    return uuid5(payment.id, "funds")


def void_id(pending_id: UUID) -> UUID:
    """Of the transfer that voids a pending one: there is one at most."""
    return uuid5(pending_id, "void")


def authorised(payment: Payment) -> tuple[Posting, ...]:
    """Promised by card, in cash or as a debt, and held until it is shared out."""
    promised_by = CASH_DUE
    if payment.provider is not None:
        promised_by = clearing(payment.provider)
    elif payment.later:
        promised_by = receivable(payment)
    amount_minor = payment.amount_minor
    return net((Posting(promised_by, -amount_minor), Posting(HELD, amount_minor)))


def funded(payment: Payment) -> tuple[Posting, ...]:
    """Taken from the customer's own accounts, and held until it is shared out."""
    return net((*negated(payment.funds), Posting(HELD, payment.funds_minor)))


def captured(event: PaymentCaptured) -> tuple[Posting, ...]:
    """What came in is owed by whoever received it, and owed to those who share it."""
    held = Posting(HELD, -total_minor(event.funds))
    return net((Posting(event.received_in, -event.amount_minor), held, *event.shares))


def refunded(event: PaymentRefunded) -> tuple[Posting, ...]:
    """What went back is taken from those who bear it."""
    return net((Posting(event.returned_by, event.amount_minor), *event.funds), *event.borne_by)


def settled(event: LaterPaymentSettled) -> tuple[Posting, ...]:
    """The debt is gone, and its amount is where it came in."""
    return (
        Posting(event.owed_by, event.amount_minor),
        Posting(event.received_in, -event.amount_minor),
    )


def guarded(postings: Iterable[Posting]) -> list[Posting]:
    """Those that take something out of an account that may not be overdrawn."""
    return [p for p in postings if p.amount_minor < 0 and p.account.kind in NEVER_OVERDRAWN]


def exceeding(pending: Pending, postings: Sequence[Posting]) -> Refusal | None:
    """Refuse what takes more from anybody than was promised of them."""
    promised = {p.account: -p.amount_minor for p in pending.postings if p.amount_minor < 0}
    for posting in postings:
        most_minor = promised.get(posting.account, 0)
        bound = posting.account in promised or posting.account.kind in NEVER_OVERDRAWN
        if bound and -posting.amount_minor > most_minor:
            return refuse(
                "ledger.pending_exceeded",
                status=422,
                account=posting.account.kind.value,
                most_minor=most_minor,
                amount_minor=-posting.amount_minor,
            )
    return None


class Purse:
    """What accounts that may not be overdrawn still hold, while a batch is decided on."""

    def __init__(self, available: dict[tuple[UUID, AccountRef, str], int]) -> None:
        self._available = available

    def take(
        self, *, tenant_id: UUID, currency: str, postings: Iterable[Posting]
    ) -> Refusal | None:
        """Take what postings take, one per account: all of it, or nothing."""
        taken = {(tenant_id, p.account, currency): -p.amount_minor for p in guarded(postings)}
        for key, amount_minor in taken.items():
            available_minor = self._available.get(key, 0)
            if available_minor < amount_minor:
                return refuse(
                    "payment.balance_insufficient",
                    account=key[1].kind.value,
                    available_minor=available_minor,
                    amount_minor=amount_minor,
                    currency=currency,
                )
        for key, amount_minor in taken.items():
            self._available[key] -= amount_minor
        return None
