"""`tawsil up`: the platform's processes, and `tawsil migrate`."""

import os
import shutil
import socket
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Console

from tawsil.apps import api, worker
from tawsil.apps.cli.database import running_database
from tawsil.apps.cli.processes import Program, Supervisor
from tawsil.kernel.settings import Settings, load_settings, secrets_of

console = Console()


class Role(StrEnum):
    API = "api"
    WORKER = "worker"
    DISPATCHER = "dispatcher"


def up(
    role: Annotated[
        Role | None, typer.Option(help="Run one role in this process; all of them without it.")
    ] = None,
    *,
    sandbox: Annotated[
        bool, typer.Option(help="Also run the sandbox card acquirers, for trying things out.")
    ] = True,
) -> None:
    """Run the platform until Ctrl-C. Any number of each role may run on one database."""
    settings = load_settings()
    if role is None:
        check_ports(settings)
    with running_database(settings) as ready:
        if role is not None:
            os.environ["DATABASE_URL"] = url_of(ready)
            _run(role)
            return
        supervisor = Supervisor()
        for program in programs(ready, sandbox=sandbox):
            supervisor.start(program)
        console.print(f"Tawsil is coming up on [link]{address(ready)}[/link]. Ctrl-C ends it.")
        supervisor.run()


def migrate() -> None:
    """Bring the database to the newest schema."""
    with running_database(load_settings()):
        console.print("The database is up to date.")


def address(settings: Settings) -> str:
    return f"http://{settings.host}:{settings.port}"


def check_ports(settings: Settings) -> None:
    """Refuse to start beside something else that answers where the platform would.

    Raises:
        OSError: a port is taken; says which, and what to do.
    """
    for setting, port in (
        ("TAWSIL_PORT", settings.port),
        ("TAWSIL_PSP_URL", _port_of(settings.psp_url)),
        ("TAWSIL_STRIPE_URL", _port_of(settings.stripe_url)),
    ):
        if port is None:
            continue
        with closing(socket.socket()) as probe:
            probe.settimeout(1)
            if probe.connect_ex((settings.host, port)) == 0:
                raise OSError(
                    f"port {port} is in use. Stop what uses it, or choose another with {setting}"
                )


def _port_of(url: str) -> int | None:
    """Where a sandbox answers; an acquirer of the real world names no port."""
    return urlsplit(url).port


def url_of(settings: Settings) -> str:
    assert settings.database_url is not None, "the database runs before its programs"
    return settings.database_url.get_secret_value()


def programs(settings: Settings, *, sandbox: bool) -> list[Program]:
    """The platform's processes on a database that is there already."""
    environment = {
        "DATABASE_URL": url_of(settings),
        "TAWSIL_HOST": settings.host,
        "TAWSIL_PORT": str(settings.port),
        "TAWSIL_PROVIDERS": _providers(settings, sandbox=sandbox),
        "TAWSIL_PSP_URL": settings.psp_url,
        "TAWSIL_STRIPE_URL": settings.stripe_url,
        "PROMETHEUS_MULTIPROC_DIR": str(_empty(settings.data / "metrics")),
    }
    direct = Program(
        "sandbox acquirer",
        ["tawsil.simulation.psp.server", "--state", str(settings.data / "acquirer.jsonl")],
        {
            "TAWSIL_PSP_PORT": str(_port_of(settings.psp_url)),
            "TAWSIL_PSP_API_KEY": settings.psp_api_key.get_secret_value(),
            "TAWSIL_PSP_WEBHOOK_SECRET": secrets_of(settings.psp_webhook_secrets)[0],
            "TAWSIL_PSP_WEBHOOK_URL": f"{address(settings)}/v4/webhooks/psp",
        },
    )
    stripe = Program(
        "sandbox Stripe",
        ["tawsil.simulation.stripe.server", "--state", str(settings.data / "stripe.jsonl")],
        {
            "TAWSIL_STRIPE_PORT": str(_port_of(settings.stripe_url)),
            "TAWSIL_STRIPE_API_KEY": settings.stripe_api_key.get_secret_value(),
            "TAWSIL_STRIPE_WEBHOOK_SECRETS": settings.stripe_webhook_secrets.get_secret_value(),
            "TAWSIL_STRIPE_WEBHOOK_URL": f"{address(settings)}/v4/webhooks/stripe",
        },
    )
    roles = [
        Program("api", ["tawsil.apps.api"], environment),
        *(Program(role, ["tawsil.apps.worker", role], environment) for role in worker.Role),
    ]
    sandboxes = {settings.psp_url: direct, settings.stripe_url: stripe} if sandbox else {}
    return [*(program for url, program in sandboxes.items() if _port_of(url)), *roles]


def _providers(settings: Settings, *, sandbox: bool) -> str:
    """Whom the settings name; with the sandboxes, both, unless they name somebody."""
    chosen = "providers" in settings.model_fields_set
    return settings.providers if chosen or not sandbox else "stripe,direct"


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder.resolve()


def _run(role: Role) -> None:
    if role is Role.API:
        api.main()
    else:
        worker.main(worker.Role(role))
