"""`tawsil replay mdrp`: published days of meal delivery, lived by this platform."""

from pathlib import Path
from time import monotonic
from typing import Annotated

import msgspec
import typer
import uvloop
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tawsil.apps import wiring
from tawsil.apps.cli.database import scratch_database
from tawsil.dispatch.planning import Policy
from tawsil.kernel.settings import Settings, load_settings
from tawsil.payments.providers.known import Providers
from tawsil.payments.public import Provider
from tawsil.simulation import mdrp as published
from tawsil.simulation.day import Parts
from tawsil.simulation.mdrp import POLICIES, Instance, PrepNoise, Score, Solution
from tawsil.simulation.replay import Replayed, replay

app = typer.Typer(help="Live through published days again.", no_args_is_help=True)
console = Console(highlight=False, stderr=True)


class Run(Struct, frozen=True, kw_only=True):
    """One day, as `--json` tells it."""

    instance: str
    policy: str
    orders: int
    delivered: int
    seconds: float
    ledger_sum: int


class Runs(Struct, frozen=True):
    runs: tuple[Run, ...]


@app.callback()
def _replay() -> None:
    """Keeps `mdrp` a subcommand."""


@app.command()
def mdrp(
    folders: Annotated[list[Path], typer.Argument(metavar="INSTANCE_DIR...")],
    *,
    out: Annotated[
        Path,
        typer.Option(help="Where the solution goes; of several, each to a folder of its name."),
    ],
    policy: Annotated[
        str, typer.Option(help=f"How to decide: {', '.join(POLICIES)}.")
    ] = "just_in_time",
    fast: Annotated[
        bool, typer.Option("--fast", help="Only the dispatch engine, without a database.")
    ] = False,
    prep_noise_std: Annotated[
        float | None,
        typer.Option(min=0.1, max=60, help="Kitchens err by so many minutes; only with --fast."),
    ] = None,
    noise_seed: Annotated[int, typer.Option(help="Draws the errors of the kitchens.")] = 1,
    keep: Annotated[
        str | None, typer.Option(help="Leave the database behind under this name.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on the last line.")
    ] = False,
) -> None:
    """Replay days of the Meal Delivery Routing Problem through the platform's own services.

    Each day gets a database of its own on the server of the settings, dropped afterwards.
    """
    chosen = POLICIES.get(policy)
    if chosen is None:
        raise ValueError(f"there is no policy {policy}; there are {', '.join(POLICIES)}")
    if keep is not None and (fast or len(folders) > 1):
        raise ValueError("--keep wants one day that is lived on a database")
    if prep_noise_std is not None and not fast:
        raise ValueError("--prep-noise-std wants --fast: on a database kitchens say when it is so")
    noise = None if prep_noise_std is None else PrepNoise(std_min=prep_noise_std, seed=noise_seed)
    instances = [_read(folder) for folder in folders]
    if len({instance.name for instance in instances}) < len(instances):
        raise ValueError("two of the folders have the same name: their solutions would be one")
    settings = load_settings()
    table, runs = _table(), list[Run]()
    for instance in instances:
        run, solution = _live(settings, instance, chosen, fast=fast, noise=noise, keep=keep)
        published.write_solution(
            out / instance.name if len(instances) > 1 else out, instance=instance, solution=solution
        )
        runs.append(run)
        _add(table, run, published.score(instance=instance, solution=solution))
    console.print(table)
    if as_json:
        answer = runs[0] if len(runs) == 1 else Runs(tuple(runs))
        print(msgspec.json.encode(answer).decode())


def _read(folder: Path) -> Instance:
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    return published.read_instance(folder)


def _live(
    settings: Settings,
    instance: Instance,
    policy: Policy,
    *,
    fast: bool,
    noise: PrepNoise | None,
    keep: str | None,
) -> tuple[Run, Solution]:
    start_s = monotonic()
    if fast:
        with console.status(f"{instance.name}: deciding …"):
            solution = published.fast_replay(instance, policy, noise=noise)
        delivered, ledger_sum = len(solution.deliveries), 0
    else:
        result = _live_on_database(settings, instance, policy, keep=keep)
        if result.untold:
            raise ValueError(f"{instance.name}: the event log lacks part of {result.untold} orders")
        solution, delivered, ledger_sum = result.solution, result.delivered, result.ledger_sum
    run = Run(
        instance=instance.name,
        policy=policy.name,
        orders=len(instance.orders),
        delivered=delivered,
        seconds=round(monotonic() - start_s, 2),
        ledger_sum=ledger_sum,
    )
    return run, solution


def _live_on_database(
    settings: Settings, instance: Instance, policy: Policy, *, keep: str | None
) -> Replayed:
    minutes = TextColumn("{task.completed:.0f} of {task.total:.0f} minutes")
    columns = (TextColumn("{task.description}"), BarColumn(), minutes, TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        total = published.length(instance) / published.MINUTE
        task = progress.add_task(instance.name, total=total)
        with scratch_database(settings, keep=keep) as url:
            return uvloop.run(
                replay(
                    url,
                    instance=instance,
                    policy=policy,
                    parts=parts(),
                    progress=lambda share: progress.update(task, completed=share * total),
                )
            )


def parts() -> Parts:
    """The platform as its processes have it."""
    return Parts(
        registry=wiring.REGISTRY,
        subscriptions=wiring.subscriptions(),
        deadlines=wiring.DEADLINES,
        jobs=lambda database, psp, payee: wiring.jobs(
            database=database,
            providers=Providers({Provider.DIRECT: psp}),
            payees={Provider.DIRECT: payee},
        ),
    )


def _table() -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("day", no_wrap=True)
    for title in ("orders", "delivered", "lost %", "door", "eff", "waits", "ledger", "s"):
        table.add_column(title, justify="right", no_wrap=True)
    table.caption = (
        "minutes · door: click to door · eff: the same, what is lost counted as the longest allowed"
        " · waits: ready to pick-up"
    )
    return table


def _add(table: Table, run: Run, score: Score) -> None:
    table.add_row(
        run.instance,
        str(run.orders),
        str(run.delivered),
        f"{score.undelivered_pct:.2f}",
        f"{score.click_to_door_min:.2f}",
        f"{score.eff_min:.2f}",
        f"{score.ready_to_pickup_min:.2f}",
        str(run.ledger_sum),
        f"{run.seconds:.1f}",
    )
