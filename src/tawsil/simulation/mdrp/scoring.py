"""What came of a day: the three files that describe it, and its figures."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from statistics import fmean

import numpy as np
from msgspec import Struct

from tawsil.simulation.mdrp.instance import MINUTE, Instance, minute
from tawsil.simulation.motion import Assignment, Delivery, Move


class Solution(Struct, frozen=True):
    assignments: tuple[Assignment, ...]
    deliveries: tuple[Delivery, ...]
    moves: tuple[Move, ...]


class Score(Struct, frozen=True):
    """Means in minutes; `eff_min` counts an undelivered order as the maximum click-to-door."""

    orders: int
    delivered: int
    undelivered_pct: float
    eff_min: float
    click_to_door_min: float
    click_to_door_p90_min: float
    ready_to_pickup_min: float
    pay_per_order: float
    orders_per_bundle: float


def write_solution(folder: Path, *, instance: Instance, solution: Solution) -> None:
    """Write the three files that describe a solution."""
    folder.mkdir(parents=True, exist_ok=True)
    orders = {o.id: o for o in instance.orders}
    _write(
        folder / "solution_info_assignments.txt",
        "assignment_time pickup_time courier orders",
        (
            (minute(a.assigned_at), minute(a.picked_up_at), a.courier, *a.orders)
            for a in sorted(solution.assignments, key=lambda a: a.picked_up_at)
        ),
    )
    _write(
        folder / "solution_info_orders.txt",
        "order placement_time ready_time pickup_time dropoff_time courier",
        (
            (
                d.order,
                minute(orders[d.order].placed_at),
                minute(orders[d.order].ready_at),
                minute(d.picked_up_at),
                minute(d.dropped_off_at),
                d.courier,
            )
            for d in solution.deliveries
        ),
    )
    _write(
        folder / "solution_info_couriers.txt",
        "courier departure_time origin destination",
        ((m.courier, minute(m.departed_at), m.origin, m.destination) for m in solution.moves),
    )


def _write(path: Path, header: str, rows: Iterable[tuple[object, ...]]) -> None:
    lines = [header, *(" ".join(str(field) for field in row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def score(*, instance: Instance, solution: Solution) -> Score:
    orders = {o.id: o for o in instance.orders}
    waits = [(d.dropped_off_at - orders[d.order].placed_at) / MINUTE for d in solution.deliveries]
    lost = len(orders) - len(waits)
    maximum = instance.maximum_click_to_door / MINUTE
    served: dict[str, int] = {}
    for d in solution.deliveries:
        served[d.courier] = served.get(d.courier, 0) + 1
    pay = sum(
        max(
            instance.pay_per_order * served.get(s.courier, 0),
            instance.pay_per_hour * ((s.off_at - s.on_at) / timedelta(hours=1)),
        )
        for s in instance.shifts
    )
    return Score(
        orders=len(orders),
        delivered=len(waits),
        undelivered_pct=100 * lost / len(orders),
        eff_min=(sum(waits) + maximum * lost) / len(orders),
        click_to_door_min=fmean(waits) if waits else 0.0,
        click_to_door_p90_min=float(np.percentile(waits, 90)) if waits else 0.0,
        ready_to_pickup_min=fmean(
            (d.picked_up_at - orders[d.order].ready_at) / MINUTE for d in solution.deliveries
        )
        if waits
        else 0.0,
        pay_per_order=pay / max(len(waits), 1),
        orders_per_bundle=len(waits) / max(len(solution.assignments), 1),
    )
