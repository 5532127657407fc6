"""`tawsil keys`: the keys that sign tokens, and exchanging them."""

import asyncio
from datetime import datetime
from typing import Annotated

import msgspec
import typer
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from tawsil.apps.cli.database import running_database
from tawsil.apps.platform import open_database
from tawsil.identity.public import KeyUse, SigningKey, TokenKeys
from tawsil.kernel.sealing import UnsealingError
from tawsil.kernel.settings import Settings, load_settings

app = typer.Typer(help="The keys that sign tokens.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


class Shown(Struct, frozen=True):
    kid: str
    use: KeyUse
    created_at: datetime
    signs_at: datetime
    retires_at: datetime | None


@app.command(name="list")
def list_keys(*, as_json: AsJson = False) -> None:
    """Show every key and what it is good for now."""
    with running_database(load_settings()) as settings:
        _show(asyncio.run(_known(settings)), as_json=as_json)


@app.command()
def rotate(
    *,
    compromised: Annotated[
        bool,
        typer.Option(
            "--compromised",
            help="A key may have leaked: the new one signs at once, all others end now, and "
            "everybody has to sign in again.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Publish a new key; it signs some minutes later, and nobody is signed out."""
    with running_database(load_settings()) as settings:
        try:
            _show(asyncio.run(_rotate(settings, compromised=compromised)), as_json=as_json)
        except UnsealingError as error:
            raise ValueError(f"{error}; put the missing key into TAWSIL_SECRET_KEYS") from error


async def _known(settings: Settings) -> list[tuple[SigningKey, KeyUse]]:
    async with open_database(settings, most=2) as database:
        return await TokenKeys(database, settings=settings).known()


async def _rotate(settings: Settings, *, compromised: bool) -> list[tuple[SigningKey, KeyUse]]:
    async with open_database(settings, most=2) as database:
        keys = TokenKeys(database, settings=settings)
        await (keys.replace_all() if compromised else keys.rotate())
        return await keys.known()


def _show(known: list[tuple[SigningKey, KeyUse]], *, as_json: bool) -> None:
    shown = [
        Shown(key.kid, use, key.created_at, key.signs_at, key.retires_at) for key, use in known
    ]
    if as_json:
        print(msgspec.json.encode({"keys": shown}).decode())
        return
    table = Table(box=None, pad_edge=False)
    for column in ("Key", "Use", "Made", "Signs from", "Ends"):
        table.add_column(column)
    for key in shown:
        times = [key.created_at, key.signs_at, key.retires_at]
        table.add_row(key.kid, key.use, *(f"{at:%Y-%m-%d %H:%M}" if at else "" for at in times))
    Console().print(table)
