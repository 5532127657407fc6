"""A published day is lived by its own rules: read, replayed, checked again from the answer."""

import math
import os
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tawsil.dispatch.planning import Policy, Services
from tawsil.kernel.places import Place, distance_m
from tawsil.simulation.mdrp import (
    MIDNIGHT,
    MINUTE,
    Instance,
    PlaneTravel,
    Solution,
    fast_replay,
    minute,
    place_on_earth,
    read_instance,
    score,
    write_solution,
)
from tawsil.simulation.motion import CourierMotion, Stop

POLICY = Policy()


def write_instance(
    folder: Path, *, seed: int, orders: int = 30, restaurants: int = 6, couriers: int = 8
) -> Path:
    """An invented day in the published format."""
    random = Random(seed)
    xy = lambda: (random.randrange(6000), random.randrange(6000))  # noqa: E731 a name for a draw
    placed = [random.randrange(60, 240) for _ in range(orders)]
    tables = {
        "restaurants": [("restaurant", "x", "y")]
        + [(f"r{n}", *xy()) for n in range(1, restaurants + 1)],
        "orders": [("order", "x", "y", "placement_time", "restaurant", "ready_time")]
        + [
            (f"o{n}", *xy(), at, f"r{random.randint(1, restaurants)}", at + random.randrange(25))
            for n, at in enumerate(placed, start=1)
        ],
        "couriers": [("courier", "x", "y", "on_time", "off_time")]
        + [
            (f"c{n}", *xy(), on, on + random.randrange(60, 300))
            for n, on in enumerate([random.randrange(120) for _ in range(couriers)], start=1)
        ],
        "instance_parameters": [
            ("meters_per_minute", "pickup", "dropoff", "target", "maximum", "pay", "guarantee"),
            (320, 4, 4, 40, 90, 10, 15),
        ],
    }
    for name, rows in tables.items():
        text = "\n".join("\t".join(map(str, row)) for row in rows) + "\n"
        (folder / f"{name}.txt").write_text(text)
    return folder


def broken_rules(instance: Instance, solution: Solution) -> list[str]:
    """Follow every courier from its moves and assignments alone."""
    orders = {o.id: o for o in instance.orders}
    place: dict[str, Place] = {r.id: r.place for r in instance.restaurants.values()}
    place |= {o.id: o.place for o in instance.orders}
    half = 2 * MINUTE
    bad: list[str] = []
    dropped = {d.order: d for d in solution.deliveries}
    carried = [o for a in solution.assignments for o in a.orders]
    if len(carried) != len(set(carried)) or set(carried) != set(dropped):
        bad.append("an order is carried twice, or told of without being carried")
    for shift in instance.shifts:
        todo = [a for a in solution.assignments if a.courier == shift.courier]
        at, where, free_at = "0", shift.place, shift.on_at
        on_board: list[str] = []
        for move in (m for m in solution.moves if m.courier == shift.courier):
            if move.destination in orders and not on_board:
                told = todo.pop(0)
                on_board = list(told.orders)
                known_at = max(orders[o].placed_at for o in on_board)
                ready_at = max(orders[o].ready_at for o in on_board)
                rules = {
                    "at the restaurant": {orders[o].restaurant for o in on_board} == {at},
                    "known": told.assigned_at >= known_at,
                    "told before pick-up": told.picked_up_at >= told.assigned_at,
                    "ready": told.picked_up_at >= ready_at,
                    "served": told.picked_up_at >= free_at + half,
                    "on shift": told.picked_up_at <= shift.off_at,
                }
                bad += [f"{told}: {rule}" for rule, kept in rules.items() if not kept]
                free_at = told.picked_up_at + half
            if move.origin != at or move.departed_at < free_at:
                bad.append(f"{move}: from elsewhere or too soon")
            if on_board and move.destination != on_board[0]:
                bad.append(f"{move}: turns aside")
            free_at = move.departed_at + instance.travel.time(where, place[move.destination])
            at, where = move.destination, place[move.destination]
            if on_board:
                delivery = dropped[on_board.pop(0)]
                if delivery.dropped_off_at != free_at + half or delivery.courier != shift.courier:
                    bad.append(f"{delivery}: not when or by whom it was carried")
                free_at += 2 * half
        if todo or on_board:
            bad.append(f"{shift.courier} leaves work undone")
    return bad


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 10), st.sampled_from([1, 6]))
def test_a_replayed_day_keeps_every_rule(
    tmp_path_factory: pytest.TempPathFactory, seed: int, couriers: int, restaurants: int
):
    folder = write_instance(
        tmp_path_factory.mktemp("day"), seed=seed, couriers=couriers, restaurants=restaurants
    )
    instance = read_instance(folder)
    solution = fast_replay(instance, POLICY)
    assert broken_rules(instance, solution) == []
    assert fast_replay(instance, POLICY) == solution


