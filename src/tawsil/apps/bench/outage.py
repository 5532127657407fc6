"""A payment provider goes down under load: what customers notice, and whether money is lost.

The platform's own processes, both sandboxes, and a line to the first that is cut and mended. People
check out all the while; half of what is authorised is captured, as if it were delivered.
"""

import asyncio
import platform
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from itertools import count
from os import cpu_count
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Final
from uuid import UUID

import httpx
import uvloop
from msgspec import Struct

from tawsil.apps.bench import reckoning
from tawsil.apps.bench import reckoning_store as store
from tawsil.apps.bench.city import Crowd, crowd
from tawsil.apps.bench.gate import Gate, Line
from tawsil.apps.bench.servers import free_port, serving, starting
from tawsil.apps.platform import open_database
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.settings import Settings
from tawsil.payments import public as payments
from tawsil.payments.public import AccountKind, AccountRef, Posting
from tawsil.simulation.seeding import TENANT

CUSTOMERS: Final = 200
CALM_S: Final = 45.0
SETTLED_WITHIN_S: Final = 240.0
CAPTURED_AT_ONCE: Final = 10
CARDS: Final = [
    {"provider": "stripe", "token": "pm_card_visa"},
    {"provider": "direct", "token": "tok_visa"},
]


class Latency(Struct, frozen=True, kw_only=True):
    """Of one route, in one phase."""

    route: str
    phase: str
    requests: int
    p50_ms: float
    p95_ms: float


class Paid(Struct, frozen=True, kw_only=True):
    """How long orders of a phase waited until their money was safe, and how many never did."""

    phase: str
    orders: int
    safe: int
    p50_s: float
    p95_s: float
    most_s: float


class Outage(Struct, frozen=True, kw_only=True):
    """`differences` between the acquirers' charges and ours; `worst_ratio` is the p95 of another
    route while the provider was down, over its p95 before.
    """

    name: str
    mode: str
    seconds: float
    checkouts: int
    orders: int
    errors: Mapping[int, int]
    latencies: tuple[Latency, ...]
    worst_ratio: float
    paid: tuple[Paid, ...]
    rerouted: int
    strays: Mapping[str, int]
    states: Mapping[str, int]
    pending: int
    differences: tuple[str, ...]
    imbalance: Mapping[str, int]
    settled_s: float
    settings: Mapping[str, Any]


class _Found:
    """What the load has met with so far."""

    def __init__(self) -> None:
        self.phase = "before"
        self.times: dict[tuple[str, str], list[float]] = {}
        self.orders: dict[UUID, str] = {}
        self.errors: dict[int, int] = {}
        self.checkouts = 0

    def answered(self, route: str, phase: str, answer: httpx.Response, began_s: float) -> None:
        self.times.setdefault((route, phase), []).append(perf_counter() - began_s)
        if not answer.is_success:
            self.errors[answer.status_code] = self.errors.get(answer.status_code, 0) + 1


def measure(
    settings: Settings,
    *,
    seconds: float,
    rate_per_s: float,
    mode: Line,
    tell: Callable[[str], None],
) -> Outage:
    """Bring everything up on an empty database, cut the line for so long, and reckon up."""
    here = settings.model_copy(update={"access_token_s": 86_400})
    tell("a city")
    city = asyncio.run(crowd(here, customers=CUSTOMERS, consoles=1))
    ports = {name: free_port() for name in ("stripe", "direct", "gate")}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="tawsil-bench-")))
        tell("the sandboxes, the api, two workers")
        api = stack.enter_context(
            serving("tawsil.apps.api", environment=_platform(here, ports), log=folder / "api.log")
        )
        _sandboxes(stack, here, ports, api_port=api.port, folder=folder)
        for n in range(2):
            stack.enter_context(
                starting(
                    "tawsil.apps.worker",
                    "worker",
                    environment=_platform(here, ports),
                    log=folder / f"worker{n}.log",
                )
            )
        run = _Run(here, city, ports=ports, api_port=api.port, rate_per_s=rate_per_s, tell=tell)
        return uvloop.run(run.through(seconds=seconds, mode=mode))


def _platform(settings: Settings, ports: Mapping[str, int]) -> dict[str, str]:
    assert settings.database_url is not None, "the command line makes the database first"
    return {
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "TAWSIL_RATE_LIMITS_EXEMPT": "127.0.0.0/8",
        "TAWSIL_ACCESS_TOKEN_S": "86400",
        "TAWSIL_PROVIDERS": "stripe,direct",
        "TAWSIL_STRIPE_URL": f"http://127.0.0.1:{ports['gate']}",
        "TAWSIL_PSP_URL": f"http://127.0.0.1:{ports['direct']}",
        "TAWSIL_LOG_LEVEL": "WARNING",
    }


