"""How far what is wanted of a city's couriers goes beyond what they can do: pure."""

from datetime import datetime
from math import inf
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.dispatch.model.rules import BackPressure
from tawsil.pricing.public import CALM, Pressure, Terms

HALF_LIFE_S: Final = 60.0
"""A measurement this old counts half."""


class Load(Struct, frozen=True, kw_only=True):
    """Jobs at hand for each courier at hand, smoothed over the last minutes."""

    city_id: UUID
    measured_at: datetime
    wanted: int
    couriers: int
    load: float


def measure(
    before: Load | None, *, city_id: UUID, wanted: int, couriers: int, now: datetime
) -> Load:
    """Exponential smoothing by elapsed time; the first measurement counts whole."""
    load = wanted / max(couriers, 1)
    if before is not None:
        aged = 0.5 ** ((now - before.measured_at).total_seconds() / HALF_LIFE_S)
        load = aged * before.load + (1 - aged) * load
    return Load(city_id=city_id, measured_at=now, wanted=wanted, couriers=couriers, load=load)


def felt(load: Load, *, at: Pressure, since_at: datetime | None, rules: BackPressure) -> Pressure:
    """At most one step from where the city stands, and none before its dwell time is over."""
    moved_s = inf if since_at is None else (load.measured_at - since_at).total_seconds()
    if moved_s < rules.dwell_s:
        return at
    if at < Pressure.FLOODED and load.load >= rules.steps[at].load:
        return Pressure(at + 1)
    if at > Pressure.CALM and load.load < rules.relief * rules.steps[at - 1].load:
        return Pressure(at - 1)
    return at


def terms_at(pressure: Pressure, *, rules: BackPressure) -> Terms:
    return CALM if pressure is Pressure.CALM else rules.steps[pressure - 1].terms
