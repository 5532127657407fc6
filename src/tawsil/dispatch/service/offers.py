"""Offers are made to couriers, and answered. Of all answers in a round the first yes counts."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.couriers import public as couriers
from tawsil.dispatch import model, store
from tawsil.dispatch.events import OfferPayload, PayParts, Prep, Stop
from tawsil.dispatch.model import Delivery, Offer, Offering
from tawsil.dispatch.service.board import Board
from tawsil.dispatch.service.requests import unknown
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By, Command, Refusal

Outcomes = list[Offer | Refusal]


class Answer(Command, frozen=True, kw_only=True):
    """A courier's yes or no. Why not is theirs to say or to keep."""

    offer_id: UUID
    courier_id: UUID
    reason: str | None = None


class Proposal(Struct, frozen=True, kw_only=True):
    """What taking them means to one courier. `stops` is the whole route, what they collect already
    too; `to_pickup_m` is the part of `distance_m` up to the first of them.
    """

    courier_id: UUID
    stops: tuple[Stop, ...]
    arrival_at: datetime
    distance_m: int
    to_pickup_m: int


class Round(Struct, frozen=True, kw_only=True):
    """The same deliveries offered to some couriers at once, who are not on a job.

    `joins`: to the one who is, and who would collect these with it.
    """

    delivery_ids: tuple[UUID, ...]
    proposals: tuple[Proposal, ...]
    mode: Offering = Offering.ONE_BY_ONE
    joins: bool = False


async def make(
    tx: Tx, board: Board, *, by: By, rounds: Sequence[Round]
) -> dict[UUID, Offer | Refusal]:
    """Offer deliveries that wait, by courier. A courier who is not free any more is passed over.

    Whoever is on a job already is asked without being held: they stay on it either way.
    """
    free = [p.courier_id for r in rounds if not r.joins for p in r.proposals]
    assert len(free) == len(set(free)), "a courier is asked for one thing at a time"
    held = await couriers.hold(tx, [couriers.Hold(by=by, courier_id=id_) for id_ in free])
    refused = {
        id_: outcome
        for id_, outcome in zip(free, held, strict=True)
        if isinstance(outcome, Refusal)
    }
    made: dict[UUID, Offer | Refusal] = dict(refused)
    for round_ in rounds:
        askable = tuple(p for p in round_.proposals if p.courier_id not in refused)
        if askable:
            asked = ask(tx, board, by=by, round_=replace(round_, proposals=askable))
            made |= {o.courier_id: o for o in asked}
    return made


def ask(tx: Tx, board: Board, *, by: By, round_: Round) -> list[Offer]:
    """Make the offers of a round to couriers who are held for it."""
    deliveries = [board.deliveries[id_] for id_ in round_.delivery_ids]
    ids = [tx.ids() for _ in round_.proposals]
    offers = [
        _offer(id_, ids[0], deliveries, proposal, round_=round_, now=tx.now)
        for id_, proposal in zip(ids, round_.proposals, strict=True)
    ]
    for offer in offers:
        board.add(offer)
    for delivery in deliveries:
        offered = board.decide(by, model.offer(delivery, offers=offers, now=tx.now))
        assert not isinstance(offered, Refusal), "only what waits is offered"
    made = [board.decide(by, model.make_offer(offer)) for offer in offers]
    return [offer for offer in made if isinstance(offer, Offer)]


def _offer(
    id_: UUID,
    round_id: UUID,
    deliveries: Sequence[Delivery],
    proposal: Proposal,
    *,
    round_: Round,
    now: datetime,
) -> Offer:
    first = deliveries[0]
    ready_at = max(d.ready_at for d in deliveries)
    return Offer(
        id=id_,
        tenant_id=first.tenant_id,
        city_id=first.city_id,
        correlation_id=first.correlation_id,
        round_id=round_id,
        mode=round_.mode,
        courier_id=proposal.courier_id,
        delivery_ids=round_.delivery_ids,
        reference_ids=tuple(d.reference_id for d in deliveries),
        arrival_at=proposal.arrival_at,
        payload=OfferPayload(
            earning_minor=sum(d.pay_minor for d in deliveries),
            incentive_minor=sum(d.incentive_minor for d in deliveries),
            currency=first.currency,
            distance_m=proposal.distance_m,
            to_pickup_m=proposal.to_pickup_m,
            stops=proposal.stops,
            deliveries=len(deliveries),
            prep=Prep.READY if ready_at <= now else Prep.PREPARING,
            ready_at=ready_at,
            parts=_together([d.parts for d in deliveries]),
            collect_minor=sum(d.collect_minor for d in deliveries),
        ),
        joins=round_.joins,
        made_at=now,
        expires_at=now + timedelta(seconds=min(d.rules.offer_lasts_s for d in deliveries)),
    )


