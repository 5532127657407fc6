"""What five thousand couriers at 1 Hz cost the page of the live city: `make map-load`.

The real page in a real browser, told by the real hub: server-sent events, the shared worker, the
scene, MapLibre. Only the city is painted. Counted is everything that the page's main thread does
from one batch of positions until the next, as Chromium traces it: the batch's handler, the frames
(MapLibre's own work among it), and all else. Seconds in which the page fetched the whole city anew
(every quarter of a minute, and when orders change) are told apart. Time is the thread's own:
without a graphics card, others draw on the same processors and hold it up. What the clock says is
told beside it.
"""

import asyncio
import json
import sys
from argparse import ArgumentParser
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from math import cos, radians
from pathlib import Path
from random import Random
from shutil import which
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace
from playwright.async_api import Page, async_playwright

from conftest import TENANT, Callers
from consoles.browsing import DRAWING, serving
from consoles.painted import CENTRE, STATUSES, PaintedWatch
from tawsil.consoles.picture import CourierMark, Name, OrderMark, Presence
from tawsil.consoles.routes import routes
from tawsil.kernel.clock import Ids, system_now
from tawsil.kernel.db import Database, connect
from tawsil.kernel.events import Registry
from tawsil.kernel.http.app import create_app
from tawsil.kernel.http.live import Audience, Hub, LiveMessage
from tawsil.kernel.http.live import routes as live_routes
from tawsil.kernel.jobs import HeldJobs
from tawsil.kernel.logs import configure_logs
from tawsil.kernel.places import Place
from tawsil.kernel.postgres import EmbeddedPostgres
from tawsil.kernel.settings import Settings
from tawsil.migrations import migrate

MOST_MS: Final = 50
ORDERS: Final = 500
WARM: Final = 8
"""Batches before it is measured: scripts are compiled, and the ground is drawn."""
RADIUS_M: Final = 6_000.0
STEP_M: Final = 8.0
"""What a courier covers in a second."""
DRAWN_WITHIN_US: Final = 500_000
M_PER_DEGREE: Final = 111_195.0
TRACED: Final = ("devtools.timeline", "disabled-by-default-devtools.timeline", "blink.user_timing")
WATCH: Final = """
  const its = Object.getOwnPropertyDescriptor(MessagePort.prototype, "onmessage");
  Object.defineProperty(MessagePort.prototype, "onmessage", {
    ...its,
    set(hear) {
      its.set.call(this, function (event) {
        const start = performance.now();
        hear.call(this, event);
        if (event.data.heard === "couriers_moved") performance.measure("batch", { start });
      });
    },
  });
"""
"""Measures each batch from before its message is unpacked."""


class Crowd(PaintedWatch):
    """A city whose couriers go about; some carry orders."""

    def __init__(self, *, now: datetime, ids: Ids, random: Random, couriers: int) -> None:
        super().__init__(now=now, ids=ids)
        self._random = random
        self.couriers = [self._courier(ids, n) for n in range(couriers)]
        self.orders = [self._order(ids, n) for n in range(ORDERS)]

    def _courier(self, ids: Ids, n: int) -> CourierMark:
        presence = self._random.choice(
            (Presence.FREE, Presence.OFFERED, Presence.BUSY, Presence.BUSY)
        )
        return CourierMark(
            id=ids(),
            name=f"Courier {n}",
            presence=presence,
            vehicle="bicycle",
            place=self._near(CENTRE, within_m=RADIUS_M),
            seen_at=self.now,
        )

    def _order(self, ids: Ids, n: int) -> OrderMark:
        courier = self.couriers[n % len(self.couriers)] if n % 4 else None
        return OrderMark(
            id=ids(),
            number=10_001 + n,
            status=STATUSES[4 + n % 2] if courier else STATUSES[n % 4],
            merchant=Name("Sea Shawarma", "شاورما البحر"),
            courier=courier and courier.name,
            courier_id=courier and courier.id,
            pickup=self._near(CENTRE, within_m=RADIUS_M),
            dropoff=self._near(CENTRE, within_m=RADIUS_M),
            placed_at=self.now,
            promised_at=self.now + timedelta(minutes=self._random.uniform(-2, 40)),
        )

    def _near(self, place: Place, *, within_m: float) -> Place:
        north, east = (self._random.uniform(-within_m, within_m) / M_PER_DEGREE for _ in "ne")
        return Place(place.latitude + north, place.longitude + east / cos(radians(place.latitude)))

    async def step(self, _: Database) -> list[LiveMessage]:
        """Everybody is a little further, and it is told as the feed of positions tells it."""
        self.now = system_now()
        self.couriers = [
            replace(courier, place=self._near(courier.place, within_m=STEP_M), seen_at=self.now)
            for courier in self.couriers
            if courier.place
        ]
        moved = [
            (c.id, round(c.place.longitude, 6), round(c.place.latitude, 6), 8, c.seen_at)
            for c in self.couriers
            if c.place
        ]
        return [
            LiveMessage(
                event="couriers_moved",
                data={"cityId": None, "couriers": moved},
                audience=Audience(tenant_id=TENANT),
            )
        ]


