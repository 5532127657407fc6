"""Payouts of the sandbox: what a bank's side does, by test token, without money.

As with charges, there is no I/O, and clock and ids come from outside. A payout is a row of steps
that its destination takes in time; where it stands follows from the hour.
"""

import heapq
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tawsil.simulation.psp.charges import MOST_MINOR, Problem, Refusal, require_name
from tawsil.simulation.psp.tokens import DUPLICATE_S, LOST_S, SLOW_S, Posting, Reply

SOON: Final = timedelta(minutes=1)
DAYS_LATER: Final = timedelta(days=3)


class PayoutState(StrEnum):
    SENT = "sent"
    PAID = "paid"
    FAILED = "failed"
    RETURNED = "returned"


class Step(Struct, frozen=True):
    """Where a payout stands from so long after it was asked for."""

    after: timedelta
    state: PayoutState
    code: str | None = None


_SENT: Final = Step(timedelta(0), PayoutState.SENT)
_PAID: Final = Step(SOON, PayoutState.PAID)


class Bank(Struct, frozen=True):
    """The behaviour behind a destination. `reply` is about the first time it is asked for."""

    steps: tuple[Step, ...] = (_SENT, _PAID)
    reply: Reply = Reply.PROMPT
    webhooks: Posting = Posting.PROMPT
    refusal: str | None = None


BANKS: Final[Mapping[str, Bank]] = MappingProxyType(
    {
        "bank_ok": Bank(),
        "bank_at_once": Bank(steps=(Step(timedelta(0), PayoutState.PAID),)),
        "bank_closed": Bank(steps=(_SENT, Step(SOON, PayoutState.FAILED, "account_closed"))),
        "bank_returned": Bank(
            steps=(_SENT, _PAID, Step(DAYS_LATER, PayoutState.RETURNED, "account_frozen"))
        ),
        "bank_refused": Bank(refusal="destination_refused"),
        "bank_unverified": Bank(refusal="destination_unverified"),
        "bank_slow": Bank(reply=Reply.SLOW),
        "bank_outage": Bank(reply=Reply.OUTAGE),
        "bank_unknown": Bank(reply=Reply.LOST),
        "bank_unknown_silent": Bank(reply=Reply.LOST, webhooks=Posting.SILENT),
        "bank_unknown_lost": Bank(reply=Reply.LOST_UNDONE),
        "bank_webhook_duplicate": Bank(webhooks=Posting.DUPLICATE),
        "bank_webhook_silent": Bank(webhooks=Posting.SILENT),
    }
)
"""By the beginning of a token: `bank_ok_17` behaves as `bank_ok`."""


def bank_of(token: str) -> Bank | None:
    """The longest name that a token is, or begins with."""
    names = [name for name in BANKS if token == name or token.startswith(f"{name}_")]
    return BANKS[max(names, key=len)] if names else None


class Payout(Struct, frozen=True):
    id: str
    reference: str
    destination: str
    amount_minor: int
    currency: str
    state: PayoutState
    created_at: datetime
    updated_at: datetime
    code: str | None = None


class PayoutChange(Struct, frozen=True):
    """A payout as it was asked for, with its key: all a journal needs to keep."""

    payout: Payout
    key: str
    request: str


class PayoutOf(Struct, frozen=True):
    payout: Payout


class PayoutEvent(Struct, frozen=True):
    """What a webhook carries; `type` is `payout.` and the state."""

    id: str
    type: str
    created_at: datetime
    data: PayoutOf


class Notice(Struct, frozen=True):
    """An event to post to the platform, so many seconds later."""

    event: PayoutEvent
    after_s: float


class PayoutAnswer(Struct, frozen=True):
    """What the caller hears `after_s` seconds later; never, if it is `lost`."""

    status: int
    payout: Payout | None = None
    error: Problem | None = None
    after_s: float = 0.0
    lost: bool = False
    notices: tuple[Notice, ...] = ()


_OUTAGE: Final = PayoutAnswer(
    status=503, error=Problem(code="bank_unavailable", message="nothing was done; try again later")
)
_LOST: Final = PayoutAnswer(
    status=504,
    error=Problem(code="outcome_unknown", message="look the payout up by its reference"),
    after_s=LOST_S,
    lost=True,
)


