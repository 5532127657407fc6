"""`tawsil demo`: a platform with a whole city living in it."""

import asyncio
import os
import urllib.error
import urllib.request
from time import monotonic, sleep
from typing import Annotated

import typer
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from tawsil.apps.cli.database import running_database
from tawsil.apps.cli.processes import Program, Supervisor
from tawsil.apps.cli.up import address, check_ports, programs
from tawsil.apps.platform import open_database
from tawsil.identity import public as identity
from tawsil.kernel.settings import Settings, load_settings
from tawsil.simulation import hierarchy, seeding
from tawsil.simulation.actors.addresses import can_have_own
from tawsil.simulation.city import City, build_city, demo_accounts

console = Console(highlight=False)
PATIENCE_S = 60.0


def demo(
    *,
    seed: Annotated[int, typer.Option(help="Which city, and what its people do.")] = 7,
    speed: Annotated[float, typer.Option(min=0.5, max=20, help="How fast they live.")] = 5.0,
    rate: Annotated[float, typer.Option(min=1, max=2_000, help="Orders an hour, wall time.")] = 240,
) -> None:
    """Bring up the platform with a city whose people order, cook and ride. Ctrl-C ends it."""
    os.environ.setdefault("TAWSIL_LOG_LEVEL", "WARNING")  # a request a line would drown the rest
    if not can_have_own():  # then the whole city speaks from one address
        os.environ.setdefault("TAWSIL_RATE_LIMITS_EXEMPT", "127.0.0.1")
    settings = load_settings()
    check_ports(settings)
    city = seeding.round_the_clock(build_city(seed))
    with (
        console.status("Starting PostgreSQL and the schema …"),
        running_database(settings) as ready,
    ):
        with console.status(f"Settling {city.name.en} …"):
            asyncio.run(_settle(ready, city))
        supervisor = Supervisor()
        for program in programs(ready, sandbox=True):
            supervisor.start(program)
        try:
            _wait_until_ready(ready)
        except TimeoutError:
            supervisor.end()
            raise
        supervisor.start(
            Program(
                "city",
                [
                    "tawsil.simulation.http_city",
                    *("--seed", str(seed), "--url", address(ready)),
                    *("--speed", str(speed), "--rate", str(rate)),
                ],
                {"TAWSIL_LOG_LEVEL": "INFO", "TAWSIL_LOG_FORMAT": "console"},
            )
        )
        _welcome(ready, city)
        supervisor.run()
    console.print("Everything has ended. Until next time.")


async def _settle(settings: Settings, city: City) -> None:
    password_hash = await identity.hash_password(seeding.PASSWORD)
    async with open_database(settings, most=4) as database:
        await seeding.seed(database, city, password_hash=password_hash, maps=settings.data / "maps")


def _wait_until_ready(settings: Settings) -> None:
    until = monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(f"{address(settings)}/ready", timeout=2):  # noqa: S310 - our own address
                return
        except (urllib.error.URLError, OSError):
            if monotonic() > until:
                raise TimeoutError(
                    f"nothing answers on {address(settings)} after {PATIENCE_S:.0f} s: "
                    "is another program using the port? TAWSIL_PORT chooses another"
                ) from None
            sleep(0.2)


def _title(role: identity.Role) -> str:
    return role.value.replace("_", " ").capitalize()


def _welcome(settings: Settings, city: City) -> None:
    url = address(settings)
    accounts = demo_accounts(city)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_row("Live city", f"[link={url}/]{url}/[/link]   (sign in as operations)")
    table.add_row("API", f"[link={url}/docs]{url}/docs[/link]")
    table.add_row("Metrics", f"{url}/metrics")
    table.add_section()
    for who, email in (
        ("Operations", accounts.operator.email),
        ("Merchant", accounts.merchant.email),
        ("Courier", accounts.courier.email),
        ("Customer", accounts.customer.email),
        *((_title(role), email) for role, email in hierarchy.EMAILS.items()),
    ):
        table.add_row(who, f"{email}   password [bold]{seeding.PASSWORD}[/]")
    console.print(
        Panel(
            table,
            title=f"[bold]{city.name.en} · {city.name.ar}[/] is alive",
            subtitle="Ctrl-C ends everything",
            expand=False,
        )
    )
