"""A delivery, and what each step decides.

Deliveries know no orders. Whoever asks for one names it by an opaque `reference_id`.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.dispatch import events
from tawsil.dispatch.events import Cause
from tawsil.dispatch.model.offer import Etas, Offer
from tawsil.dispatch.model.rules import DEFAULT_RULES, Action, Offering, Rules
from tawsil.dispatch.model.states import (
    ASSIGNED,
    DONE,
    MOVES,
    OFFERED,
    RETURNED,
    TO_COLLECT,
    WAITING,
    WITH_COURIER,
    WITHDRAWN,
    WITHOUT_COURIER,
    State,
)
from tawsil.dispatch.model.watch import Risk, Undo, Watch
from tawsil.kernel.decisions import (
    Accepted,
    Deadline,
    Decision,
    Refusal,
    accept,
    refuse,
)
from tawsil.kernel.money import share
from tawsil.kernel.places import Place

COMMIT_AHEAD: Final = timedelta(minutes=3)
"""Until then a delivery may be held on purpose: a courier nearby need not set off yet."""
NOBODY_CAME: Final = "nobody_came"
SEEN_BY_LOOKING: Final = frozenset({Cause.COURIER_OFFLINE, Cause.COURIER_STALLED, Cause.TOO_LATE})
"""What a look at the courier shows, and what the courier's being seen again refutes."""


class Delivery(Struct, frozen=True, kw_only=True):
    """Something to be fetched from one place and handed over at another.

    Deliveries of one `site_id` may be collected together. `correlation_id` is the story of
    whoever asked for it: all that happens to the delivery is recorded as part of that story.
    """

    stream: ClassVar[str] = "delivery"

    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID
    correlation_id: UUID
    reference_id: UUID
    site_id: UUID
    pickup: Place
    dropoff: Place
    ready_at: datetime
    requested_at: datetime
    searched_since_at: datetime
    """When it was asked for, or lost its courier."""
    earning_minor: int
    currency: str
    parts: events.PayParts = events.PayParts()
    collect_minor: int = 0  # in cash, at the drop-off
    rules: Rules = DEFAULT_RULES
    incentive_minor: int = 0
    """What the ladder added to the earning."""
    state: State = WAITING
    level: int = 0
    courier_id: UUID | None = None
    round_id: UUID | None = None
    """The round of offers that is pending, or the one in which it was accepted."""
    declined_by: frozenset[UUID] = frozenset()
    lost_by: frozenset[UUID] = frozenset()
    """Who had it and lost it; they are not asked for it again."""
    lost_because: Cause | None = None  # None when it never lost a courier, or has one again
    first_offered_at: datetime | None = None
    assigned_at: datetime | None = None
    arrived_at: datetime | None = None
    collected_at: datetime | None = None
    etas: Etas | None = None
    watch: Watch | None = None
    risk: Risk | None = None
    stranded: frozenset[Cause] = frozenset()
    """What cost its courier the way while it was on board, and people were told of."""
    undo: Undo | None = None
    ended_at: datetime | None = None
    ended_because: str | None = None

    def __post_init__(self) -> None:
        assert (self.courier_id is not None) == (self.state in WITH_COURIER | {DONE, RETURNED})
        assert (self.etas is not None) == (self.courier_id is not None)
        assert (self.watch is not None) == (self.state in WITH_COURIER)
        assert self.risk is None or self.state in WITH_COURIER
        assert self.lost_because is None or self.courier_id is None
        assert self.lost_by <= self.declined_by
        assert 0 <= self.level <= len(self.rules.ladder)
        assert self.incentive_minor >= 0

    @property
    def urgent_at(self) -> datetime:
        """From when on it is late that nobody is under way; the ladder counts from here."""
        return max(self.searched_since_at, self.ready_at - COMMIT_AHEAD)

    @property
    def pay_minor(self) -> int:
        """What whoever delivers it earns."""
        return self.earning_minor + self.incentive_minor

    @property
    def reach(self) -> float:
        """How much further than usual couriers may come from."""
        return self.rules.widen_factor ** self.rules.actions_to(self.level, Action.WIDEN)

    @property
    def offering(self) -> Offering:
        """How many are asked at a time: as the city has it, or all once a rung says so."""
        broadcast = self.rules.actions_to(self.level, Action.BROADCAST) > 0
        return Offering.BROADCAST if broadcast else self.rules.offering

    @property
    def deadline(self) -> Deadline | None:
        """The next rung while nobody has it; then the next look at its courier, or the end of a
        grace if that is sooner.
        """
        if self.state in WITHOUT_COURIER:
            kind, after_s = "give_up", self.rules.give_up_after_s
            if self.level < len(self.rules.ladder):
                kind, after_s = "escalate", self.rules.ladder[self.level].after_s
            return Deadline(kind=kind, at=self.urgent_at + timedelta(seconds=after_s))
        if self.watch is None:
            return None
        look = Deadline(kind="look", at=self.watch.next_at)
        ends_at = self.grace_ends_at
        if ends_at is not None and ends_at < look.at:
            return Deadline(kind="grace_over", at=ends_at)
        return look

    @property
    def grace_ends_at(self) -> datetime | None:
        """When the courier loses it, or is taken to be lost with it; None if nothing is to come."""
        if self.risk is None or self.risk.cause in self.stranded:
            return None
        return self.risk.since_at + self.rules.graces.after(self.risk.cause)


