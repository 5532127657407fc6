"""The command line: `tawsil --help`."""

import sys

import typer

from tawsil.apps.cli import bench, dispatching, events, keys, replay
from tawsil.apps.cli.demo import demo
from tawsil.apps.cli.doctor import doctor
from tawsil.apps.cli.simulate import simulate
from tawsil.apps.cli.up import migrate, up
from tawsil.kernel.postgres import PostgresError
from tawsil.kernel.settings import SettingsError

app = typer.Typer(
    name="tawsil",
    help="Orders, couriers, deliveries and the money they move.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command(name="up")(up)
app.command(name="demo")(demo)
app.command(name="migrate")(migrate)
app.command(name="doctor")(doctor)
app.command(name="simulate")(simulate)
app.add_typer(bench.app, name="bench")
app.add_typer(dispatching.app, name="dispatch")
app.add_typer(events.app, name="events")
app.add_typer(keys.app, name="keys")
app.add_typer(replay.app, name="replay")


def main() -> None:
    """Run a command; what goes wrong is one clear sentence and a non-zero exit."""
    try:
        app()
    except (SettingsError, PostgresError, ValueError, OSError) as error:
        print(f"tawsil: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
