"""The journey of an order, top to bottom.

place → pay → offer to the merchant → accept → request a courier → picked up → on the way →
delivered → captured → settled; then what happens when it goes wrong. Calls go down (pricing,
payments, dispatch), in the same transaction; what happens below is heard of in events.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tawsil.dispatch import events as dispatched
from tawsil.dispatch import public as dispatch
from tawsil.kernel.db import Tx
from tawsil.kernel.deadlines import Due, still_due
from tawsil.kernel.decisions import (
    Accepted,
    By,
    Command,
    Decision,
    Refusal,
    refuse,
)
from tawsil.kernel.events import Recorded
from tawsil.ordering import (
    along,
    complaints,
    earnings,
    from_quote,
    handover,
    model,
    points,
    settlement,
    store,
)
from tawsil.ordering.kitchen.silence import pause_the_silent
from tawsil.ordering.model import Choice, Order, PaidBy
from tawsil.ordering.moves import BEFORE_PICKUP, Party
from tawsil.ordering.proofs import service as proofs
from tawsil.ordering.proofs.service import DeliverOrder
from tawsil.ordering.refunds import service as refunds
from tawsil.ordering.steps import OrderCommand, done, hear, move, save
from tawsil.payments import events as paid
from tawsil.payments import public as payments
from tawsil.pricing import public as pricing
from tawsil.tracking import events as tracked

OFFER_CHOICE: Final = "offer_choice"
"""The action of a rung of dispatch's ladder that asks the customer."""

NOT_HERE: Final = refuse("order.courier_not_here")

# ── place and pay ──────────────────────────────────────────────────────────────────────────────


NO_CARD: Final = refuse("order.card_token_mismatch", status=422)
"""Only an order with nothing due needs none."""


class PlaceOrder(Command, frozen=True, kw_only=True):
    customer_id: UUID
    quote_id: UUID
    paid_by: PaidBy
    card_tokens: tuple[payments.CardToken, ...] = ()
    notes: str = ""
    signals: pricing.Signals | None = None


async def place(tx: Tx, commands: Sequence[PlaceOrder]) -> list[Order | Refusal]:
    """Turn binding quotes into orders and ask for their money; all of it, or nothing."""
    ids = [tx.ids() for _ in commands]
    stories = [c.by.about(order_id) for c, order_id in zip(commands, ids, strict=True)]
    placed: dict[int, tuple[pricing.Quote, Accepted[Order]]] = {}
    begun: list[payments.Prepared] = []

    async def pay(tx: Tx, taken: Sequence[tuple[int, pricing.Quote]]) -> Sequence[Any]:
        """The last to agree: an order without its money is none."""
        terms = [(commands[n].paid_by, ids[n], quote) for n, quote in taken]
        decisions = dict(
            zip([n for n, _ in taken], await from_quote.orders(tx, terms), strict=True)
        )
        asked = [
            settlement.authorise(stories[n], d.state, card_tokens=commands[n].card_tokens)
            for n, d in decisions.items()
        ]
        begun.append(await payments.prepare(tx, asked))
        answers = [
            NO_CARD if isinstance(a, Refusal) and a.code == "payment.card_missing" else a
            for a in begun[-1].answers
        ]
        agreed = zip(taken, answers, strict=True)
        placed.update({n: (q, decisions[n]) for (n, q), a in agreed if not isinstance(a, Refusal)})
        return answers

    takes = [
        pricing.TakeQuote(
            by=by,
            quote_id=c.quote_id,
            customer_id=c.customer_id,
            signals=c.signals,
            in_cash=c.paid_by is PaidBy.CASH,
        )
        for c, by in zip(commands, stories, strict=True)
    ]
    quotes = await pricing.take(tx, takes, agree=pay)
    await store.add(
        tx,
        [
            (d.state, from_quote.items(q), from_quote.destination(q, notes=commands[n].notes))
            for n, (q, d) in placed.items()
        ],
    )
    await tx.record([(stories[n], decision) for n, (_, decision) in placed.items()])
    for prepared in begun:
        await payments.begin(tx, prepared)
    await store.drop_carts(tx, [commands[n].customer_id for n in placed])
    return [
        quote if isinstance(quote, Refusal) else placed[n][1].state
        for n, quote in enumerate(quotes)
    ]


