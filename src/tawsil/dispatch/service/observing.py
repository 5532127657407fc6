"""Hearing how couriers do, from what happens to offers and deliveries."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec.structs import replace

from tawsil.dispatch import events as facts
from tawsil.dispatch import store
from tawsil.dispatch.events import Cause, IncidentKind
from tawsil.dispatch.model import Offering, promise
from tawsil.dispatch.model import incident as incidents
from tawsil.dispatch.model.incident import Incident
from tawsil.dispatch.model.performance import Fact, Measure
from tawsil.dispatch.model.promise import Promise
from tawsil.dispatch.service import performance
from tawsil.dispatch.store import performance_rows as rows
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted, By, Event
from tawsil.kernel.events import Recorded
from tawsil.tracking.events import StopKind

OWN_CAUSES: Final[Mapping[str, IncidentKind]] = {
    Cause.COURIER_CANCELLED: IncidentKind.JOB_CANCELLED,
    Cause.COURIER_OFFLINE: IncidentKind.WENT_OFFLINE,
    Cause.COURIER_STALLED: IncidentKind.STALLED,
    Cause.TOO_LATE: IncidentKind.RAN_LATE,
}
"""Why a courier lost a delivery, where it is held against them. Safety never is."""


class _Notes:
    """What a run of events says: promises made and over, facts to count, incidents to note."""

    def __init__(self, tx: Tx, *, promises: dict[UUID, Promise], excused: set[UUID]) -> None:
        self._tx = tx
        self.promises = promises
        self.over: set[UUID] = set()
        self.facts: dict[UUID, list[Fact]] = {}
        self.about: dict[UUID, Recorded[Any]] = {}
        self.incidents: list[tuple[By, Accepted[Incident]]] = []
        self._excused = excused

    def _count(self, recorded: Recorded[Any], courier_id: UUID, fact: Fact) -> None:
        self.facts.setdefault(courier_id, []).append(fact)
        self.about[courier_id] = recorded

    def well(
        self, recorded: Recorded[Any], measure: Measure, response_s: float | None = None
    ) -> None:
        self._count(
            recorded,
            recorded.event.courier_id,
            Fact(measure=measure, good=True, at=recorded.at, response_s=response_s),
        )

    def badly(
        self,
        recorded: Recorded[Any],
        kind: IncidentKind,
        *,
        subject_id: UUID,
        courier_id: UUID | None = None,
        response_s: float | None = None,
        late_s: int | None = None,
    ) -> None:
        whose: UUID = courier_id or recorded.event.courier_id
        assert recorded.city_id is not None, "offers and deliveries are of a city"
        noted = incidents.note(
            Incident(
                id=self._tx.ids(),
                tenant_id=recorded.tenant_id,
                city_id=recorded.city_id,
                courier_id=whose,
                kind=kind,
                subject_id=subject_id,
                happened_at=recorded.at,
                late_s=late_s,
            )
        )
        self.incidents.append((recorded.by, noted))
        self._count(recorded, whose, replace(noted.state.fact, response_s=response_s))

    def accepted(self, recorded: Recorded[facts.OfferAccepted]) -> None:
        self.well(recorded, Measure.ACCEPTANCE, recorded.event.response_time_s)

    def declined(self, recorded: Recorded[facts.OfferRejected]) -> None:
        event = recorded.event
        self.badly(
            recorded,
            IncidentKind.OFFER_DECLINED,
            subject_id=event.offer_id,
            response_s=event.response_time_s,
        )

    def missed(self, recorded: Recorded[facts.OfferExpired]) -> None:
        """Whoever is on a job has their hands full; what all are asked is nobody's duty."""
        offer_id = recorded.event.offer_id
        if offer_id not in self._excused:
            self.badly(recorded, IncidentKind.OFFER_MISSED, subject_id=offer_id)

    def assigned(self, recorded: Recorded[facts.DeliveryAssigned]) -> None:
        event = recorded.event
        self._keep(
            Promise(
                delivery_id=event.delivery_id,
                courier_id=event.courier_id,
                pickup_at=event.pickup_eta_at,
                dropoff_at=event.dropoff_eta_at,
            )
        )

    def handed_over(self, recorded: Recorded[facts.DeliveryHandedOver]) -> None:
        """Somebody else has the goods now, and is held to what was said then."""
        event = recorded.event
        held = self.promises.get(event.delivery_id)
        if held and held.stranded and held.courier_id == event.from_courier_id:
            self.badly(
                recorded,
                held.stranded,
                subject_id=event.reference_id,
                courier_id=event.from_courier_id,
            )
        self._keep(
            Promise(
                delivery_id=event.delivery_id,
                courier_id=event.courier_id,
                pickup_at=recorded.at,
                dropoff_at=event.dropoff_eta_at,
            )
        )

    def stranded(self, recorded: Recorded[facts.DeliveryStranded]) -> None:
        held, kind = self._held(recorded), OWN_CAUSES.get(recorded.event.cause)
        if held and kind:
            self._keep(promise.stranded(held, kind=kind))

    def recovered(self, recorded: Recorded[facts.DeliveryRecovered]) -> None:
        held = self._held(recorded)
        if held and held.stranded:
            self._keep(promise.recovered(held))

    def moved(self, recorded: Recorded[facts.EtaMoved]) -> None:
        event = recorded.event
        if held := self._held(recorded):
            self._keep(
                promise.moved(held, pickup_at=event.pickup_eta_at, dropoff_at=event.dropoff_eta_at)
            )

    def arrived(self, recorded: Recorded[facts.DeliveryArrived]) -> None:
        held = self._held(recorded)
        if held and recorded.event.kind is StopKind.PICKUP:
            self._keep(promise.arrived(held, at=_when(recorded)))

    def collected(self, recorded: Recorded[facts.DeliveryPickedUp]) -> None:
        if held := self._held(recorded):
            self._keep(promise.collected(held, at=_when(recorded)))

    def done(self, recorded: Recorded[facts.DeliveryDone]) -> None:
        self.well(recorded, Measure.COMPLETION)
        if held := self._held(recorded):
            late = promise.late_by(held, handed_over_at=_when(recorded))
            if late is None:
                self.well(recorded, Measure.ON_TIME)
            else:
                self.badly(
                    recorded,
                    IncidentKind.LATE_HANDOVER,
                    subject_id=recorded.event.reference_id,
                    late_s=round(late.total_seconds()),
                )
        self._end(recorded)

    def returned(self, recorded: Recorded[facts.DeliveryReturned]) -> None:
        """Nobody took it; the courier did all there was to do."""
        self.well(recorded, Measure.COMPLETION)
        self._end(recorded)

    def lost(self, recorded: Recorded[facts.DeliveryUnassigned]) -> None:
        event = recorded.event
        if kind := OWN_CAUSES.get(event.reason):
            self.badly(recorded, kind, subject_id=event.reference_id)
        self._end(recorded)

    def withdrawn(self, recorded: Recorded[facts.DeliveryWithdrawn]) -> None:
        self._end(recorded)

    def _held(self, recorded: Recorded[Any]) -> Promise | None:
        held = self.promises.get(recorded.event.delivery_id)
        return held if held and held.courier_id == recorded.event.courier_id else None

    def _keep(self, kept: Promise) -> None:
        self.promises[kept.delivery_id] = kept
        self.over.discard(kept.delivery_id)

    def _end(self, recorded: Recorded[Any]) -> None:
        self.promises.pop(recorded.event.delivery_id, None)
        self.over.add(recorded.event.delivery_id)


