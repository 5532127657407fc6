"""Asking for refunds, deciding about them, and hearing what became of the money."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct

from tawsil.geography import public as geography
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted, By, Command, Decision, Refusal, refuse
from tawsil.kernel.events import Recorded
from tawsil.ordering import complaints, points
from tawsil.ordering import store as orders_store
from tawsil.ordering.model import Order, PaymentStage
from tawsil.ordering.moves import Party
from tawsil.ordering.refunds import model, store
from tawsil.ordering.refunds.model import Before, Decider, PaidTo, Refund
from tawsil.ordering.refunds.parts import Ask, Back, Bearers, Parts, Scope, parts_of
from tawsil.ordering.refunds.reasons import OTHER, Reason
from tawsil.ordering.steps import NOT_FOUND, Acting, concerns
from tawsil.ordering.steps import save as save_orders
from tawsil.payments import events as paid
from tawsil.payments import public as payments
from tawsil.payments.public import AccountKind, AccountRef, Posting


class RequestRefund(Command, frozen=True, kw_only=True):
    """Something back of an order; `said` is the reason for the order's story, if another."""

    order_id: UUID
    acting: Acting
    decider: Decider
    ask: Ask
    reason: str
    paid_to: PaidTo = PaidTo.ORIGINAL
    bearers: Bearers | None = None
    words: str = ""
    at_once: bool = False
    """Refused, rather than kept waiting, if somebody else would have to agree."""
    said: str | None = None


class DecideRefund(Command, frozen=True, kw_only=True):
    """`because` names why it is refused; without it, it is approved."""

    refund_id: UUID
    decider: Decider
    because: str | None = None


class _Desk(Struct):
    """What is known of the orders that a batch is about, as its decisions leave them."""

    orders: dict[UUID, Order]
    parts: Mapping[UUID, Parts]
    refunds: dict[UUID, list[Refund]]
    reasons: Mapping[UUID, Mapping[str, Reason]]
    limits: Mapping[UUID, geography.RefundLimits]
    before: dict[UUID, Before]

    @classmethod
    async def of(cls, tx: Tx, order_ids: Sequence[UUID]) -> "_Desk":
        """Orders are locked first, and whoever is given something after: as everywhere."""
        orders = await orders_store.lock(tx, list(set(order_ids)))
        items = await orders_store.items(tx, list(orders))
        cities = await geography.cities_by_id(tx, ids=list({o.city_id for o in orders.values()}))
        tenants = {order.tenant_id for order in orders.values()}
        return cls(
            orders=orders,
            parts={order.id: parts_of(order.amounts, items[order.id]) for order in orders.values()},
            before=await store.before(tx, [o.customer_id for o in orders.values()]),
            refunds=await store.of_orders(tx, list(orders)),
            reasons={t: await store.reasons(tx, tenant_id=t) for t in sorted(tenants)},
            limits={city_id: city.rules.refunds for city_id, city in cities.items()},
        )

    def given(self, order_id: UUID) -> list[Back]:
        return [r.back for r in self.refunds[order_id] if r.state in model.COUNTS]

    def note(self, refund: Refund) -> None:
        others = [r for r in self.refunds[refund.order_id] if r.id != refund.id]
        self.refunds[refund.order_id] = [*others, refund]
        if refund.state is model.RefundState.APPROVED:
            self.before[refund.customer_id] = _more(self.before[refund.customer_id], refund)

    def whole(self, order: Order) -> bool:
        """Whether nothing of an order is left that somebody has not agreed to give back."""
        agreed = [
            refund.amount_minor
            for refund in self.refunds[order.id]
            if refund.state in {model.RefundState.APPROVED, model.RefundState.DONE}
        ]
        return sum(agreed) == order.amounts.total_minor


def _more(before: Before, refund: Refund) -> Before:
    by_staff = refund.decided_by is not None
    return Before(
        given_today_minor=before.given_today_minor + (refund.amount_minor if by_staff else 0),
        self_service_times=before.self_service_times + (not by_staff),
    )


class _Decided(Struct, frozen=True):
    by: By
    decision: Accepted[Refund]
    order: Accepted[Order] | None
    new: bool


