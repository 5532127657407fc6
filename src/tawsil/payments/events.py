"""What happened to a payment: ids, amounts and codes. `reference_id` is what was paid for."""

from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid5

from msgspec import Struct
from msgspec.structs import force_setattr

from tawsil.kernel.decisions import Event
from tawsil.payments.cash_events import (
    CashBlocked,
    CashDepositAnnounced,
    CashDepositConfirmed,
    CashDepositRefused,
    CashHubChanged,
    CashHubOpened,
    CashLevelChanged,
    CashLimitSet,
    CashReminded,
    CashShortfallApproved,
    CashShortfallRejected,
    CashShortfallReported,
    CashUnblocked,
)
from tawsil.payments.points_events import PointsLapsed, PointsWillLapse
from tawsil.payments.provider_events import PROVIDER_EVENTS, Provider


class Method(StrEnum):
    CARD = "card"
    CASH = "cash"
    LATER = "later"  # a debt of the customer's, approved by an operator


class Step(StrEnum):
    """What an acquirer is asked to do."""

    AUTHORISE = "authorise"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


class AccountKind(StrEnum):
    """Whose money, or what for. The kinds in `HOUSE` have one account per tenant."""

    CUSTOMER = "customer"  # a customer's credit
    LOYALTY = "loyalty"  # a customer's points, each of one minor unit
    RECEIVABLE = "receivable"  # what a customer has had and pays later
    MERCHANT = "merchant"
    COURIER = "courier"
    COURIER_CASH = "courier_cash"
    CASH_HUB = "cash_hub"  # cash that couriers have handed in there
    PROMOTION = "promotion"  # what is left of a promotion's budget
    PLATFORM = "platform"
    TAX = "tax"
    PSP_CLEARING = "psp_clearing"  # one per provider
    BANK = "bank"
    HELD = "held"  # authorised, and not shared out yet
    CASH_DUE = "cash_due"  # promised in cash, and not collected yet
    DISPUTED = "disputed"  # taken back by cardholders' banks until it is decided
    FEES = "fees"  # what providers keep for their work
    PAYOUT = "payout"  # sent to somebody's bank, and not there yet
    SUPPLIER = "supplier"
    GARAGE = "garage"


HOUSE: Final = frozenset(
    {
        AccountKind.PLATFORM,
        AccountKind.TAX,
        AccountKind.BANK,
        AccountKind.HELD,
        AccountKind.CASH_DUE,
        AccountKind.DISPUTED,
        AccountKind.FEES,
        AccountKind.PAYOUT,
    }
)
PROVIDERS: Final = UUID("5d5a1f0e-6c1b-4e0a-9f53-7a6f0c2b9e11")
"""The namespace in which a provider's name is an account's owner."""


def provider_id(provider: Provider) -> UUID:
    """The owner of what a provider holds for the platform."""
    return uuid5(PROVIDERS, provider.value)


class AccountRef(Struct, frozen=True):
    """An account by what it is; `owner_id` is left out for the tenant's own."""

    kind: AccountKind
    owner_id: UUID | None = None

    def __post_init__(self) -> None:
        if self.kind is AccountKind.PSP_CLEARING and self.owner_id is None:
            # written when there was one provider
            force_setattr(self, "owner_id", provider_id(Provider.DIRECT))
        if (self.owner_id is None) != (self.kind in HOUSE):
            raise ValueError(
                f"a {self.kind} account {'has no' if self.owner_id else 'needs an'} owner"
            )


class Posting(Struct, frozen=True):
    """An account's share of an amount; negative for who adds to it, such as a subsidy."""

    account: AccountRef
    amount_minor: int


class BooksCheck(StrEnum):
    """What is added up again, though constraints hold it."""

    TRANSFER = "transfer"
    REFERENCE = "reference"
    CURRENCY = "currency"
    HOLDING = "holding"  # what accounts may spend, against their entries
    PENDING = "pending"  # resolved twice, or promised by a payment that is over
    CASH = "cash"  # what couriers hold, against their entries
    EARNING = "earning"  # the parts of a job, against what was booked for it


class AuthorisationRequested(Event, frozen=True, tag="payment.requested.v1"):
    reference_id: UUID
    payer_id: UUID
    method: Method
    amount_minor: int
    currency: str
    attempts: int = 0
    funds: tuple[Posting, ...] = ()
    provider: Provider | None = None


