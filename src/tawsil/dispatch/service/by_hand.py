"""An operator offers a delivery to couriers of their choice; the first yes wins."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.couriers import public as couriers
from tawsil.dispatch import model, store
from tawsil.dispatch.model import Delivery, Offer, Offering
from tawsil.dispatch.service import cash, offers
from tawsil.dispatch.service.board import Board
from tawsil.dispatch.service.offers import Proposal, Round
from tawsil.dispatch.service.requests import unknown
from tawsil.dispatch.service.rounds import proposal
from tawsil.geography.public import GreatCircle
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Command, Refusal, refuse
from tawsil.kernel.places import Place
from tawsil.tracking import public as tracking

_STRAIGHT: Final = GreatCircle()


class OfferByHand(Command, frozen=True, kw_only=True):
    """Those who declined before may be asked again: the operator will know why."""

    reference_id: UUID
    courier_ids: tuple[UUID, ...]


class Asked(Struct, frozen=True):
    """Who was asked, and why others were not."""

    reference_id: UUID
    offers: tuple[Offer, ...]
    passed_over: Mapping[UUID, Refusal]


async def offer(tx: Tx, commands: Sequence[OfferByHand]) -> list[Asked | Refusal]:
    """Whoever was being asked for the delivery is told that it is offered to others now."""
    chosen = sorted({id_ for c in commands for id_ in c.courier_ids})
    known = await store.of_references(tx, reference_ids=[c.reference_id for c in commands])
    board = await Board.of(tx, delivery_ids=[d.id for d in known.values()], courier_ids=chosen)
    await board.lock_couriers(*chosen)
    pending = await store.pending_of(tx, courier_ids=chosen)
    elsewhere = {o.courier_id for o in pending if o.id not in board.offers}
    seen = await tracking.latest(tx, courier_ids=chosen)
    places = {id_: position.place for id_, position in seen.items()}
    outcomes = [await _offer(tx, board, command, places, elsewhere) for command in commands]
    await board.save()
    return outcomes


async def _offer(
    tx: Tx,
    board: Board,
    command: OfferByHand,
    places: Mapping[UUID, Place],
    elsewhere: AbstractSet[UUID],
) -> Asked | Refusal:
    delivery = board.find(command.by, command.reference_id)
    if delivery is None:
        return unknown()
    if refusal := model.not_searched_for(delivery):
        return refusal
    by = command.by.about(delivery.correlation_id)
    chosen = list(dict.fromkeys(command.courier_ids))
    refused = await _hold(tx, board, command, delivery, elsewhere)
    if len(refused) == len(chosen):
        return refuse("dispatch.nobody_asked")
    board.withdraw_offer_of(by, delivery, reason="offered_by_hand")
    asked = [id_ for id_ in chosen if id_ not in refused]
    board.keep_held(asked)
    delivery = board.deliveries[delivery.id]
    round_ = Round(
        delivery_ids=(delivery.id,),
        proposals=tuple(
            _proposal(tx, delivery, id_, places.get(id_, delivery.pickup)) for id_ in asked
        ),
        mode=Offering.BROADCAST if len(asked) > 1 else Offering.ONE_BY_ONE,
    )
    made = offers.ask(tx, board, by=by, round_=round_)
    return Asked(delivery.reference_id, tuple(made), refused)


async def _hold(
    tx: Tx,
    board: Board,
    command: OfferByHand,
    delivery: Delivery,
    elsewhere: AbstractSet[UUID],
) -> dict[UUID, Refusal]:
    """Why some cannot be asked. Whom an offer of this very delivery holds already can be."""
    by = command.by.about(delivery.correlation_id)
    here = board.pending_in(delivery.round_id)
    already = {o.courier_id for o in here if not o.joins}
    asked = {o.courier_id for o in board.offers.values() if o.pending and o not in here}
    chosen = dict.fromkeys(command.courier_ids)
    busy = [id_ for id_ in chosen if id_ in elsewhere or id_ in asked]
    over = await cash.over_limit(tx, board, delivery, courier_ids=list(chosen))
    new = [id_ for id_ in chosen if id_ not in already and id_ not in busy and id_ not in over]
    held = await couriers.hold(tx, [couriers.Hold(by=by, courier_id=id_) for id_ in new])
    refused = over | {id_: refuse("dispatch.has_another_offer") for id_ in busy}
    return refused | {
        id_: outcome for id_, outcome in zip(new, held, strict=True) if isinstance(outcome, Refusal)
    }


def _proposal(tx: Tx, delivery: Delivery, courier_id: UUID, place: Place) -> Proposal:
    """As the crow flies; a courier who was never seen counts as there."""
    approach_s = float(_STRAIGHT([place], [delivery.pickup])[0, 0])
    carry_s = float(_STRAIGHT([delivery.pickup], [delivery.dropoff])[0, 0])
    arrival_at = tx.now + timedelta(seconds=approach_s)
    pickup_at = max(arrival_at, delivery.ready_at)
    return proposal(
        courier_id=courier_id,
        place=place,
        route=[delivery],
        arrival_at=arrival_at,
        pickup_at=pickup_at,
        dropoff_ats=[pickup_at + timedelta(seconds=carry_s)],
    )
