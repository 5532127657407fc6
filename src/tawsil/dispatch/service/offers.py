"""Offers are made to couriers, and answered. Of all answers to an offer the first one counts."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from tawsil.couriers import public as couriers
from tawsil.dispatch import model, store
from tawsil.dispatch.events import OfferPayload, Stop
from tawsil.dispatch.model import Offer
from tawsil.dispatch.service.board import Board
from tawsil.dispatch.service.requests import unknown
from tawsil.kernel import metrics
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By, Command, Refusal

Outcomes = list[Offer | Refusal]


class Answer(Command, frozen=True, kw_only=True):
    """A courier's yes or no. Why not is theirs to say or to keep."""

    offer_id: UUID
    courier_id: UUID
    reason: str | None = None


class Proposal(Struct, frozen=True, kw_only=True):
    """What to offer whom. `stops` is the whole route, what the courier collects already too."""

    courier_id: UUID
    delivery_ids: tuple[UUID, ...]
    stops: tuple[Stop, ...]
    arrival_at: datetime
    distance_m: int


async def make(
    tx: Tx, board: Board, *, by: By, proposals: Sequence[Proposal], lasts: timedelta
) -> dict[UUID, Offer | Refusal]:
    """Offer deliveries that wait, by courier. A courier who is not free any more is passed over.

    Whoever is on a job already is asked without being held: they stay on it either way.
    """
    free = [p for p in proposals if not board.carried(p.courier_id)]
    holds = [couriers.Hold(by=by, courier_id=p.courier_id) for p in free]
    held = await couriers.hold(tx, holds) if holds else []
    refused = {
        p.courier_id: outcome
        for p, outcome in zip(free, held, strict=True)
        if isinstance(outcome, Refusal)
    }
    joining = {p.courier_id for p in proposals} - {p.courier_id for p in free}
    made: dict[UUID, Offer | Refusal] = {}
    for proposal in proposals:
        courier_id = proposal.courier_id
        made[courier_id] = refused.get(courier_id) or _make(
            tx, board, by, proposal, joins=courier_id in joining, lasts=lasts
        )
    return made


def _make(
    tx: Tx, board: Board, by: By, proposal: Proposal, *, joins: bool, lasts: timedelta
) -> Offer | Refusal:
    deliveries = [board.deliveries[id_] for id_ in proposal.delivery_ids]
    first = deliveries[0]
    offer = Offer(
        id=tx.ids(),
        tenant_id=first.tenant_id,
        city_id=first.city_id,
        correlation_id=first.correlation_id,
        courier_id=proposal.courier_id,
        delivery_ids=proposal.delivery_ids,
        reference_ids=tuple(d.reference_id for d in deliveries),
        arrival_at=proposal.arrival_at,
        payload=OfferPayload(
            earning_minor=sum(d.pay_minor for d in deliveries),
            currency=first.currency,
            distance_m=proposal.distance_m,
            stops=proposal.stops,
        ),
        joins=joins,
        made_at=tx.now,
        expires_at=tx.now + lasts,
    )
    board.add(offer)
    for delivery in deliveries:
        offered = board.decide(by, model.offer(delivery, offer=offer, now=tx.now))
        assert not isinstance(offered, Refusal), "only what waits is offered"
    return board.decide(by, model.make_offer(offer))


async def accept(tx: Tx, commands: Sequence[Answer]) -> Outcomes:
    """Take the job: under lock of the offer, its deliveries and the courier.

    A courier who went on a break meanwhile cannot; the offer is withdrawn then.
    """
    board, known = await _open(tx, commands)
    first: dict[UUID, Answer] = {}
    for command in commands:
        offer = _visible(known.get(command.offer_id), command)
        if offer is not None and model.not_answerable(offer, now=tx.now) is None:
            first.setdefault(offer.id, command)
    unable = await _engage(tx, board, [(c, known[id_]) for id_, c in first.items()])
    outcomes: Outcomes = []
    for command in commands:
        offer = _visible(_now(board, known, command), command)
        if offer is None:
            outcomes.append(unknown())
        elif refusal := unable.pop(offer.id, None):
            gone = model.withdraw_offer(offer, reason="courier_unavailable")
            board.fall_through(command.by, offer, gone, declined=True, reason="courier_unavailable")
            outcomes.append(refusal)
        else:
            outcomes.append(_accept(board, command, offer, now=tx.now))
    await board.save()
    return outcomes


