"""What happens to a courier's duty. Ids only: names and telephones stay in identity."""

from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from msgspec import field

from tawsil.geography.public import CourierDocument
from tawsil.kernel.decisions import Event


class Vehicle(StrEnum):
    BICYCLE = "bicycle"
    MOTORBIKE = "motorbike"
    CAR = "car"


class Fault(StrEnum):
    """What makes a vehicle unsafe to ride."""

    BRAKES = "brakes"
    TYRES = "tyres"
    LIGHTS = "lights"
    STEERING = "steering"
    ENGINE = "engine"
    ACCIDENT = "accident"
    SERVICE_OVERDUE = "service_overdue"
    OTHER = "other"


class Availability(StrEnum):
    OFFLINE = "OFFLINE"
    AVAILABLE = "AVAILABLE"
    ON_OFFER = "ON_OFFER"  # an offer is on the courier's screen
    ON_JOB = "ON_JOB"
    ON_BREAK = "ON_BREAK"
    ENDING_SHIFT = "ENDING_SHIFT"  # the last job of a shift that is otherwise over


class Reason(StrEnum):
    """Why an availability changed."""

    SHIFT_STARTED = "shift_started"
    SHIFT_ENDED = "shift_ended"  # by the courier
    SHIFT_OVER = "shift_over"  # by the clock
    BREAK_TAKEN = "break_taken"
    BREAK_RESUMED = "break_resumed"  # by the courier
    BREAK_EXPIRED = "break_expired"  # by the clock
    OFFERED = "offered"
    OFFER_ACCEPTED = "offer_accepted"
    OFFER_DECLINED = "offer_declined"
    OFFER_MISSED = "offer_missed"
    OFFER_WITHDRAWN = "offer_withdrawn"
    OFFERS_MISSED_IN_A_ROW = "offers_missed_in_a_row"
    ASSIGNED = "assigned"  # by hand, without an offer
    JOB_DONE = "job_done"
    JOB_WITHDRAWN = "job_withdrawn"
    VEHICLE_UNSAFE = "vehicle_unsafe"
    SUSPENDED = "suspended"


class SuspendedBecause(StrEnum):
    """Why a courier may not ride."""

    DOCUMENTS = "documents"
    SAFETY = "safety"
    CONDUCT = "conduct"
    CASH = "cash"
    OWN_WISH = "own_wish"
    OTHER = "other"


class CourierJoined(Event, frozen=True, kw_only=True, tag="courier.joined.v1"):
    courier_id: UUID
    vehicle: Vehicle


class AvailabilityChanged(Event, frozen=True, kw_only=True, tag="courier.availability_changed.v1"):
    """Recorded at every move; `since_at` is when the availability that ended had begun.

    `missed_offers`: how many in a row by now, so that the courier can be warned.
    """

    courier_id: UUID
    from_: Availability = field(name="from")
    to: Availability
    reason: Reason
    since_at: datetime
    missed_offers: int = 0


class BreakStarted(Event, frozen=True, kw_only=True, tag="courier.break_started.v1"):
    """`reason` tells a break that was taken from one that was imposed."""

    courier_id: UUID
    ends_at: datetime
    reason: Reason


class BreakEnded(Event, frozen=True, kw_only=True, tag="courier.break_ended.v1"):
    """`expired`: the clock ended it, not the courier or the end of the shift."""

    courier_id: UUID
    break_s: int
    expired: bool


class VehicleMarkedUnsafe(Event, frozen=True, kw_only=True, tag="courier.vehicle_marked_unsafe.v1"):
    """Whoever dispatches takes back what the courier has not collected yet."""

    courier_id: UUID
    fault: Fault


class VehicleMarkedSafe(Event, frozen=True, kw_only=True, tag="courier.vehicle_marked_safe.v1"):
    """`unsafe_s`: how long the vehicle was out of use."""

    courier_id: UUID
    unsafe_s: int


class PreferencesChanged(Event, frozen=True, kw_only=True, tag="courier.preferences_changed.v1"):
    """All zones the courier likes to work in, in the order of their ids; none: anywhere."""

    courier_id: UUID
    zone_ids: tuple[UUID, ...]


class CourierSuspended(Event, frozen=True, kw_only=True, tag="courier.suspended.v1"):
    courier_id: UUID
    because: SuspendedBecause


class CourierReinstated(Event, frozen=True, kw_only=True, tag="courier.reinstated.v1"):
    """`suspended_s`: for how long the courier could not ride."""

    courier_id: UUID
    suspended_s: int


class DocumentAdded(Event, frozen=True, kw_only=True, tag="courier.document_added.v1"):
    """Its number is not in the log."""

    courier_id: UUID
    document_id: UUID
    kind: CourierDocument
    expires_on: date
    verified: bool


class DocumentVerified(Event, frozen=True, kw_only=True, tag="courier.document_verified.v1"):
    courier_id: UUID
    document_id: UUID
    kind: CourierDocument


class DocumentWithdrawn(Event, frozen=True, kw_only=True, tag="courier.document_withdrawn.v1"):
    """It does not count any more."""

    courier_id: UUID
    document_id: UUID
    kind: CourierDocument


EVENTS: Final = (
    CourierJoined,
    CourierSuspended,
    CourierReinstated,
    DocumentAdded,
    DocumentVerified,
    DocumentWithdrawn,
    AvailabilityChanged,
    BreakStarted,
    BreakEnded,
    VehicleMarkedUnsafe,
    VehicleMarkedSafe,
    PreferencesChanged,
)