def test_a_day_with_enough_couriers_is_delivered_and_written(tmp_path: Path):
    instance = read_instance(write_instance(tmp_path, seed=3, couriers=25))
    solution = fast_replay(instance, POLICY)
    result = score(instance=instance, solution=solution)
    assert (result.delivered, result.undelivered_pct) == (result.orders, 0.0)
    assert result.eff_min == result.click_to_door_min < 45
    write_solution(tmp_path / "out", instance=instance, solution=solution)
    orders, assignments, moves = (
        (tmp_path / "out" / f"solution_info_{name}.txt").read_text().splitlines()
        for name in ("orders", "assignments", "couriers")
    )
    assert orders[0] == "order placement_time ready_time pickup_time dropoff_time courier"
    waits = [int(row.split()[4]) - int(row.split()[1]) for row in orders[1:]]
    assert fmean(waits) == pytest.approx(result.eff_min)
    assert sum(len(row.split()) - 3 for row in assignments[1:]) == result.delivered
    blocks = [row.split()[0] for row in moves[1:]]
    assert len({*blocks}) == 1 + sum(a != b for a, b in pairwise(blocks))


def test_an_undelivered_order_counts_as_the_maximum(tmp_path: Path):
    instance = read_instance(write_instance(tmp_path, seed=1))
    nothing = Solution(assignments=(), deliveries=(), moves=())
    assert score(instance=instance, solution=nothing).eff_min == 90
    assert score(instance=instance, solution=nothing).undelivered_pct == 100


@given(st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 40_000)), min_size=2, unique=True))
def test_places_keep_the_travel_times_of_the_plane(points: list[tuple[int, int]]):
    places = [place_on_earth(*point) for point in points]
    assert len(set(places)) == len(points)
    plane = {p: (float(x), float(y)) for p, (x, y) in zip(places, points, strict=True)}
    travel = PlaneTravel(plane, speed_m_min=320)
    expected = [[60 * math.ceil(math.dist(a, b) / 320) for b in points] for a in points]
    assert travel.matrix_s(places, places).tolist() == expected
    assert travel.pairs_s(places[:1], places[1:2])[0] == expected[0][1]
    flat_m = math.dist(points[0], points[1])
    assert distance_m(places[0], places[1]) == pytest.approx(flat_m, rel=0.01, abs=1)


@given(
    legs=st.lists(st.integers(0, 9000), min_size=1, max_size=4),
    approach=st.integers(0, 9000),
    ready=st.integers(0, 60),
)
def test_a_courier_moves_by_the_clock(legs: list[int], approach: int, ready: int):
    stations = [0.0, float(approach)]
    for leg in legs:
        stations.append(stations[-1] + leg)
    plane = {place_on_earth(x, 0.0): (x, 0.0) for x in stations}
    places = [place_on_earth(x, 0.0) for x in stations]
    motion = CourierMotion(
        name="c1",
        place=places[0],
        on_at=MIDNIGHT,
        services=Services(pickup_s=240, dropoff_s=240),
        travel=PlaneTravel(plane, speed_m_min=320),
    )
    ready_at = MIDNIGHT + ready * MINUTE
    motion.send(to="r1", place=places[1], now=MIDNIGHT)
    stops = [
        Stop(name=f"o{n}", place=p, ready_at=ready_at) for n, p in enumerate(places[2:], start=1)
    ]
    motion.expect(stops, now=MIDNIGHT)
    picked_up = max(ready, math.ceil(approach / 320) + 2)
    assert minute(motion.pickup_at) == picked_up
    motion.collect()
    left = picked_up + 2
    for leg, delivery in zip(legs, motion.deliveries, strict=True):
        arrived = left + math.ceil(leg / 320)
        assert minute(delivery.dropped_off_at) == arrived + 2
        left = arrived + 4
    assert motion.free_at == MIDNIGHT + left * MINUTE
    assert motion.place == places[-1]


@pytest.mark.parametrize(
    ("file", "line", "text", "says"),
    [
        ("orders", 2, "o1\t1\t2\t3\tr1", "6 columns expected, not 5"),
        ("orders", 3, "o2\t1\t2\tsoon\tr1\t9", "soon"),
        ("orders", 2, "o1\t1\t2\t3\tr99\t9", "unknown restaurant r99"),
        ("orders", 4, "o1\t1\t2\t3\tr1\t9", "o1 appears twice"),
        ("couriers", 2, "c1\t1\t2\t30\t20", "before it comes on"),
        ("restaurants", 2, "r1\tnowhere\t2", "nowhere"),
    ],
)
def test_a_malformed_file_is_refused_by_name_and_line(
    tmp_path: Path, file: str, line: int, text: str, says: str
):
    path = write_instance(tmp_path, seed=2) / f"{file}.txt"
    lines = path.read_text().splitlines()
    lines[line - 1] = text
    path.write_text("\n".join(lines))
    with pytest.raises(ValueError, match=says) as refusal:
        read_instance(tmp_path)
    assert f"{file}.txt:{line}:" in str(refusal.value)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ValueError, match=r"restaurants\.txt: No such file"):
        read_instance(tmp_path)


def test_an_instant_between_minutes_has_no_minute():
    with pytest.raises(AssertionError, match="whole minute"):
        minute(MIDNIGHT + timedelta(seconds=30))


@pytest.mark.mdrp
@pytest.mark.timeout(600)
def test_the_published_days_are_lived_by_the_rules():
    folders = sorted(p.parent for p in Path(os.environ["MDRP_DATA"]).glob("*/orders.txt"))
    assert folders
    for folder in folders:
        instance = read_instance(folder)
        solution = fast_replay(instance, POLICY)
        assert broken_rules(instance, solution) == []
        assert score(instance=instance, solution=solution).undelivered_pct <= 2
