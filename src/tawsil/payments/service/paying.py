"""Payments: decide, write, book and enqueue in one transaction; the network comes in jobs."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeVar
from uuid import UUID

import structlog
from msgspec import Struct

from tawsil.kernel.db import Job, Tx
from tawsil.kernel.deadlines import Due, still_due, waiting
from tawsil.kernel.decisions import Accepted, By, Command, Decision, Refusal, refuse
from tawsil.payments.events import Method, Posting, Provider
from tawsil.payments.model import hearing, manual
from tawsil.payments.model import paying as model
from tawsil.payments.model.breaker import choose
from tawsil.payments.model.ledger import Transfer
from tawsil.payments.model.payment import (
    WAITS_FOR,
    Payment,
    PaymentState,
)
from tawsil.payments.model.psp import Absent, Charge, Unheard, Word
from tawsil.payments.model.stray import Stray
from tawsil.payments.service import strays
from tawsil.payments.service.booking import begun, booked_for, post
from tawsil.payments.store import breakers, webhooks
from tawsil.payments.store import payments as store

log = structlog.get_logger(__name__)


class Capture(Command, frozen=True, kw_only=True):
    """Take the amount (`None`: all of it) and the funds, and share both out: `postings` add up.

    `collected_by` is the courier who holds the cash; for cash only, and then required.
    """

    reference_id: UUID
    postings: tuple[Posting, ...]
    amount_minor: int | None = None
    collected_by: UUID | None = None


class Void(Command, frozen=True, kw_only=True):
    reference_id: UUID
    reason: str


class Refund(Command, frozen=True, kw_only=True):
    """Give back an amount; `borne_by` adds up to it and says who pays for it.

    It goes back to the card first, then to the payer's credit, then to the points. What becomes of
    it is told under `id`. `as_credit`: what would go to the card goes to their credit, at once.
    """

    reference_id: UUID
    amount_minor: int
    borne_by: tuple[Posting, ...]
    reason: str
    id: UUID | None = None
    as_credit: bool = False


class Release(Command, frozen=True, kw_only=True):
    """Undo whatever has become of the payment: void, refund all, or cancel what is under way."""

    reference_id: UUID
    reason: str


class Switch(Command, frozen=True, kw_only=True):
    """Have a payment that no provider takes go on in cash, or as a debt of the customer's."""

    reference_id: UUID
    method: Method
    reason: str


class SettleLater(Command, frozen=True, kw_only=True):
    """What was to be paid later has come in, whole; `how` in a word."""

    reference_id: UUID
    how: str


class PaymentJob(Struct, frozen=True):
    """The payload of every `payments.…` job about one payment.

    `provider` is whose charge it is about, where that may be another one than the payment's.
    """

    payment_id: UUID
    correlation_id: UUID
    provider: Provider | None = None


C = TypeVar("C", Capture, Void, Refund, Release, Switch, SettleLater)
RECONCILE: Final = "payments.reconcile"
GIVEN_UP: Final = frozenset({PaymentState.DECLINED, PaymentState.VOIDED})
LOOK_AFTER_S: Final = 30.0
CAUGHT_UP_PER_S: Final = 50
LATE_LOOKS_S: Final = (120.0, 3_600.0)
"""After a payment is given up for lack of a trace: an acquirer's search lags, at worst so long."""


class Decided(Struct, frozen=True):
    """A decision about a payment, and what the payment was before it; `None`: it begins."""

    by: By
    before: Payment | None
    decision: Accepted[Payment]


async def capture(tx: Tx, commands: Sequence[Capture]) -> list[Payment | Refusal]:
    def decide(payment: Payment, command: Capture) -> Decision[Payment]:
        return model.capture(
            payment,
            ask_id=tx.ids(),
            amount_minor=command.amount_minor,
            shares=command.postings,
            collected_by=command.collected_by,
            at=tx.now,
        )

    return await _decide(tx, commands, decide)


async def void(tx: Tx, commands: Sequence[Void]) -> list[Payment | Refusal]:
    return await _decide(tx, commands, lambda p, c: model.void(p, reason=c.reason, at=tx.now))


async def refund(tx: Tx, commands: Sequence[Refund]) -> list[Payment | Refusal]:
    def decide(payment: Payment, command: Refund) -> Decision[Payment]:
        return model.refund(
            payment,
            ask_id=command.id or tx.ids(),
            amount_minor=command.amount_minor,
            borne_by=command.borne_by,
            reason=command.reason,
            as_credit=command.as_credit,
            at=tx.now,
        )

    return await _decide(tx, commands, decide)


async def release(tx: Tx, commands: Sequence[Release]) -> list[Payment | Refusal]:
    def decide(payment: Payment, command: Release) -> Decision[Payment]:
        return model.release(payment, ask_id=tx.ids(), reason=command.reason, at=tx.now)

    return await _decide(tx, commands, decide)