@asynccontextmanager
async def site(crowd: Crowd, ids: Ids, *, refresh: bool) -> AsyncIterator[tuple[str, str]]:
    """Where the pages are, and the token of an operator."""

    async def change(_: Database) -> list[LiveMessage]:
        data = {"orderId": crowd.orders[0].id, "status": crowd.orders[0].status}
        audience = Audience(tenant_id=TENANT)
        return [LiveMessage(event="order_status_updated", data=data, audience=audience)]

    with (
        TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        EmbeddedPostgres(data=Path(folder) / "postgres", settings={"fsync": "off"}) as server,
    ):
        server.create_database("map_load")
        migrate(server.url("map_load"))
        pool = await connect(server.url("map_load"), most=4)
        database = Database(pool, now=system_now, ids=ids, jobs=HeldJobs())
        callers = Callers(ids)
        hub = Hub(
            database,
            registry=Registry([]),
            translations={},
            feeds=[crowd.step, change] if refresh else [crowd.step],
        )
        app = create_app(
            routes=[*routes, *live_routes],
            database=database,
            authenticate=callers,
            state={"watch": crowd, "settings": Settings(data=Path(folder)), "hub": hub},
            lifespan=[hub.running],
        )
        async with serving(app) as address:
            yield address, callers.token("admin", "order:*", "zone:*")
        await pool.close()


class Second(Struct, frozen=True, kw_only=True):
    """What the main thread did from one batch until the next, in milliseconds."""

    handler: float
    """The batch's message: unpacking it, and moving everybody."""
    frames: float
    """Animation frames: MapLibre, and commands to the graphics card."""
    cpu: float
    """All tasks, by the thread's own time."""
    wall: float
    """All tasks, by the clock."""
    longest: float
    """The longest task, by the thread's own time."""
    refreshed: bool
    """The whole city was fetched anew as well."""


NAMES: Final = ("handler", "frames", "cpu", "wall", "longest")


def seconds(trace: Sequence[dict[str, Any]]) -> list[Second]:
    batches = [one for one in trace if one["name"] == "batch" and one["ph"] == "b"]
    batches.sort(key=lambda one: one["ts"])
    thread = batches[0]["pid"], batches[0]["tid"]
    ours = [one for one in trace if (one["pid"], one["tid"]) == thread and one["ph"] == "X"]
    tasks = [one for one in ours if one["name"] == "RunTask"]
    frames = [one for one in ours if one["name"] == "FireAnimationFrame"]
    asked = {
        one["args"]["data"]["requestId"]
        for one in trace
        if one["name"] == "ResourceSendRequest" and "/city/snapshot" in one["args"]["data"]["url"]
    }
    fetched = [
        one["ts"]
        for one in trace
        if one["name"] == "ResourceFinish" and one["args"]["data"]["requestId"] in asked
    ]
    found: list[Second] = []
    for batch, after in pairwise(batches):
        within = _between(tasks, batch, after)
        first = min(within, key=lambda one: one["ts"])
        found.append(
            Second(
                handler=_cpu_ms([first]),
                frames=_cpu_ms(_between(frames, batch, after)),
                cpu=_cpu_ms(within),
                wall=sum(one["dur"] for one in within) / 1_000,
                longest=max(_cpu_ms([one]) for one in within),
                refreshed=any(
                    batch["ts"] <= ts + drawn < after["ts"]
                    for ts in fetched
                    for drawn in (0, DRAWN_WITHIN_US)
                ),
            )
        )
    return found


