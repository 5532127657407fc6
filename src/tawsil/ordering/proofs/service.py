"""Keeping pictures of handovers, showing them where one is asked for, and forgetting them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from tawsil.geography import public as geography
from tawsil.geography.public import Proof
from tawsil.kernel.db import Tx
from tawsil.kernel.deadlines import Due, still_due
from tawsil.kernel.decisions import Accepted, By, Command, Refusal, refuse
from tawsil.ordering import store as orders
from tawsil.ordering.handover import Shown
from tawsil.ordering.model import Order
from tawsil.ordering.proofs import model, store
from tawsil.ordering.proofs.model import Picture
from tawsil.ordering.steps import NOT_FOUND, OrderCommand


class DeliverOrder(OrderCommand, frozen=True, kw_only=True):
    """`proof_ids`: pictures of this handover, sent before."""

    pin: str | None = None
    proof_ids: tuple[UUID, ...] = ()


class KeepPicture(Command, frozen=True, kw_only=True):
    """A picture that a courier took for an order; `picture_id` is the phone's own."""

    order_id: UUID
    picture_id: UUID
    courier_id: UUID
    kind: Proof
    content: bytes
    taken_at: datetime


async def keep(tx: Tx, commands: Sequence[KeepPicture]) -> list[Picture | Refusal]:
    """From the courier of an order, or who was its courier: what they saw must not be lost.

    The same picture sent again is kept once.
    """
    known = await orders.lock(tx, [c.order_id for c in commands])
    theirs = await store.had(tx, {(c.order_id, c.courier_id) for c in commands})
    before = await store.of_orders(tx, list(known))
    outcomes: list[Picture | Refusal] = []
    for command in commands:
        order = known.get(command.order_id)
        if (
            order is None
            or order.tenant_id != command.by.tenant_id
            or (order.id, command.courier_id) not in theirs
        ):
            outcomes.append(NOT_FOUND)
            continue
        outcome = await _keep(tx, command, order, before=before[order.id])
        if isinstance(outcome, Picture) and outcome not in before[order.id]:
            before[order.id].append(outcome)
        outcomes.append(outcome)
    return outcomes


async def _keep(
    tx: Tx, command: KeepPicture, order: Order, *, before: Sequence[Picture]
) -> Picture | Refusal:
    decision = model.keep(
        order,
        id_=command.picture_id,
        courier_id=command.courier_id,
        kind=command.kind,
        content=command.content,
        taken_at=command.taken_at,
        before=sum(one.id != command.picture_id for one in before),
        now=tx.now,
    )
    if isinstance(decision, Refusal):
        return decision
    new = decision.state
    again = next((one for one in before if one.id == new.id), None)
    if again is not None:
        same = (again.sha256, again.kind, again.courier_id) == (
            new.sha256,
            new.kind,
            new.courier_id,
        )
        return again if same else refuse("proof.id_taken")
    if not await store.add(tx, [(new, command.content)]):
        return refuse("proof.id_taken")
    await tx.record([(command.by.about(order.id), decision)])
    return new


async def shown(tx: Tx, commands: Sequence[DeliverOrder]) -> Callable[[Order, DeliverOrder], Shown]:
    """What each handover is shown with, and what its city asks for."""
    order_ids = {c.order_id for c in commands}
    cities = await geography.cities_by_id(tx, ids=await store.city_ids(tx, order_ids))
    pictured = {c.order_id for c in commands if c.proof_ids}
    pictures = await store.of_orders(tx, pictured) if pictured else {}

    def of(order: Order, command: DeliverOrder) -> Shown:
        kinds = {one.kind for one in pictures.get(order.id, ()) if one.id in command.proof_ids}
        return Shown(
            pin=command.pin, pictures=frozenset(kinds), rules=cities[order.city_id].rules.handover
        )

    return of


async def on_due(tx: Tx, due: Sequence[Due]) -> None:
    """The time of pictures is over."""
    pictures = await store.lock(tx, [d.subject_id for d in due])
    over: list[tuple[By, Accepted[Picture]]] = [
        (By(tenant_id=picture.tenant_id, correlation_id=picture.order_id), model.forget(picture))
        for picture in still_due(due, pictures, now=tx.now)
    ]
    await store.forget(tx, [decision for _, decision in over])
    await tx.record(over)