def _together(parts: Sequence[PayParts]) -> PayParts:
    return PayParts(
        base_minor=sum(p.base_minor for p in parts),
        distance_minor=sum(p.distance_minor for p in parts),
        surge_minor=sum(p.surge_minor for p in parts),
        tip_minor=sum(p.tip_minor for p in parts),
    )


async def accept(tx: Tx, commands: Sequence[Answer]) -> Outcomes:
    """Take the job: under lock of the round's deliveries, its offers and the couriers asked.

    A courier who went on a break meanwhile cannot; the offer is withdrawn then, and the next who
    said yes has it.
    """
    board, known = await _open(tx, commands)
    await board.lock_couriers()
    outcomes: dict[int, Offer | Refusal] = {}
    while first := _first_yeses(board, commands, outcomes, now=tx.now):
        unable = await _engage(tx, board, first.values())
        for n, (command, offer) in first.items():
            if offer.id in unable:
                gone = model.withdraw_offer(offer, reason="courier_unavailable", declined=True)
                board.fall_through(command.by, offer, gone, reason="courier_unavailable")
            outcomes[n] = unable.get(offer.id) or _accept(board, command, offer, now=tx.now)
    for n, command in enumerate(commands):
        if n not in outcomes:
            outcomes[n] = _too_late(_visible(_now(board, known, command), command), now=tx.now)
    await board.save()
    return [outcomes[n] for n in range(len(commands))]


def _first_yeses(
    board: Board,
    commands: Sequence[Answer],
    outcomes: Mapping[int, Offer | Refusal],
    *,
    now: datetime,
) -> dict[int, tuple[Answer, Offer]]:
    """The first answer of each round that nobody has won, by its place in the batch."""
    rounds: set[UUID] = set()
    first: dict[int, tuple[Answer, Offer]] = {}
    for n, command in enumerate(commands):
        offer = _visible(board.offers.get(command.offer_id), command)
        if n in outcomes or offer is None or offer.round_id in rounds:
            continue
        if model.not_answerable(offer, now=now) is None:
            rounds.add(offer.round_id)
            first[n] = (command, offer)
    return first


async def _engage(
    tx: Tx, board: Board, winners: Iterable[tuple[Answer, Offer]]
) -> dict[UUID, Refusal]:
    """Put winners on the job; by offer, why some cannot. Who carries something is on one."""
    free = [(c, offer) for c, offer in winners if not board.carried(offer.courier_id)]
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


def _accept(board: Board, command: Answer, offer: Offer, *, now: datetime) -> Offer:
    taken = board.take(command.by, offer, model.accept_offer(offer, now=now))
    assert not isinstance(taken, Refusal), "what can be answered can be accepted"
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


def _too_late(offer: Offer | None, *, now: datetime) -> Refusal:
    if offer is None:
        return unknown()
    refusal = model.not_answerable(offer, now=now)
    assert refusal is not None, "what can be answered was answered"
    return refusal


async def reject(tx: Tx, commands: Sequence[Answer]) -> Outcomes:
    """Leave it to others: once nobody else is asked the deliveries wait again."""
    board, known = await _open(tx, commands)
    outcomes: Outcomes = []
    for command in commands:
        offer = _visible(_now(board, known, command), command)
        if offer is None:
            outcomes.append(unknown())
            continue
        rejected = model.reject_offer(offer, reason=command.reason, now=tx.now)
        outcomes.append(board.fall_through(command.by, offer, rejected, reason="rejected"))
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
            board.fall_through(by, offer, model.expire_offer(offer), reason="expired")
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