def _when(recorded: Recorded[facts.StepEvent]) -> datetime:
    """Nobody is late because their phone was out of reach."""
    return recorded.event.happened_at or recorded.at


HEARD: Final[Mapping[type[Event], Callable[[_Notes, Recorded[Any]], None]]] = {
    facts.OfferAccepted: _Notes.accepted,
    facts.OfferRejected: _Notes.declined,
    facts.OfferExpired: _Notes.missed,
    facts.DeliveryAssigned: _Notes.assigned,
    facts.EtaMoved: _Notes.moved,
    facts.DeliveryHandedOver: _Notes.handed_over,
    facts.DeliveryStranded: _Notes.stranded,
    facts.DeliveryRecovered: _Notes.recovered,
    facts.DeliveryArrived: _Notes.arrived,
    facts.DeliveryPickedUp: _Notes.collected,
    facts.DeliveryDone: _Notes.done,
    facts.DeliveryReturned: _Notes.returned,
    facts.DeliveryUnassigned: _Notes.lost,
    facts.DeliveryWithdrawn: _Notes.withdrawn,
}


async def on_performance(tx: Tx, events: Sequence[Recorded[Any]]) -> None:
    """Hear what each of these events says of how its courier does."""
    delivery_ids = {e.event.delivery_id for e in events if isinstance(e.event, facts.DeliveryEvent)}
    expired = [e.event.offer_id for e in events if isinstance(e.event, facts.OfferExpired)]
    known = await rows.promises(tx, delivery_ids=list(delivery_ids)) if delivery_ids else {}
    offers = await store.offers(tx, ids=expired) if expired else {}
    excused = {o.id for o in offers.values() if o.joins or o.mode is Offering.BROADCAST}
    notes = _Notes(tx, promises=dict(known), excused=excused)
    for recorded in events:
        HEARD[type(recorded.event)](notes, recorded)
    changed = [p for id_, p in notes.promises.items() if p != known.get(id_)]
    await rows.keep_promises(tx, changed, over=sorted(notes.over))
    await rows.add_incidents(tx, [noted.state for _, noted in notes.incidents])
    await tx.record(notes.incidents)
    await performance.count(tx, notes.facts, about=notes.about)