def _between(
    events: Iterable[dict[str, Any]], batch: dict[str, Any], after: dict[str, Any]
) -> list[dict[str, Any]]:
    """Those that end after a batch came and before the end of what the next one came in."""
    return [one for one in events if batch["ts"] <= one["ts"] + one["dur"] < after["ts"]]


def _cpu_ms(events: Iterable[dict[str, Any]]) -> float:
    return sum(one.get("tdur", 0) for one in events) / 1_000


async def trace(page: Page, *, batches: int) -> list[dict[str, Any]]:
    browser = page.context.browser
    assert browser
    await browser.start_tracing(page=page, categories=list(TRACED))
    await page.wait_for_timeout((batches + 1) * 1_000)
    return json.loads(await browser.stop_tracing())["traceEvents"]


async def measure(*, couriers: int, batches: int, refresh: bool) -> list[Second]:
    random = Random(7)
    ids = Ids(system_now, random)
    crowd = Crowd(now=system_now(), ids=ids, random=random, couriers=couriers)
    program = which("chromium")
    assert program, "this drives Debian's chromium: apt-get install chromium"
    async with (
        site(crowd, ids, refresh=refresh) as (address, operator),
        async_playwright() as playwright,
    ):
        browser = await playwright.chromium.launch(executable_path=program, args=DRAWING)
        context = await browser.new_context(viewport={"width": 1280, "height": 800})
        await context.add_cookies([{"name": "tawsil_access", "value": operator, "url": address}])
        await context.add_init_script(WATCH)
        page = await context.new_page()
        await page.goto(f"{address}/city")
        await page.wait_for_selector('#pulse[data-state="live"]')
        await page.wait_for_selector("#map-note", state="hidden", timeout=60_000)
        while await page.evaluate("performance.getEntriesByName('batch').length") < WARM:
            await asyncio.sleep(0.5)
        found = seconds(await trace(page, batches=batches))
        await browser.close()
    return found


def summed(found: Sequence[Second], name: str) -> dict[str, float]:
    values = [getattr(one, name) for one in found]
    return {
        "p50": round(median(values), 1),
        "p95": round(quantiles(values, n=20, method="inclusive")[-1], 1),
        "max": round(max(values), 1),
    }


def main() -> bool:
    """Whether a batch keeps the limit; one line of JSON says all."""
    options = ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--couriers", type=int, default=5_000)
    options.add_argument("--batches", type=int, default=40)
    options.add_argument("--refresh", action="store_true", help="an order changes every second")
    asked = options.parse_args()
    configure_logs(Settings(log_level="ERROR"), service="map-load", version="")
    found = asyncio.run(
        measure(couriers=asked.couriers, batches=asked.batches, refresh=asked.refresh)
    )
    kinds = {
        "batch": [one for one in found if not one.refreshed],
        "refresh": [one for one in found if one.refreshed],
    }
    said = {
        kind: {name: summed(those, name) for name in NAMES}
        for kind, those in kinds.items()
        if len(those) > 1
    }
    for kind, numbers in said.items():
        print(f"{f'{kind} ({len(kinds[kind])})':16}{'p50':>8}{'p95':>8}{'max':>8}  ms")
        for name, values in numbers.items():
            print(f"  {name:14}{values['p50']:>8}{values['p95']:>8}{values['max']:>8}")
    judged = said.get("batch", said["refresh"])
    good = judged["cpu"]["p95"] <= MOST_MS
    print(json.dumps({"couriers": asked.couriers, "seconds": len(found), "good": good, **said}))
    return good


if __name__ == "__main__":
    sys.exit(not main())