def _sandboxes(
    stack: ExitStack, settings: Settings, ports: Mapping[str, int], *, api_port: int, folder: Path
) -> None:
    webhooks = f"http://127.0.0.1:{api_port}/v4/webhooks"
    stripe = {
        "TAWSIL_STRIPE_PORT": str(ports["stripe"]),
        "TAWSIL_STRIPE_API_KEY": settings.stripe_api_key.get_secret_value(),
        "TAWSIL_STRIPE_WEBHOOK_SECRETS": settings.stripe_webhook_secrets.get_secret_value(),
        "TAWSIL_STRIPE_WEBHOOK_URL": f"{webhooks}/stripe",
    }
    direct = {
        "TAWSIL_PSP_PORT": str(ports["direct"]),
        "TAWSIL_PSP_API_KEY": settings.psp_api_key.get_secret_value(),
        "TAWSIL_PSP_WEBHOOK_SECRET": settings.psp_webhook_secrets.get_secret_value(),
        "TAWSIL_PSP_WEBHOOK_URL": f"{webhooks}/psp",
    }
    for module, environment, name in (
        ("tawsil.simulation.stripe.server", stripe, "stripe"),
        ("tawsil.simulation.psp.server", direct, "direct"),
    ):
        log = folder / f"{name}.log"
        stack.enter_context(starting(module, environment=environment, log=log, port=ports[name]))