async def switch(tx: Tx, commands: Sequence[Switch]) -> list[Payment | Refusal]:
    """What a provider may have authorised meanwhile is looked for, and voided."""

    def decide(payment: Payment, command: Switch) -> Decision[Payment]:
        return manual.switch(payment, to=command.method, reason=command.reason, at=tx.now)

    return await _decide(tx, commands, decide)


async def settle_later(tx: Tx, commands: Sequence[SettleLater]) -> list[Payment | Refusal]:
    return await _decide(tx, commands, lambda p, c: manual.settle(p, how=c.how))


async def on_due(tx: Tx, due: Sequence[Due]) -> None:
    """Nobody has answered in time: take back what was left open, look up what is unknown."""
    payments = await store.lock_ids(tx, payment_ids=[d.subject_id for d in due])
    late = still_due(due, payments, now=tx.now)
    elsewhere = await _elsewhere(tx, late)
    decided: list[Decided] = []
    for payment in late:
        by = _story(payment)
        waited_for = payment.deadline.kind if payment.deadline else ""
        if waited_for == "challenge_over":
            decision = hearing.challenge_over(payment, at=tx.now)
        else:
            decision = hearing.unheard(payment, instead=elsewhere.get(payment.id), at=tx.now)
        decided.append(Decided(by, payment, decision))
        if waited_for == "reconcile" and decision.state.provider is payment.provider:
            await tx.enqueue(_job(RECONCILE, payment, by))
    await _apply(tx, decided)


async def hear(
    tx: Tx,
    *,
    payment_id: UUID,
    word: Word,
    key: str | None = None,
    provider: Provider | None = None,
    ask_again: bool = False,
    correlation_id: UUID,
) -> Payment | None:
    """Take in what an acquirer answered to the step of a key, or, without one, to a look.

    With `ask_again`, what a look finds undone after a silence is asked for again: same step, same
    key. A silence about a payment that was given up meanwhile is looked into as well. What a
    `provider` says that is not, or no longer, the payment's own is about a stray.
    """
    payment = (await store.lock_ids(tx, payment_ids=[payment_id])).get(payment_id)
    if payment is None:
        return None
    by = By(tenant_id=payment.tenant_id, correlation_id=correlation_id)
    if provider is not None and provider is not payment.provider:
        await strays.hear(
            tx,
            payment_id=payment_id,
            provider=provider,
            word=word,
            correlation_id=correlation_id,
        )
        return payment
    instead = await _elsewhere(tx, [payment]) if isinstance(word, Unheard) and key else {}
    decision = hearing.hear(payment, word, key=key, instead=instead.get(payment.id), at=tx.now)
    await _apply(tx, [Decided(by, payment, decision)])
    undone = isinstance(word, Charge) and not decision.events and payment.attempts > 0
    if ask_again and undone and payment.state in WAITS_FOR:
        log.info("payment.asked_again", payment_id=str(payment.id), state=payment.state)
        await tx.enqueue(_job(f"payments.{WAITS_FOR[payment.state]}", payment, by))
    if isinstance(word, Unheard) and key is not None and payment.state in GIVEN_UP:
        await tx.enqueue(_job(RECONCILE, payment, by, delay_s=LOOK_AFTER_S))
    if isinstance(word, Absent) and decision.events and decision.state.state in GIVEN_UP:
        looks = [_job(RECONCILE, payment, by, delay_s=delay_s) for delay_s in LATE_LOOKS_S]
        await tx.enqueue(*looks)
    return decision.state


async def hear_webhook(
    tx: Tx,
    *,
    event_id: str,
    reference: str,
    charge_id: str | None = None,
    provider: Provider = Provider.DIRECT,
) -> bool:
    """Note a webhook and have its charge looked up; False when it was heard before.

    The charge is known by our reference, or by the id that the acquirer gave it.

    What it says is not believed, so that order, delay and repetition do not matter.
    """
    payment_id = _uuid(reference)
    payment = await store.find(tx, payment_id=payment_id) if payment_id else None
    if payment is None and charge_id is not None:
        payment = await store.find_charge(tx, charge_id=charge_id)
        payment_id = payment.id if payment else None
    if not await webhooks.hear(tx, event_id=event_id, payment_id=payment_id):
        return False
    if payment is not None:
        by = _story(payment)
        await tx.enqueue(_job(RECONCILE, payment, by, provider=provider))
    return True


async def hear_payer_is_back(tx: Tx, *, payment_id: UUID) -> UUID | None:
    """The payer says to have answered the bank: have it looked up rather than believed.

    Says what was to be paid for, if that payment exists.
    """
    payment = await store.find(tx, payment_id=payment_id)
    if payment is not None and payment.state is PaymentState.CHALLENGED:
        await tx.enqueue(_job(RECONCILE, payment, _story(payment)))
    return payment.reference_id if payment is not None else None


