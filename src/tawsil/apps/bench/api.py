"""How fast the platform answers, beside what the same server does for a bare handler."""

import asyncio
import platform
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from os import cpu_count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec
from msgspec import Struct

from tawsil.apps.bench.city import Settled, settle
from tawsil.apps.bench.load import Load, Measured, Sender
from tawsil.apps.bench.servers import Served, Worker, fetch, serving, working
from tawsil.kernel.settings import Settings
from tawsil.simulation.seeding import PASSWORD

CLIENTS: Final = (1, 16, 64)
TURNS: Final = 11
WARM_S: Final = 0.3
LOGINS_S: Final = 5.0
CACHED: Final = "menu"
FLOOR: Final = "bare litestar"
LOWEST_FLOOR: Final = "bare asgi"


class Row(Struct, frozen=True, kw_only=True):
    """One endpoint at one number of clients. `cpu_us`: of the server's process, for an answer."""

    endpoint: str
    clients: int
    rate_per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_us: float
    bytes_each: int
    errors: dict[int, int]


class Result(Struct, frozen=True, kw_only=True):
    """The cached read at most clients, beside a bare handler's; and a row for everything.

    `ratios`: the cached read's rate over the bare handler's at each number of clients, of each the
    middle one of the turns that they take; `ratio` is the lowest. `cpu_ratio` is the same of
    processor time, which other programs on the machine disturb less.
    """

    name: str
    seconds: float
    rate_per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    errors: int
    floor_per_s: float
    ratio: float
    ratios: dict[int, float]
    cpu_ratio: float
    settings: dict[str, Any]
    endpoints: list[Row]


class Target(Struct, frozen=True):
    """What to ask which process for; the n-th client sends the n-th of the requests, in turn."""

    name: str
    served: Served
    requests: Sequence[tuple[str, ...]]


class _Turn(Struct, frozen=True):
    found: Measured
    cpu_s: float

    @property
    def rate_per_s(self) -> float:
        return self.found.answers / self.found.seconds

    @property
    def cpu_us(self) -> float:
        return self.cpu_s / max(1, self.found.answers) * 1e6


def measure(settings: Settings, *, seconds: float, tell: Callable[[str], None]) -> Result:
    """Bring up a platform and two bare servers, and load them from another process, in turns.

    The database of the settings is empty, and may be filled.
    """
    assert settings.database_url is not None, "the command line makes the database first"
    url = settings.database_url.get_secret_value()
    with ExitStack() as stack:
        tell("a small city")
        city = asyncio.run(settle(settings, customers=max(CLIENTS)))
        tell("the servers")
        targets = stack.enter_context(_targets(city, url))
        worker = stack.enter_context(working("tawsil.apps.bench.load"))
        turns: dict[tuple[str, int], list[_Turn]] = {}
        for clients in CLIENTS:
            tell(f"{clients} clients")
            compared = [targets[name] for name in (CACHED, FLOOR, LOWEST_FLOOR)]
            for _ in range(TURNS):
                for target in compared:
                    turn = _turn(worker, target, clients=clients, seconds=seconds / TURNS)
                    turns.setdefault((target.name, clients), []).append(turn)
            for name in ("order", "orders"):
                turn = _turn(worker, targets[name], clients=clients, seconds=seconds)
                turns[name, clients] = [turn]
        for clients in CLIENTS:  # last: who leaves a queue of logins leaves hashing behind
            tell(f"{clients} at the door")
            turn = _turn(worker, targets["login"], clients=clients, seconds=max(seconds, LOGINS_S))
            turns["login", clients] = [turn]
        rows = [_row(name, clients, found) for (name, clients), found in sorted(turns.items())]
    return _result(rows, seconds=seconds)


