"""`tawsil simulate`: a day in the virtual city, in minutes, the same one for the same seed."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Final

import msgspec
import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from tawsil.apps import wiring
from tawsil.apps.cli.database import scratch_database
from tawsil.kernel.settings import load_settings
from tawsil.payments.providers.known import Providers
from tawsil.payments.public import Provider
from tawsil.simulation.city import CitySize
from tawsil.simulation.day import EVENING, Parts, Result, Setting
from tawsil.simulation.day import simulate as live_through

_SENTENCES: Final = {
    "orders": "orders placed",
    "delivered": "delivered",
    "success_pct": "succeeded, of those nobody called off (%)",
    "time_to_assign_p95_s": "time to assign, p95 (s)",
    "acceptance_pct": "offers accepted (%)",
    "unassigned_pct": "without a courier when it mattered (%)",
    "reassigned_ok_pct": "found another courier after losing one (%)",
    "without_deadline_max": "live orders without a deadline, at most",
    "ledger_sum": "ledger, off by (minor units)",
    "hash": "hash of the day",
}


def simulate(
    *,
    seed: Annotated[int, typer.Option(help="The city, its people and their luck.")] = 7,
    hours: Annotated[float, typer.Option(min=0.05, max=72, help="How long orders come.")] = 4.0,
    start: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%dT%H:%M"], help="When it begins, in UTC."),
    ] = None,
    rate: Annotated[
        float, typer.Option(min=1, max=5_000, help="Orders an hour, as the mean of a whole day.")
    ] = 24.0,
    couriers: Annotated[int, typer.Option(min=1, max=5_000)] = 40,
    merchants: Annotated[int, typer.Option(min=1, max=2_000)] = 40,
    customers: Annotated[int, typer.Option(min=1, max=100_000)] = 400,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, last.")] = False,
) -> None:
    """Live through hours in the virtual city: the real platform under virtual time.

    It runs on a database of its own, which is thrown away afterwards.
    """
    setting = Setting(
        seed=seed,
        hours=hours,
        start_at=EVENING if start is None else start.replace(tzinfo=EVENING.tzinfo),
        size=CitySize(merchants=merchants, customers=customers, couriers=couriers),
        rate_per_hour=rate,
    )
    with scratch_database(load_settings()) as url, shown(f"seed {seed}") as progress:
        result = uvloop.run(live_through(url, parts=parts(), setting=setting, progress=progress))
    if as_json:
        print(msgspec.json.encode(result).decode())
    else:
        _show(result)


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


@contextmanager
def shown(what: str) -> Generator[Callable[[float], None], None, None]:
    """A bar on standard error, so that standard output stays clean."""
    bar = Progress(
        TextColumn(what),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task(what, total=1.0)
        yield lambda share: bar.update(task, completed=share)


def _show(result: Result) -> None:
    table = Table(title=f"A day in the city, seed {result.seed}", show_header=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    for field, sentence in _SENTENCES.items():
        table.add_row(sentence, str(getattr(result, field)))
    Console().print(table)
