"""`tawsil bench`: how good and how quick decisions are, and how fast the platform answers."""

from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from os import environ
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from msgspec import Struct
from pydantic import SecretStr
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tawsil.apps.bench import api as bench_api
from tawsil.apps.bench import live as bench_live
from tawsil.apps.bench import outage
from tawsil.apps.bench.gate import Line
from tawsil.apps.cli import bench_tables as tables
from tawsil.apps.cli.bench_match import LIMITS, Limits, Matched, measure
from tawsil.apps.cli.database import scratch_database
from tawsil.kernel.settings import load_settings
from tawsil.simulation.mdrp import chart, league

app = typer.Typer(help="Measure the dispatcher, and the API.", no_args_is_help=True)
console = Console(highlight=False, stderr=True)

NO_DATA: Final = (
    "say where the published days are: MDRP_DATA=folder, or the folder as an argument. It holds one"
    " folder for each instance of grubhub/mdrplib (orders.txt, couriers.txt, restaurants.txt,"
    " instance_parameters.txt), and reference.json if there are references"
)
WIDE: Final = 200
LEAST_RATIO: Final = 0.5
ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Outcome(Struct, frozen=True):
    """What `bench dispatch` leaves in `dispatch.json`."""

    prep_noise_std_min: float
    means: tuple[league.Mean, ...]
    worst: tuple[tuple[str, float], ...]
    runs: tuple[league.Run, ...]


class Brief(Struct, frozen=True):
    """The last line of `bench dispatch --json`."""

    name: str
    out: str
    days: int
    seconds: float
    means: tuple[league.Mean, ...]
    worst: tuple[tuple[str, float], ...]


class Matches(Struct, frozen=True):
    """The last line of `bench match --json`."""

    name: str
    met: bool
    runs: tuple[Matched, ...]


@app.command()
def dispatch(
    data: Annotated[
        Path | None,
        typer.Argument(envvar="MDRP_DATA", help="Folder of published days.", show_default=False),
    ] = None,
    *,
    out: Annotated[
        Path | None,
        typer.Option(help="Where figures and chart go.", show_default=".tawsil/bench"),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=256, help="Processes.")] = 2,
    policy: Annotated[
        list[str] | None,
        typer.Option(help=f"One or several of: {', '.join(league.CONTESTANTS)}. All, if none."),
    ] = None,
    day: Annotated[list[str] | None, typer.Option(help="Only this day. May be repeated.")] = None,
    prep_noise_std: Annotated[
        float, typer.Option(min=0.1, max=60, help="Minutes by which kitchens err in noisy_prep.")
    ] = 8.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, last.")] = False,
) -> None:
    """Score published days under several policies, in memory, beside what others reached."""
    folders = _days(data, day)
    references = league.read_references(folders[0].parent)
    todo = league.tasks(folders, policy or league.CONTESTANTS, noise_std_min=prep_noise_std)
    runs = _run(todo, jobs=jobs)
    means = league.means(runs, references)
    worst = [] if references is None else league.worst(runs, references)
    out = out or load_settings().data / "bench"
    out.mkdir(parents=True, exist_ok=True)
    outcome = Outcome(
        prep_noise_std_min=prep_noise_std,
        means=tuple(means),
        worst=tuple(worst),
        runs=tuple(runs),
    )
    path = out / "dispatch.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(outcome), indent=1))
    _draw(out / "dispatch.svg", means, references)
    for table in tables.of_dispatch(runs, means, worst, references):
        _show(table)
    console.print(f"figures: {path}")
    if as_json:
        brief = Brief(
            name="dispatch",
            out=str(out),
            days=len(folders),
            seconds=round(sum(run.seconds for run in runs), 2),
            means=tuple(means),
            worst=tuple(worst),
        )
        print(msgspec.json.encode(brief).decode())


def _days(data: Path | None, only: Sequence[str] | None) -> list[Path]:
    if data is None:
        raise ValueError(NO_DATA)
    if not data.is_dir():
        raise ValueError(f"there is no folder {data}; {NO_DATA}")
    folders = sorted(path.parent for path in data.glob("*/orders.txt"))
    if not folders:
        raise ValueError(f"{data} holds no published days; {NO_DATA}")
    names = {folder.name: folder for folder in folders}
    missing = [name for name in only or () if name not in names]
    if missing:
        raise ValueError(f"there is no day {missing[0]} in {data}")
    return [names[name] for name in only] if only else folders


def _run(todo: Sequence[league.Task], *, jobs: int) -> list[league.Run]:
    """In a fixed order, however many processes there were; one needs no other than this."""
    if jobs == 1:
        return [league.run(task) for task in todo]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with (
        Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress,
        _processes(min(jobs, len(todo))) as pool,
    ):
        line = progress.add_task("deciding", total=len(todo))
        futures = {pool.submit(league.run, task): number for number, task in enumerate(todo)}
        found: dict[int, league.Run] = {}
        for future in as_completed(futures):
            found[futures[future]] = future.result()
            progress.advance(line)
    return [found[number] for number in sorted(found)]


@contextmanager
def _processes(count: int) -> Generator[ProcessPoolExecutor]:
    """Fresh processes, one thread each, whatever this one has loaded."""
    before = {name: environ.get(name) for name in ONE_THREAD}
    environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
            yield pool
    finally:
        for name, value in before.items():
            if value is None:
                del environ[name]
            else:
                environ[name] = value