@contextmanager
def _targets(city: Settled, url: str) -> Generator[dict[str, Target], None, None]:
    environment = {
        "DATABASE_URL": url,
        "TAWSIL_RATE_LIMITS_EXEMPT": "127.0.0.0/8",
        "TAWSIL_ACCESS_TOKEN_S": "86400",
        "TAWSIL_LOG_LEVEL": "INFO",
        "TAWSIL_LOG_FORMAT": "json",
    }
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="tawsil-bench-")))
        (folder / "metrics").mkdir()
        environment["PROMETHEUS_MULTIPROC_DIR"] = str(folder / "metrics")

        def served(name: str, *module: str) -> Served:
            log = folder / f"{name}.log"
            return stack.enter_context(serving(*module, environment=environment, log=log))

        api = served("api", "tawsil.apps.api")
        menu = f"/v4/merchants/{city.merchant_id}/menu"
        body = folder / "body"
        body.write_bytes(fetch(api.port, menu, token=city.customers[0].token))
        floors = {
            kind: served(kind, "tawsil.apps.bench.floor", kind.split()[1], str(body))
            for kind in (FLOOR, LOWEST_FLOOR)
        }
        people = city.customers
        yield {
            CACHED: Target(CACHED, api, [(_get(menu, who.token),) for who in people]),
            "orders": Target("orders", api, [(_get("/v4/orders", who.token),) for who in people]),
            "order": Target(
                "order",
                api,
                [
                    tuple(_get(f"/v4/orders/{id_}", who.token) for id_ in who.order_ids)
                    for who in people
                ],
            ),
            "login": Target("login", api, [(_login(who.email),) for who in people]),
            **{
                kind: Target(kind, floor, [(_get("/", who.token),) for who in people])
                for kind, floor in floors.items()
            },
        }


def _get(path: str, token: str) -> str:
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n"
        f"Accept-Language: ar\r\nUser-Agent: tawsil-bench\r\nAuthorization: Bearer {token}\r\n\r\n"
    )


def _login(email: str) -> str:
    body = msgspec.json.encode({"email": email, "password": PASSWORD}).decode()
    return (
        "POST /v4/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nUser-Agent: tawsil-bench\r\n\r\n{body}"
    )


def _turn(worker: Worker, target: Target, *, clients: int, seconds: float) -> _Turn:
    load = Load(
        port=target.served.port,
        senders=tuple(
            Sender(source=f"127.0.{1 + n // 250}.{1 + n % 250}", requests=target.requests[n])
            for n in range(clients)
        ),
        seconds=seconds,
        warm_s=WARM_S,
    )
    before_s = target.served.cpu_s
    found = worker.ask(load, Measured)
    share = seconds / (seconds + WARM_S)
    return _Turn(found, (target.served.cpu_s - before_s) * share)


def _middle(turns: Sequence[_Turn]) -> _Turn:
    """The usual one: neither disturbed by other programs, nor lucky."""
    return sorted(turns, key=lambda turn: turn.rate_per_s)[len(turns) // 2]


def _row(name: str, clients: int, turns: Sequence[_Turn]) -> Row:
    errors: dict[int, int] = {}
    for turn in turns:
        for status, count in turn.found.errors.items():
            errors[status] = errors.get(status, 0) + count
    usual = _middle(turns)
    return Row(
        endpoint=name,
        clients=clients,
        rate_per_s=round(usual.rate_per_s, 1),
        p50_ms=usual.found.p50_ms,
        p95_ms=usual.found.p95_ms,
        p99_ms=usual.found.p99_ms,
        cpu_us=round(usual.cpu_us, 1),
        bytes_each=usual.found.bytes_each,
        errors=errors,
    )


def _result(rows: list[Row], *, seconds: float) -> Result:
    by_key = {(row.endpoint, row.clients): row for row in rows}
    most = max(CLIENTS)
    ours, floor = by_key[CACHED, most], by_key[FLOOR, most]
    ratios = {
        n: round(by_key[CACHED, n].rate_per_s / by_key[FLOOR, n].rate_per_s, 3) for n in CLIENTS
    }
    return Result(
        name="api",
        seconds=seconds,
        rate_per_s=ours.rate_per_s,
        p50_ms=ours.p50_ms,
        p95_ms=ours.p95_ms,
        p99_ms=ours.p99_ms,
        errors=sum(sum(row.errors.values()) for row in rows),
        floor_per_s=floor.rate_per_s,
        ratio=min(ratios.values()),
        ratios=ratios,
        cpu_ratio=round(floor.cpu_us / ours.cpu_us, 3),
        settings={
            "clients": list(CLIENTS),
            "turns": TURNS,
            "cached": CACHED,
            "floor": FLOOR,
            "cores": cpu_count(),
            "python": platform.python_version(),
            "processes": "one api, one PostgreSQL, one generator of load",
        },
        endpoints=rows,
    )
