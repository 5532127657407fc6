"""What one use case works on: locked rows, and what it decided about them, saved in one go.

Rows are always locked in the same order (deliveries, offers, couriers; each by id), so that no two
use cases wait for each other in a circle.
"""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from tawsil.couriers import public as couriers
from tawsil.dispatch import model, store
from tawsil.dispatch.model import TO_COLLECT, WITH_COURIER, Delivery, Etas, Offer, State
from tawsil.kernel import metrics
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted, By, Decision, Refusal
from tawsil.tracking import public as tracking

S = TypeVar("S", Delivery, Offer)

PICKUP_RADIUS_M: Final = 150
DROPOFF_RADIUS_M: Final = 100


class GrownError(Exception):
    """More belongs together than was locked."""


class Board:
    """Deliveries and offers under lock; couriers change with them when the board is saved.

    `offers` holds those that were pending when they were locked, and what became of them.
    """

    def __init__(
        self, tx: Tx, *, deliveries: dict[UUID, Delivery], offers: dict[UUID, Offer]
    ) -> None:
        self._tx = tx
        self.deliveries = deliveries
        self.offers = {o.id: o for o in offers.values() if o.pending}
        self._ended = {o.id: o for o in offers.values() if not o.pending}
        self._rounds: defaultdict[UUID | None, list[UUID]] = defaultdict(list)
        for offer in offers.values():
            self._rounds[offer.round_id].append(offer.id)
        self._had: defaultdict[UUID | None, set[UUID]] = defaultdict(set)
        for delivery in deliveries.values():
            self._had[delivery.courier_id].add(delivery.id)
        self.by_reference = {d.reference_id: d.id for d in deliveries.values()}
        self._loaded = {s.id: s.version for s in (*deliveries.values(), *offers.values())}
        self._decided: list[tuple[By, Accepted[Any]]] = []
        self._freed: dict[UUID, tuple[By, couriers.Reason | None]] = {}
        self._missed: dict[UUID, By] = {}
        self._watch: dict[UUID, tuple[By, Delivery]] = {}
        self._unwatch: set[UUID] = set()
        self._looked_at: set[UUID] = set()

    @classmethod
    async def of(
        cls, tx: Tx, *, delivery_ids: Sequence[UUID], courier_ids: Sequence[UUID] = ()
    ) -> "Board":
        """Lock deliveries with all that shares a round of offers or a courier with them.

        What belongs together may grow until it is locked. Then everything is let go and locked
        anew, since locking the rest later would be out of turn.
        """
        ids: set[UUID] = set()
        deliveries: dict[UUID, Delivery] | None = None
        while deliveries is None:
            ids |= set(
                await store.circle_ids(tx, delivery_ids=delivery_ids, courier_ids=courier_ids)
            )
            deliveries = await _locked(tx, ids, delivery_ids, courier_ids)
        rounds = {d.round_id for d in deliveries.values() if d.state is State.OFFERED}
        offers = await store.lock_rounds(tx, ids=[id_ for id_ in rounds if id_ is not None])
        return cls(tx, deliveries=deliveries, offers=offers)

    @classmethod
    async def of_references(cls, tx: Tx, reference_ids: Sequence[UUID]) -> "Board":
        known = await store.of_references(tx, reference_ids=reference_ids)
        return await cls.of(tx, delivery_ids=[d.id for d in known.values()])

    async def lock_couriers(self, *more: UUID) -> None:
        """Lock all couriers whom the board may change, and `more`, before any of them is changed.

        A use case that engages or holds couriers before the board is saved, when others are freed,
        would otherwise take them out of turn.
        """
        asked = {o.courier_id for o in self.offers.values()}
        carrying = {d.courier_id for d in self.deliveries.values() if d.courier_id is not None}
        await couriers.lock(self._tx, ids=sorted(asked | carrying | set(more)))

    def add(self, state: Delivery | Offer) -> None:
        """A new row: it is inserted as it stands after the decisions about it."""
        if isinstance(state, Offer):
            self.offers[state.id] = state
            self._rounds[state.round_id].append(state.id)
        else:
            self.deliveries[state.id] = state
            self.by_reference[state.reference_id] = state.id

    def find(self, by: By, reference_id: UUID) -> Delivery | None:
        """A delivery by what its owner calls it, if it is of the caller's tenant."""
        id_ = self.by_reference.get(reference_id)
        found = self.deliveries[id_] if id_ is not None else None
        return found if found is not None and found.tenant_id == by.tenant_id else None

    def decide(self, by: By, decision: Decision[S]) -> S | Refusal:
        """Let a decision stand: what follows sees its state."""
        if isinstance(decision, Refusal):
            return decision
        state = decision.state
        if decision.events:
            self._decided.append((by.about(state.correlation_id), decision))
        elif isinstance(state, Delivery) and state is not self.deliveries[state.id]:
            self._looked_at.add(state.id)
        if isinstance(state, Offer):
            self.offers[state.id] = state
        else:
            _count_reassigned(self.deliveries[state.id], state)
            self.deliveries[state.id] = state
            self._had[state.courier_id].add(state.id)
        return state

    def carried(self, courier_id: UUID) -> list[Delivery]:
        """What a courier carries or is about to collect."""
        had = [self.deliveries[id_] for id_ in sorted(self._had.get(courier_id, ()))]
        return [d for d in had if d.courier_id == courier_id and d.state in WITH_COURIER]

    def pending_in(self, round_id: UUID | None) -> list[Offer]:
        """The offers of a round that may still be answered."""
        return [o for o in self._in_round(round_id) if o.pending]

    def assign(
        self, by: By, delivery: Delivery, *, courier_id: UUID, etas: Etas, now: datetime
    ) -> Delivery | Refusal:
        outcome = self.decide(
            by,
            model.assign(
                delivery,
                courier_id=courier_id,
                etas=etas,
                declined_by=self._declined_in(delivery.round_id),
                now=now,
            ),
        )
        if isinstance(outcome, Refusal):
            return outcome
        self._freed.pop(courier_id, None)
        self._watch[outcome.reference_id] = (by, outcome)
        self._unwatch.discard(outcome.reference_id)
        asked_at = outcome.first_offered_at or now
        metrics.assignment_latency_s.observe((now - asked_at).total_seconds())
        return outcome

    def end(self, by: By, delivery: Delivery, decision: Decision[Delivery]) -> Delivery | Refusal:
        """A decision after which the delivery's courier has nothing to do with it any more."""
        outcome = self.decide(by, decision)
        if isinstance(outcome, Refusal):
            return outcome
        self._watch.pop(outcome.reference_id, None)
        if delivery.courier_id is not None:
            self._unwatch.add(outcome.reference_id)
            collected = delivery.state not in TO_COLLECT
            reason = couriers.Reason.JOB_DONE if collected else couriers.Reason.JOB_WITHDRAWN
            self._freed[delivery.courier_id] = (by, reason)
        return outcome

    def hand_over(
        self, by: By, delivery: Delivery, decision: Decision[Delivery]
    ) -> Delivery | Refusal:
        """What is on board goes to another courier, who is on the job already."""
        outcome = self.decide(by, decision)
        if isinstance(outcome, Refusal):
            return outcome
        assert delivery.courier_id is not None, "somebody has what is on board"
        self._freed[delivery.courier_id] = (by, couriers.Reason.JOB_WITHDRAWN)
        self._watch[outcome.reference_id] = (by, outcome)
        return outcome

    def take(self, by: By, offer: Offer, decision: Decision[Offer]) -> Offer | Refusal:
        """A courier says yes: all others of the round are told at once that it is gone."""
        outcome = self.decide(by, decision)
        if isinstance(outcome, Refusal):
            return outcome
        _count(outcome)
        for other in self.pending_in(offer.round_id):
            withdrawn = self.decide(by, model.withdraw_offer(other, reason=model.TAKEN))
            assert not isinstance(withdrawn, Refusal), "what is pending can be withdrawn"
            self._let_go(by, withdrawn)
        return outcome

    def fall_through(
        self, by: By, offer: Offer, decision: Decision[Offer], *, reason: str
    ) -> Offer | Refusal:
        """An offer ends without a taker: its courier is free.

        When it was the last pending one of its round, the deliveries wait again.
        """
        outcome = self.decide(by, decision)
        if isinstance(outcome, Refusal):
            return outcome
        self._let_go(by, outcome)
        if not self.pending_in(offer.round_id):
            declined_by = self._declined_in(offer.round_id)
            for id_ in offer.delivery_ids:
                left = model.fall_through(
                    self.deliveries[id_], offer=outcome, reason=reason, declined_by=declined_by
                )
                self.decide(by, left)
        return outcome

    def withdraw_offer_of(self, by: By, delivery: Delivery, *, reason: str) -> None:
        """Take back the pending offers of a delivery's round; its companions wait again."""
        if delivery.state is State.OFFERED:
            for offer in self.pending_in(delivery.round_id):
                self.fall_through(
                    by, offer, model.withdraw_offer(offer, reason=reason), reason=reason
                )

    def keep_held(self, courier_ids: Sequence[UUID]) -> None:
        """These couriers are asked again at once, so what held them holds them on."""
        for id_ in courier_ids:
            self._freed.pop(id_, None)

    def _declined_in(self, round_id: UUID | None) -> frozenset[UUID]:
        return frozenset(o.courier_id for o in self._in_round(round_id) if o.declined)

    def _in_round(self, round_id: UUID | None) -> list[Offer]:
        ids = self._rounds.get(round_id, ())
        return [self.offers[id_] if id_ in self.offers else self._ended[id_] for id_ in ids]

    def _let_go(self, by: By, ended: Offer) -> None:
        """The courier of an offer that came to nothing is free, if the offer held them.

        Only who let it expire has missed it: whom another forestalled was not given the time.
        """
        _count(ended)
        if ended.joins:
            return
        by = by.about(ended.correlation_id)
        if ended.state is model.OfferState.EXPIRED:
            self._missed[ended.courier_id] = by
        else:
            rejected = ended.state is model.OfferState.REJECTED
            why = couriers.Reason.OFFER_DECLINED if rejected else couriers.Reason.OFFER_WITHDRAWN
            self._freed[ended.courier_id] = (by, why)

    async def save(self) -> None:
        """Write rows, then couriers, geofences and events."""
        await self._write()
        await self._tell_couriers()
        if self._unwatch:
            await tracking.unwatch(self._tx, reference_ids=sorted(self._unwatch))
        if self._watch:
            watches = [watch for by, d in self._watch.values() for watch in _watches(by, d)]
            await tracking.watch(self._tx, watches=watches)
        await self._tx.record(self._decided)
        if self._looked_at:
            await self._tx.await_again([self.deliveries[id_] for id_ in sorted(self._looked_at)])

    async def _write(self) -> None:
        touched = {accepted.state.id for _, accepted in self._decided} | self._looked_at
        for states in (self.deliveries, self.offers):
            changed: list[Any] = [s for s in states.values() if s.id in touched]
            new = [s for s in changed if s.id not in self._loaded]
            old = [s for s in changed if s.id in self._loaded]
            await store.save(self._tx, old, expected=self._loaded)
            added = await store.add(self._tx, new)
            assert len(added) == len(new), "a new row stood in another's way"

    async def _tell_couriers(self) -> None:
        """Free whoever has nothing left to carry; somebody with more to do stays on the job."""
        free = {id_: by for id_, by in self._freed.items() if not self.carried(id_)}
        missed = {id_: by for id_, by in self._missed.items() if not self.carried(id_)}
        if free and missed:
            await couriers.lock(self._tx, ids=[*free, *missed])
        if free:
            await couriers.release(
                self._tx,
                [
                    couriers.Release(by=by, courier_id=id_, reason=reason)
                    for id_, (by, reason) in sorted(free.items())
                ],
            )
        if missed:
            await couriers.missed_offer(
                self._tx,
                [couriers.MissOffer(by=by, courier_id=id_) for id_, by in sorted(missed.items())],
            )


