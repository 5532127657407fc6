"""Couriers as the API shows them, and what they are told about their own state."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.couriers.events import Availability, Fault, Reason, SuspendedBecause, Vehicle
from tawsil.couriers.model import BREAK_AFTER_MISSED, MISSED_IN_A_ROW, Courier
from tawsil.couriers.public import Span
from tawsil.kernel.i18n import text
from tawsil.tracking import public as tracking

GAP_AFTER: Final = timedelta(seconds=60)
TRACK_POINTS: Final = 2_000


class CourierView(Struct, frozen=True):
    """A courier's duty. `message` is for the courier, when there is something to tell them."""

    id: UUID
    city_id: UUID
    vehicle: Vehicle
    availability: Availability
    reason: Reason | None
    since_at: datetime
    shift_ends_at: datetime | None
    break_ends_at: datetime | None
    rating: float
    missed_offers: int
    vehicle_unsafe_since_at: datetime | None
    fault: Fault | None
    preferred_zones: tuple[UUID, ...]
    suspended_since_at: datetime | None
    suspended_because: SuspendedBecause | None
    message: str | None

    @staticmethod
    def of(courier: Courier) -> "CourierView":
        return CourierView(
            id=courier.id,
            city_id=courier.city_id,
            vehicle=courier.vehicle,
            availability=courier.availability,
            reason=courier.reason,
            since_at=courier.since_at,
            shift_ends_at=courier.shift_ends_at,
            break_ends_at=courier.break_ends_at,
            rating=courier.rating,
            missed_offers=courier.missed_offers,
            vehicle_unsafe_since_at=courier.vehicle_unsafe_since_at,
            fault=courier.fault,
            preferred_zones=tuple(sorted(courier.preferred_zones)),
            suspended_since_at=courier.suspended_since_at,
            suspended_because=courier.suspended_because,
            message=_message(courier),
        )


def _message(courier: Courier) -> str | None:
    """What matters most to the courier just now, in the language of the request."""
    minutes = BREAK_AFTER_MISSED // timedelta(minutes=1)
    if courier.suspended_because is not None:
        return text("courier.suspended")
    if courier.fault is not None:
        return text(
            "courier.message_vehicle_unsafe",
            params={"fault": text(f"courier.fault_{courier.fault}")},
        )
    if courier.availability is Availability.ENDING_SHIFT:
        return text("courier.message_last_job")
    if courier.availability is Availability.ON_BREAK:
        imposed = courier.reason is Reason.OFFERS_MISSED_IN_A_ROW
        params = {"missed": MISSED_IN_A_ROW, "minutes": minutes}
        return text("courier.message_break_imposed", params=params) if imposed else None
    if courier.missed_offers == MISSED_IN_A_ROW - 1:
        params = {"missed": courier.missed_offers, "minutes": minutes}
        return text("courier.message_one_more_miss", params=params)
    return None


class SpanView(Struct, frozen=True):
    """A stretch of time in one availability; the present one has no end and no length yet."""

    availability: Availability
    reason: Reason
    from_at: datetime
    to_at: datetime | None
    length_s: int | None

    @staticmethod
    def of(span: Span) -> "SpanView":
        return SpanView(
            availability=span.availability,
            reason=span.reason,
            from_at=span.from_at,
            to_at=span.to_at,
            length_s=round((span.to_at - span.from_at).total_seconds()) if span.to_at else None,
        )


class PositionView(Struct, frozen=True):
    """The latest believed position; `age_s` says how old it is, so that a gap shows as one."""

    courier_id: UUID
    latitude: float
    longitude: float
    accuracy_m: float
    speed_mps: float | None
    heading_deg: float | None
    at: datetime
    age_s: float

    @staticmethod
    def of(position: tracking.Position, *, now: datetime) -> "PositionView":
        return PositionView(
            courier_id=position.courier_id,
            latitude=position.place.latitude,
            longitude=position.place.longitude,
            accuracy_m=position.accuracy_m,
            speed_mps=position.speed_mps,
            heading_deg=position.heading_deg,
            at=position.at,
            age_s=max(0.0, (now - position.at).total_seconds()),
        )


class TrackPoint(Struct, frozen=True):
    latitude: float
    longitude: float
    at: datetime


class TrackView(Struct, frozen=True):
    """Where a courier was, in stretches: between two of them nothing was heard."""

    courier_id: UUID
    from_at: datetime
    to_at: datetime
    stretches: list[list[TrackPoint]]
    suspect: int
    """How many positions are left out, because nobody could have been there."""

    @staticmethod
    def of(
        positions: Sequence[tracking.Position],
        *,
        courier_id: UUID,
        from_at: datetime,
        to_at: datetime,
    ) -> "TrackView":
        believed = [p for p in positions if not p.suspect]
        return TrackView(
            courier_id=courier_id,
            from_at=from_at,
            to_at=to_at,
            stretches=[
                [TrackPoint(p.place.latitude, p.place.longitude, p.at) for p in thinned]
                for stretch in _stretches(believed)
                for thinned in [_thinned(stretch, apart=(to_at - from_at) / TRACK_POINTS)]
            ],
            suspect=len(positions) - len(believed),
        )


def _stretches(positions: Sequence[tracking.Position]) -> list[list[tracking.Position]]:
    stretches: list[list[tracking.Position]] = []
    for position in positions:
        if not stretches or position.at - stretches[-1][-1].at > GAP_AFTER:
            stretches.append([])
        stretches[-1].append(position)
    return stretches


def _thinned(
    positions: Sequence[tracking.Position], *, apart: timedelta
) -> list[tracking.Position]:
    """The first, the last, and between them no two that are nearer to each other in time."""
    kept = [positions[0]]
    for position in positions[1:-1]:
        if position.at - kept[-1].at >= apart:
            kept.append(position)
    return kept if len(positions) == 1 else [*kept, positions[-1]]