def _show(table: Table) -> None:
    console.print(table, "", width=None if console.is_terminal else WIDE)


def _draw(path: Path, means: Sequence[league.Mean], references: league.References | None) -> None:
    if not means:
        return
    group = means[0].group
    points = [
        chart.Point(
            name=m.name,
            pay=m.pay_per_order,
            eff_min=m.eff_min,
            ours=not m.name.startswith("published") and m.name not in league.DECIDERS,
        )
        for m in means
        if m.group == group and m.name != league.NOISY
    ]
    bound = None if references is None or group == league.ALL else references.bound_min(group)
    path.write_text(chart.drawn(points, bound_min=bound), encoding="utf-8")
    console.print(f"chart of {group}: {path}")


@app.command()
def match(
    *,
    jobs: Annotated[int | None, typer.Option(min=1, max=20_000)] = None,
    couriers: Annotated[int | None, typer.Option(min=1, max=20_000)] = None,
    repeat: Annotated[int, typer.Option(min=1, max=1_000, help="Decisions measured.")] = 9,
    seed: Annotated[int, typer.Option(help="The invented city.")] = 1,
    hold: Annotated[
        bool, typer.Option("--assert", help="Fail when a limit is missed: 1 s, 50 ms, 500 MB.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, last.")] = False,
) -> None:
    """Time one decision, from places to a plan, on one core: of a metropolis and of a town."""
    sizes = [(limits.jobs, limits.couriers) for limits in LIMITS]
    if jobs is not None or couriers is not None:
        sizes = [(jobs or couriers or 1, couriers or jobs or 1)]
    found: list[Matched] = []
    for size in sizes:
        with _processes(1) as pool:  # a process each, for memory's peak is a process's
            found.append(pool.submit(measure, size, repeat=repeat, seed=seed).result())
    missed = [sentence for one in found for sentence in _missed(one)]
    _show(tables.of_match(found))
    if as_json:
        print(msgspec.json.encode(Matches("match", met=not missed, runs=tuple(found))).decode())
    if hold and missed:
        raise ValueError("; ".join(missed))


@app.command()
def api(
    *,
    seconds: Annotated[
        float, typer.Option(min=0.5, max=600, help="For each endpoint and number of clients.")
    ] = 5.0,
    hold: Annotated[
        bool, typer.Option("--assert", help="Fail when a cached read is below half a bare handler.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, last.")] = False,
) -> None:
    """Load a platform over HTTP, beside bare handlers on the same server."""
    settings = load_settings()
    with console.status("a database") as status, scratch_database(settings) as url:
        here = settings.model_copy(update={"database_url": SecretStr(url)})
        found = bench_api.measure(here, seconds=seconds, tell=status.update)
    _show(tables.of_api(found))
    if as_json:
        print(msgspec.json.encode(found).decode())
    if hold and found.ratio < LEAST_RATIO:
        raise ValueError(f"a cached read runs at {found.ratio:.2f} of a bare handler's rate")


@app.command()
def live(
    *,
    clients: Annotated[
        int, typer.Option(min=1, max=15_000, help="Customers, each with a stream.")
    ] = 5_000,
    seconds: Annotated[float, typer.Option(min=5, max=600, help="At rest, and then moving.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, last.")] = False,
) -> None:
    """Hold many live streams in one process: what they cost at rest, and how soon news arrive."""
    settings = load_settings()
    with console.status("a database") as status, scratch_database(settings) as url:
        here = settings.model_copy(update={"database_url": SecretStr(url)})
        found = bench_live.measure(here, clients=clients, seconds=seconds, tell=status.update)
    _show(tables.of_live(found))
    if as_json:
        print(msgspec.json.encode(found).decode())


@app.command()
def psp_outage(
    *,
    seconds: Annotated[
        float, typer.Option(min=10, max=1_800, help="How long the first provider is down.")
    ] = 300,
    rate: Annotated[float, typer.Option(min=1, max=1_000, help="Checkouts a second.")] = 20,
    mode: Annotated[Line, typer.Option(help="In which way it is down.")] = Line.HANG,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, last.")] = False,
) -> None:
    """Cut off a payment provider under load: who notices, and does all the money add up?"""
    settings = load_settings()
    with console.status("a database") as status, scratch_database(settings) as url:
        here = settings.model_copy(update={"database_url": SecretStr(url)})
        found = outage.measure(
            here, seconds=seconds, rate_per_s=rate, mode=mode, tell=status.update
        )
    for table in tables.of_outage(found):
        _show(table)
    if as_json:
        print(msgspec.json.encode(found).decode())
    if found.differences:
        raise typer.Exit(1)


def _missed(one: Matched) -> list[str]:
    size = f"{one.jobs} jobs for {one.couriers} couriers"
    limits = next((x for x in LIMITS if (x.jobs, x.couriers) == (one.jobs, one.couriers)), Limits())
    sentences: list[str] = []
    if limits.seconds is not None and one.median_s >= limits.seconds:
        sentences.append(f"{size} takes {one.median_s:.3f} s, not under {limits.seconds:g} s")
    if one.peak_rss_mb >= limits.rss_mb:
        sentences.append(f"{size} needs {one.peak_rss_mb:.0f} MB, not under {limits.rss_mb:g} MB")
    return sentences