async def request(tx: Tx, commands: Sequence[RequestRefund]) -> list[Refund | Refusal]:
    """Ask for refunds; those within limits are paid at once, others wait for a second person."""
    desk = await _Desk.of(tx, [command.order_id for command in commands])
    outcomes: list[Refund | Refusal] = []
    decided: dict[int, _Decided] = {}
    for index, command in enumerate(commands):
        decision = _ask(tx, command, desk)
        if isinstance(decision, Refusal):
            outcomes.append(decision)
            continue
        desk.note(decision.state)
        outcomes.append(decision.state)
        said = command.said or command.reason
        order = _order_after(desk, decision, party=command.acting.party, said=said)
        by = command.by.about(command.order_id)
        decided[index] = _Decided(by=by, decision=decision, order=order, new=True)
    await _pay(tx, decided, outcomes)
    await orders_store.add_remarks(tx, [_remark(commands[i]) for i in decided if commands[i].words])
    return outcomes


def everything(by: By, order_id: UUID, *, acting: Acting, said: str) -> RequestRefund:
    """All that is left, at once, for a reason in anybody's own code; the platform bears it."""
    return RequestRefund(
        by=by,
        order_id=order_id,
        acting=acting,
        decider=Decider(id=by.actor_id, party=acting.party, exceeds=True),
        ask=Ask(scope=Scope.WHOLE),
        reason=OTHER.code,
        said=said,
        at_once=True,
    )


async def decide(tx: Tx, commands: Sequence[DecideRefund]) -> list[Refund | Refusal]:
    """A second person approves refunds that waited for one, or refuses them."""
    known = await store.get(tx, [command.refund_id for command in commands])
    desk = await _Desk.of(tx, [refund.order_id for refund in known.values()])
    refunds = await store.lock(tx, list(known))
    outcomes: list[Refund | Refusal] = []
    decided: dict[int, _Decided] = {}
    for index, command in enumerate(commands):
        refund = refunds.get(command.refund_id)
        if refund is None or refund.tenant_id != command.by.tenant_id:
            outcomes.append(NOT_FOUND)
            continue
        decision = _decide(tx, command, refund, desk)
        if isinstance(decision, Refusal):
            outcomes.append(decision)
            continue
        refunds[refund.id] = decision.state
        desk.note(decision.state)
        outcomes.append(decision.state)
        order = _order_after(desk, decision, party=Party.OPERATOR, said=refund.reason)
        by = command.by.about(refund.order_id)
        decided[index] = _Decided(by=by, decision=decision, order=order, new=False)
    await _pay(tx, decided, outcomes)
    return outcomes


async def money_returned(tx: Tx, heard: Sequence[Recorded[paid.PaymentRefunded]]) -> None:
    """The customer has it, and gives back the points that were earned with it."""
    done = await _hear(tx, heard, lambda refund, _: model.done(refund, now=tx.now))
    await points.take_back(tx, done)


async def money_stuck(tx: Tx, heard: Sequence[Recorded[paid.RefundFailed]]) -> None:
    """The acquirer would not give it back."""
    await _hear(tx, heard, lambda refund, event: model.fail(refund, code=event.code, now=tx.now))


def _ask(tx: Tx, command: RequestRefund, desk: _Desk) -> Decision[Refund]:
    order = desk.orders.get(command.order_id)
    if order is None or not concerns(order, tenant_id=command.by.tenant_id, acting=command.acting):
        return NOT_FOUND
    reason = desk.reasons[order.tenant_id].get(command.reason)
    if reason is None:
        known = sorted(code for code, r in desk.reasons[order.tenant_id].items() if r.active)
        return refuse("refund.reason_unknown", status=422, reason=command.reason, known=known)
    if refused := model.check(order, party=command.acting.party, reason=reason, now=tx.now):
        return refused
    worth = model.work_out(
        command.ask,
        order,
        desk.parts[order.id],
        given=desk.given(order.id),
        reason=reason,
        decider=command.decider,
        by=command.bearers,
    )
    if isinstance(worth, Refusal):
        return worth
    back, borne = worth
    refund = Refund(
        id=tx.ids(),
        tenant_id=order.tenant_id,
        city_id=order.city_id,
        order_id=order.id,
        customer_id=order.customer_id,
        merchant_id=order.merchant_id,
        courier_id=order.courier_id,
        scope=command.ask.scope,
        paid_to=command.paid_to,
        reason=reason.code,
        currency=order.amounts.currency,
        back=back,
        borne=borne,
        asked_as=command.acting.party,
        asked_by=command.by.actor_id,
        asked_at=tx.now,
    )
    decision = model.ask_for(
        refund,
        decider=command.decider,
        reason=reason,
        limits=desk.limits[order.city_id],
        before=desk.before[order.customer_id],
        now=tx.now,
    )
    waits = isinstance(decision, Accepted) and decision.state.decided_at is None
    if waits and command.at_once:
        return refuse("refund.needs_second", amount_minor=refund.amount_minor)
    return decision


