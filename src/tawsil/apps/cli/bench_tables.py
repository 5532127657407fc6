"""What was measured, as tables."""

from collections.abc import Sequence
from statistics import fmean

from rich.table import Table

from tawsil.apps.bench import api, live, outage
from tawsil.apps.cli.bench_match import Matched
from tawsil.simulation.mdrp import Score, league

FIGURES = (
    ("undelivered_pct", "lost %"),
    ("click_to_door_min", "door"),
    ("eff_min", "eff"),
    ("click_to_door_p90_min", "p90"),
    ("ready_to_pickup_min", "waits"),
    ("pay_per_order", "$/order"),
    ("orders_per_bundle", "bundle"),
)
LEGEND = (
    "minutes · door: click to door · eff: the same, what is lost counted as the longest allowed"
    " · waits: ready to pick-up"
)


def of_dispatch(
    runs: Sequence[league.Run],
    means: Sequence[league.Mean],
    worst: Sequence[tuple[str, float]],
    references: league.References | None,
) -> list[Table]:
    contestants = list(dict.fromkeys(run.contestant for run in runs))
    found = [_days(runs, contestants[0], references)]
    if len(contestants) > 1:
        found.append(_side_by_side(runs, contestants))
    if means:
        found.append(_means(means, references))
    if worst:
        found.append(_worst(worst))
    return found


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    return table


def _days(
    runs: Sequence[league.Run], contestant: str, references: league.References | None
) -> Table:
    titles = [title for _, title in FIGURES]
    published = () if references is None else ("jit eff",)
    table = _table(f"Each day: {contestant}", "day", "orders", *titles, *published)
    for name, seeds in sorted(league.of_contestant(runs, contestant).items()):
        figures = [f"{_mean(seeds, field):.2f}" for field, _ in FIGURES]
        if references is not None:
            known = references.reference.get(name)
            figures.append("" if known is None else f"{known.jit.eff:.2f}")
        table.add_row(name, str(seeds[0].orders), *figures)
    table.caption = LEGEND
    return table


def _side_by_side(runs: Sequence[league.Run], contestants: Sequence[str]) -> Table:
    table = _table("Effective click-to-door, side by side", "day", *contestants)
    scores = {name: league.of_contestant(runs, name) for name in contestants}
    for day in sorted({run.instance for run in runs}):
        table.add_row(day, *(f"{_mean(scores[name][day], 'eff_min'):.2f}" for name in contestants))
    return table


def _means(means: Sequence[league.Mean], references: league.References | None) -> Table:
    table = _table("Means", "days", "policy", *(title for _, title in FIGURES))
    for one in means:
        figures = (f"{getattr(one, field):.2f}" for field, _ in FIGURES)
        table.add_row(one.group, one.name, *figures)
    if references is not None:
        for group in dict.fromkeys(one.group for one in means if one.group != league.ALL):
            blank = [""] * (len(FIGURES) - 3)
            bound = f"{references.bound_min(group):.2f}"
            table.add_row(group, "bound without contention", "", "", bound, *blank)
    return table


def _worst(worst: Sequence[tuple[str, float]]) -> Table:
    table = _table(f"The worst days of {league.USUAL}", "day", "minutes behind jit")
    for day, behind_min in worst:
        table.add_row(day, f"{behind_min:+.2f}")
    return table


def _mean(seeds: Sequence[Score], field: str) -> float:
    return fmean(getattr(score, field) for score in seeds)


def of_match(found: Sequence[Matched]) -> Table:
    table = _table(
        "One decision", "jobs", "couriers", "median s", "max s", "CPU s", "ways s", "peak MB"
    )
    for one in found:
        table.add_row(
            str(one.jobs),
            str(one.couriers),
            f"{one.median_s:.3f}",
            f"{one.max_s:.3f}",
            f"{one.median_cpu_s:.3f}",
            f"{one.median_survey_s:.3f}",
            f"{one.peak_rss_mb:.0f}",
        )
    table.caption = "one core; ways: measuring travel times, part of the whole"
    return table


def of_api(found: api.Result) -> Table:
    columns = ("clients", "answers/s", "p50 ms", "p95 ms", "p99 ms", "CPU us", "bytes", "errors")
    table = _table("Answers over HTTP", "endpoint", *columns)
    for row in found.endpoints:
        table.add_row(
            row.endpoint,
            str(row.clients),
            f"{row.rate_per_s:.0f}",
            *(f"{ms:.2f}" for ms in (row.p50_ms, row.p95_ms, row.p99_ms)),
            f"{row.cpu_us:.0f}",
            str(row.bytes_each),
            str(sum(row.errors.values())),
        )
    shares = ", ".join(f"{ratio:.2f} with {n}" for n, ratio in found.ratios.items())
    table.caption = (
        f"a cached read over a bare handler: {shares} clients; {found.cpu_ratio:.2f} by CPU time"
    )
    return table


def of_live(found: live.Result) -> Table:
    table = _table("Live streams of one process", "figure", "value")
    orders = found.orders
    for name, value in (
        ("streams", f"{found.clients}, of which {found.consoles} are consoles"),
        ("connected in", f"{found.connected_s:.1f} s"),
        ("memory of the server, each", f"{found.memory_kb_each:.1f} KB"),
        ("CPU at rest", f"{found.idle_cpu_pct:.1f} % of one core"),
        ("heartbeats at rest", str(found.idle_heartbeats)),
        (f"CPU while {found.couriers} couriers move", f"{found.busy_cpu_pct:.1f} % of one core"),
        ("messages delivered", f"{found.rate_per_s:.0f}/s"),
        ("position to console", _delays(found.p50_ms, found.p95_ms, found.p99_ms)),
        ("order to whom it concerns", _delays(orders.p50_ms, orders.p95_ms, orders.p99_ms)),
        ("errors", str(found.errors)),
    ):
        table.add_row(name, value)
    table.caption = "delays: p50, p95, p99 ms"
    return table


def of_outage(found: outage.Outage) -> list[Table]:
    times = _table(
        f"A provider down ({found.mode}, {found.seconds:g} s): other routes",
        "route",
        "phase",
        "requests",
        "p50 ms",
        "p95 ms",
    )
    for one in found.latencies:
        figures = (f"{one.requests}", f"{one.p50_ms:.1f}", f"{one.p95_ms:.1f}")
        times.add_row(one.route, one.phase, *figures)
    times.caption = f"worst p95, during over before: {found.worst_ratio:.2f}"
    paid = _table("Until the money was safe", "phase", "orders", "safe", "p50 s", "p95 s", "most s")
    for one in found.paid:
        figures = (one.p50_s, one.p95_s, one.most_s)
        paid.add_row(one.phase, f"{one.orders}", f"{one.safe}", *(f"{s:.2f}" for s in figures))
    books = _table("Afterwards", "figure", "value")
    for name, value in (
        ("authorisations that went to the other provider", found.rerouted),
        ("charges left behind", dict(found.strays)),
        ("payments", dict(found.states)),
        ("still waiting", found.pending),
        ("ledger out of balance by", dict(found.imbalance)),
        ("differences to the acquirers", len(found.differences)),
    ):
        books.add_row(name, str(value))
    return [times, paid, books]


def _delays(*ms: float) -> str:
    return ", ".join(f"{one:.0f}" for one in ms)
