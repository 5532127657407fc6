"""Whoever needs something delivered asks for a courier, moves the time, or asks no more."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tawsil.dispatch import model, store
from tawsil.dispatch.events import PayParts
from tawsil.dispatch.model import Delivery, Rules
from tawsil.dispatch.service.board import Board
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By, Command, Refusal, refuse
from tawsil.kernel.places import Place

Outcomes = list[Delivery | Refusal]


class RequestCourier(Command, frozen=True, kw_only=True):
    """Deliveries of one `site_id` (a merchant, a warehouse) may be collected together."""

    reference_id: UUID
    city_id: UUID
    site_id: UUID
    pickup: Place
    dropoff: Place
    ready_at: datetime
    earning_minor: int
    currency: str
    parts: PayParts = PayParts()
    """What the earning is made of, as far as is known."""
    collect_minor: int = 0
    """Cash that is to be collected at the door."""


class MoveReadyTime(Command, frozen=True, kw_only=True):
    reference_id: UUID
    ready_at: datetime


class Withdraw(Command, frozen=True, kw_only=True):
    """`unless_assigned`: only as long as no courier has it; else also from who is to collect it."""

    reference_id: UUID
    reason: str
    unless_assigned: bool = False


def unknown() -> Refusal:
    return refuse("request.not_found", status=404)


async def request(tx: Tx, commands: Sequence[RequestCourier]) -> Outcomes:
    """Look for a courier; each reference only once."""
    rules = await store.rules_in_force(tx, city_ids=[c.city_id for c in commands])
    new = [_delivery(tx, c, rules[c.city_id]) for c in commands]
    decided = [(c.by, model.request(delivery)) for c, delivery in zip(commands, new, strict=True)]
    states = {d.state.id: d.state for _, d in decided if not isinstance(d, Refusal)}
    added = await store.add(tx, list(states.values()))
    await tx.record(
        [(by, d) for by, d in decided if not isinstance(d, Refusal) and d.state.id in added]
    )
    return [states[d.id] if d.id in added else refuse("dispatch.already_requested") for d in new]


async def move_ready_time(tx: Tx, commands: Sequence[MoveReadyTime]) -> Outcomes:
    board = await Board.of_references(tx, [c.reference_id for c in commands])
    outcomes: Outcomes = []
    for command in commands:
        delivery = board.find(command.by, command.reference_id)
        if delivery is None:
            outcomes.append(unknown())
            continue
        moved = model.move_ready_time(delivery, ready_at=command.ready_at)
        outcomes.append(board.decide(_story(command.by, delivery), moved))
    await board.save()
    return outcomes


async def withdraw(tx: Tx, commands: Sequence[Withdraw]) -> Outcomes:
    """End deliveries that are not collected yet. What was offered with them waits again."""
    board = await Board.of_references(tx, [c.reference_id for c in commands])
    outcomes: Outcomes = []
    for command in commands:
        delivery = board.find(command.by, command.reference_id)
        if delivery is None:
            outcomes.append(unknown())
            continue
        if command.unless_assigned and delivery.courier_id is not None:
            outcomes.append(refuse("dispatch.courier_found", state=delivery.state))
            continue
        by = _story(command.by, delivery)
        board.withdraw_offer_of(by, delivery, reason="delivery_withdrawn")
        delivery = board.deliveries[delivery.id]
        ended = model.withdraw(delivery, reason=command.reason, now=tx.now)
        outcomes.append(board.end(by, delivery, ended))
    await board.save()
    return outcomes


def _story(by: By, delivery: Delivery) -> By:
    return by.about(delivery.correlation_id)


def _delivery(tx: Tx, command: RequestCourier, rules: Rules) -> Delivery:
    return Delivery(
        id=tx.ids(),
        tenant_id=command.by.tenant_id,
        city_id=command.city_id,
        correlation_id=command.by.correlation_id,
        reference_id=command.reference_id,
        site_id=command.site_id,
        pickup=command.pickup,
        dropoff=command.dropoff,
        ready_at=command.ready_at,
        requested_at=tx.now,
        searched_since_at=tx.now,
        earning_minor=command.earning_minor,
        parts=command.parts,
        collect_minor=command.collect_minor,
        currency=command.currency,
        rules=rules,
    )
