"""`tawsil doctor`: what is there, what is missing, and what to do about it."""

import asyncio
import platform
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Annotated, Final

import asyncpg
import msgspec
import typer
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from tawsil import migrations
from tawsil.kernel.db import breach
from tawsil.kernel.postgres import EmbeddedPostgres, PostgresError, find_binaries
from tawsil.kernel.settings import Settings, SettingsError, load_settings

OLDEST_PYTHON: Final = (3, 11)
OLDEST_POSTGRES: Final = 15
SAFE: Final = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
"""Settings without which a server may forget what it acknowledged."""


class Finding(Struct, frozen=True):
    """One thing looked at. `advice` says what to do when it is not well."""

    what: str
    well: bool
    found: str
    advice: str = ""


def doctor(
    *, as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False
) -> None:
    """Look at everything the platform needs. Exit code 1 when something is wrong."""
    findings = list(_findings())
    well = all(finding.well for finding in findings)
    if as_json:
        print(msgspec.json.encode({"well": well, "findings": findings}).decode())
    else:
        _show(findings)
    raise typer.Exit(0 if well else 1)


def _findings() -> Iterator[Finding]:
    yield Finding(
        "Python",
        sys.version_info >= OLDEST_PYTHON,
        platform.python_version(),
        "Use Python 3.11 or newer.",
    )
    try:
        settings = load_settings()
    except SettingsError as error:
        yield Finding("Settings", well=False, found=str(error), advice="Correct what is named.")
        return
    yield Finding("Settings", well=True, found=f"{settings.environment}, data in {settings.data}")
    yield _port(settings)
    yield from _guarded("Database", lambda: _database(settings))


def _port(settings: Settings) -> Finding:
    with closing(socket.socket()) as probe:
        probe.settimeout(0.5)
        taken = probe.connect_ex((settings.host, settings.port)) == 0
    state = "in use: a platform may be up" if taken else "free"
    return Finding("Port", well=True, found=f"{settings.host}:{settings.port} is {state}")


def _guarded(what: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return look()
    except (PostgresError, OSError, asyncpg.PostgresError) as error:
        advice = "Set DATABASE_URL to a PostgreSQL 15 to 18 that answers, or unset it for our own."
        return [Finding(what, well=False, found=str(error), advice=advice)]


def _database(settings: Settings) -> list[Finding]:
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        return [
            Finding("Database", well=True, found="the server of DATABASE_URL"),
            *asyncio.run(_server(url)),
        ]
    with EmbeddedPostgres(data=settings.data / "postgres") as server:
        server.ensure_database("tawsil")
        where = f"our own server, programs in {find_binaries()}"
        return [
            Finding("Database", well=True, found=where),
            *asyncio.run(_server(server.url("tawsil"))),
        ]


async def _server(url: str) -> list[Finding]:
    connection = await asyncpg.connect(url, timeout=5)
    try:
        major = connection.get_server_version().major
        known = {name: await connection.fetchval(f"show {name}") for name in SAFE}
        unsafe = [f"{name} = {value}" for name, value in known.items() if value != SAFE[name]]
        at = await migrations.revision(connection)
        torn = await breach(connection)
    finally:
        await connection.close()
    return [
        Finding(
            "PostgreSQL",
            major >= OLDEST_POSTGRES,
            f"version {major}",
            f"Use version {OLDEST_POSTGRES} or newer.",
        ),
        Finding(
            "Durability",
            not unsafe,
            ", ".join(unsafe) or "what is acknowledged survives a crash",
            "Switch these on: acknowledged orders could be lost.",
        ),
        Finding(
            "Schema",
            at == migrations.newest(),
            at or "empty",
            "Run `tawsil migrate` (`tawsil up` does it too).",
        ),
        Finding(
            "Tenants",
            torn is None,
            torn or "callers are kept to their own rows",
            "Migrate; if it stays, see `tawsil_tenant` in docs/operations.md.",
        ),
    ]


def _show(findings: list[Finding]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("", "What", "Found", "What to do"):
        table.add_column(column)
    for f in findings:
        mark = "[green]✓[/]" if f.well else "[red]✗[/]"
        table.add_row(mark, f.what, f.found, "" if f.well else f.advice)
    Console().print(table)
