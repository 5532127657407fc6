"""A payment as it stands: its states, the moves between them, and who holds what of it."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar, Final
from uuid import UUID

from msgspec import Struct

from tawsil.kernel.decisions import Deadline
from tawsil.payments.events import (
    AccountKind,
    AccountRef,
    Method,
    Posting,
    Provider,
    Step,
    provider_id,
)

RECONCILE_AFTER: Final = timedelta(seconds=30)
RECONCILE_AT_MOST: Final = timedelta(minutes=15)
CHALLENGE_LASTS: Final = timedelta(minutes=15)


class PaymentState(StrEnum):
    AUTHORISING = "authorising"
    UNKNOWN = "unknown"
    CHALLENGED = "challenged"
    AUTHORISED = "authorised"
    DECLINED = "declined"
    CAPTURING = "capturing"
    CAPTURED = "captured"  # all of it, or what refunds have left
    VOIDING = "voiding"
    VOIDED = "voided"
    REFUNDING = "refunding"
    REFUNDED = "refunded"  # to the last unit


_S = PaymentState
MOVES: Final[Mapping[PaymentState, frozenset[PaymentState]]] = MappingProxyType(
    {
        _S.AUTHORISING: frozenset(
            # Also anew, at another provider.
            {
                _S.AUTHORISING,
                _S.UNKNOWN,
                _S.CHALLENGED,
                _S.AUTHORISED,
                _S.DECLINED,
                _S.VOIDING,
                _S.VOIDED,
            }
        ),
        _S.UNKNOWN: frozenset(
            {_S.AUTHORISING, _S.CHALLENGED, _S.AUTHORISED, _S.DECLINED, _S.VOIDING, _S.VOIDED}
        ),
        _S.CHALLENGED: frozenset({_S.AUTHORISED, _S.DECLINED, _S.VOIDING}),
        _S.AUTHORISED: frozenset({_S.CAPTURING, _S.VOIDING, _S.VOIDED}),
        _S.CAPTURING: frozenset({_S.CAPTURED, _S.AUTHORISED, _S.DECLINED}),
        _S.CAPTURED: frozenset({_S.REFUNDING, _S.REFUNDED}),
        _S.REFUNDING: frozenset({_S.CAPTURED, _S.REFUNDED}),
        _S.REFUNDED: frozenset(),
        _S.VOIDING: frozenset({_S.VOIDED}),
        # A charge that turns up after it was given up is voided: it must not hang.
        _S.DECLINED: frozenset({_S.VOIDING}),
        _S.VOIDED: frozenset({_S.VOIDING}),
    }
)
WAITS_FOR: Final[Mapping[PaymentState, Step]] = MappingProxyType(
    {
        _S.AUTHORISING: Step.AUTHORISE,
        _S.UNKNOWN: Step.AUTHORISE,
        _S.CAPTURING: Step.CAPTURE,
        _S.VOIDING: Step.VOID,
        _S.REFUNDING: Step.REFUND,
    }
)
PAID: Final = frozenset({_S.CAPTURED, _S.REFUNDING, _S.REFUNDED})
REFUNDABLE: Final = frozenset({_S.CAPTURING, _S.CAPTURED, _S.REFUNDING})


class CardToken(Struct, frozen=True):
    """A card as one provider knows it: its token, never its number."""

    provider: Provider
    token: str


class Ask(Struct, frozen=True, kw_only=True):
    """A capture or refund that was asked for; `shares` add up to the amount and the funds.

    `through` is where the amount comes in or goes out, and `funds` are what comes out of the
    customer's own accounts or goes back to them: both stand on the other side of the shares.
    """

    id: UUID
    step: Step
    amount_minor: int
    shares: tuple[Posting, ...]
    through: AccountRef
    funds: tuple[Posting, ...] = ()
    reason: str = ""

    @property
    def whole_minor(self) -> int:
        return self.amount_minor + total_minor(self.funds)


class Payment(Struct, frozen=True, kw_only=True):
    """A payment for `reference_id`. `shares` is who holds what of it, asked-for refunds deducted.

    `provider` is the one whose charge this is or will be; cash has none. `amount_minor` goes
    through card or cash, and `funds` come out of the payer's own accounts on top of it; `returned`
    is what went back to those or was asked to, and `refunded_minor` all that went back.
    Those that were `tried` before are not asked again; `settled_minor` is what has come in of
    what is paid later.

    `asks` wait for the acquirer, the first being under way. `since_at` is when the state was
    entered or last found unanswered, and `attempts` how often it was, in a row. `challenge_url` is
    where the payer answers the bank, and known only while that is asked.
    """

    stream: ClassVar[str] = "payment"

    id: UUID
    tenant_id: UUID
    city_id: UUID
    reference_id: UUID
    payer_id: UUID
    method: Method
    amount_minor: int
    currency: str
    state: PaymentState
    created_at: datetime
    since_at: datetime
    version: int = 0
    provider: Provider | None = None
    card_tokens: tuple[CardToken, ...] = ()
    tried: tuple[Provider, ...] = ()
    settled_minor: int = 0
    captured_minor: int = 0
    refunded_minor: int = 0
    psp_charge_id: str | None = None
    decline_code: str | None = None
    release_reason: str | None = None
    challenge_url: str | None = None
    attempts: int = 0
    funds: tuple[Posting, ...] = ()
    returned: tuple[Posting, ...] = ()
    shares: tuple[Posting, ...] = ()
    asks: tuple[Ask, ...] = ()

    def __post_init__(self) -> None:
        assert (self.provider is not None) == (self.method is Method.CARD)
        assert 0 <= self.settled_minor <= (self.captured_minor if self.later else 0)
        assert 0 <= self.captured_minor <= self.amount_minor
        assert 0 <= self.refunded_minor <= self.paid_minor
        assert self.captured_minor == 0 or self.state in PAID

    @property
    def has_psp(self) -> bool:
        """Whether an acquirer takes part: not in cash, and not when there is nothing to pay."""
        return self.method is Method.CARD and self.amount_minor > 0

    @property
    def later(self) -> bool:
        return self.method is Method.LATER

    @property
    def outstanding_minor(self) -> int:
        """What the customer still owes of a payment that was put off."""
        owed = self.later and not self.settled_minor
        return max(0, self.captured_minor - self.refunded_minor) if owed else 0

    @property
    def card_token(self) -> str:
        """The card as the payment's provider knows it."""
        return next(one.token for one in self.card_tokens if one.provider is self.provider)

    @property
    def funds_minor(self) -> int:
        return total_minor(self.funds)

    @property
    def paid_minor(self) -> int:
        """All that was paid, through card or cash and from the payer's own accounts."""
        return self.captured_minor + self.funds_minor if self.state in PAID else 0

    @property
    def refundable_minor(self) -> int:
        return total_minor(self.shares)

    def asks_psp(self, ask: Ask) -> bool:
        """Whether an acquirer has to be asked: not for what only the books move."""
        return self.has_psp and ask.amount_minor > 0

    @property
    def deadline(self) -> Deadline | None:
        if self.state is PaymentState.CHALLENGED:
            return Deadline("challenge_over", self.since_at + CHALLENGE_LASTS)
        if self.state not in WAITS_FOR:
            return None
        pause = RECONCILE_AFTER * 2 ** max(0, min(self.attempts, 10) - 2)
        return Deadline("reconcile", self.since_at + min(pause, RECONCILE_AT_MOST))

    @property
    def key(self) -> str:
        """The idempotency key of the step under way: the same however often it is tried."""
        step = WAITS_FOR[self.state]
        if step in {Step.CAPTURE, Step.REFUND}:
            return ask_key(self, self.asks[0])
        return f"{self.id}:{step}"