async def catch_up(tx: Tx, *, tenant_id: UUID, provider: Provider, most: int = 2_000) -> int:
    """A provider answers again: look at once for what has waited for it, a few at a time."""
    whose = (tenant_id, provider)
    ids = await waiting(tx, owner=Payment.stream, most=most)
    waits = [
        payment
        for payment in await store.of_ids(tx, payment_ids=ids)
        if (payment.tenant_id, payment.provider) == whose
    ]
    lost = [
        stray
        for stray in await strays.of_ids(tx, ids=await waiting(tx, owner=Stray.stream, most=most))
        if (stray.tenant_id, stray.provider) == whose
    ]
    jobs = [
        *(_job(RECONCILE, p, _story(p), delay_s=n / CAUGHT_UP_PER_S) for n, p in enumerate(waits)),
        *(strays.job(stray, delay_s=n / CAUGHT_UP_PER_S) for n, stray in enumerate(lost)),
    ]
    await tx.enqueue(*jobs)
    return len(jobs)


async def look(tx: Tx, payment: Payment) -> None:
    """Have it looked up now."""
    await tx.enqueue(_job(RECONCILE, payment, _story(payment)))


def _story(payment: Payment) -> By:
    """On nobody's behalf, and part of the story of what is paid for."""
    return By(tenant_id=payment.tenant_id, correlation_id=payment.reference_id)


async def _elsewhere(tx: Tx, payments: Sequence[Payment]) -> dict[UUID, Provider]:
    """Where else each of some payments may be authorised, if anywhere."""
    asked = [p for p in payments if len(p.card_tokens) > 1]
    if not asked:
        return {}
    known = await breakers.of_tenants(tx, tenant_ids=[p.tenant_id for p in asked])
    found = {
        p.id: choose(
            p.card_tokens,
            known[p.tenant_id],
            tried=[*p.tried, *([p.provider] if p.provider else [])],
            at=tx.now,
        )
        for p in asked
    }
    return {id_: provider for id_, provider in found.items() if provider is not None}


async def _decide(
    tx: Tx, commands: Sequence[C], decide: Callable[[Payment, C], Decision[Payment]]
) -> list[Payment | Refusal]:
    """Commands about one payment apply one after another, each on what the last decided."""
    payments = await store.lock(tx, reference_ids=[c.reference_id for c in commands])
    outcomes: list[Payment | Refusal] = []
    decided: list[Decided] = []
    for command in commands:
        payment = payments.get(command.reference_id)
        if payment is None or payment.tenant_id != command.by.tenant_id:
            outcomes.append(refuse("request.not_found", status=404))
            continue
        decision = decide(payment, command)
        if isinstance(decision, Refusal):
            outcomes.append(decision)
            continue
        decided.append(Decided(command.by, payment, decision))
        payments[command.reference_id] = decision.state
        outcomes.append(decision.state)
    await _apply(tx, decided)
    return outcomes


async def _apply(tx: Tx, decided: Sequence[Decided]) -> None:
    changes = [one for one in decided if one.decision.events]
    await store.save(tx, [one.decision for one in changes])
    await follow(tx, changes)


async def follow(tx: Tx, changes: Sequence[Decided]) -> None:
    """Book, record and enqueue what follows from decisions that are written."""
    if not changes:
        return
    await post(tx, [booked for one in changes for booked in _booked(tx, one)])
    await tx.record([(one.by, one.decision) for one in changes])
    await strays.leave(tx, [(one.by, one.decision) for one in changes])
    await tx.enqueue(*_jobs(changes))


def _booked(tx: Tx, one: Decided) -> Iterator[Transfer]:
    payment = one.decision.state
    if one.before is None:
        yield from begun(one.by, payment)
    for event in one.decision.events:
        yield from booked_for(tx, one.by, payment, event)


def _jobs(changes: Iterable[Decided]) -> list[Job]:
    """The work each decision starts, where the acquirer has to be asked for something new."""
    jobs: list[Job] = []
    for one in changes:
        before, after = one.before, one.decision.state
        begun = before is None or _under_way(before) != _under_way(after)
        if begun and after.state in WAITS_FOR and after.state is not PaymentState.UNKNOWN:
            jobs.append(_job(f"payments.{WAITS_FOR[after.state]}", after, one.by))
        elif not begun and before is not None and before.release_reason != after.release_reason:
            jobs.append(_job(RECONCILE, after, one.by))
    return jobs


def _under_way(payment: Payment) -> tuple[object, ...]:
    return payment.state, payment.asks[:1], payment.provider


def _job(
    name: str,
    payment: Payment,
    by: By,
    *,
    provider: Provider | None = None,
    delay_s: float = 0.0,
) -> Job:
    payload = PaymentJob(payment_id=payment.id, correlation_id=by.correlation_id, provider=provider)
    return Job(name=name, payload=payload, delay_s=delay_s)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