def request(delivery: Delivery) -> Decision[Delivery]:
    return accept(
        delivery,
        _event(
            events.DeliveryRequested,
            delivery,
            site_id=delivery.site_id,
            ready_at=delivery.ready_at,
            urgent_at=delivery.urgent_at,
        ),
    )


def move_ready_time(delivery: Delivery, *, ready_at: datetime) -> Decision[Delivery]:
    """The goods will be ready at another time than was thought."""
    if delivery.state not in WITHOUT_COURIER | TO_COLLECT:
        return refuse("dispatch.already_collected", state=delivery.state)
    if ready_at == delivery.ready_at:
        return accept(delivery)
    moved = replace(delivery, ready_at=ready_at)
    fact = _event(events.ReadyTimeMoved, moved, ready_at=ready_at)
    if moved.etas is None:
        return accept(moved, fact)
    pickup_at = max(ready_at, moved.etas.arrival_at)
    later = pickup_at - moved.etas.pickup_at
    moved = replace(
        moved,
        etas=Etas(
            arrival_at=moved.etas.arrival_at,
            pickup_at=pickup_at,
            dropoff_at=moved.etas.dropoff_at + later,
        ),
    )
    return accept(moved, fact, _eta_moved(moved))


def not_searched_for(delivery: Delivery) -> Refusal | None:
    """Why no courier can be asked about it: one has it, or it is over."""
    return None if delivery.state in WITHOUT_COURIER else _illegal(delivery, OFFERED)


def offer(delivery: Delivery, *, offers: Sequence[Offer], now: datetime) -> Decision[Delivery]:
    """A round of offers begins: whoever of them says yes first has it."""
    first, *others = offers
    assert {o.round_id for o in others} <= {first.round_id}, "one round at a time"
    if no := refused(delivery, OFFERED):
        return no
    offered = replace(
        delivery,
        state=OFFERED,
        round_id=first.round_id,
        first_offered_at=delivery.first_offered_at or now,
    )
    return accept(
        offered,
        _event(
            events.DeliveryOffered,
            offered,
            offer_id=first.id,
            courier_id=first.courier_id,
            also_asked=tuple(o.courier_id for o in others),
        ),
    )


def fall_through(
    delivery: Delivery, *, offer: Offer, reason: str, declined_by: AbstractSet[UUID]
) -> Decision[Delivery]:
    """The last pending offer of a round came to nothing; who declined in it is not asked again."""
    assert delivery.state is OFFERED, "only an offered delivery loses its offer"
    assert delivery.round_id == offer.round_id, "an offer speaks for its own deliveries"
    left = replace(
        delivery,
        state=WAITING,
        round_id=None,
        declined_by=delivery.declined_by | declined_by,
        incentive_minor=_incentive_minor(delivery, delivery.level),
    )
    return accept(
        left,
        _event(
            events.OfferFellThrough,
            left,
            offer_id=offer.id,
            courier_id=offer.courier_id,
            reason=reason,
        ),
    )


def assign(
    delivery: Delivery,
    *,
    courier_id: UUID,
    etas: Etas,
    now: datetime,
    declined_by: AbstractSet[UUID] = frozenset(),
) -> Decision[Delivery]:
    """The courier has it, because they accepted or because an operator said so.

    Who declined before another accepted is not asked again if that one loses it.
    """
    if no := refused(delivery, ASSIGNED):
        return no
    assigned = replace(
        delivery,
        state=ASSIGNED,
        courier_id=courier_id,
        etas=etas,
        assigned_at=now,
        first_offered_at=delivery.first_offered_at or now,
        declined_by=delivery.declined_by | declined_by,
        lost_because=None,
        watch=Watch.begin(now),
        level=0,
    )
    return accept(
        assigned,
        _event(
            events.DeliveryAssigned,
            assigned,
            courier_id=courier_id,
            pickup_eta_at=etas.pickup_at,
            dropoff_eta_at=etas.dropoff_at,
            urgent_at=assigned.urgent_at,
            first_offered_at=assigned.first_offered_at,
        ),
    )


def reschedule(delivery: Delivery, *, etas: Etas) -> Decision[Delivery]:
    """The courier's route changed; what is in hand already keeps its past."""
    if delivery.state not in TO_COLLECT or delivery.etas == etas:
        return accept(delivery)
    moved = replace(delivery, etas=etas)
    return accept(moved, _eta_moved(moved))