def clearing(provider: Provider) -> AccountRef:
    """The account of what a provider has taken for the platform and not paid out yet."""
    return AccountRef(AccountKind.PSP_CLEARING, provider_id(provider))


def receivable(payment: Payment) -> AccountRef:
    """What the payer owes until it is settled."""
    return AccountRef(AccountKind.RECEIVABLE, payment.payer_id)


def ask_key(payment: Payment, ask: Ask) -> str:
    return f"{payment.id}:{ask.step}:{ask.id}"


def total_minor(postings: Iterable[Posting]) -> int:
    return sum(posting.amount_minor for posting in postings)


def negated(postings: Iterable[Posting]) -> tuple[Posting, ...]:
    """The other side: what is given is taken."""
    return tuple(Posting(posting.account, -posting.amount_minor) for posting in postings)


def net(postings: Iterable[Posting], *less: Posting) -> tuple[Posting, ...]:
    """One posting per account, those that come to nothing left out."""
    sums: dict[AccountRef, int] = {}
    for posting in postings:
        sums[posting.account] = sums.get(posting.account, 0) + posting.amount_minor
    for posting in less:
        sums[posting.account] = sums.get(posting.account, 0) - posting.amount_minor
    return tuple(Posting(account, amount) for account, amount in sums.items() if amount)
