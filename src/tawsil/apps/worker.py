"""The processes behind the scenes: subscriptions, deadlines and jobs; and the dispatcher's tick.

`python -m tawsil.apps.worker worker` or `… dispatcher`.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from enum import StrEnum
from typing import Any, Final

import structlog
import uvloop

from tawsil import __version__
from tawsil.apps import wiring
from tawsil.apps.platform import (
    DEFAULT_TENANT,
    open_balance_files,
    open_database,
    open_payees,
    open_providers,
)
from tawsil.dispatch import public as dispatch
from tawsil.geography import public as geography
from tawsil.identity import public as identity
from tawsil.identity.jobs import MailJobs
from tawsil.kernel import idempotency, jobs, metrics
from tawsil.kernel.db import Database
from tawsil.kernel.deadlines import Deadlines
from tawsil.kernel.events import Subscription, lags
from tawsil.kernel.logs import configure_logs
from tawsil.kernel.sealing import open_sealer
from tawsil.kernel.settings import Settings, load_settings
from tawsil.ordering import public as ordering
from tawsil.payments.jobs.balances import Balances
from tawsil.payments.jobs.books import Auditor
from tawsil.support import public as support

log = structlog.get_logger(__name__)

IDLE_S: Final = 0.2
BREATH_S: Final = 0.02
"""What is recorded within it is heard together."""
DEADLINES_EVERY_S: Final = 0.5
WATCH_EVERY_S: Final = 10.0
AUDIT_EVERY_S: Final = 60.0
TIDY_EVERY_S: Final = 600.0
KEYS_EVERY_S: Final = 3_600.0
RECONCILE_EVERY_S: Final = 3_600.0
AFTER_ERROR_S: Final = 1.0


class Role(StrEnum):
    WORKER = "worker"
    DISPATCHER = "dispatcher"


Step = Callable[[], Awaitable[float]]
"""Does some work; says how many seconds may pass until it is called again."""


async def repeat(name: str, step: Step, stop: asyncio.Event) -> None:
    """Call a step again and again until told to stop; an error delays it and is not the end."""
    while not stop.is_set():
        try:
            pause_s = await step()
        except Exception:
            log.exception("worker.step_failed", step=name)
            pause_s = AFTER_ERROR_S
        if pause_s > 0:
            try:
                await asyncio.wait_for(stop.wait(), pause_s)
            except TimeoutError:
                continue
        else:
            await asyncio.sleep(0)


def hearing(database: Database, subscription: Subscription, woken: asyncio.Event) -> Step:
    async def hear() -> float:
        woken.clear()
        if not await subscription.advance(database):
            with suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), IDLE_S)
        return BREATH_S

    return hear


def firing(database: Database) -> Step:
    deadlines = Deadlines(wiring.DEADLINES)

    async def fire() -> float:
        return 0 if await deadlines.fire(database) else DEADLINES_EVERY_S

    return fire


def dispatching(database: Database, settings: Settings) -> Step:
    """A tick per city. Two dispatchers do no harm: a city's tick is under a lock."""
    outlooks = dispatch.Outlooks()

    async def tick() -> float:
        async with database.transaction() as tx:
            cities = await geography.cities(tx)
        for city in cities:
            async with database.transaction() as tx:
                await dispatch.sense(tx, tenant_id=city.tenant_id, city_id=city.id)
                await dispatch.tick(
                    tx,
                    tenant_id=city.tenant_id,
                    city_id=city.id,
                    travel=dispatch.OnMap(geography.GreatCircle.of(city.rules)),
                    policy=await dispatch.live_policy(tx, city_id=city.id),
                    outlooks=outlooks,
                )
        return settings.dispatch_tick_s

    return tick