class ChallengeRequired(Event, frozen=True, tag="payment.challenged.v1"):
    """The cardholder must prove to the bank who they are."""

    reference_id: UUID


class PaymentAuthorised(Event, frozen=True, tag="payment.authorised.v1"):
    reference_id: UUID
    amount_minor: int
    currency: str


class PaymentDeclined(Event, frozen=True, tag="payment.declined.v1"):
    """Nothing was or will be paid; `step` is capture when the authorisation did not last."""

    reference_id: UUID
    code: str
    step: Step


class OutcomeUnknown(Event, frozen=True, tag="payment.unknown.v1"):
    """Nobody answered, `attempts` times in a row; it may or may not have been done."""

    reference_id: UUID
    step: Step
    attempts: int


class CaptureRequested(Event, frozen=True, tag="payment.capture_requested.v1"):
    reference_id: UUID
    amount_minor: int
    currency: str


class PaymentCaptured(Event, frozen=True, tag="payment.captured.v1"):
    """Paid: `amount_minor` came in through `received_in`, `funds` from the payer's own accounts.

    Both together were shared out.
    """

    reference_id: UUID
    amount_minor: int
    currency: str
    received_in: AccountRef
    shares: tuple[Posting, ...]
    funds: tuple[Posting, ...] = ()


class CaptureFailed(Event, frozen=True, tag="payment.capture_failed.v1"):
    """The acquirer refused to capture; the authorisation still stands."""

    reference_id: UUID
    code: str


class VoidRequested(Event, frozen=True, tag="payment.void_requested.v1"):
    reference_id: UUID
    reason: str


class PaymentVoided(Event, frozen=True, tag="payment.voided.v1"):
    reference_id: UUID
    reason: str


class RefundRequested(Event, frozen=True, tag="payment.refund_requested.v1"):
    reference_id: UUID
    amount_minor: int
    currency: str
    reason: str


class PaymentRefunded(Event, frozen=True, tag="payment.refunded.v1"):
    """`amount_minor` went back through `returned_by`, `funds` to the payer's own accounts.

    `refunded_minor` is all so far, and `refund_id` the asker's name for it.
    """

    reference_id: UUID
    amount_minor: int
    refunded_minor: int
    currency: str
    returned_by: AccountRef
    borne_by: tuple[Posting, ...]
    reason: str
    refund_id: UUID | None = None
    funds: tuple[Posting, ...] = ()


class RefundFailed(Event, frozen=True, tag="payment.refund_failed.v1"):
    """The acquirer refused to refund; the amount is still captured."""

    reference_id: UUID
    amount_minor: int
    code: str
    refund_id: UUID | None = None


class ReleaseRequested(Event, frozen=True, tag="payment.release_requested.v1"):
    """Whatever the outcome turns out to be, it is to be undone."""

    reference_id: UUID
    reason: str


class PaymentRerouted(Event, frozen=True, tag="payment.rerouted.v1"):
    """Nothing was heard from `left`: the authorisation is asked for at `provider`."""

    reference_id: UUID
    left: Provider
    provider: Provider


class PaymentSwitched(Event, frozen=True, tag="payment.switched.v1"):
    """An operator had a payment that no provider takes go on without one."""

    reference_id: UUID
    payer_id: UUID
    method: Method
    left: Provider
    reason: str


class LaterPaymentSettled(Event, frozen=True, tag="payment.later_settled.v1"):
    """`amount_minor` of what was to be paid later came in, and is in `received_in`."""

    reference_id: UUID
    amount_minor: int
    settled_minor: int
    currency: str
    owed_by: AccountRef
    received_in: AccountRef
    how: str = ""


class PayoutCause(StrEnum):
    """Why a payout was made."""

    SCHEDULE = "schedule"
    INSTANT = "instant"
    RUN = "run"
    RETRY = "retry"


class BlockedBecause(StrEnum):
    """Why nothing is paid out to somebody."""

    OPERATOR = "operator"
    PAYOUT_FAILED = "payout_failed"
    PAYOUT_RETURNED = "payout_returned"


class DestinationSet(Event, frozen=True, tag="payout_account.destination_set.v1"):
    """Where money goes from now on; nothing goes there before `usable_from_at`."""

    owner: AccountRef
    provider: Provider
    usable_from_at: datetime


class DestinationVerified(Event, frozen=True, tag="payout_account.verified.v1"):
    """Who pays out knows the destination, and can reach it."""

    owner: AccountRef


