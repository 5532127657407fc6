"""Handing an order over: what shows it, and when it was. No I/O, no clock."""

from datetime import datetime
from typing import Final

from msgspec import Struct

from tawsil.geography.public import HandoverRules, Proof
from tawsil.kernel.decisions import Decision, accept, refuse, then
from tawsil.ordering import events
from tawsil.ordering.events import Status
from tawsil.ordering.model import Order, depart, event_of, moved, not_allowed
from tawsil.ordering.moves import Party

COURIERS_WORD: Final = "courier"
"""The proof of a handover when nothing else shows it."""


class Shown(Struct, frozen=True, kw_only=True):
    """What shows a handover, and (`rules`) what has to."""

    pin: str | None = None
    pictures: frozenset[Proof] = frozenset()
    rules: HandoverRules = HandoverRules()


def deliver(order: Order, *, party: Party, shown: Shown, now: datetime) -> Decision[Order]:
    """Hand over. A PIN that is given must be right, unless a picture shows it too; where the city
    says so, the courier's word is enough.
    """
    if order.status is Status.DISPUTED:
        return refuse("order.complaint_open")
    if order.status is Status.PICKED_UP:
        departed = depart(order, party=party)
        return then(departed, lambda o: deliver(o, party=party, shown=shown, now=now))
    if refused := not_allowed(order, Status.DELIVERED, party):
        return refused
    proofs = set(shown.pictures)
    if shown.pin == order.handover_pin:
        proofs.add(Proof.PIN)
    elif shown.pin is not None and not shown.pictures:
        return refuse("order.wrong_pin", status=422)
    if party is Party.COURIER and not (
        shown.rules.word_is_enough or proofs & set(shown.rules.proofs)
    ):
        return refuse("order.proof_needed", status=422, proofs=list(shown.rules.proofs))
    delivered = moved(order, Status.DELIVERED, delivered_at=now, ended_at=now)
    proof = next((one.value for one in Proof if one in proofs), COURIERS_WORD)
    return accept(delivered, event_of(events.OrderDelivered, delivered, proof=proof))


def happened_at(order: Order, *, said: datetime | None, now: datetime) -> datetime:
    """When a step was taken: now, unless whoever took it says that it was before.

    They are believed as far as it goes with what is known: after the step before, never later
    than now.
    """
    if said is None:
        return now
    before = (order.accepted_at, order.picked_up_at, order.ended_at)
    return min(now, max(said, order.placed_at, *(at for at in before if at is not None)))