async def payment_authorised(tx: Tx, heard: Sequence[Recorded[paid.PaymentAuthorised]]) -> None:
    """The money is safe: the merchant may see the order now."""
    await hear(tx, heard, lambda order, _: model.payment_safe(order, now=tx.now))


async def payment_declined(tx: Tx, heard: Sequence[Recorded[paid.PaymentDeclined]]) -> None:
    def decide(order: Order, event: paid.PaymentDeclined) -> Decision[Order]:
        return _end(order, tx, reason=f"payment_{event.code}")

    await hear(tx, heard, decide)
    await pricing.give_back(tx, await _ends(tx, heard))


# ── the kitchen ────────────────────────────────────────────────────────────────────────────────


class AcceptOrder(OrderCommand, frozen=True, kw_only=True):
    prep_time_s: int | None = None


async def accept_order(tx: Tx, commands: Sequence[AcceptOrder]) -> list[Order | Refusal]:
    """The merchant takes the order; a courier is asked for, for when the food will be ready."""

    def decide(order: Order, c: AcceptOrder) -> Decision[Order]:
        return model.accept_order(
            order, party=c.acting.party, prep_time_s=c.prep_time_s, now=tx.now
        )

    outcomes = await move(tx, commands, decide)
    await dispatch.request(
        tx,
        [
            earnings.courier_for(c.by.about(order.id), order, now=tx.now)
            for c, order in done(commands, outcomes)
        ],
    )
    return outcomes


class MoveOrder(OrderCommand, frozen=True, kw_only=True):
    """A step that needs nothing but the order."""


async def start_preparing(tx: Tx, commands: Sequence[MoveOrder]) -> list[Order | Refusal]:
    return await move(
        tx, commands, lambda order, c: model.start_preparing(order, party=c.acting.party)
    )


class ChangeReadyTime(OrderCommand, frozen=True, kw_only=True):
    delta_s: int


async def change_ready_time(tx: Tx, commands: Sequence[ChangeReadyTime]) -> list[Order | Refusal]:
    """The kitchen needs more time, or less: the courier comes later, or sooner."""

    def decide(order: Order, c: ChangeReadyTime) -> Decision[Order]:
        ready_at = (order.ready_at or tx.now) + timedelta(seconds=c.delta_s)
        return model.move_ready_time(
            order, party=c.acting.party, ready_at=max(ready_at, tx.now), reason="kitchen"
        )

    outcomes = await move(tx, commands, decide)
    await _tell_dispatch(tx, _stories(commands, outcomes))
    return outcomes


async def mark_ready(tx: Tx, commands: Sequence[MoveOrder]) -> list[Order | Refusal]:
    outcomes = await move(
        tx, commands, lambda order, c: model.mark_ready(order, party=c.acting.party, now=tx.now)
    )
    await _tell_dispatch(tx, _stories(commands, outcomes))
    return outcomes


# ── the courier ────────────────────────────────────────────────────────────────────────────────


async def courier_assigned(tx: Tx, heard: Sequence[Recorded[dispatched.DeliveryAssigned]]) -> None:
    await hear(tx, heard, lambda order, e: model.assign_courier(order, courier_id=e.courier_id))


async def courier_lost(tx: Tx, heard: Sequence[Recorded[dispatched.DeliveryUnassigned]]) -> None:
    await hear(
        tx,
        heard,
        lambda order, e: model.lose_courier(order, courier_id=e.courier_id, reason=e.reason),
    )


async def handed_over(tx: Tx, heard: Sequence[Recorded[dispatched.DeliveryHandedOver]]) -> None:
    """What was on board is with another courier, who delivers it and is paid for it."""

    def decide(order: Order, e: dispatched.DeliveryHandedOver) -> Decision[Order]:
        return model.assign_courier(order, courier_id=e.courier_id, instead_of=e.from_courier_id)

    await hear(tx, heard, decide)


