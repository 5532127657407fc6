"""What a plan is made from and what it says: frozen facts, seconds and instants."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from tawsil.kernel.places import Place


class TravelTimes(Protocol):
    """Driving times in seconds. Space need not be a plane, nor times symmetric."""

    def matrix_s(
        self, origins: Sequence[Place], destinations: Sequence[Place]
    ) -> NDArray[np.float64]:
        """From each origin to each destination, shape (len(origins), len(destinations))."""
        ...

    def pairs_s(
        self, origins: Sequence[Place], destinations: Sequence[Place]
    ) -> NDArray[np.float64]:
        """From each origin to the destination at the same position, shape (len(origins),)."""
        ...


class Services(Struct, frozen=True):
    """Time spent at a door. Half of it passes before the goods change hands, half after."""

    pickup_s: float = 120.0
    dropoff_s: float = 120.0

    def drop_offsets_s(self, legs_s: Sequence[float]) -> list[float]:
        """Seconds from pick-up to each drop-off of a trip that drives `legs_s` in turn."""
        offsets: list[float] = []
        left_after = self.pickup_s / 2
        for leg_s in legs_s:
            offsets.append(left_after + leg_s + self.dropoff_s / 2)
            left_after = offsets[-1] + self.dropoff_s / 2
        return offsets


class Job(Struct, frozen=True):
    """Something that waits to be collected at a site and carried to one place."""

    id: UUID
    site: UUID
    """Jobs with the same site may be collected together."""
    pickup: Place
    dropoff: Place
    placed_at: datetime
    ready_at: datetime
    """When it is expected to be ready for collection."""
    declined_by: frozenset[UUID] = frozenset()
    """Couriers who are not to be asked (again)."""
    escalation: int = 0
    """Rung of the ladder it has climbed; each makes its delay count more."""
    reach: float = 1.0
    """How many times as far as the policy's reach a courier may come from."""
    zone: UUID | None = None
    """Where it is collected, as far as a courier's preferences go."""
    collect_minor: int = 0
    """Cash that its courier comes to hold."""


class Courier(Struct, frozen=True):
    """Somebody who may collect: now, or once the work in hand is done.

    A courier on the way to a site, or waiting there, with jobs not yet collected is shown with
    `collecting` holding these jobs, `place` the site and `free_at` the arrival there. It can be
    given more jobs of that site, nothing else.
    """

    id: UUID
    place: Place
    free_at: datetime
    off_at: datetime | None = None
    """No pick-up after this instant."""
    collecting: tuple[UUID, ...] = ()
    waiting_at: UUID | None = None
    """The site at whose door it stands, with nothing to collect, since `free_at`."""
    idle_since: datetime | None = None
    rating: float | None = None
    """From 0 to 1."""
    acceptance: float | None = None
    """Share of offers accepted, from 0 to 1."""
    paid_ahead: float = 0.0
    """How many more jobs a guaranteed wage already pays for."""
    prefers: frozenset[UUID] = frozenset()
    """Zones the courier likes to collect in; none: anywhere."""
    cash_room_minor: int | None = None
    """How much more cash they may come to hold, what they are collecting included."""


class Demand(Struct, frozen=True):
    """How many jobs are to be expected of a site."""

    site: UUID
    place: Place
    jobs_per_hour: float


class Outlook(Struct, frozen=True):
    """Where work is expected, and how far idle couriers are from there."""

    demand: tuple[Demand, ...]
    notice_s: tuple[float, ...]
    """Times between being placed and being ready, as lately seen: a sample."""
    approach_s: NDArray[np.float64]
    """From where each courier is, or will be free, shape (couriers, demand)."""
    between_s: NDArray[np.float64]
    """Shape (demand, demand)."""


class Snapshot(Struct, frozen=True):
    """All that one decision may look at. `survey` builds it from places.

    Jobs and couriers are in the order of their ids, so that the order in which a caller lists
    them cannot change the decision. `jobs` includes those being collected.
    """

    now: datetime
    jobs: tuple[Job, ...]
    couriers: tuple[Courier, ...]
    sites: tuple[UUID, ...]
    site_of: NDArray[np.intp]
    """Column of `approach_s` for each job, shape (jobs,)."""
    approach_s: NDArray[np.float64]
    """From where each courier is, or will be free, to each site; shape (couriers, sites)."""
    carry_s: NDArray[np.float64]
    """From each job's site to its drop-off, shape (jobs,)."""
    between_s: Mapping[int, NDArray[np.float64]]
    """For a site with several jobs: between their drop-offs, in the order of `jobs`."""
    outlook: Outlook | None = None
    """What is to be expected, when idle couriers may be moved."""
    onward_s: NDArray[np.float64] | None = None
    """From each job's drop-off to each site, shape (jobs, sites), for as many jobs as trips are
    planned one after another."""


