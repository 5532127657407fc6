"""How many live streams one process holds, what they cost at rest, and how soon news arrive."""

import asyncio
import platform
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from os import cpu_count
from pathlib import Path
from random import Random
from resource import RLIMIT_NOFILE, getrlimit
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from tawsil.apps.bench.city import Crowd, crowd, place_order
from tawsil.apps.bench.listeners import Connect, Connected, Delays, Heard, Listen
from tawsil.apps.bench.servers import Served, Worker, serving, working
from tawsil.apps.platform import open_database
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.places import Place
from tawsil.kernel.settings import Settings
from tawsil.simulation.seeding import TENANT
from tawsil.tracking import public as tracking

CONSOLES: Final = 50
ORDERS_PER_S: Final = 20
PARTS: Final = 10
"""Of a second: not all couriers are seen at once."""
SPARE_FILES: Final = 500
STEP_DEG: Final = 0.00004  # some four metres


class Result(Struct, frozen=True, kw_only=True):
    """`p50_ms` … are of positions, from the instant a courier was seen to a console.

    Positions leave once a second, so half a second of that is waiting for the next departure.
    `rate_per_s` is of messages delivered while the couriers moved. `errors` counts streams that
    did not open or did not stay, and what was told of orders too seldom or too often.
    """

    name: str
    seconds: float
    clients: int
    consoles: int
    couriers: int
    connected_s: float
    memory_kb_each: float
    idle_cpu_pct: float
    idle_heartbeats: int
    busy_cpu_pct: float
    rate_per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    orders: Delays
    orders_heard: int
    orders_placed: int
    errors: int
    settings: dict[str, Any]


class _Phase(Struct, frozen=True):
    heard: Heard
    cpu_pct: float


def measure(
    settings: Settings, *, clients: int, seconds: float, tell: Callable[[str], None]
) -> Result:
    """Open the streams from another process, leave them alone, then let a city move.

    The database of the settings is empty, and may be filled.

    Raises:
        OSError: this process may not open so many files.
    """
    _check_files(clients + CONSOLES)
    assert settings.database_url is not None, "the command line makes the database first"
    environment = {
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "TAWSIL_RATE_LIMITS_EXEMPT": "127.0.0.0/8",
        "TAWSIL_ACCESS_TOKEN_S": "86400",
    }
    here = settings.model_copy(update={"access_token_s": 86_400})
    with ExitStack() as stack:
        tell(f"a city of {clients} customers")
        city = asyncio.run(crowd(here, customers=clients, consoles=CONSOLES))
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="tawsil-bench-")))
        api = stack.enter_context(
            serving("tawsil.apps.api", environment=environment, log=folder / "api.log")
        )
        worker = stack.enter_context(working("tawsil.apps.bench.listeners"))
        tell("connecting")
        before = api.rss_bytes
        tokens = (*city.customer_tokens, *city.console_tokens)
        connected = worker.ask(Connect(port=api.port, tokens=tokens), Connected)
        memory = api.rss_bytes - before
        tell("idle")
        idle = _phase(worker, api, seconds=seconds)
        tell("moving")
        busy, placed = asyncio.run(_moving(here, worker, api, city, seconds=seconds))
    return Result(
        name="live",
        seconds=seconds,
        clients=connected.open,
        consoles=CONSOLES,
        couriers=len(city.courier_ids),
        connected_s=connected.seconds,
        memory_kb_each=round(memory / 1024 / max(1, connected.open), 1),
        idle_cpu_pct=idle.cpu_pct,
        idle_heartbeats=idle.heard.heartbeats,
        busy_cpu_pct=busy.cpu_pct,
        rate_per_s=round((busy.heard.positions + busy.heard.orders) / busy.heard.seconds, 1),
        p50_ms=busy.heard.of_positions.p50_ms,
        p95_ms=busy.heard.of_positions.p95_ms,
        p99_ms=busy.heard.of_positions.p99_ms,
        orders=busy.heard.of_orders,
        orders_heard=busy.heard.orders,
        orders_placed=placed,
        errors=len(tokens)
        - connected.open
        + busy.heard.lost
        + abs(placed * (1 + CONSOLES) - busy.heard.orders),
        settings={
            "cores": cpu_count(),
            "python": platform.python_version(),
            "processes": "one api, one PostgreSQL, one of listeners, one that moves the couriers",
        },
    )


def _check_files(wanted: int) -> None:
    _, most = getrlimit(RLIMIT_NOFILE)
    if most < wanted + SPARE_FILES:
        raise OSError(
            f"{wanted} streams need as many open files, and this machine allows {most}:"
            " raise it (ulimit -Hn) or ask for fewer --clients"
        )


def _phase(worker: Worker, api: Served, *, seconds: float) -> _Phase:
    began_s, before_s = monotonic(), api.cpu_s
    heard = worker.ask(Listen(seconds=seconds), Heard)
    return _Phase(heard, _percent(api.cpu_s - before_s, of=monotonic() - began_s))


def _percent(part: float, *, of: float) -> float:
    return round(100 * part / of, 1)


async def _moving(
    settings: Settings, worker: Worker, api: Served, city: Crowd, *, seconds: float
) -> tuple[_Phase, int]:
    """Each courier is seen once a second, and people order, while everybody listens."""
    async with open_database(settings, most=4) as database:
        listening = asyncio.create_task(asyncio.to_thread(_phase, worker, api, seconds=seconds + 1))
        random = Random(1)  # noqa: S311 - where couriers wander is no secret
        places = dict.fromkeys(city.courier_ids, city.centre)
        placed, began_s = 0, monotonic()
        for n in range(int(seconds * PARTS)):
            await asyncio.sleep(max(0.0, began_s + n / PARTS - monotonic()))
            if monotonic() - began_s > seconds:
                break  # the machine is too busy: what is late would not be listened for
            moved = city.courier_ids[n % PARTS :: PARTS]
            places |= {id_: _further(places[id_], random) for id_ in moved}
            await _see(database, {id_: places[id_] for id_ in moved})
            for _ in range(ORDERS_PER_S // PARTS):
                await place_order(database, city, customer_id=random.choice(city.customer_ids))
                placed += 1
        return await listening, placed


def _further(place: Place, random: Random) -> Place:
    return Place(
        place.latitude + random.uniform(-STEP_DEG, STEP_DEG),
        place.longitude + random.uniform(-STEP_DEG, STEP_DEG),
    )


async def _see(database: Database, places: Mapping[UUID, Place]) -> None:
    async with database.transaction() as tx:
        by = By(tenant_id=TENANT, correlation_id=tx.ids())
        seen_at = datetime.now(UTC)
        await tracking.record(
            tx,
            [
                tracking.RecordPositions(
                    by=by,
                    courier_id=courier_id,
                    pings=[tracking.Ping(place=place, at=seen_at, accuracy_m=5.0)],
                )
                for courier_id, place in places.items()
            ],
        )