async def pick_up(tx: Tx, commands: Sequence[MoveOrder]) -> list[Order | Refusal]:
    """The courier takes it. The kitchen may say so too, once the courier is seen to be there."""
    here = await _couriers_here(tx, commands)

    def decide(order: Order, c: MoveOrder) -> Decision[Order]:
        comes = order.courier_id is not None and order.status in BEFORE_PICKUP
        if c.acting.party is Party.MERCHANT and comes and order.id not in here:
            return NOT_HERE
        return model.pick_up(order, party=c.acting.party, now=_when(order, c, tx))

    return await move(
        tx, commands, decide, agree=lambda tx, taken: dispatch.picked_up(tx, along.steps_of(taken))
    )


async def _couriers_here(tx: Tx, commands: Sequence[MoveOrder]) -> set[UUID]:
    handed = [c.order_id for c in commands if c.acting.party is Party.MERCHANT]
    deliveries = await dispatch.of_references(tx, reference_ids=handed) if handed else {}
    return {id_ for id_, delivery in deliveries.items() if delivery.arrived_at is not None}


async def depart(tx: Tx, commands: Sequence[MoveOrder]) -> list[Order | Refusal]:
    return await move(tx, commands, lambda order, c: model.depart(order, party=c.acting.party))


async def left_the_merchant(tx: Tx, heard: Sequence[Recorded[tracked.GeofenceLeft]]) -> None:
    """A courier seen driving off with the food is on the way, whether it tapped or not."""

    def decide(order: Order, event: tracked.GeofenceLeft) -> Decision[Order]:
        if event.kind != "pickup" or order.status is not model.Status.PICKED_UP:
            return Accepted(state=order, events=())
        return model.depart(order, party=Party.SYSTEM)

    await hear(tx, heard, decide)


async def deliver(tx: Tx, commands: Sequence[DeliverOrder]) -> list[Order | Refusal]:
    """Handed over: the courier is free again and the money is taken."""
    shown = await proofs.shown(tx, commands)

    def decide(order: Order, c: DeliverOrder) -> Decision[Order]:
        return handover.deliver(
            order, party=c.acting.party, shown=shown(order, c), now=_when(order, c, tx)
        )

    ended: list[dispatch.Delivery] = []
    outcomes = await move(tx, commands, decide, agree=along.ending(dispatch.delivered, ended))
    await _capture(tx, _stories(commands, outcomes))
    await earnings.record(tx, _stories(commands, outcomes), ended)
    return outcomes


async def payment_captured(tx: Tx, heard: Sequence[Recorded[paid.PaymentCaptured]]) -> None:
    """The money has reached everybody's account: the journey is over."""
    settled = await hear(tx, heard, lambda order, _: model.settle(order))
    await pricing.spend(tx, await _ends(tx, heard))
    await points.earn(tx, [(recorded.by.about(order.id), order) for recorded, order in settled])


# ── when it goes wrong ─────────────────────────────────────────────────────────────────────────


class CancelOrder(OrderCommand, frozen=True, kw_only=True):
    reason: str


async def cancel(tx: Tx, commands: Sequence[CancelOrder]) -> list[Order | Refusal]:
    """Declined by the merchant, or called off: the courier is freed, the money goes back."""

    def decide(order: Order, c: CancelOrder) -> Decision[Order]:
        return model.cancel(order, party=c.acting.party, reason=c.reason, now=tx.now)

    outcomes = await move(tx, commands, decide)
    await _undo(tx, _stories(commands, outcomes))
    return outcomes


async def nobody_takes_it(tx: Tx, heard: Sequence[Recorded[dispatched.DeliveryEscalated]]) -> None:
    """No courier for long: the customer may choose to wait on, or to call it off."""
    asked = [recorded for recorded in heard if OFFER_CHOICE in recorded.event.actions]
    await hear(tx, asked, lambda order, _: model.offer_choice(order, now=tx.now))