class PayoutPlanSet(Event, frozen=True, tag="payout_account.plan_set.v1"):
    """The owner has a plan of its own; without `own`, the city's counts again."""

    owner: AccountRef
    own: bool


class PayoutsBlocked(Event, frozen=True, tag="payout_account.blocked.v1"):
    owner: AccountRef
    because: BlockedBecause


class PayoutsUnblocked(Event, frozen=True, tag="payout_account.unblocked.v1"):
    owner: AccountRef


class PayoutEvent(Event, frozen=True, kw_only=True):
    """`amount_minor` goes to the owner's bank; `fee_minor` is kept for paying at once."""

    owner: AccountRef
    amount_minor: int
    fee_minor: int
    currency: str


class PayoutScheduled(PayoutEvent, frozen=True, kw_only=True, tag="payout.scheduled.v1"):
    """It has left the owner's account, and nobody was asked to send it yet."""

    cause: PayoutCause
    period: date | None


class PayoutSent(PayoutEvent, frozen=True, kw_only=True, tag="payout.sent.v1"):
    """Who pays out has taken it over."""


class PayoutUnknown(PayoutEvent, frozen=True, kw_only=True, tag="payout.unknown.v1"):
    """Nobody answered: it may or may not have been sent, and is looked up."""


class PayoutPaid(PayoutEvent, frozen=True, kw_only=True, tag="payout.paid.v1"):
    """It has left what `paid_from` holds for the platform."""

    paid_from: AccountRef


class PayoutFailed(PayoutEvent, frozen=True, kw_only=True, tag="payout.failed.v1"):
    """It was not sent, and is the owner's again, with the fee."""

    code: str


class PayoutReturned(PayoutEvent, frozen=True, kw_only=True, tag="payout.returned.v1"):
    """The owner's bank sent it back; `paid_from` is set if it was booked as paid before."""

    code: str
    paid_from: AccountRef | None


class PayoutCancelled(PayoutEvent, frozen=True, kw_only=True, tag="payout.cancelled.v1"):
    """The run it was part of was turned down."""


class RunStarted(Event, frozen=True, tag="payout_run.started.v1"):
    """Somebody had payouts made; above the limit another has to approve of them."""

    owner_kind: AccountKind
    payouts: int
    total_minor: int
    currency: str
    needs_approval: bool


class RunApproved(Event, frozen=True, tag="payout_run.approved.v1"):
    payouts: int
    total_minor: int
    currency: str


class RunRejected(Event, frozen=True, tag="payout_run.rejected.v1"):
    payouts: int
    total_minor: int
    currency: str


PAYOUT_EVENTS: Final = (
    DestinationSet,
    DestinationVerified,
    PayoutPlanSet,
    PayoutsBlocked,
    PayoutsUnblocked,
    PayoutScheduled,
    PayoutSent,
    PayoutUnknown,
    PayoutPaid,
    PayoutFailed,
    PayoutReturned,
    PayoutCancelled,
    RunStarted,
    RunApproved,
    RunRejected,
)


class ImbalanceFound(Event, frozen=True, tag="ledger.imbalance_found.v1"):
    """The books are out by `amount_minor`: at a transfer, a reference, an account or a tenant.

    People must look: nothing in the platform can make it so.
    """

    check: BooksCheck
    subject_id: UUID
    currency: str
    amount_minor: int


EVENTS: Final = (
    PaymentRerouted,
    PaymentSwitched,
    LaterPaymentSettled,
    *PROVIDER_EVENTS,
    AuthorisationRequested,
    ChallengeRequired,
    PaymentAuthorised,
    PaymentDeclined,
    OutcomeUnknown,
    CaptureRequested,
    PaymentCaptured,
    CaptureFailed,
    VoidRequested,
    PaymentVoided,
    RefundRequested,
    PaymentRefunded,
    RefundFailed,
    ReleaseRequested,
    ImbalanceFound,
    *PAYOUT_EVENTS,
    PointsWillLapse,
    PointsLapsed,
    CashLevelChanged,
    CashLimitSet,
    CashReminded,
    CashBlocked,
    CashUnblocked,
    CashHubOpened,
    CashHubChanged,
    CashDepositAnnounced,
    CashDepositConfirmed,
    CashDepositRefused,
    CashShortfallReported,
    CashShortfallApproved,
    CashShortfallRejected,
)