def _count_reassigned(before: Delivery, after: Delivery) -> None:
    """Whether what lost its courier found another, while it was still wanted."""
    if before.lost_because is None or after.lost_because is not None:
        return
    outcome = "found" if after.courier_id is not None else "nobody"
    if after.ended_because not in {None, model.NOBODY_CAME}:
        outcome = "not_wanted"
    metrics.reassignments.labels(before.lost_because, outcome).inc()


def _count(ended: Offer) -> None:
    metrics.offers.labels(ended.state, ended.mode).inc()
    if ended.answered_at is not None:
        taken_s = (ended.answered_at - ended.made_at).total_seconds()
        metrics.offer_response_s.labels(ended.mode).observe(taken_s)


async def _locked(
    tx: Tx, ids: set[UUID], delivery_ids: Sequence[UUID], courier_ids: Sequence[UUID]
) -> dict[UUID, Delivery] | None:
    """The deliveries under lock; or None, and no lock, if more belongs with them by now.

    What belonged with them before, and does not any more, is left out: it may belong with others.
    """
    with suppress(GrownError):
        async with tx.savepoint():
            deliveries = await store.lock_deliveries(tx, ids=list(ids))
            together = set(
                await store.circle_ids(tx, delivery_ids=delivery_ids, courier_ids=courier_ids)
            )
            if not ids >= together:
                raise GrownError
            return {id_: d for id_, d in deliveries.items() if id_ in together}
    return None


def _watches(by: By, delivery: Delivery) -> list[tracking.Watch]:
    assert delivery.courier_id is not None, "a courier is watched for"
    return [
        tracking.Watch(
            by=by.about(delivery.correlation_id),
            reference_id=delivery.reference_id,
            courier_id=delivery.courier_id,
            kind=kind,
            place=place,
            radius_m=radius_m,
            city_id=delivery.city_id,
        )
        for kind, place, radius_m in (
            (tracking.StopKind.PICKUP, delivery.pickup, PICKUP_RADIUS_M),
            (tracking.StopKind.DROPOFF, delivery.dropoff, DROPOFF_RADIUS_M),
        )
    ]