def unassign(delivery: Delivery, *, cause: Cause, now: datetime) -> Decision[Delivery]:
    """Take it from its courier; the search and its ladder begin anew.

    The courier is not asked again, unless an operator has only taken back giving it to them.
    """
    if delivery.state not in TO_COLLECT:
        return _illegal(delivery, WAITING)
    courier_id = delivery.courier_id
    assert courier_id is not None, "an assigned delivery has a courier"
    undone = cause is Cause.UNDONE
    lost = replace(
        delivery,
        state=WAITING,
        courier_id=None,
        round_id=None,
        etas=None,
        watch=None,
        risk=None,
        assigned_at=None,
        arrived_at=None,
        first_offered_at=None,
        searched_since_at=now,
        declined_by=delivery.declined_by | (set() if undone else {courier_id}),
        lost_by=delivery.lost_by | (set() if undone else {courier_id}),
        lost_because=None if undone else cause,
    )
    return accept(
        lost, _event(events.DeliveryUnassigned, lost, courier_id=courier_id, reason=cause.value)
    )


def recovered(delivery: Delivery, *, now: datetime) -> Accepted[Delivery]:
    """The courier goes on with it."""
    risk, courier_id = delivery.risk, delivery.courier_id
    assert risk is not None, "only what is at risk recovers"
    at_risk_s = round((now - risk.since_at).total_seconds())
    well = replace(delivery, risk=None, stranded=delivery.stranded - {risk.cause})
    return accept(
        well,
        _event(
            events.DeliveryRecovered,
            well,
            courier_id=courier_id,
            cause=risk.cause,
            at_risk_s=at_risk_s,
        ),
    )


def withdraw(delivery: Delivery, *, reason: str, now: datetime) -> Decision[Delivery]:
    """Nobody wants it any more; too late once it was collected."""
    if delivery.state not in WITHOUT_COURIER | TO_COLLECT:
        return refuse("dispatch.already_collected", state=delivery.state)
    gone = _ended(delivery, reason=reason, now=now)
    return accept(
        gone,
        _event(events.DeliveryWithdrawn, gone, courier_id=delivery.courier_id, reason=reason),
    )


def escalate(delivery: Delivery, *, reason: str) -> Decision[Delivery]:
    """Climb one rung of the ladder. Who declined may be asked again, but not who lost it.

    What was offered stays as it was offered: while it is, a raise waits for the next offer.
    """
    if delivery.state not in WITHOUT_COURIER:
        return refuse("dispatch.has_courier", state=delivery.state)
    rules = delivery.rules
    if delivery.level == len(rules.ladder):
        return refuse("dispatch.top_of_ladder", level=delivery.level)
    level = delivery.level + 1
    higher = replace(
        delivery,
        level=level,
        incentive_minor=delivery.incentive_minor
        if delivery.state is OFFERED
        else _incentive_minor(delivery, level),
        declined_by=delivery.lost_by,
    )
    return accept(
        higher,
        _event(
            events.DeliveryEscalated,
            higher,
            level=level,
            reason=reason,
            actions=tuple(rules.ladder[level - 1].actions),
            incentive_minor=higher.incentive_minor,
        ),
    )


def _incentive_minor(delivery: Delivery, level: int) -> int:
    """What is on top of the earning at a rung; what was on top before stays."""
    raises = delivery.rules.actions_to(level, Action.RAISE)
    raised = share(delivery.earning_minor, basis_points=delivery.rules.raise_bp * raises)
    return max(delivery.incentive_minor, raised)


def give_up(delivery: Delivery, *, now: datetime) -> Decision[Delivery]:
    assert delivery.state in WITHOUT_COURIER, "only a delivery that nobody has is given up"
    gone = _ended(delivery, reason=NOBODY_CAME, now=now)
    return accept(gone, _event(events.DeliveryGivenUp, gone, reason=NOBODY_CAME))


def refused(delivery: Delivery, to: State) -> Refusal | None:
    """Why it cannot become so, if it cannot."""
    return None if to in MOVES[delivery.state] else _illegal(delivery, to)


def _illegal(delivery: Delivery, to: State) -> Refusal:
    legal = sorted(MOVES[delivery.state])
    return refuse("dispatch.illegal_move", state=delivery.state, asked=to, legal=legal)


def _ended(delivery: Delivery, *, reason: str, now: datetime) -> Delivery:
    return replace(
        delivery,
        state=WITHDRAWN,
        courier_id=None,
        round_id=None,
        etas=None,
        watch=None,
        risk=None,
        lost_because=None,
        ended_at=now,
        ended_because=reason,
    )


def _eta_moved(delivery: Delivery) -> events.EtaMoved:
    assert delivery.etas is not None
    assert delivery.courier_id is not None
    return events.EtaMoved(
        delivery_id=delivery.id,
        reference_id=delivery.reference_id,
        courier_id=delivery.courier_id,
        pickup_eta_at=delivery.etas.pickup_at,
        dropoff_eta_at=delivery.etas.dropoff_at,
    )


def _event(cls: Any, delivery: Delivery, **fields: Any) -> Any:
    return cls(delivery_id=delivery.id, reference_id=delivery.reference_id, **fields)