class Disburser:
    """All payouts of one sandbox. The same key with the same request gives the same payout."""

    def __init__(
        self,
        *,
        ids: Callable[[], UUID],
        record: Callable[[PayoutChange], None] | None = None,
    ) -> None:
        self._ids = ids
        self._record = record
        self._payouts: dict[str, Payout] = {}
        self._by_key: dict[str, PayoutChange] = {}
        self._by_reference: dict[str, list[str]] = {}
        self._asked: set[str] = set()
        self._steps: list[tuple[datetime, str, int]] = []

    def pay(
        self,
        *,
        idempotency_key: str,
        destination: str,
        amount_minor: int,
        currency: str,
        reference: str,
        at: datetime,
    ) -> PayoutAnswer:
        """Send an amount: 201, or 400 key reused, 422 refused, 503 outage, 504 unknown."""
        bank = bank_of(destination)
        reply = bank.reply if bank and idempotency_key not in self._asked else Reply.PROMPT
        self._asked.add(idempotency_key)
        if reply is Reply.LOST_UNDONE:
            return _LOST
        if reply is Reply.OUTAGE:
            return _OUTAGE
        request = msgspec.json.encode((destination, amount_minor, currency, reference)).decode()
        try:
            made = self._made(idempotency_key, request)
            if made is None:
                _require(bank, amount_minor, currency, reference)
        except Refusal as refusal:
            return PayoutAnswer(status=refusal.status, error=refusal.problem)
        if made is None:
            new = Payout(
                id=f"po_{self._ids().hex}",
                reference=reference,
                destination=destination,
                amount_minor=amount_minor,
                currency=currency,
                state=PayoutState.SENT,
                created_at=at,
                updated_at=at,
            )
            made = PayoutChange(payout=new, key=idempotency_key, request=request)
            if self._record is not None:
                self._record(made)
            self.apply(made)
        if reply is Reply.LOST:
            return replace(_LOST, notices=self.advance(at=at))
        return PayoutAnswer(
            status=201,
            payout=self._as_of(made.payout, at=at),
            after_s=SLOW_S if reply is Reply.SLOW else 0.0,
            notices=self.advance(at=at),
        )

    def find(self, *, reference: str, at: datetime) -> list[Payout]:
        """Every payout made under the caller's reference, as it stands."""
        return [self._as_of(self._payouts[i], at=at) for i in self._by_reference.get(reference, ())]

    def advance(self, *, at: datetime) -> tuple[Notice, ...]:
        """The webhooks of the steps that were taken until now. Call it now and then."""
        notices: list[Notice] = []
        while self._steps and self._steps[0][0] <= at:
            due_at, payout_id, number = heapq.heappop(self._steps)
            payout = self._payouts[payout_id]
            bank = _bank(payout)
            if bank.webhooks is Posting.SILENT:
                continue
            event = self._event(_after(payout, bank.steps[number], at=due_at))
            notices.append(Notice(event=event, after_s=0.0))
            if bank.webhooks is Posting.DUPLICATE:
                notices.append(Notice(event=event, after_s=DUPLICATE_S))
        return tuple(notices)

    def next_at(self) -> datetime | None:
        """When the next step will be taken."""
        return self._steps[0][0] if self._steps else None

    def apply(self, change: PayoutChange) -> None:
        """Make a payout so: after a restart again."""
        payout = change.payout
        self._payouts[payout.id] = payout
        self._by_key[change.key] = change
        self._asked.add(change.key)
        self._by_reference.setdefault(payout.reference, []).append(payout.id)
        for number, step in enumerate(_bank(payout).steps):
            heapq.heappush(self._steps, (payout.created_at + step.after, payout.id, number))

    def _made(self, key: str, request: str) -> PayoutChange | None:
        require_name(key, what="idempotency_key")
        made = self._by_key.get(key)
        if made is not None and made.request != request:
            raise Refusal(400, "idempotency_key_reused", "this key did something else")
        return made

    def _as_of(self, payout: Payout, *, at: datetime) -> Payout:
        for step in _bank(payout).steps:
            due_at = payout.created_at + step.after
            if due_at <= at:
                payout = _after(payout, step, at=due_at)
        return payout

    def _event(self, payout: Payout) -> PayoutEvent:
        return PayoutEvent(
            id=f"evt_{self._ids().hex}",
            type=f"payout.{payout.state.value}",
            created_at=payout.updated_at,
            data=PayoutOf(payout),
        )


def _after(payout: Payout, step: Step, *, at: datetime) -> Payout:
    return replace(payout, state=step.state, code=step.code, updated_at=at)


def _bank(payout: Payout) -> Bank:
    bank = bank_of(payout.destination)
    assert bank is not None, "what was sent has a bank"
    return bank


def _require(bank: Bank | None, amount_minor: int, currency: str, reference: str) -> None:
    if bank is None:
        raise Refusal(422, "unknown_destination", "this is not a test destination")
    if bank.refusal is not None:
        raise Refusal(422, bank.refusal, "this bank takes nothing")
    if not (len(currency) == 3 and currency.isascii() and currency.isupper()):
        raise Refusal(422, "invalid_currency", f"{currency!r} is not an ISO 4217 code")
    if not 0 < amount_minor <= MOST_MINOR:
        raise Refusal(422, "invalid_amount", f"amount_minor must be 1 to {MOST_MINOR}")
    require_name(reference, what="reference")