def _decide(tx: Tx, command: DecideRefund, refund: Refund, desk: _Desk) -> Decision[Refund]:
    if command.because is not None:
        return model.turn_down(refund, decider=command.decider, because=command.because, now=tx.now)
    return model.approve(
        refund,
        decider=command.decider,
        limits=desk.limits[refund.city_id],
        before=desk.before[refund.customer_id],
        now=tx.now,
    )


def _order_after(
    desk: _Desk, decision: Accepted[Refund], *, party: Party, said: str
) -> Accepted[Order] | None:
    """An order of which all is given back is refunded; with less it stays as it is."""
    refund = decision.state
    order = desk.orders[refund.order_id]
    approved = refund.state is model.RefundState.APPROVED
    if not approved or order.payment is not PaymentStage.SETTLED or not desk.whole(order):
        return None
    by = Party.SYSTEM if party is Party.CUSTOMER else party
    refunded = complaints.refund(order, party=by, reason=said, amount_minor=refund.amount_minor)
    assert isinstance(refunded, Accepted), "what was paid and is not disputed away can be returned"
    desk.orders[order.id] = refunded.state
    return refunded


async def _pay(tx: Tx, decided: dict[int, _Decided], outcomes: list[Refund | Refusal]) -> None:
    """Have the money of what was approved returned; what payments refuses is refused here too."""
    approved = {
        index: one
        for index, one in decided.items()
        if one.decision.state.state is model.RefundState.APPROVED
    }
    answers = await payments.refund(
        tx, [_refund_of(one.by, one.decision.state) for one in approved.values()]
    )
    for index, answer in zip(approved, answers, strict=True):
        if isinstance(answer, Refusal):
            outcomes[index] = answer
            del decided[index]
    await store.add(tx, [one.decision.state for one in decided.values() if one.new])
    await store.save(tx, [one.decision for one in decided.values() if not one.new])
    await tx.record([(one.by, one.decision) for one in decided.values()])
    moved = [(one.by, one.order) for one in decided.values() if one.order is not None]
    await save_orders(tx, moved)


def _refund_of(by: By, refund: Refund) -> payments.Refund:
    borne = refund.borne
    bearers = (
        (AccountKind.MERCHANT, refund.merchant_id, borne.merchant_minor),
        (AccountKind.COURIER, refund.courier_id, borne.courier_minor),
        (AccountKind.PLATFORM, None, borne.platform_minor),
        (AccountKind.TAX, None, borne.tax_minor),
    )
    return payments.Refund(
        by=by,
        id=refund.id,
        reference_id=refund.order_id,
        amount_minor=refund.amount_minor,
        borne_by=tuple(
            Posting(AccountRef(kind, owner), minor) for kind, owner, minor in bearers if minor
        ),
        reason=refund.reason,
        as_credit=refund.paid_to is PaidTo.CREDIT,
    )


async def _hear(
    tx: Tx,
    heard: Sequence[Recorded[Any]],
    decide: Callable[[Refund, Any], Decision[Refund]],
) -> list[tuple[By, Refund]]:
    named = [recorded for recorded in heard if recorded.event.refund_id is not None]
    refunds = await store.lock(tx, [recorded.event.refund_id for recorded in named])
    changed: list[tuple[By, Accepted[Refund]]] = []
    for recorded in named:
        refund = refunds.get(recorded.event.refund_id)
        decision = decide(refund, recorded.event) if refund else NOT_FOUND
        if isinstance(decision, Accepted) and decision.events:
            refunds[decision.state.id] = decision.state
            changed.append((recorded.by.about(decision.state.order_id), decision))
    await store.save(tx, [decision for _, decision in changed])
    await tx.record(changed)
    return [(by, decision.state) for by, decision in changed]


def _remark(command: RequestRefund) -> orders_store.Remark:
    return orders_store.Remark(
        order_id=command.order_id,
        actor_id=command.by.actor_id,
        actor_role=command.by.role,
        words=command.words,
    )