class Choose(OrderCommand, frozen=True, kw_only=True):
    choice: Choice


async def choose(tx: Tx, commands: Sequence[Choose]) -> list[Order | Refusal]:
    """Called off free of charge, and the kitchen is still paid; unless a courier has it by now.

    The order is locked first and its delivery after, as in every step. So either the search ends
    here and no courier can win it any more, or one has won it and dispatch refuses to let it go.
    """

    def decide(order: Order, c: Choose) -> Decision[Order]:
        return model.choose(order, party=c.acting.party, choice=c.choice, now=tx.now)

    outcomes = await move(tx, commands, decide, agree=_stop_looking)
    called_off = [(by, order) for by, order in _stories(commands, outcomes) if not order.live]
    await _release(tx, called_off)
    await _compensate(tx, called_off)
    return outcomes


async def nobody_came(tx: Tx, heard: Sequence[Recorded[dispatched.DeliveryGivenUp]]) -> None:
    """Every rung of the ladder was climbed and no courier found: the kitchen is still paid."""
    ended = await hear(tx, heard, lambda order, e: _end(order, tx, reason=e.reason))
    cancelled = [(recorded.by.about(order.id), order) for recorded, order in ended]
    await _undo(tx, cancelled)
    await _compensate(tx, cancelled)


class MarkUndeliverable(OrderCommand, frozen=True, kw_only=True):
    reason: str


async def mark_undeliverable(
    tx: Tx, commands: Sequence[MarkUndeliverable]
) -> list[Order | Refusal]:
    """Nobody to hand it to: the courier brings the food back."""

    def decide(order: Order, c: MarkUndeliverable) -> Decision[Order]:
        return model.mark_undeliverable(
            order, party=c.acting.party, reason=c.reason, now=_when(order, c, tx)
        )

    return await move(
        tx, commands, decide, agree=lambda tx, taken: dispatch.failed(tx, along.steps_of(taken))
    )


async def return_to_merchant(tx: Tx, commands: Sequence[MoveOrder]) -> list[Order | Refusal]:
    """The food is back. The customer's fault: charged in full. Ours: we pay those who worked."""
    ended: list[dispatch.Delivery] = []
    outcomes = await move(
        tx,
        commands,
        lambda o, c: model.return_to_merchant(o, party=c.acting.party, now=_when(o, c, tx)),
        agree=along.ending(dispatch.returned, ended),
    )
    back = _stories(commands, outcomes)
    await earnings.record(tx, back, ended)
    theirs = [(by, o) for by, o in back if model.fault(o) is model.Fault.CUSTOMER]
    ours = [(by, o) for by, o in back if model.fault(o) is model.Fault.PLATFORM]
    await _capture(tx, theirs)
    await _release(tx, ours)
    await _compensate(tx, ours)
    return outcomes


class ComplainAbout(OrderCommand, frozen=True, kw_only=True):
    reason: str


async def dispute(tx: Tx, commands: Sequence[ComplainAbout]) -> list[Order | Refusal]:
    return await move(
        tx, commands, lambda o, c: complaints.dispute(o, party=c.acting.party, reason=c.reason)
    )


async def dismiss(tx: Tx, commands: Sequence[ComplainAbout]) -> list[Order | Refusal]:
    """Nothing was wrong after all: the order stands as delivered."""
    return await move(
        tx, commands, lambda o, c: complaints.dismiss(o, party=c.acting.party, reason=c.reason)
    )


async def refund(tx: Tx, commands: Sequence[ComplainAbout]) -> list[Order | Refusal]:
    """Everything back to the customer; the platform bears it, so nobody's earnings shrink."""
    outcomes = await refunds.request(
        tx, [refunds.everything(c.by, c.order_id, acting=c.acting, said=c.reason) for c in commands]
    )
    orders = await store.get(tx, [r.order_id for r in outcomes if not isinstance(r, Refusal)])
    return [r if isinstance(r, Refusal) else orders[r.order_id] for r in outcomes]


