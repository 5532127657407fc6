"""What a courier may do next, and what then is so."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.couriers.events import (
    Availability,
    AvailabilityChanged,
    BreakEnded,
    BreakStarted,
    CourierReinstated,
    CourierSuspended,
    Fault,
    PreferencesChanged,
    Reason,
    SuspendedBecause,
    Vehicle,
    VehicleMarkedSafe,
    VehicleMarkedUnsafe,
)
from tawsil.couriers.papers import Lacking
from tawsil.kernel.decisions import Deadline, Decision, Event, Refusal, accept, refuse, then

SHORTEST_BREAK: Final = timedelta(minutes=5)
LONGEST_BREAK: Final = timedelta(minutes=240)
LONGEST_SHIFT: Final = timedelta(hours=24)
MISSED_IN_A_ROW: Final = 3
BREAK_AFTER_MISSED: Final = timedelta(minutes=15)
MOST_ZONES: Final = 20

OFFLINE, AVAILABLE, ON_OFFER, ON_JOB, ON_BREAK, ENDING_SHIFT = Availability

MOVES: Final[Mapping[Availability, frozenset[Availability]]] = {
    OFFLINE: frozenset({AVAILABLE}),
    AVAILABLE: frozenset({ON_OFFER, ON_JOB, ON_BREAK, OFFLINE}),
    # Leaving duty with an offer on the screen is allowed: whoever made the offer hears of it.
    ON_OFFER: frozenset({AVAILABLE, ON_JOB, ON_BREAK, OFFLINE}),
    ON_JOB: frozenset({AVAILABLE, ENDING_SHIFT}),
    ON_BREAK: frozenset({AVAILABLE, OFFLINE}),
    ENDING_SHIFT: frozenset({OFFLINE}),
}


class Courier(Struct, frozen=True, kw_only=True):
    """A courier's duty. `id` is the user's id; `missed_offers` counts those missed in a row.

    `reason` is why the availability is what it is; nobody who was never on duty has one. With an
    unsafe vehicle (`fault` says why) a courier is off duty, or finishes what they carry; so is one
    who is suspended.
    """

    stream: ClassVar[str] = "courier"

    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID
    vehicle: Vehicle
    availability: Availability = OFFLINE
    reason: Reason | None = None
    since_at: datetime
    shift_ends_at: datetime | None = None
    break_ends_at: datetime | None = None
    rating: float = 5.0
    missed_offers: int = 0
    vehicle_unsafe_since_at: datetime | None = None
    fault: Fault | None = None
    preferred_zones: frozenset[UUID] = frozenset()
    suspended_since_at: datetime | None = None
    suspended_because: SuspendedBecause | None = None

    def __post_init__(self) -> None:
        assert (self.break_ends_at is not None) == (self.availability is ON_BREAK)
        assert self.shift_ends_at is None or self.availability is not OFFLINE
        assert 0 <= self.missed_offers < MISSED_IN_A_ROW
        assert 1 <= self.rating <= 5
        assert (self.vehicle_unsafe_since_at is None) == (self.fault is None)
        assert self.fault is None or self.availability in {OFFLINE, ENDING_SHIFT}
        assert (self.suspended_since_at is None) == (self.suspended_because is None)
        assert not self.suspended_because or self.availability in {OFFLINE, ENDING_SHIFT}
        assert len(self.preferred_zones) <= MOST_ZONES

    @property
    def deadline(self) -> Deadline | None:
        """A break ends by itself, and so does a shift with an end.

        An offer has a deadline of its own, held by whoever made it; a shift that ends meanwhile is
        over as soon as the offer is settled.
        """
        if self.availability not in {AVAILABLE, ON_JOB, ON_BREAK}:
            return None
        ends = [
            Deadline(kind=kind, at=at)
            for kind, at in (("shift_over", self.shift_ends_at), ("break_over", self.break_ends_at))
            if at is not None
        ]
        return min(ends, key=lambda end: end.at, default=None)


def start_shift(
    courier: Courier,
    *,
    until: datetime | None,
    now: datetime,
    lacking: Lacking | None = None,
) -> Decision[Courier]:
    """Put the courier on duty, until they end it or until an instant within a day.

    `lacking` is a document that their city asks for, and what is wrong with it.
    """
    if until is not None and not now < until <= now + LONGEST_SHIFT:
        hours = LONGEST_SHIFT // timedelta(hours=1)
        return refuse("courier.shift_end_out_of_range", status=422, hours=hours)
    if courier.fault is not None and courier.availability is OFFLINE:
        return refuse("courier.vehicle_unsafe", fault=courier.fault)
    if courier.availability is OFFLINE:
        if courier.suspended_because is not None:
            return refuse("courier.suspended", because=courier.suspended_because)
        if lacking is not None:
            return refuse(f"courier.{lacking.kind}_{lacking.state}", document=lacking.kind)
    return _move(
        replace(courier, missed_offers=0),
        AVAILABLE,
        only_from={OFFLINE},
        reason=Reason.SHIFT_STARTED,
        now=now,
        shift_ends_at=until,
    )


def take_break(courier: Courier, *, length: timedelta, now: datetime) -> Decision[Courier]:
    """Put the courier on break until `now + length`; refuse while a job is under way."""
    if not SHORTEST_BREAK <= length <= LONGEST_BREAK:
        minute = timedelta(minutes=1)
        return refuse(
            "courier.break_length_out_of_range",
            status=422,
            least_minutes=SHORTEST_BREAK // minute,
            most_minutes=LONGEST_BREAK // minute,
        )
    return _move(
        replace(courier, missed_offers=0),
        ON_BREAK,
        reason=Reason.BREAK_TAKEN,
        now=now,
        break_ends_at=now + length,
    )


def resume(courier: Courier, *, now: datetime) -> Decision[Courier]:
    return _move(courier, AVAILABLE, only_from={ON_BREAK}, reason=Reason.BREAK_RESUMED, now=now)


def end_shift(courier: Courier, *, now: datetime) -> Decision[Courier]:
    """Send the courier home: at once, or when the job under way is done."""
    if courier.availability is ENDING_SHIFT:
        return accept(courier)
    return _move(courier, _after_shift(courier), reason=Reason.SHIFT_ENDED, now=now)


def mark_unsafe(courier: Courier, *, fault: Fault, now: datetime) -> Decision[Courier]:
    """Take the vehicle off the road: nothing new is fetched with it.

    What was collected is brought to its door first. Marked again, the first fault stands.
    """
    if courier.fault is not None:
        return accept(courier)
    return then(
        _sent_home(courier, reason=Reason.VEHICLE_UNSAFE, now=now),
        lambda c: accept(
            replace(c, vehicle_unsafe_since_at=now, fault=fault),
            VehicleMarkedUnsafe(courier_id=c.id, fault=fault),
        ),
    )


def suspend(courier: Courier, *, because: SuspendedBecause, now: datetime) -> Decision[Courier]:
    """Take a courier off the road; what they have taken on is brought to its door first."""
    if courier.suspended_because is not None:
        return accept(courier)
    return then(
        _sent_home(courier, reason=Reason.SUSPENDED, now=now),
        lambda c: accept(
            replace(c, suspended_since_at=now, suspended_because=because),
            CourierSuspended(courier_id=c.id, because=because),
        ),
    )


def reinstate(courier: Courier, *, now: datetime) -> Decision[Courier]:
    """The courier may ride again, and comes on duty when they want to."""
    since_at = courier.suspended_since_at
    if since_at is None:
        return accept(courier)
    return accept(
        replace(courier, suspended_since_at=None, suspended_because=None),
        CourierReinstated(
            courier_id=courier.id, suspended_s=round((now - since_at).total_seconds())
        ),
    )


def _sent_home(courier: Courier, *, reason: Reason, now: datetime) -> Decision[Courier]:
    """Off duty at once, or after what they have taken on."""
    if courier.availability in {OFFLINE, ENDING_SHIFT}:
        return accept(courier)
    left = _move(courier, _after_shift(courier), reason=reason, now=now)
    assert not isinstance(left, Refusal), "whoever is on duty may leave it"
    return left


def mark_safe(courier: Courier, *, now: datetime) -> Decision[Courier]:
    """The vehicle may ride again. Its courier comes on duty when they want to."""
    since_at = courier.vehicle_unsafe_since_at
    if since_at is None:
        return accept(courier)
    return accept(
        replace(courier, vehicle_unsafe_since_at=None, fault=None),
        VehicleMarkedSafe(courier_id=courier.id, unsafe_s=round((now - since_at).total_seconds())),
    )


def prefer(
    courier: Courier, *, zones: AbstractSet[UUID], known: AbstractSet[UUID]
) -> Decision[Courier]:
    """Note where the courier likes to work: `zones` of those `known` in their city."""
    if len(zones) > MOST_ZONES:
        return refuse("courier.too_many_zones", status=422, most=MOST_ZONES)
    if strange := zones - known:
        return refuse("courier.zone_not_in_city", status=422, zone_ids=sorted(map(str, strange)))
    if zones == courier.preferred_zones:
        return accept(courier)
    return accept(
        replace(courier, preferred_zones=frozenset(zones)),
        PreferencesChanged(courier_id=courier.id, zone_ids=tuple(sorted(zones))),
    )


def hold(courier: Courier, *, now: datetime) -> Decision[Courier]:
    """Keep the courier for one offer: nobody else can be offered them meanwhile."""
    return _move(courier, ON_OFFER, reason=Reason.OFFERED, now=now)


def engage(courier: Courier, *, now: datetime) -> Decision[Courier]:
    """Give the courier a job: the offer was accepted, or it was assigned by hand."""
    offered = courier.availability is ON_OFFER
    reason = Reason.OFFER_ACCEPTED if offered else Reason.ASSIGNED
    return _move(replace(courier, missed_offers=0), ON_JOB, reason=reason, now=now)


def release(courier: Courier, *, reason: Reason | None, now: datetime) -> Decision[Courier]:
    """Free the courier of the offer or the job; nothing happens to one who has neither.

    Without a `reason`, an offer was withdrawn and a job is done. Declining an offer is an answer,
    so it ends a row of missed ones.
    """
    if courier.availability not in {ON_OFFER, ON_JOB, ENDING_SHIFT}:
        return accept(courier)
    if reason is None:
        held = courier.availability is ON_OFFER
        reason = Reason.OFFER_WITHDRAWN if held else Reason.JOB_DONE
    to = OFFLINE if courier.availability is ENDING_SHIFT else AVAILABLE
    missed = 0 if reason is Reason.OFFER_DECLINED else courier.missed_offers
    return _move(replace(courier, missed_offers=missed), to, reason=reason, now=now)


def miss_offer(courier: Courier, *, now: datetime) -> Decision[Courier]:
    """Count an unanswered offer; after three in a row the courier is given a break."""
    missed = courier.missed_offers + 1
    if missed < MISSED_IN_A_ROW:
        return _move(
            replace(courier, missed_offers=missed),
            AVAILABLE,
            only_from={ON_OFFER},
            reason=Reason.OFFER_MISSED,
            now=now,
        )
    return _move(
        replace(courier, missed_offers=0),
        ON_BREAK,
        only_from={ON_OFFER},
        reason=Reason.OFFERS_MISSED_IN_A_ROW,
        now=now,
        break_ends_at=now + BREAK_AFTER_MISSED,
    )


def reach_deadline(courier: Courier, *, now: datetime) -> Decision[Courier]:
    """End what the clock ends; nothing happens before its time."""
    deadline = courier.deadline
    if deadline is None or deadline.at > now:
        return accept(courier)
    if deadline.kind == "break_over":
        return _move(courier, AVAILABLE, reason=Reason.BREAK_EXPIRED, now=now)
    return _move(courier, _after_shift(courier), reason=Reason.SHIFT_OVER, now=now)


def _after_shift(courier: Courier) -> Availability:
    return ENDING_SHIFT if courier.availability is ON_JOB else OFFLINE


def _move(
    courier: Courier,
    to: Availability,
    *,
    reason: Reason,
    now: datetime,
    only_from: AbstractSet[Availability] = frozenset(Availability),
    break_ends_at: datetime | None = None,
    shift_ends_at: datetime | None = None,
) -> Decision[Courier]:
    was, may = courier.availability, MOVES[courier.availability]
    if to not in may or was not in only_from:
        return refuse("courier.move_not_allowed", availability=was, asked=to, legal=sorted(may))
    facts: list[Event] = [
        AvailabilityChanged(
            courier_id=courier.id,
            from_=was,
            to=to,
            reason=reason,
            since_at=courier.since_at,
            missed_offers=courier.missed_offers,
        )
    ]
    if was is ON_BREAK:
        facts.append(
            BreakEnded(
                courier_id=courier.id,
                break_s=round((now - courier.since_at).total_seconds()),
                expired=reason is Reason.BREAK_EXPIRED,
            )
        )
    if break_ends_at is not None:
        facts.append(BreakStarted(courier_id=courier.id, ends_at=break_ends_at, reason=reason))
    after = replace(
        courier,
        availability=to,
        reason=reason,
        since_at=now,
        break_ends_at=break_ends_at,
        shift_ends_at=None if to is OFFLINE else shift_ends_at or courier.shift_ends_at,
    )
    return accept(after, *facts)
