"""What it costs to let a courier collect a bundle: vectors over couriers and bundles."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import inf
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from tawsil.dispatch.planning.model import ExclusionReason, Policy, Snapshot

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

FORBIDDEN_S: Final = 1e12
"""A cost no sum of waiting reaches; finite, for the assignment solver wants numbers."""
PAID_AHEAD_MAX: Final = 3.0
STAY_MAX_S: Final = 7200.0


class Bundle(Struct, frozen=True):
    """Jobs of one site, as rows of the snapshot, in the order of their drop-offs.

    `courier` is the row of the one on the way to collect some of them, or -1.
    """

    rows: tuple[int, ...]
    site: int
    ready_s: float
    weight: float
    offsets_s: tuple[float, ...]
    riding_s: float
    """Weighted sum of `offsets_s`: what its customers wait after the pick-up."""
    busy_s: float
    """From arrival at the site to the end of the last drop-off, if nothing has to be awaited."""
    courier: int = -1


class Matrix(Struct, frozen=True):
    """Couriers by bundles."""

    cost_s: Floats
    pickup_s: Floats
    excluded: Mapping[ExclusionReason, Flags]


class Costs:
    """Times are seconds from the snapshot's `now`."""

    def __init__(self, snapshot: Snapshot, policy: Policy) -> None:
        self.snapshot: Final = snapshot
        self.policy: Final = policy
        now, jobs, couriers = snapshot.now, snapshot.jobs, snapshot.couriers
        self.ready_s = [(j.ready_at - now).total_seconds() for j in jobs]
        self.weight = [1.0 + policy.escalation * j.escalation for j in jobs]
        since_s = np.array([(c.free_at - now).total_seconds() for c in couriers])
        self.free_s = np.maximum(0.0, since_s)
        self.off_s = np.array(
            [inf if c.off_at is None else (c.off_at - now).total_seconds() for c in couriers]
        )
        self.collecting = np.array([bool(c.collecting) for c in couriers], dtype=np.bool_)
        self.collect = np.array([j.collect_minor for j in jobs], dtype=np.float64)
        self.room = np.array(
            [inf if c.cash_room_minor is None else c.cash_room_minor for c in couriers]
        )
        self.half_pickup_s = policy.services.pickup_s / 2
        self.door_s = self._door_s(since_s)
        self.terms = self._courier_terms()
        self.bias_s = sum(self.terms.values(), np.zeros(len(couriers)))
        self.elsewhere_s = self._elsewhere_s()
        self._row_of = {c.id: row for row, c in enumerate(couriers)}
        self._merged: dict[tuple[tuple[int, ...], tuple[int, ...]], Bundle] = {}
        self._place_at_site = _count_up(snapshot.site_of)

    def _door_s(self, since_s: Floats) -> Floats:
        """When each courier can have goods of each site in hand, shape (couriers, sites)."""
        s = self.snapshot
        door_s = s.approach_s + (self.free_s + self.half_pickup_s)[:, None]
        column_of = {site: column for column, site in enumerate(s.sites)}
        site_of_job = {job.id: job.site for job in s.jobs}
        for row, courier in enumerate(s.couriers):
            site = courier.waiting_at
            if courier.collecting:
                site = site_of_job[courier.collecting[0]]
            if site is not None and site in column_of:
                there_s = max(0.0, float(since_s[row]) + self.half_pickup_s)
                door_s[row, column_of[site]] = there_s
        return door_s

    def _courier_terms(self) -> dict[str, Floats]:
        """What depends on the courier alone: it decides between couriers who serve as well."""
        p, couriers = self.policy, self.snapshot.couriers
        paid = np.clip([c.paid_ahead for c in couriers], -PAID_AHEAD_MAX, PAID_AHEAD_MAX)
        idle = [
            0.0 if c.idle_since is None else (self.snapshot.now - c.idle_since).total_seconds()
            for c in couriers
        ]
        sites = max(1, self.snapshot.approach_s.shape[1])
        near = self.snapshot.approach_s.sum(axis=1) / sites
        return {
            "soonest_free": p.soonest_free * self.free_s,
            "central": -p.central * near,
            "paid_ahead": -p.paid_ahead * paid,
            "rating": p.rating
            * np.array([0.0 if c.rating is None else 1 - c.rating for c in couriers]),
            "acceptance": p.acceptance
            * np.array([0.0 if c.acceptance is None else 1 - c.acceptance for c in couriers]),
            "stays_longer": p.stays_longer * np.minimum(self.off_s - self.free_s, STAY_MAX_S),
            "idle": -p.idle * np.minimum(np.array(idle), 3600.0),
        }

    def _elsewhere_s(self) -> Floats | None:
        """What couriers' preferences count at each site, shape (couriers, sites); None: nothing."""
        s = self.snapshot
        if not any(c.prefers for c in s.couriers):
            return None
        zone_of = {job.site: job.zone for job in s.jobs}
        zones = [zone_of[site] for site in s.sites]
        away = [
            [bool(c.prefers) and zone is not None and zone not in c.prefers for zone in zones]
            for c in s.couriers
        ]
        return self.policy.elsewhere * np.array(away, dtype=np.float64)

    def bundle(self, rows: tuple[int, ...], *, courier: int = -1) -> Bundle:
        assert rows
        site = int(self.snapshot.site_of[rows[0]])
        legs_s = [float(self.snapshot.carry_s[rows[0]])]
        if len(rows) > 1:
            between_s, at = self.snapshot.between_s[site], self._place_at_site
            legs_s += [float(between_s[at[a], at[b]]) for a, b in pairwise(rows)]
        offsets_s = self.policy.services.drop_offsets_s(legs_s)
        weights = [self.weight[row] for row in rows]
        return Bundle(
            rows=rows,
            site=site,
            ready_s=max(self.ready_s[row] for row in rows),
            weight=sum(weights),
            offsets_s=tuple(offsets_s),
            riding_s=sum(w * offset for w, offset in zip(weights, offsets_s, strict=True)),
            busy_s=self.half_pickup_s + offsets_s[-1] + self.policy.services.dropoff_s / 2,
            courier=courier,
        )

    def merged(self, a: Bundle, b: Bundle) -> Bundle:
        """Both in one: each job of `b` where it delays least."""
        key = (a.rows, b.rows)
        if key not in self._merged:
            self._merged[key] = self._merge(a, b)
        return self._merged[key]

    def _merge(self, a: Bundle, b: Bundle) -> Bundle:
        assert a.site == b.site
        best = a
        for row in b.rows:
            rows = best.rows
            trials = [
                self.bundle((*rows[:at], row, *rows[at:]), courier=max(a.courier, b.courier))
                for at in range(len(rows) + 1)
            ]
            best = min(trials, key=lambda t: t.riding_s + self.policy.courier_time * t.busy_s)
        return best

    def alone_s(self, bundle: Bundle) -> float:
        """What a bundle costs whoever collects it, at the moment it is ready."""
        trip_s = self.policy.courier_time * bundle.busy_s
        return bundle.weight * max(0.0, bundle.ready_s) + bundle.riding_s + trip_s

    def unmatched_s(self, bundle: Bundle) -> float:
        return self.alone_s(bundle) + bundle.weight * self.policy.patience_s

    def with_courier_s(self, bundle: Bundle, courier: int) -> float:
        """One cell of `matrix`, also for a courier who is collecting at this very site."""
        pickup_s = self.pickup_s(bundle, courier)
        if self.declined(bundle, courier) or pickup_s > self.off_s[courier]:
            return FORBIDDEN_S
        if self._over_limit(bundle, courier):
            return FORBIDDEN_S
        approach_s = float(self.snapshot.approach_s[courier, bundle.site])
        return (
            bundle.weight * pickup_s
            + bundle.riding_s
            + self.policy.courier_time * (bundle.busy_s + approach_s)
            + float(self.bias_s[courier])
            + self._away_s(courier, bundle.site)
        )

    def _away_s(self, courier: int, site: int) -> float:
        return 0.0 if self.elsewhere_s is None else float(self.elsewhere_s[courier, site])

    def declined(self, bundle: Bundle, courier: int) -> bool:
        id_ = self.snapshot.couriers[courier].id
        return any(id_ in self.snapshot.jobs[row].declined_by for row in bundle.rows)

    def _over_limit(self, bundle: Bundle, courier: int) -> bool:
        """Whether it brings cash beyond what the courier may hold; what they have stays theirs."""
        has = self.snapshot.couriers[courier].collecting
        more = any(self.collect[r] and self.snapshot.jobs[r].id not in has for r in bundle.rows)
        return more and self.collect_minor(bundle) > self.room[courier]

    def collect_minor(self, bundle: Bundle) -> float:
        return float(self.collect[list(bundle.rows)].sum())

    def over_limit(self, bundles: Sequence[Bundle], *, room: Floats) -> Flags:
        """Where each bundle would bring too much cash, shape (room, bundles)."""
        collect = np.array([self.collect_minor(b) for b in bundles])
        return (collect > 0) & (collect > room[:, None])

    def pickup_s(self, bundle: Bundle, courier: int) -> float:
        return max(bundle.ready_s, float(self.door_s[courier, bundle.site]))

    def matrix(self, bundles: Sequence[Bundle]) -> Matrix:
        """All couriers with all bundles; what is excluded costs `FORBIDDEN_S`."""
        p = self.policy
        sites = np.array([b.site for b in bundles], dtype=np.intp)
        approach_s = self.snapshot.approach_s[:, sites]
        ready_s = np.array([b.ready_s for b in bundles])
        weight = np.array([b.weight for b in bundles])
        trip_s = np.array([b.riding_s + p.courier_time * b.busy_s for b in bundles])
        pickup_s = np.maximum(ready_s, self.door_s[:, sites])
        cost_s = weight * pickup_s
        cost_s += trip_s
        cost_s += self.bias_s[:, None]
        if p.courier_time:
            cost_s += p.courier_time * approach_s
        if self.elsewhere_s is not None:
            cost_s += self.elsewhere_s[:, sites]
        excluded: dict[ExclusionReason, Flags] = {
            "collecting_elsewhere": np.broadcast_to(self.collecting[:, None], cost_s.shape),
            "declined": self._declined(bundles),
            "off_shift_before_pickup": pickup_s > self.off_s[:, None],
            "too_far": approach_s > self.reach_s(bundles),
            "over_cash_limit": self.over_limit(bundles, room=self.room),
        }
        for flags in excluded.values():
            if flags.any():
                np.copyto(cost_s, FORBIDDEN_S, where=flags)
        return Matrix(cost_s=cost_s, pickup_s=pickup_s, excluded=excluded)

    def reach_s(self, bundles: Sequence[Bundle]) -> Floats:
        """The longest drive to the site that one of its jobs allows, shape (bundles,)."""
        jobs = self.snapshot.jobs
        reach = [max(jobs[row].reach for row in b.rows) for b in bundles]
        return self.policy.reach_s * np.array(reach)

    def _declined(self, bundles: Sequence[Bundle]) -> Flags:
        flags = np.zeros((len(self.free_s), len(bundles)), dtype=np.bool_)
        for column, bundle in enumerate(bundles):
            for row in bundle.rows:
                for courier in self.snapshot.jobs[row].declined_by & self._row_of.keys():
                    flags[self._row_of[courier], column] = True
        return flags

    def explain(self, bundle: Bundle, courier: int) -> dict[str, float]:
        """The terms of one cell, in seconds of waiting; they leave out what no courier changes."""
        waited_s = self.pickup_s(bundle, courier) - max(0.0, bundle.ready_s)
        terms = {"waiting": bundle.weight * waited_s}
        if self.policy.courier_time:
            drive_s = float(self.snapshot.approach_s[courier, bundle.site])
            terms["courier_time"] = self.policy.courier_time * (drive_s + bundle.busy_s)
        if self.elsewhere_s is not None:
            terms["elsewhere"] = self._away_s(courier, bundle.site)
        return terms | {name: float(term[courier]) for name, term in self.terms.items()}


def _count_up(sites: NDArray[np.intp]) -> list[int]:
    """How many rows before each belong to the same site."""
    seen: dict[int, int] = {}
    counts: list[int] = []
    for site in sites.tolist():
        counts.append(seen.get(site, 0))
        seen[site] = counts[-1] + 1
    return counts
