"""Giving tips, and hearing what became of their money."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted, By, Command, Refusal
from tawsil.kernel.events import Recorded
from tawsil.ordering import store as orders
from tawsil.ordering.steps import NOT_FOUND, Acting, concerns
from tawsil.ordering.tips import model, store
from tawsil.ordering.tips.model import Tip, TipFrom
from tawsil.payments import events as paid
from tawsil.payments import public as payments
from tawsil.payments.public import AccountKind, AccountRef, Posting


class GiveTip(Command, frozen=True, kw_only=True):
    """With a card, or, without a token, out of the customer's credit."""

    order_id: UUID
    acting: Acting
    amount_minor: int
    card_tokens: tuple[payments.CardToken, ...] = ()

    @property
    def paid_from(self) -> TipFrom:
        return TipFrom.CARD if self.card_tokens else TipFrom.CREDIT


async def give(tx: Tx, commands: Sequence[GiveTip]) -> list[Tip | Refusal]:
    """Ask for the money of tips; credit that is not there is refused at once."""
    known = await orders.lock(tx, [c.order_id for c in commands])
    before = await store.of_orders(tx, list(known))
    outcomes: list[Tip | Refusal] = []
    given: dict[int, Accepted[Tip]] = {}
    for index, command in enumerate(commands):
        order = known.get(command.order_id)
        if order is None or not concerns(
            order, tenant_id=command.by.tenant_id, acting=command.acting
        ):
            outcomes.append(NOT_FOUND)
            continue
        decision = model.give(
            order,
            id_=tx.ids(),
            amount_minor=command.amount_minor,
            paid_from=command.paid_from,
            before=before[order.id],
            now=tx.now,
        )
        if isinstance(decision, Refusal):
            outcomes.append(decision)
            continue
        before[order.id].append(decision.state)
        outcomes.append(decision.state)
        given[index] = decision
    asked = [_authorise(commands[n], decision.state) for n, decision in given.items()]
    for index, answer in zip(list(given), await payments.authorise(tx, asked), strict=True):
        if isinstance(answer, Refusal):
            outcomes[index] = answer
            del given[index]
    await store.add(tx, [decision.state for decision in given.values()])
    await tx.record([(commands[n].by.about(d.state.order_id), d) for n, d in given.items()])
    return outcomes


async def authorised(tx: Tx, heard: Sequence[Recorded[paid.PaymentAuthorised]]) -> None:
    """The money is there: take it at once, whole for the courier."""
    tips = await store.lock(tx, [recorded.event.reference_id for recorded in heard])
    await payments.capture(
        tx,
        [
            payments.Capture(
                by=recorded.by.about(tip.order_id),
                reference_id=tip.id,
                postings=(
                    Posting(AccountRef(AccountKind.COURIER, tip.courier_id), tip.amount_minor),
                ),
            )
            for recorded in heard
            if (tip := tips.get(recorded.event.reference_id)) is not None
        ],
    )


async def captured(tx: Tx, heard: Sequence[Recorded[paid.PaymentCaptured]]) -> None:
    """The courier has it, and sees it among what was earned."""
    changed = await _hear(tx, heard, lambda tip, _: model.pay(tip, now=tx.now))
    await payments.record_earnings(tx, [_earning(by, tip) for by, tip in changed])


async def declined(tx: Tx, heard: Sequence[Recorded[paid.PaymentDeclined]]) -> None:
    await _hear(tx, heard, lambda tip, event: model.decline(tip, code=event.code, now=tx.now))


async def _hear(
    tx: Tx, heard: Sequence[Recorded[Any]], decide: Callable[[Tip, Any], Accepted[Tip]]
) -> list[tuple[By, Tip]]:
    """What is said of other payments concerns no tip."""
    tips = await store.lock(tx, [recorded.event.reference_id for recorded in heard])
    changed: list[tuple[By, Accepted[Tip]]] = []
    for recorded in heard:
        tip = tips.get(recorded.event.reference_id)
        decision = decide(tip, recorded.event) if tip else None
        if decision is not None and decision.events:
            tips[decision.state.id] = decision.state
            changed.append((recorded.by.about(decision.state.order_id), decision))
    await store.save(tx, [decision for _, decision in changed])
    await tx.record(changed)
    return [(by, decision.state) for by, decision in changed]


def _authorise(command: GiveTip, tip: Tip) -> payments.Authorise:
    """By card, or wholly out of the customer's credit, so that no acquirer is asked."""
    by_card = tip.paid_from is TipFrom.CARD
    credit = Posting(AccountRef(AccountKind.CUSTOMER, tip.customer_id), tip.amount_minor)
    return payments.Authorise(
        by=command.by.about(tip.order_id),
        reference_id=tip.id,
        city_id=tip.city_id,
        payer_id=tip.customer_id,
        method=payments.Method.CARD,
        amount_minor=tip.amount_minor if by_card else 0,
        currency=tip.currency,
        card_tokens=command.card_tokens,
        funds=() if by_card else (credit,),
    )


def _earning(by: By, tip: Tip) -> payments.RecordEarning:
    return payments.RecordEarning(
        by=by,
        reference_id=tip.id,
        courier_id=tip.courier_id,
        city_id=tip.city_id,
        currency=tip.currency,
        base_minor=0,
        distance_minor=0,
        surge_minor=0,
        tip_minor=tip.amount_minor,
    )
