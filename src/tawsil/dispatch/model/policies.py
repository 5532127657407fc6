"""Policies with versions: weights that never change, simulated weeks, and what is live where."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from math import isfinite
from typing import Any, ClassVar, Final, cast
from uuid import UUID

import msgspec
from msgspec import Struct

from tawsil.dispatch import events
from tawsil.dispatch.planning import Policy
from tawsil.kernel.decisions import Deadline, Decision, Refusal, accept, refuse

LIVE_POLICY: Final = Policy(
    name="just_in_time_live",
    tick_s=2.0,
    lead_s=150.0,  # an offer's 30 s, two that come to nothing, and setting off
    courier_time=0.02,  # of two who are in time the nearer: shorter ways are accepted more often
    reach_s=1800.0,
    bundle_max=3,
)
"""For a live city: offers may be declined, so couriers are told earlier than in a replay."""

RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "services.pickup_s": (0, 1_800),
    "services.dropoff_s": (0, 1_800),
    "tick_s": (0.5, 120),
    "lead_s": (0, 86_400),  # a day is as good as "at once"
    "reach_s": (60, 14_400),
    "patience_s": (600, 86_400),
    "bundle_max": (1, 10),
    "candidates": (0, 20),
    "bundle_s": (0, 3_600),
    "escalation": (0, 10),
    "courier_time": (0, 10),
    "soonest_free": (0, 10),
    "central": (0, 10),
    "paid_ahead": (0, 600),
    "stays_longer": (0, 1),
    "rating": (0, 3_600),
    "acceptance": (0, 3_600),
    "idle": (0, 1),
    "elsewhere": (0, 3_600),
    "move": (0, 10),
    "move_gain_s": (0, 3_600),
}
"""What a weight may be. Beyond it lies no policy that anybody would want, only mistakes."""
_ANY: Final = (0.0, 1e6)
_NOT_WEIGHTS: Final = frozenset({"name", "version"})

UNASSIGNED_MAX_PCT: Final = 5.0
"""Deliveries that nobody had taken two minutes after their goods were ready, or ever."""
UNDELIVERED_WORSE_MAX_PCT: Final = 0.5
CLICK_TO_DOOR_WORSE_MAX_MIN: Final = 1.0
CLICK_TO_DOOR_P90_WORSE_MAX_MIN: Final = 3.0
ACCEPTANCE_WORSE_MAX_PCT: Final = 3.0
"""Offers that couriers do not want cost time and goodwill."""


class PolicyVersion(Struct, frozen=True, kw_only=True):
    """Weights under a name and a number. It never changes; what is better is a new version."""

    stream: ClassVar[str] = "policy"

    id: UUID
    version: int = 0
    tenant_id: UUID
    name: str
    number: int
    policy: Policy
    weights_hash: bytes
    note: str
    created_at: datetime
    created_by: UUID | None

    @property
    def city_id(self) -> UUID | None:
        return None

    @property
    def deadline(self) -> Deadline | None:
        return None


class LivePolicy(Struct, frozen=True, kw_only=True):
    """A city decides by a policy version from an instant on, until the next one."""

    stream: ClassVar[str] = "policy"

    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID
    policy_id: UUID
    name: str
    number: int
    since_at: datetime
    set_by: UUID | None
    reason: str
    override: bool
    """Set although no simulated week was passed."""

    @property
    def deadline(self) -> Deadline | None:
        return None


class Metrics(Struct, frozen=True, kw_only=True):
    """What came of a while under a policy. Shares are of a hundred, times as their names say."""

    orders: int
    delivered: int
    click_to_door_min: float
    click_to_door_p90_min: float
    ready_to_pickup_min: float
    courier_wait_min: float
    """At the counter, for each order collected."""
    unassigned_pct: float
    time_to_assign_p95_s: float
    acceptance_pct: float
    km_per_order: float
    pay_per_order_minor: float
    orders_per_trip: float

    @property
    def undelivered_pct(self) -> float:
        return 100 * (self.orders - self.delivered) / self.orders if self.orders else 0.0


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was looked at: what it came to, what it may come to, and whether it does."""

    check: str
    value: float
    bound: float
    passed: bool


class Trial(Struct, frozen=True, kw_only=True):
    """A simulated week of a policy version beside one of what is live, or is to be."""

    id: UUID
    tenant_id: UUID
    city_id: UUID
    policy_id: UUID
    weights_hash: bytes
    seed: int
    asked_at: datetime
    asked_by: UUID | None
    finished_at: datetime | None = None
    against: str | None = None
    """What was live, as name:number."""
    candidate: Metrics | None = None
    live: Metrics | None = None
    passed: bool | None = None
    reasons: tuple[Finding, ...] = ()