def watching(database: Database) -> Step:
    """What must always be zero and what people must look at, counted; old keys forgotten."""

    async def watch() -> float:
        async with database.transaction() as tx:
            metrics.orders_without_deadline.set(await ordering.without_deadline(tx))
            for name, lag in (await lags(tx)).items():
                metrics.event_relay_lag.labels(name).set(lag)
            for (kind, priority), count in (await support.open_counts(tx)).items():
                metrics.tickets_open.labels(kind, priority).set(count)
            for city_id, share in (await dispatch.acceptance_rates(tx)).items():
                metrics.offer_acceptance_rate.labels(str(city_id)).set(share)
            for city in await geography.cities(tx):
                for zone in await dispatch.zone_health(tx, city_id=city.id):
                    score = metrics.zone_health_score.labels(str(city.id), str(zone.zone_id))
                    score.set(zone.score)
            await idempotency.forget_old(tx)
        return WATCH_EVERY_S

    return watch


def auditing(database: Database) -> Step:
    """The books added up: what is new often, and now and then all there is."""
    auditor = Auditor(database)

    async def audit() -> float:
        await auditor.check()
        return AUDIT_EVERY_S

    return audit


def reconciling(balances: Balances) -> Step:
    """What acquirers say, held against the books."""

    async def reconcile() -> float:
        await balances.ask_all(tenant_id=DEFAULT_TENANT)
        return RECONCILE_EVERY_S

    return reconcile


def tending_keys(database: Database, settings: Settings) -> Step:
    """The keys that sign tokens: a new one when the newest is old, none that is past its use.

    What is sealed under an older secret key is sealed again under the first.
    """
    sealer = open_sealer(settings)
    keys = identity.TokenKeys(database, settings=settings, sealer=sealer)

    async def tend() -> float:
        made = await keys.tend()
        if made is not None:
            log.info("keys.rotated", kid=made.kid, signs_at=made.signs_at.isoformat())
        async with database.transaction() as tx:
            again = await identity.seal_again(tx, sealer)
        return 0 if again else KEYS_EVERY_S

    return tend


def tidying_accounts(database: Database) -> Step:
    """What identity need not remember any longer, forgotten."""

    async def tidy() -> float:
        async with database.transaction() as tx:
            await identity.forget_old(tx)
        return TIDY_EVERY_S

    return tidy


def main(role: Role) -> None:
    """Do one role's work in this process, on a database that is there and migrated."""
    settings = load_settings()
    configure_logs(settings, service=f"tawsil-{role}", version=__version__)
    uvloop.run(run(settings, role=role))


async def run(settings: Settings, *, role: Role) -> None:
    """Work until told to stop."""
    stop, woken = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings, most=12))
        providers = await stack.enter_async_context(open_providers(settings))
        payees = await stack.enter_async_context(open_payees(settings))
        tasks: list[Awaitable[Any]] = []
        if role is Role.WORKER:
            await stack.enter_async_context(listening(database, woken))
            mails = MailJobs.of(settings, database=database)
            files = await stack.enter_async_context(open_balance_files(settings))
            balances = Balances(database=database, files=files)
            handlers = wiring.jobs(
                database=database,
                providers=providers,
                payees=payees,
                mails=mails,
                balances=balances,
            )
            tasks += [
                jobs.work(database.pool, handlers, stop=stop),
                repeat("deadlines", firing(database), stop),
                repeat("watch", watching(database), stop),
                repeat("books", auditing(database), stop),
                repeat("balances", reconciling(balances), stop),
                repeat("keys", tending_keys(database, settings), stop),
                repeat("accounts", tidying_accounts(database), stop),
                *(
                    repeat(s.name, hearing(database, s, woken), stop)
                    for s in wiring.subscriptions()
                ),
            ]
        else:
            tasks.append(repeat("dispatch", dispatching(database, settings), stop))
        log.info("worker.running", role=role)
        await asyncio.gather(*tasks)


@asynccontextmanager
async def listening(database: Database, woken: asyncio.Event) -> AsyncGenerator[None, None]:
    """Wake the subscriptions whenever events are committed."""

    def wake(*_: object) -> None:
        woken.set()

    async with database.pool.acquire() as connection:
        await connection.add_listener("tawsil_events", wake)
        try:
            yield
        finally:
            await connection.remove_listener("tawsil_events", wake)


if __name__ == "__main__":
    main(Role(sys.argv[1]))
