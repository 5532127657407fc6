"""`tawsil events`: the log, as it grows, and what could not be handled."""

import asyncio
from typing import Annotated, Any
from uuid import UUID

import msgspec
import typer
from rich.console import Console

from tawsil.apps import wiring
from tawsil.apps.cli.database import running_database
from tawsil.apps.platform import open_database
from tawsil.kernel.events import Reader, Recorded, newest
from tawsil.kernel.settings import Settings, load_settings

app = typer.Typer(help="The event log.", no_args_is_help=True)
console = Console(highlight=False)
POLL_S = 0.3


@app.callback()
def _events() -> None:
    """Keeps `tail` a subcommand."""


@app.command()
def tail(
    *,
    last: Annotated[int, typer.Option(min=0, help="Begin with this many past events.")] = 20,
    story: Annotated[UUID | None, typer.Option(help="Only one order's story, by its id.")] = None,
    follow: Annotated[bool, typer.Option(help="Go on as events happen; Ctrl-C ends it.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show events as they are recorded."""
    with running_database(load_settings()) as settings:
        try:
            asyncio.run(_tail(settings, last=last, story=story, follow=follow, as_json=as_json))
        except KeyboardInterrupt:
            return


async def _tail(
    settings: Settings, *, last: int, story: UUID | None, follow: bool, as_json: bool
) -> None:
    async with open_database(settings, most=2) as database:
        async with database.transaction() as tx:
            seq = max(0, await newest(tx) - last)
        reader = Reader(wiring.REGISTRY)
        while True:
            async with database.transaction() as tx:
                events, reached = await reader.after(tx, seq)
            for recorded in events:
                if story is None or recorded.correlation_id == story:
                    _show(recorded, as_json=as_json)
            if reached == seq:
                if not follow:
                    return
                await asyncio.sleep(POLL_S)
            seq = reached


def _show(recorded: Recorded[Any], *, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.encode(recorded).decode(), flush=True)
        return
    data = {k: v for k, v in msgspec.to_builtins(recorded.event).items() if k != "type"}
    facts = " ".join(f"[dim]{key}[/]={value}" for key, value in data.items())
    console.print(
        f"[dim]{recorded.seq:>7} {recorded.at:%H:%M:%S}[/] [bold]{recorded.type}[/] "
        f"[dim]by {recorded.actor_role}[/] {facts}",
        soft_wrap=True,
    )
