"""How the system is, in one answer, for those who look after it."""

import sys
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from litestar import get
from litestar.datastructures import State
from litestar.di import NamedDependency
from msgspec import Struct

from tawsil import __version__
from tawsil.kernel.db import Database
from tawsil.kernel.health import Listener, Overdue, Spine, Waiting, spine
from tawsil.kernel.http import Caller, Envelope, Problem, allow, envelope
from tawsil.payments import public as payments

READ: Final = "system:read"
MOST_LAG: Final = 1_000
MOST_LATE: Final = timedelta(seconds=30)


class Verdict(StrEnum):
    """`attention`: somebody should look; `failing`: something that must not be is so."""

    WELL = "well"
    ATTENTION = "attention"
    FAILING = "failing"


class Alarm(Struct, frozen=True, kw_only=True):
    """Something in the company's books that does not add up."""

    check: str
    currency: str
    amount_minor: int


class ProviderHealth(Struct, frozen=True, kw_only=True):
    """Whether somebody who takes cards is asked: `closed` means in use."""

    provider: str
    circuit: str
    since_at: datetime | None


class Versions(Struct, frozen=True, kw_only=True):
    tawsil: str
    python: str
    postgres: str
    migration: str


class SystemHealth(Struct, frozen=True, kw_only=True):
    """Listeners, timers and jobs are the whole platform's; providers and alarms the company's."""

    verdict: Verdict
    at: datetime
    listeners: list[Listener]
    overdue: list[Overdue]
    jobs: list[Waiting]
    providers: list[ProviderHealth]
    alarms: list[Alarm]
    versions: Versions


@get(
    "/v4/system/health",
    opt={"rule": allow(READ)},
    tags=["System"],
    summary="How the system is",
)
async def show_health(
    caller: NamedDependency[Caller], database: NamedDependency[Database], state: State
) -> Envelope[SystemHealth]:
    """What lags, what failed, what is late, and whether the books add up."""
    if "all" not in caller.scopes(READ):
        raise Problem(403, "request.forbidden", permission=READ)
    whole: Database = state.database
    async with whole.transaction() as tx:
        known, now = await spine(tx), tx.now
    async with database.transaction() as tx:
        alarms = [
            Alarm(check=fault.check.value, currency=fault.currency, amount_minor=fault.amount_minor)
            for fault in await payments.alarms(tx)
        ]
        circuits = await payments.circuits_of_tenants(tx, tenant_ids=[caller.tenant_id])
    found = circuits[caller.tenant_id]
    providers = [
        ProviderHealth(
            provider=one.value,
            circuit=found[one].circuit.value if one in found else "closed",
            since_at=found[one].since_at if one in found else None,
        )
        for one in state.providers
    ]
    return envelope(
        SystemHealth(
            verdict=_verdict(known, providers, alarms, now=now),
            at=now,
            listeners=known.listeners,
            overdue=known.overdue,
            jobs=known.jobs,
            providers=providers,
            alarms=alarms,
            versions=Versions(
                tawsil=__version__,
                python=".".join(map(str, sys.version_info[:3])),
                postgres=known.postgres,
                migration=known.migration,
            ),
        )
    )


def _verdict(
    known: Spine, providers: list[ProviderHealth], alarms: list[Alarm], *, now: datetime
) -> Verdict:
    late = any(now - one.oldest_at > MOST_LATE for one in known.overdue)
    if alarms or late:
        return Verdict.FAILING
    lagging = any(one.parked or one.lag > MOST_LAG for one in known.listeners)
    held = any(one.held for one in known.jobs)
    unasked = any(one.circuit != "closed" for one in providers)
    return Verdict.ATTENTION if lagging or held or unasked else Verdict.WELL


routes: Final = [show_health]