class _Run:
    def __init__(
        self,
        settings: Settings,
        city: Crowd,
        *,
        ports: Mapping[str, int],
        api_port: int,
        rate_per_s: float,
        tell: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._city = city
        self._ports = ports
        self._api = f"http://127.0.0.1:{api_port}"
        self._rate_per_s = rate_per_s
        self._tell = tell
        self._found = _Found()

    async def through(self, *, seconds: float, mode: Line) -> Outage:
        gate = Gate(port=self._ports["gate"], target=self._ports["stripe"])
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(gate.running())
            database = await stack.enter_async_context(open_database(self._settings, most=3))
            # httpx looks at every idle connection before each request
            limits = httpx.Limits(max_connections=200, max_keepalive_connections=10)
            client = await stack.enter_async_context(
                httpx.AsyncClient(base_url=self._api, limits=limits, timeout=30, trust_env=False)
            )
            await self._load(client, 10, "warming up")
            await _settled(database)  # the workers are there
            for phase, line, length_s in (
                ("before", Line.UP, CALM_S),
                ("during", mode, seconds),
                ("after", Line.UP, CALM_S),
            ):
                self._tell(f"{phase} ({mode}, {length_s:g} s)")
                await gate.cut(line)
                async with _capturing(database, self._city.merchant_id):
                    await self._load(client, length_s, phase)
            self._tell("letting it settle")
            settled_s = await _settled(database)
            return await self._reckoned(database, seconds=seconds, mode=mode, settled_s=settled_s)

    async def _load(self, client: httpx.AsyncClient, seconds: float, phase: str) -> None:
        """So many check out every second, whether they are answered or not."""
        self._found.phase = phase
        began_s = perf_counter()
        async with asyncio.TaskGroup() as group:
            for n in count():
                at_s = n / self._rate_per_s
                if at_s >= seconds:
                    return
                await asyncio.sleep(max(0.0, began_s + at_s - perf_counter()))
                group.create_task(self._check_out(client, n, phase))

    async def _check_out(self, client: httpx.AsyncClient, n: int, phase: str) -> None:
        token = self._city.customer_tokens[n % CUSTOMERS]
        headers = {"Authorization": f"Bearer {token}"}
        self._found.checkouts += 1

        async def ask(route: str, method: str, path: str, **request: Any) -> Any:
            began_s = perf_counter()
            answer = await client.request(method, path, headers=headers, **request)
            self._found.answered(route, phase, answer, began_s)
            return answer.json()["data"] if answer.is_success else None

        menu = await ask("menu", "GET", f"/v4/merchants/{self._city.merchant_id}/menu")
        quote = menu and await ask("quote", "POST", "/v4/quotes", json=self._cart(menu))
        body: dict[str, Any] | None = quote and {
            "quote_id": quote["id"],
            "payment_method": "card",
            "card_tokens": CARDS,
        }
        order = body and await ask("order", "POST", "/v4/orders", json=body)
        if not order:
            return
        self._found.orders[UUID(order["id"])] = phase
        await asyncio.sleep(1)
        await ask("status", "GET", f"/v4/orders/{order['id']}")

    def _cart(self, menu: Mapping[str, Any]) -> dict[str, Any]:
        products = [p for category in menu["categories"] for p in category["products"]]
        near = self._city.centre
        return {
            "merchant_id": str(self._city.merchant_id),
            "lines": [
                {
                    "product_id": product["id"],
                    "quantity": 2,
                    "option_ids": [
                        option["id"]
                        for group in product["option_groups"]
                        for option in group["options"][: group["min_choices"]]
                    ],
                }
                for product in products[:3]
            ],
            "dropoff": {
                "latitude": near.latitude,
                "longitude": near.longitude,
                "address": "Corniche 12",
            },
        }

    async def _reckoned(
        self, database: Database, *, seconds: float, mode: Line, settled_s: float
    ) -> Outage:
        found = self._found
        async with database.transaction() as tx:
            known = await payments.of_references(tx, reference_ids=list(found.orders))
            pending, _ = await store.waiting(tx)
            imbalance = await payments.imbalance(tx)
            strays = await store.strays(tx)
            rerouted = await store.rerouted(tx)
            safe_at = await store.safe_at(tx)
        held = await self._held()
        async with database.transaction() as tx:
            after = await payments.of_references(tx, reference_ids=list(found.orders))
        latencies = [_latency(route, phase, times) for (route, phase), times in found.times.items()]
        waits: dict[str, list[float]] = {}
        for id_, phase in found.orders.items():
            if id_ in safe_at:
                waited = safe_at[id_] - known[id_].created_at
                waits.setdefault(phase, []).append(waited.total_seconds())
        phases = list(dict.fromkeys(found.orders.values()))
        return Outage(
            name="psp-outage",
            mode=mode.value,
            seconds=seconds,
            checkouts=found.checkouts,
            orders=len(found.orders),
            errors=found.errors,
            latencies=tuple(latencies),
            worst_ratio=_worst(latencies),
            paid=tuple(
                _paid(phase, sum(p == phase for p in found.orders.values()), waits.get(phase, []))
                for phase in phases
            ),
            rerouted=rerouted,
            strays=strays,
            states=reckoning.tally(known.values()),
            pending=pending,
            differences=reckoning.standing(
                known.values(), after.values(), held, orders=list(found.orders)
            ),
            imbalance=imbalance,
            settled_s=round(settled_s, 1),
            settings={
                "checkouts_per_s": self._rate_per_s,
                "cores": cpu_count(),
                "python": platform.python_version(),
                "processes": "one api, two workers, two sandboxes, one PostgreSQL, the load",
            },
        )

    async def _held(self) -> list[reckoning.Held]:
        keys = {
            "stripe": self._settings.stripe_api_key.get_secret_value(),
            "direct": self._settings.psp_api_key.get_secret_value(),
        }
        async with AsyncExitStack() as stack:
            stripe, direct = [
                await stack.enter_async_context(
                    httpx.AsyncClient(
                        base_url=f"http://127.0.0.1:{self._ports[name]}",
                        headers={"Authorization": f"Bearer {keys[name]}"},
                        timeout=60,
                        trust_env=False,
                    )
                )
                for name in ("stripe", "direct")
            ]
            return [*await reckoning.at_stripe(stripe), *await reckoning.at_direct(direct)]


@asynccontextmanager
async def _capturing(database: Database, merchant_id: UUID) -> AsyncGenerator[None, None]:
    """Every other payment that is authorised is captured a moment later."""
    task = asyncio.create_task(_capture(database, merchant_id))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _capture(database: Database, merchant_id: UUID) -> None:
    merchant = AccountRef(AccountKind.MERCHANT, merchant_id)
    while True:
        await asyncio.sleep(1.0)
        async with database.transaction() as tx:
            found = await store.every_other_authorised(tx, most=CAPTURED_AT_ONCE)
            by = By(tenant_id=TENANT, correlation_id=tx.ids())
            await payments.capture(
                tx,
                [
                    payments.Capture(
                        by=by.about(reference_id),
                        reference_id=reference_id,
                        postings=(Posting(merchant, amount_minor),),
                    )
                    for reference_id, amount_minor in found.items()
                ],
            )


async def _settled(database: Database) -> float:
    """Until nobody waits for an acquirer any longer; how long that took."""
    began_s = perf_counter()
    while perf_counter() - began_s < SETTLED_WITHIN_S:
        async with database.transaction() as tx:
            if not any(await store.waiting(tx)):
                break
        await asyncio.sleep(1)
    return perf_counter() - began_s


def _latency(route: str, phase: str, times: Sequence[float]) -> Latency:
    return Latency(
        route=route,
        phase=phase,
        requests=len(times),
        p50_ms=round(_percentile(times, 50) * 1_000, 1),
        p95_ms=round(_percentile(times, 95) * 1_000, 1),
    )


def _paid(phase: str, orders: int, waits: Sequence[float]) -> Paid:
    return Paid(
        phase=phase,
        orders=orders,
        safe=len(waits),
        p50_s=round(_percentile(waits, 50), 2),
        p95_s=round(_percentile(waits, 95), 2),
        most_s=round(max(waits, default=0.0), 2),
    )


def _percentile(values: Sequence[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] if ordered else 0.0


def _worst(latencies: Sequence[Latency]) -> float:
    p95 = {(one.route, one.phase): one.p95_ms for one in latencies}
    return max(
        (
            round(p95[route, "during"] / p95[route, "before"], 2)
            for route, phase in p95
            if phase == "during" and (route, "before") in p95
        ),
        default=0.0,
    )
