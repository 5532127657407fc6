"""How couriers do: heard from what happens to offers and deliveries, explained, contested."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

from msgspec import Struct

from tawsil.couriers import public as couriers
from tawsil.dispatch import events as facts
from tawsil.dispatch import store
from tawsil.dispatch.events import Cause, IncidentKind
from tawsil.dispatch.model import incident as incidents
from tawsil.dispatch.model import performance, promise
from tawsil.dispatch.model.incident import Incident, IncidentState
from tawsil.dispatch.model.performance import BEST_RATING, Fact, Measure, Standing, Tally
from tawsil.dispatch.model.promise import Promise
from tawsil.dispatch.store import performance_rows as rows
from tawsil.kernel.db import Tx
from tawsil.kernel.deadlines import Due, still_due
from tawsil.kernel.decisions import Accepted, By, Command, Decision, Event, Refusal, refuse
from tawsil.kernel.events import Recorded
from tawsil.tracking.events import StopKind

OWN_CAUSES: Final[Mapping[str, IncidentKind]] = {
    Cause.COURIER_CANCELLED: IncidentKind.JOB_CANCELLED,
    Cause.COURIER_OFFLINE: IncidentKind.WENT_OFFLINE,
    Cause.COURIER_STALLED: IncidentKind.STALLED,
    Cause.TOO_LATE: IncidentKind.RAN_LATE,
}
"""Why a courier lost a delivery, where it is held against them. Safety never is."""
LATELY: Final = timedelta(days=90)
"""What is older costs less than an eighth of what it did, and is not listed."""
MOST_LISTED: Final = 20
COUNTING: Final = (IncidentState.NOTED, IncidentState.CONTESTED, IncidentState.UPHELD)


class _Notes:
    """What a run of events says: promises made and over, facts to count, incidents to note."""

    def __init__(self, tx: Tx, *, promises: dict[UUID, Promise], joined: set[UUID]) -> None:
        self._tx = tx
        self.promises = promises
        self.over: set[UUID] = set()
        self.facts: dict[UUID, list[Fact]] = {}
        self.about: dict[UUID, Recorded[Any]] = {}
        self.incidents: list[tuple[By, Accepted[Incident]]] = []
        self._joined = joined

    def fact(self, recorded: Recorded[Any], fact: Fact) -> None:
        courier_id = recorded.event.courier_id
        self.facts.setdefault(courier_id, []).append(fact)
        self.about[courier_id] = recorded

    def well(
        self, recorded: Recorded[Any], measure: Measure, response_s: float | None = None
    ) -> None:
        self.fact(recorded, Fact(measure=measure, good=True, at=recorded.at, response_s=response_s))

    def badly(
        self,
        recorded: Recorded[Any],
        kind: IncidentKind,
        *,
        subject_id: UUID,
        response_s: float | None = None,
        late_s: int | None = None,
    ) -> None:
        assert recorded.city_id is not None, "offers and deliveries are of a city"
        noted = incidents.note(
            Incident(
                id=self._tx.ids(),
                tenant_id=recorded.tenant_id,
                city_id=recorded.city_id,
                courier_id=recorded.event.courier_id,
                kind=kind,
                subject_id=subject_id,
                happened_at=recorded.at,
                late_s=late_s,
            )
        )
        self.incidents.append((recorded.by, noted))
        measure = noted.state.fact.measure
        self.fact(
            recorded, Fact(measure=measure, good=False, at=recorded.at, response_s=response_s)
        )

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
        """Whoever is on a job has their hands full: an offer to join it may pass."""
        offer_id = recorded.event.offer_id
        if offer_id not in self._joined:
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
        self._keep(
            Promise(
                delivery_id=event.delivery_id,
                courier_id=event.courier_id,
                pickup_at=recorded.at,
                dropoff_at=event.dropoff_eta_at,
            )
        )

    def moved(self, recorded: Recorded[facts.EtaMoved]) -> None:
        event = recorded.event
        if held := self._held(recorded):
            self._keep(
                promise.moved(held, pickup_at=event.pickup_eta_at, dropoff_at=event.dropoff_eta_at)
            )

    def arrived(self, recorded: Recorded[facts.DeliveryArrived]) -> None:
        held = self._held(recorded)
        if held and recorded.event.kind is StopKind.PICKUP:
            self._keep(promise.arrived(held, at=recorded.at))

    def collected(self, recorded: Recorded[facts.DeliveryPickedUp]) -> None:
        if held := self._held(recorded):
            self._keep(promise.collected(held, at=recorded.at))

    def done(self, recorded: Recorded[facts.DeliveryDone]) -> None:
        self.well(recorded, Measure.COMPLETION)
        if held := self._held(recorded):
            late = promise.late_by(held, handed_over_at=recorded.at)
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


HEARD: Final[Mapping[type[Event], Callable[[_Notes, Recorded[Any]], None]]] = {
    facts.OfferAccepted: _Notes.accepted,
    facts.OfferRejected: _Notes.declined,
    facts.OfferExpired: _Notes.missed,
    facts.DeliveryAssigned: _Notes.assigned,
    facts.EtaMoved: _Notes.moved,
    facts.DeliveryHandedOver: _Notes.handed_over,
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
    notes = _Notes(tx, promises=dict(known), joined={o.id for o in offers.values() if o.joins})
    for recorded in events:
        HEARD[type(recorded.event)](notes, recorded)
    changed = [p for id_, p in notes.promises.items() if p != known.get(id_)]
    await rows.keep_promises(tx, changed, over=sorted(notes.over))
    await rows.add_incidents(tx, [noted.state for _, noted in notes.incidents])
    await tx.record(notes.incidents)
    await _count(tx, notes)


async def _count(tx: Tx, notes: _Notes) -> None:
    if not notes.facts:
        return
    await rows.begin_tallies(tx, [_newcomer(tx, id_, notes.about[id_]) for id_ in notes.facts])
    tallies = await rows.lock_tallies(tx, ids=list(notes.facts))
    ratings = await _ratings(tx, notes.facts)
    await _save(
        tx,
        tallies,
        [
            (
                notes.about[id_].by,
                performance.observe(tally, notes.facts[id_], rating=ratings[id_], now=tx.now),
            )
            for id_, tally in tallies.items()
        ],
    )


def _newcomer(tx: Tx, courier_id: UUID, recorded: Recorded[Any]) -> Tally:
    assert recorded.city_id is not None, "offers and deliveries are of a city"
    return Tally(
        id=courier_id,
        tenant_id=recorded.tenant_id,
        city_id=recorded.city_id,
        as_of_at=tx.now,
    )


async def _save(
    tx: Tx, before: Mapping[UUID, Tally], decided: Sequence[tuple[By, Accepted[Tally]]]
) -> None:
    expected = {id_: tally.version for id_, tally in before.items()}
    await rows.save_tallies(tx, [after.state for _, after in decided], expected=expected)
    await tx.record(decided)


async def _ratings(tx: Tx, courier_ids: Iterable[UUID]) -> dict[UUID, float]:
    ids = list(courier_ids)
    known = await couriers.get_many(tx, ids=ids)
    return {id_: known[id_].rating if id_ in known else BEST_RATING for id_ in ids}


class IncidentCommand(Command, frozen=True, kw_only=True):
    courier_id: UUID
    incident_id: UUID
    reason: str


class Contest(IncidentCommand, frozen=True, kw_only=True):
    """The courier says why it should not count."""


class Decide(IncidentCommand, frozen=True, kw_only=True):
    """Operations lets it count (`upheld`) or strikes it."""

    upheld: bool


class Weighed(Struct, frozen=True, kw_only=True):
    """An incident and what it costs now, in points of 100."""

    incident: Incident
    points: float


C = TypeVar("C", bound=IncidentCommand)
Outcomes = list[Weighed | Refusal]


async def contest(tx: Tx, commands: Sequence[Contest]) -> Outcomes:
    return await _handle(
        tx, commands, lambda i, c: incidents.contest(i, reason=c.reason, now=tx.now)
    )


async def decide(tx: Tx, commands: Sequence[Decide]) -> Outcomes:
    return await _handle(
        tx,
        commands,
        lambda i, c: incidents.decide(
            i, upheld=c.upheld, reason=c.reason, actor_id=c.by.actor_id, now=tx.now
        ),
    )


async def _handle(
    tx: Tx, commands: Sequence[C], ask: Callable[[Incident, C], Decision[Incident]]
) -> Outcomes:
    """Decide commands one after another, each on what the one before it left."""
    found = await rows.lock_incidents(tx, ids=[c.incident_id for c in commands])
    outcomes: list[Incident | Refusal] = []
    decided: list[tuple[By, Accepted[Incident]]] = []
    for command in commands:
        incident = found.get(command.incident_id)
        if (
            incident is None
            or incident.tenant_id != command.by.tenant_id
            or incident.courier_id != command.courier_id
        ):
            outcomes.append(refuse("request.not_found", status=404))
            continue
        decision = ask(incident, command)
        if isinstance(decision, Refusal):
            outcomes.append(decision)
            continue
        found[incident.id] = decision.state
        decided.append((command.by, decision))
        outcomes.append(decision.state)
    await _settle(tx, decided)
    weighed = {
        w.incident.id: w for w in await weigh(tx, [o for o in outcomes if isinstance(o, Incident)])
    }
    return [o if isinstance(o, Refusal) else weighed[o.id] for o in outcomes]


async def on_due_incident(tx: Tx, due: Sequence[Due]) -> None:
    """What was contested and not decided in time is struck: the owner of their deadlines."""
    found = await rows.lock_incidents(tx, ids=[d.subject_id for d in due])
    await _settle(
        tx,
        [
            (
                By(tenant_id=incident.tenant_id, correlation_id=tx.ids()),
                incidents.let_lapse(incident, now=tx.now),
            )
            for incident in still_due(due, found, now=tx.now)
        ],
    )


async def _settle(tx: Tx, decided: Sequence[tuple[By, Accepted[Incident]]]) -> None:
    """Save what was decided, and count what was struck no more."""
    expected: dict[UUID, int] = {}
    for _, decision in decided:
        expected.setdefault(decision.state.id, decision.expected_version)
    last = {decision.state.id: decision.state for _, decision in decided}
    await rows.save_incidents(tx, list(last.values()), expected=expected)
    await tx.record(decided)
    struck = {
        decision.state.id: (by, decision.state)
        for by, decision in decided
        if decision.state.state is IncidentState.STRUCK
    }
    tallies = await rows.lock_tallies(tx, ids=[i.courier_id for _, i in struck.values()])
    ratings = await _ratings(tx, tallies)
    after, by_whom = dict(tallies), dict[UUID, By]()
    for by, incident in struck.values():
        id_ = incident.courier_id
        after[id_] = performance.without(after[id_], incident.fact)
        by_whom[id_] = by
    await _save(
        tx,
        tallies,
        [
            (by_whom[id_], performance.told(tally, rating=ratings[id_], now=tx.now))
            for id_, tally in after.items()
        ],
    )


async def standing(tx: Tx, *, courier_ids: Sequence[UUID]) -> dict[UUID, Standing]:
    """How couriers do; of whoever is new, what is expected of anybody."""
    known = await rows.tallies(tx, ids=courier_ids)
    found = await couriers.get_many(tx, ids=courier_ids)
    return {
        id_: performance.standing(
            known.get(id_)
            or Tally(id=id_, tenant_id=courier.tenant_id, city_id=courier.city_id, as_of_at=tx.now),
            rating=courier.rating,
            now=tx.now,
        )
        for id_, courier in found.items()
    }


async def weigh(tx: Tx, noted: Sequence[Incident]) -> list[Weighed]:
    """What each of these costs its courier now; what is struck costs nothing."""
    ids = list({incident.courier_id for incident in noted})
    tallies = await rows.tallies(tx, ids=ids)
    ratings = await _ratings(tx, ids)
    return [
        Weighed(
            incident=incident,
            points=0.0
            if incident.state is IncidentState.STRUCK
            else performance.points_lost(
                tallies[incident.courier_id],
                incident.kind,
                at=incident.happened_at,
                rating=ratings[incident.courier_id],
                now=tx.now,
            ),
        )
        for incident in noted
    ]


async def recent(tx: Tx, *, tenant_id: UUID, courier_id: UUID) -> list[Weighed]:
    """What still costs a courier points and happened lately, the latest first."""
    noted, _ = await rows.incidents_of(
        tx,
        tenant_id=tenant_id,
        courier_id=courier_id,
        states=COUNTING,
        since_at=tx.now - LATELY,
        limit=MOST_LISTED,
        offset=0,
    )
    return [weighed for weighed in await weigh(tx, noted) if weighed.points > 0]
