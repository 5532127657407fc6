"""Positions and what they mean: which to believe, who has arrived, when somebody will.

What is believed is a function of the set of pings, not of the order they came in: a phone that
was offline sends late, and its requests overtake one another.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.geography.public import TravelTimes
from tawsil.kernel.decisions import Accepted, Event, Refusal, accept, refuse
from tawsil.kernel.places import Place, distance_m
from tawsil.tracking.events import GeofenceEntered, GeofenceLeft, StopKind

FUTURE_TOLERANCE: Final = timedelta(seconds=60)
OLDEST: Final = timedelta(hours=24)
FASTEST_MPS: Final = 60.0
WORST_ACCURACY_M: Final = 200.0  # a vaguer ping says nothing about a stop's surroundings

ETA_SPREAD: Final = 1.3
ETA_SLACK: Final = timedelta(seconds=60)


class Ping(Struct, frozen=True, kw_only=True):
    """What a phone says of itself. `at` is the phone's time; `accuracy_m` a radius."""

    place: Place
    at: datetime
    accuracy_m: float
    speed_mps: float | None = None
    heading_deg: float | None = None
    seq: int | None = None


class Position(Struct, frozen=True, kw_only=True):
    """A ping that was kept. A `suspect` one is a jump nobody can make: shown, never relied on."""

    courier_id: UUID
    tenant_id: UUID
    place: Place
    at: datetime
    accuracy_m: float
    speed_mps: float | None = None
    heading_deg: float | None = None
    seq: int | None = None
    suspect: bool = False


class Geofence(Struct, frozen=True, kw_only=True):
    """The surroundings of a stop, watched for one courier from `since_at` on."""

    stream: ClassVar[str] = "geofence"
    deadline: ClassVar[None] = None

    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID | None
    reference_id: UUID
    courier_id: UUID
    kind: StopKind
    place: Place
    radius_m: float
    since_at: datetime
    entered_at: datetime | None = None
    left_at: datetime | None = None

    def __post_init__(self) -> None:
        assert self.radius_m > 0
        assert self.left_at is None or (
            self.entered_at is not None and self.entered_at < self.left_at
        )


class Eta(Struct, frozen=True, kw_only=True):
    """When somebody arrives: half of all arrivals are before `p50_at`, nine in ten by `p90_at`."""

    p50_at: datetime
    p90_at: datetime


def refusal_of(ping: Ping, *, now: datetime) -> Refusal | None:
    """Why a ping is not kept at all, if it is not."""
    if ping.at > now + FUTURE_TOLERANCE:
        seconds = FUTURE_TOLERANCE // timedelta(seconds=1)
        return refuse("tracking.ping_in_future", status=422, seconds=seconds)
    if ping.at < now - OLDEST:
        hours = OLDEST // timedelta(hours=1)
        return refuse("tracking.ping_too_old", status=422, hours=hours)
    return None


def suspect_jumps(positions: Iterable[Position]) -> list[Position]:
    """The positions of one courier in the order of their time, each marked as suspect or not.

    A position is suspect when nobody could have come there from the last one that was not without
    going faster than `FASTEST_MPS`; the first is believed. Time heals: after a while any place can
    be reached, so that a wrong first fix does not discredit all that follows.
    """
    anchor: Position | None = None
    marked: list[Position] = []
    for position in sorted(positions, key=lambda p: p.at):
        suspect = anchor is not None and not _reachable(anchor, position)
        marked.append(
            position if position.suspect is suspect else replace(position, suspect=suspect)
        )
        if not suspect:
            anchor = position
    return marked


def _reachable(a: Position, b: Position) -> bool:
    return distance_m(a.place, b.place) <= FASTEST_MPS * (b.at - a.at).total_seconds()


def follow(geofence: Geofence, *, track: Sequence[Position]) -> Accepted[Geofence]:
    """Arrive once and leave once, as positions in the order of their time tell.

    To arrive, a position inside is enough. To leave, the whole circle of its accuracy must be
    outside, because a departure is not taken back when the next fix wanders in again.
    """
    events: list[Event] = []
    for position in track:
        assert position.courier_id == geofence.courier_id
        if position.suspect or position.accuracy_m > WORST_ACCURACY_M:
            continue
        away_m = distance_m(position.place, geofence.place)
        if geofence.entered_at is None:
            if away_m <= geofence.radius_m and position.at >= geofence.since_at:
                geofence = replace(geofence, entered_at=position.at)
                events.append(_happened(GeofenceEntered, geofence, position.at))
        elif (
            geofence.left_at is None
            and position.at > geofence.entered_at
            and away_m - position.accuracy_m > geofence.radius_m
        ):
            geofence = replace(geofence, left_at=position.at)
            events.append(_happened(GeofenceLeft, geofence, position.at))
    return accept(geofence, *events)


def _happened(
    cls: type[GeofenceEntered] | type[GeofenceLeft], geofence: Geofence, at: datetime
) -> Event:
    return cls(
        reference_id=geofence.reference_id,
        courier_id=geofence.courier_id,
        kind=geofence.kind,
        at=at,
    )


def eta_s(*, origin: Place, to: Place, travel: TravelTimes) -> float:
    """Seconds of travel between two places; always finite and never negative."""
    seconds = float(travel([origin], [to])[0, 0])
    assert 0 <= seconds < float("inf"), f"no travel time between {origin} and {to}: {seconds}"
    return seconds


def arrival(*, place: Place, to: Place, travel: TravelTimes, now: datetime) -> Eta:
    """When somebody now at `place` is at `to`.

    The p90 adds 30 % of the way and a minute, for lights, stairs and the search for a door: the
    spread to begin with, until measured arrivals say better.
    """
    way = timedelta(seconds=eta_s(origin=place, to=to, travel=travel))
    return spread(now + way, now=now)


def spread(p50_at: datetime, *, now: datetime) -> Eta:
    """How late what is expected at an instant may well be; less, the nearer it is."""
    return Eta(p50_at=p50_at, p90_at=now + (p50_at - now) * ETA_SPREAD + ETA_SLACK)