def weights_of(policy: Policy) -> dict[str, Any]:
    """The weights by name, those of the services one level down."""
    weights: dict[str, Any] = msgspec.to_builtins(policy)
    return {name: value for name, value in weights.items() if name not in _NOT_WEIGHTS}


def hash_of_weights(policy: Policy) -> bytes:
    """SHA-256 of the weights alone: the same whatever they are called."""
    return sha256(msgspec.json.encode(weights_of(policy), order="sorted")).digest()


def policy_of(weights: Mapping[str, Any], *, name: str, number: int) -> Policy:
    """A policy from stored weights; a weight that was invented later is as by default."""
    return msgspec.convert({**weights, "name": name, "version": number}, Policy)


def changed(
    policy: Policy, weights: Mapping[str, Any], *, name: str, number: int
) -> Policy | Refusal:
    """The policy with some weights changed; refused for unknown names and absurd values."""
    known = weights_of(policy)
    wanted = _flat(weights)
    if unknown := sorted(wanted.keys() - _flat(known).keys()):
        return refuse(
            "dispatch.policy_unknown_weight",
            status=422,
            unknown=unknown,
            known=sorted(_flat(known)),
        )
    try:
        made = policy_of(_merged(known, weights), name=name, number=number)
    except msgspec.ValidationError as error:
        return refuse("dispatch.policy_bad_weight", status=422, problem=str(error))
    for weight, value in _flat(weights_of(made)).items():
        least, most = RANGES.get(weight, _ANY)
        number_ = isinstance(value, int | float) and not isinstance(value, bool)
        if number_ and not (isfinite(value) and least <= value <= most):
            return refuse(
                "dispatch.policy_weight_out_of_range",
                status=422,
                weight=weight,
                value=value,
                least=least,
                most=most,
            )
    return made


def create_policy(version: PolicyVersion) -> Decision[PolicyVersion]:
    return accept(
        version,
        events.PolicyCreated(policy_id=version.id, name=version.name, number=version.number),
    )


def set_live(live: LivePolicy, *, trial: Trial | None) -> Decision[LivePolicy]:
    """Have a city decide by it: after a passed week, or because an operator says why not.

    `trial` is the newest finished one of the very same weights for that city.
    """
    passed = trial is not None and trial.passed
    if not passed and not live.override:
        code = "dispatch.policy_not_tried" if trial is None else "dispatch.policy_failed_trial"
        return refuse(code, name=live.name, version=live.number)
    stands = msgspec.structs.replace(live, override=not passed)
    return accept(
        stands,
        events.PolicySetLive(
            policy_id=stands.policy_id,
            city_id=stands.city_id,
            name=stands.name,
            number=stands.number,
            override=stands.override,
        ),
    )


def judge(*, candidate: Metrics, live: Metrics) -> tuple[Finding, ...]:
    """Whether a week under a candidate is good enough, and by what."""
    found = (
        ("unassigned", candidate.unassigned_pct, UNASSIGNED_MAX_PCT),
        (
            "undelivered",
            candidate.undelivered_pct,
            live.undelivered_pct + UNDELIVERED_WORSE_MAX_PCT,
        ),
        (
            "click_to_door",
            candidate.click_to_door_min,
            live.click_to_door_min + CLICK_TO_DOOR_WORSE_MAX_MIN,
        ),
        (
            "click_to_door_p90",
            candidate.click_to_door_p90_min,
            live.click_to_door_p90_min + CLICK_TO_DOOR_P90_WORSE_MAX_MIN,
        ),
    )
    least_pct = live.acceptance_pct - ACCEPTANCE_WORSE_MAX_PCT
    return (
        *(
            Finding(check=check, value=round(value, 2), bound=round(bound, 2), passed=value < bound)
            for check, value, bound in found
        ),
        Finding(
            check="acceptance",
            value=round(candidate.acceptance_pct, 2),
            bound=round(least_pct, 2),
            passed=candidate.acceptance_pct > least_pct,
        ),
    )


def _flat(weights: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in weights.items():
        if isinstance(value, Mapping):
            inner = cast("Mapping[str, Any]", value)
            flat |= {f"{name}.{below}": weight for below, weight in inner.items()}
        else:
            flat[name] = value
    return flat


def _merged(known: Mapping[str, Any], weights: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {**value, **weights.get(name, {})}
        if isinstance(value, Mapping)
        else weights.get(name, value)
        for name, value in known.items()
    }
