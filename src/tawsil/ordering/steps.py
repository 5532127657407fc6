"""How every step of the journey is done: lock, decide, save, record."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from msgspec import Struct

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted, By, Command, Decision, Refusal, accepted, refuse
from tawsil.kernel.events import Recorded
from tawsil.ordering import store
from tawsil.ordering.model import Order
from tawsil.ordering.moves import Party


class Acting(Struct, frozen=True):
    """As whom somebody acts: a customer, a merchant or a courier by id, or staff of the tenant."""

    party: Party
    id: UUID | None = None


class OrderCommand(Command, frozen=True, kw_only=True):
    """A step somebody takes on an order; `remark` is what they say about it.

    `at`: when they took it, if they were out of reach then and it becomes known now.
    """

    order_id: UUID
    acting: Acting
    remark: str = ""
    at: datetime | None = None


NOT_FOUND: Final = refuse("request.not_found", status=404)


C = TypeVar("C", bound=OrderCommand)
Agree = Callable[[Tx, list[tuple[By, Order]]], Awaitable[Sequence[Any]]]


async def move(
    tx: Tx,
    commands: Sequence[C],
    decide: Callable[[Order, C], Decision[Order]],
    *,
    agree: Agree | None = None,
) -> list[Order | Refusal]:
    """Lock, decide, save, record. Commands about one order follow one another.

    `agree` asks another context to take the same step before anything is saved; what it refuses is
    refused here as well.
    """
    orders = await store.lock(tx, [c.order_id for c in commands])
    outcomes: list[Order | Refusal] = []
    decided: dict[int, tuple[By, Accepted[Order]]] = {}
    for index, command in enumerate(commands):
        decision = _decision(orders.get(command.order_id), command, decide)
        if isinstance(decision, Refusal):
            outcomes.append(decision)
            continue
        orders[decision.state.id] = decision.state
        outcomes.append(decision.state)
        decided[index] = (command.by.about(decision.state.id), decision)
    if agree and decided:
        answers = await agree(tx, [(by, d.state) for by, d in decided.values()])
        for index, answer in zip(list(decided), answers, strict=True):
            if isinstance(answer, Refusal):
                outcomes[index] = answer
                del decided[index]
    await save(tx, list(decided.values()))
    await store.add_remarks(tx, [_remark(commands[i]) for i in decided if commands[i].remark])
    return outcomes


def _remark(command: OrderCommand) -> store.Remark:
    return store.Remark(
        order_id=command.order_id,
        actor_id=command.by.actor_id,
        actor_role=command.by.role,
        words=command.remark,
    )


def _decision(
    order: Order | None, command: C, decide: Callable[[Order, C], Decision[Order]]
) -> Decision[Order]:
    if order is None or not concerns(order, tenant_id=command.by.tenant_id, acting=command.acting):
        return NOT_FOUND
    return decide(order, command)


async def hear(
    tx: Tx, heard: Sequence[Recorded[Any]], decide: Callable[[Order, Any], Decision[Order]]
) -> list[tuple[Recorded[Any], Order]]:
    """The same for events from below, which name the order as their reference.

    What comes too late to matter (an assignment for a cancelled order) is refused by the model and
    so leaves no trace on the order. Returns what changed.
    """
    orders = await store.lock(tx, [recorded.event.reference_id for recorded in heard])
    changed: list[tuple[By, Accepted[Order]]] = []
    moved: list[tuple[Recorded[Any], Order]] = []
    for recorded in heard:
        order = orders.get(recorded.event.reference_id)
        decision = decide(order, recorded.event) if order else NOT_FOUND
        if isinstance(decision, Accepted) and decision.events:
            orders[decision.state.id] = decision.state
            changed.append((recorded.by.about(decision.state.id), decision))
            moved.append((recorded, decision.state))
    await save(tx, changed)
    return moved


async def save(tx: Tx, changed: Sequence[tuple[By, Accepted[Order]]]) -> None:
    """Write each order as its last decision left it, and record every decision."""
    saved: dict[UUID, Accepted[Order]] = {}
    for _, decision in changed:
        before = saved.get(decision.state.id)
        events = before.events + decision.events if before else decision.events
        saved[decision.state.id] = Accepted(state=decision.state, events=events)
    await store.save(tx, accepted(list(saved.values())))
    await tx.record(changed)


def concerns(order: Order, *, tenant_id: UUID, acting: Acting) -> bool:
    """Whether the order is the caller's to see: its own, assigned to it, or all of its tenant's."""
    if order.tenant_id != tenant_id:
        return False
    if acting.party in {Party.OPERATOR, Party.SYSTEM}:
        return True
    whose = {
        Party.CUSTOMER: order.customer_id,
        Party.MERCHANT: order.merchant_id,
        Party.COURIER: order.courier_id,
    }[acting.party]
    return acting.id is not None and acting.id == whose


def done(commands: Sequence[Any], outcomes: Sequence[Order | Refusal]) -> list[tuple[Any, Order]]:
    return [
        (c, outcome)
        for c, outcome in zip(commands, outcomes, strict=True)
        if not isinstance(outcome, Refusal)
    ]