async def on_due(tx: Tx, due: Sequence[Due]) -> None:
    """Orders whose deadline has passed."""
    orders = await store.lock(tx, [d.subject_id for d in due])
    decided = [
        (By(tenant_id=o.tenant_id, correlation_id=o.id), model.wake(o, now=tx.now))
        for o in still_due(due, orders, now=tx.now)
    ]
    changed = [(by, d) for by, d in decided if isinstance(d, Accepted)]
    assert len(changed) == len(decided), "a live order can always be woken"
    await save(tx, changed)
    ended = [(by, d.state) for by, d in changed if not d.state.live]
    await _undo(tx, ended)
    await pause_the_silent(tx, ended)
    late = [(by, d.state) for by, d in changed if d.state.status is model.Status.PREPARING]
    await dispatch.move_ready_time(tx, [_ready(by, order) for by, order in late])


# ── what the steps share ───────────────────────────────────────────────────────────────────────


def _end(order: Order, tx: Tx, *, reason: str) -> Decision[Order]:
    return model.cancel(order, party=Party.SYSTEM, reason=reason, now=tx.now)


async def _undo(tx: Tx, cancelled: Sequence[tuple[By, Order]]) -> None:
    """Free the courier and give the money back."""
    await dispatch.withdraw(
        tx,
        [
            dispatch.Withdraw(by=by, reference_id=order.id, reason=order.ended_because or "")
            for by, order in cancelled
            if order.accepted_at is not None
        ],
    )
    await _release(tx, cancelled)


async def _stop_looking(tx: Tx, chosen: Sequence[tuple[By, Order]]) -> list[object]:
    """End the search for each order that was called off, if it has no courier yet."""
    ended = [(by, order) for by, order in chosen if not order.live]
    searches = [
        dispatch.Withdraw(
            by=by,
            reference_id=order.id,
            reason=order.ended_because or "",
            unless_assigned=True,
        )
        for by, order in ended
    ]
    answers = iter(await dispatch.withdraw(tx, searches))
    return [order if order.live else next(answers) for _, order in chosen]


async def _ends(tx: Tx, heard: Sequence[Recorded[Any]]) -> list[pricing.EndOfOrder]:
    """Of orders whose payment has ended, one way or the other."""
    orders = await store.get(tx, [recorded.event.reference_id for recorded in heard])
    return [
        settlement.end(recorded.by, orders[recorded.event.reference_id])
        for recorded in heard
        if recorded.event.reference_id in orders
    ]


async def _release(tx: Tx, cancelled: Sequence[tuple[By, Order]]) -> None:
    """Promotions before payments, in the sequence in which an order is placed."""
    await pricing.give_back(tx, [settlement.end(by, order) for by, order in cancelled])
    await payments.release(tx, [settlement.release(by, order) for by, order in cancelled])


async def _compensate(tx: Tx, unpaid: Sequence[tuple[By, Order]]) -> None:
    await payments.transfer(tx, [settlement.compensate(by, order) for by, order in unpaid])


async def _capture(tx: Tx, done: Sequence[tuple[By, Order]]) -> None:
    await payments.capture(tx, [settlement.capture(by, order) for by, order in done])


async def _tell_dispatch(tx: Tx, changed: Sequence[tuple[By, Order]]) -> None:
    await dispatch.move_ready_time(tx, [_ready(by, order) for by, order in changed])


def _ready(by: By, order: Order) -> dispatch.MoveReadyTime:
    assert order.ready_at is not None, "an accepted order has a ready time"
    return dispatch.MoveReadyTime(by=by, reference_id=order.id, ready_at=order.ready_at)


def _stories(
    commands: Sequence[Any], outcomes: Sequence[Order | Refusal]
) -> list[tuple[By, Order]]:
    """What was done, each as part of its order's story."""
    return [(c.by.about(order.id), order) for c, order in done(commands, outcomes)]


def _when(order: Order, command: OrderCommand, tx: Tx) -> datetime:
    return handover.happened_at(order, said=command.at, now=tx.now)
