"""What a plan was made from, kept so that the same plan can be made again, bit for bit."""

import zlib
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, TypeVar

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from tawsil.dispatch import planning
from tawsil.dispatch.service.travel import OnMap
from tawsil.geography.public import GreatCircle
from tawsil.kernel.places import Place

T = TypeVar("T")

_PACKER: Final = msgspec.msgpack.Encoder(uuid_format="bytes", order="deterministic")
_QUICK: Final = 1
"""zlib's level: ids and places hardly shrink, and a tick must not wait for it."""


class AsTheCrowFlies(Struct, frozen=True, kw_only=True, tag="great_circle"):
    """The city's rule of travel times; two numbers say it all."""

    detour_factor: float
    speed_mps: float


class Table(Struct, frozen=True):
    """Seconds, as little-endian doubles."""

    shape: tuple[int, ...]
    seconds: bytes


class Measured(Struct, frozen=True, kw_only=True, tag="measured"):
    """What another map answered, in the order in which it was asked."""

    tables: tuple[Table, ...]


class Inputs(Struct, frozen=True, kw_only=True):
    """All that a plan was made from."""

    now: datetime
    jobs: tuple[planning.Job, ...]
    couriers: tuple[planning.Courier, ...]
    demand: tuple[planning.Demand, ...] = ()
    notice_s: tuple[float, ...] = ()
    policy: planning.Policy
    travel: AsTheCrowFlies | Measured


class Noting:
    """A map that remembers what it answered."""

    def __init__(self, travel: planning.TravelTimes) -> None:
        self._travel = travel
        self.tables: list[Table] = []

    def matrix_s(
        self, origins: Sequence[Place], destinations: Sequence[Place]
    ) -> NDArray[np.float64]:
        return self._noted(self._travel.matrix_s(origins, destinations))

    def pairs_s(
        self, origins: Sequence[Place], destinations: Sequence[Place]
    ) -> NDArray[np.float64]:
        return self._noted(self._travel.pairs_s(origins, destinations))

    def _noted(self, answer: NDArray[np.float64]) -> NDArray[np.float64]:
        self.tables.append(Table(answer.shape, answer.astype("<f8").tobytes()))
        return answer


class _Remembered:
    """Answers what was answered before, to the same questions in the same order."""

    def __init__(self, measured: Measured) -> None:
        self._tables = iter(measured.tables)

    def matrix_s(
        self, origins: Sequence[Place], destinations: Sequence[Place]
    ) -> NDArray[np.float64]:
        return self._next((len(origins), len(destinations)))

    def pairs_s(
        self, origins: Sequence[Place], destinations: Sequence[Place]
    ) -> NDArray[np.float64]:
        assert len(origins) == len(destinations)
        return self._next((len(origins),))

    def _next(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        table = next(self._tables)
        assert table.shape == shape, "the survey asks what it asked when this was kept"
        return np.frombuffer(table.seconds, dtype="<f8").astype(np.float64).reshape(shape)


def noting(travel: planning.TravelTimes) -> planning.TravelTimes:
    """The same travel times, remembered if no rule says them."""
    return travel if _rule(travel) else Noting(travel)


def inputs_of(
    snapshot: planning.Snapshot, *, policy: planning.Policy, travel: planning.TravelTimes
) -> Inputs:
    """`travel` is what `noting` gave and the snapshot was surveyed with."""
    rule = _rule(travel)
    if rule is None:
        assert isinstance(travel, Noting), "travel times without a rule are noted"
    outlook = snapshot.outlook
    return Inputs(
        now=snapshot.now,
        jobs=snapshot.jobs,
        couriers=snapshot.couriers,
        demand=outlook.demand if outlook else (),
        notice_s=outlook.notice_s if outlook else (),
        policy=policy,
        travel=rule or Measured(tables=tuple(travel.tables if isinstance(travel, Noting) else ())),
    )


def travel_of(inputs: Inputs) -> planning.TravelTimes:
    """The travel times that a plan was made with; measured ones answer one survey only."""
    match inputs.travel:
        case AsTheCrowFlies(detour_factor=detour_factor, speed_mps=speed_mps):
            return OnMap(GreatCircle(detour_factor=detour_factor, speed_mps=speed_mps))
        case Measured():
            return _Remembered(inputs.travel)


def snapshot_of(inputs: Inputs) -> planning.Snapshot:
    return planning.survey(
        now=inputs.now,
        jobs=inputs.jobs,
        couriers=inputs.couriers,
        travel=travel_of(inputs),
        demand=inputs.demand,
        notice_s=inputs.notice_s,
    )


def plan_again(inputs: Inputs) -> planning.Plan:
    return planning.plan(snapshot_of(inputs), inputs.policy)


def hash_of(plan: planning.Plan) -> bytes:
    """SHA-256 over everything a plan says, to the last bit of every number."""
    return sha256(_PACKER.encode(plan)).digest()


def packed(document: Any) -> bytes:
    return zlib.compress(_PACKER.encode(document), _QUICK)


def unpacked(document: bytes, type_: type[T]) -> T:
    decoder: Any = msgspec.msgpack.Decoder(type_)
    return decoder.decode(zlib.decompress(document))


def _rule(travel: planning.TravelTimes) -> AsTheCrowFlies | None:
    if isinstance(travel, OnMap) and isinstance(travel.times, GreatCircle):
        rule = travel.times
        return AsTheCrowFlies(detour_factor=rule.detour_factor, speed_mps=rule.speed_mps)
    return None