async def _engage(
    tx: Tx, board: Board, winners: Sequence[tuple[Answer, Offer]]
) -> dict[UUID, Refusal]:
    """Put winners on the job; by offer, why some cannot. Who carries something is on one."""
    free = [(c, offer) for c, offer in winners if not board.carried(offer.courier_id)]
    if not free:
        return {}
    engaged = await couriers.engage(
        tx,
        [
            couriers.Engage(by=c.by.about(offer.correlation_id), courier_id=offer.courier_id)
            for c, offer in free
        ],
    )
    return {
        offer.id: outcome
        for (_, offer), outcome in zip(free, engaged, strict=True)
        if isinstance(outcome, Refusal)
    }


def _accept(board: Board, command: Answer, offer: Offer, *, now: datetime) -> Offer | Refusal:
    taken = board.decide(command.by, model.accept_offer(offer, now=now))
    if isinstance(taken, Refusal):
        return taken
    metrics.offers.labels(taken.state).inc()
    etas = taken.etas()
    for delivery in board.carried(offer.courier_id):
        if delivery.id in etas:
            board.decide(command.by, model.reschedule(delivery, etas=etas[delivery.id]))
    for id_ in offer.delivery_ids:
        assigned = board.assign(
            command.by, board.deliveries[id_], courier_id=offer.courier_id, etas=etas[id_], now=now
        )
        assert not isinstance(assigned, Refusal), "what is in a pending offer can be assigned"
    return taken


async def reject(tx: Tx, commands: Sequence[Answer]) -> Outcomes:
    """Leave it to others: the deliveries wait again, and this courier is not asked again."""
    board, known = await _open(tx, commands)
    outcomes: Outcomes = []
    for command in commands:
        offer = _visible(_now(board, known, command), command)
        if offer is None:
            outcomes.append(unknown())
            continue
        rejected = model.reject_offer(offer, reason=command.reason, now=tx.now)
        outcomes.append(
            board.fall_through(command.by, offer, rejected, declined=True, reason="rejected")
        )
    await board.save()
    return outcomes


async def expire(tx: Tx, offer_ids: Sequence[UUID]) -> None:
    """Nobody answered in time."""
    known = await store.offers(tx, ids=offer_ids)
    board = await _board(tx, known)
    for id_ in offer_ids:
        offer = board.offers.get(id_)
        if offer is not None and offer.pending and offer.expires_at <= tx.now:
            by = By(tenant_id=offer.tenant_id, correlation_id=offer.correlation_id)
            board.fall_through(
                by, offer, model.expire_offer(offer), declined=True, reason="expired"
            )
    await board.save()


async def _open(tx: Tx, commands: Sequence[Answer]) -> tuple[Board, Mapping[UUID, Offer]]:
    """The board with the pending ones of the offers, and all of them as they stand now."""
    ids = [c.offer_id for c in commands]
    board = await _board(tx, await store.offers(tx, ids=ids))
    over = [id_ for id_ in ids if id_ not in board.offers]
    return board, (await store.offers(tx, ids=over) if over else {}) | board.offers


async def _board(tx: Tx, offers: Mapping[UUID, Offer]) -> Board:
    return await Board.of(
        tx,
        delivery_ids=[id_ for offer in offers.values() for id_ in offer.delivery_ids],
        courier_ids=[offer.courier_id for offer in offers.values()],
    )


def _now(board: Board, known: Mapping[UUID, Offer], command: Answer) -> Offer | None:
    return board.offers.get(command.offer_id) or known.get(command.offer_id)


def _visible(offer: Offer | None, command: Answer) -> Offer | None:
    """The offer, if it is this courier's; to others it is not there."""
    if offer is None or offer.tenant_id != command.by.tenant_id:
        return None
    return offer if offer.courier_id == command.courier_id else None