class Policy(Struct, frozen=True):
    """Named weights. A second of one customer's waiting is the unit of every cost."""

    name: str = "just_in_time"
    version: int = 1
    services: Services = Services()
    tick_s: float = 10.0
    """Time until the next decision."""
    lead_s: float = 60.0
    """Commit this long before a courier must leave: time to offer, accept and set off. Infinite
    commits as soon as a free courier is matched."""
    reach_s: float = 7200.0
    """No courier is sent on a longer drive to a site."""
    patience_s: float = 10800.0
    """How much later a job left unmatched is taken to be collected. So long that a job is left
    out only when no courier is left for it."""
    bundle_max: int = 4
    candidates: int = 3
    """How many couriers a plan names for each job, to explain itself."""
    escalation: float = 0.5
    """What each rung of the ladder adds to the weight of a job's waiting."""
    chains: bool = True
    """Plan two trips of a courier one after another, if the snapshot has the ways between."""
    bundle_s: float = 20.0
    """What a chain must save for each job that it adds to another's trip."""
    courier_time: float = 0.0
    """For each second of a courier's drive to a site and trip."""
    soonest_free: float = 0.01
    """For each second until a courier is free: among equals, the one free first."""
    central: float = 0.01
    """For each second that a courier is nearer to the open sites than another: keep in hand the
    one who is near to everything."""
    paid_ahead: float = 20.0
    """For each job a guaranteed wage still pays for (at most three count)."""
    stays_longer: float = 0.0005
    """For each second a courier stays on shift (two hours at most count): whoever leaves soon is
    used first, so that somebody is left for late jobs."""
    rating: float = 10.0
    """From the worst to the best rating."""
    acceptance: float = 10.0
    """From never to always accepting."""
    elsewhere: float = 60.0
    """For a pick-up outside the zones that the courier prefers."""
    idle: float = 0.001
    """For each second that a courier has been idle."""
    moves: bool = True
    """Send idle couriers to where work is expected, if the snapshot has an outlook."""
    move: float = 0.005
    """For each second an idle courier drives to wait elsewhere."""
    move_gain_s: float = 0.6
    """A move must shorten the expected wait of a job by this much beyond what it costs."""


class Commitment(Struct, frozen=True):
    """Tell this courier now. `jobs` is all that it will collect, in the order of drop-off."""

    courier: UUID
    site: UUID
    jobs: tuple[UUID, ...]
    added: tuple[UUID, ...]
    """Those of `jobs` that it was not collecting already."""
    pickup_at: datetime
    dropoff_ats: tuple[datetime, ...]
    terms: Mapping[str, float]
    """Score terms by name, in seconds of waiting; smaller is better."""


HoldReason = Literal[
    "courier_can_wait",
    "reserved_for_busy_courier",
    "joins_later",
    "couriers_short",
    "no_courier_in_reach",
    "over_cash_limit",
]


class Hold(Struct, frozen=True):
    """Nobody is told about this job yet."""

    job: UUID
    reason: HoldReason
    until: datetime | None
    """When somebody must be told, if that is known."""
    courier: UUID | None
    """Who it is meant for, if anybody."""


class Candidate(Struct, frozen=True):
    """A courier thought of for a job (or the bundle it is in), and what that would have cost."""

    job: UUID
    courier: UUID
    pickup_at: datetime
    terms: Mapping[str, float]


ExclusionReason = Literal[
    "declined", "off_shift_before_pickup", "too_far", "collecting_elsewhere", "over_cash_limit"
]


class Exclusion(Struct, frozen=True):
    """How many couriers were not thought of for this job, why, and some of them."""

    job: UUID
    reason: ExclusionReason
    couriers: int
    examples: tuple[UUID, ...]


class Move(Struct, frozen=True):
    """An idle courier does better to wait there."""

    courier: UUID
    site: UUID
    place: Place


class Plan(Struct, frozen=True):
    """Every job of the snapshot is in one commitment, in one hold, or already being collected."""

    at: datetime
    policy: str
    version: int
    commitments: tuple[Commitment, ...] = ()
    holds: tuple[Hold, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    moves: tuple[Move, ...] = ()
