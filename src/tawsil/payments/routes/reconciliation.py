"""What acquirers say against what the books say: open differences, and closing them."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody
from msgspec import Meta, Struct

from tawsil.kernel.db import Database, Job
from tawsil.kernel.http import (
    HEAVY,
    Caller,
    Commands,
    Envelope,
    Problem,
    allow,
    check_window,
    envelope,
)
from tawsil.kernel.text import Prose
from tawsil.payments.events import Provider
from tawsil.payments.model.reconciliation import (
    BALANCE_JOB,
    BalanceJob,
    Difference,
    Explanation,
    Kind,
    Moved,
    Run,
)
from tawsil.payments.routes.access import check_whole
from tawsil.payments.service import reconciliation as service
from tawsil.payments.service.reconciliation import How
from tawsil.payments.store import reconciliation as store

TAGS: Final = ["Books"]
READ: Final = "payment:read"
CHANGE: Final = "payment:update"
NEWEST: Final = 100
A_DAY: Final = timedelta(days=1)
LONGEST: Final = timedelta(days=92)


class SideView(Struct, frozen=True, kw_only=True):
    """One side of a difference: a line of the acquirer's file (`id`), or a transfer of ours."""

    id: str
    moved: Moved
    charge_id: str | None
    reference_id: UUID | None
    amount_minor: int
    at: datetime


class DifferenceView(Struct, frozen=True, kw_only=True):
    """`difference_minor` is by how much the acquirer says that it holds more than we do."""

    kind: Kind
    provider: Provider
    currency: str
    difference_minor: int
    theirs: SideView | None
    ours: SideView | None

    @classmethod
    def of(cls, difference: Difference) -> "DifferenceView":
        line, booked = difference.line, difference.booked
        return cls(
            kind=difference.kind,
            provider=difference.either.provider,
            currency=difference.either.currency,
            difference_minor=difference.difference_minor,
            theirs=line
            and SideView(
                id=line.id,
                moved=line.moved,
                charge_id=line.charge_id,
                reference_id=None,
                amount_minor=line.amount_minor,
                at=line.at,
            ),
            ours=booked
            and SideView(
                id=str(booked.transfer_id),
                moved=booked.moved,
                charge_id=booked.charge_id,
                reference_id=booked.reference_id,
                amount_minor=booked.amount_minor,
                at=booked.at,
            ),
        )


class ExplanationBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The difference, by the sides that it has, and what is said of it.

    `explained`: it is as it should be, by these words. `booked`: the acquirer is right, and a
    transfer between its account and the platform's makes the books agree.
    """

    provider: Provider
    how: How
    words: Annotated[Prose, Meta(min_length=3, max_length=500, examples=["Charged back by phone"])]
    line_id: Annotated[str, Meta(min_length=1, max_length=255, examples=["bal_1"])] | None = None
    transfer_id: UUID | None = None


class ExplanationView(Struct, frozen=True, kw_only=True):
    id: UUID
    provider: Provider
    line_id: str | None
    transfer_id: UUID | None
    booked: bool
    difference_minor: int
    currency: str
    words: str
    actor_id: UUID | None
    at: datetime

    @classmethod
    def of(cls, explanation: Explanation) -> "ExplanationView":
        return cls(**{name: getattr(explanation, name) for name in cls.__struct_fields__})


class RunView(Struct, frozen=True, kw_only=True):
    """A reading of a provider's file. `matched` counts lines that found their transfer in it."""

    id: UUID
    provider: Provider
    since_at: datetime
    until_at: datetime
    lines: int
    new_lines: int
    matched: int
    at: datetime

    @classmethod
    def of(cls, run: Run) -> "RunView":
        return cls(**{name: getattr(run, name) for name in cls.__struct_fields__})


class RunBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Which provider's file to read; the last day's, unless said."""

    provider: Provider
    since_at: Annotated[datetime, Meta(tz=True, examples=["2026-11-20T00:00:00Z"])] | None = None
    until_at: Annotated[datetime, Meta(tz=True, examples=["2026-11-21T00:00:00Z"])] | None = None


@get(
    "/v4/reconciliation/differences",
    opt={"rule": allow(READ), "limit": HEAVY},
    tags=TAGS,
    summary="Show open differences with acquirers",
)
async def list_differences(
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    provider: FromQuery[Provider | None] = None,
) -> Envelope[list[DifferenceView]]:
    """The oldest first. Empty is how it should be."""
    check_whole(caller, READ)
    async with database.transaction() as tx:
        found = await service.differences(tx, tenant_id=caller.tenant_id, provider=provider)
    return envelope([DifferenceView.of(difference) for difference in found])


@post(
    "/v4/reconciliation/explanations",
    opt={"rule": allow(CHANGE)},
    tags=TAGS,
    summary="Close a difference",
)
async def explain(
    data: JSONBody[ExplanationBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[ExplanationView]]:
    """By words alone, or by booking what the acquirer says; once."""
    check_whole(caller, CHANGE)
    command = service.Explain(
        by=caller.by,
        provider=data.provider,
        line_id=data.line_id,
        transfer_id=data.transfer_id,
        how=data.how,
        words=data.words,
    )
    return await commands.submit(service.explain, command, view=ExplanationView.of, status=201)


@get(
    "/v4/reconciliation/explanations",
    opt={"rule": allow(READ)},
    tags=TAGS,
    summary="Show how differences were closed",
)
async def list_explanations(
    caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[list[ExplanationView]]:
    """The newest hundred."""
    check_whole(caller, READ)
    async with database.transaction() as tx:
        found = await store.explanations(tx, tenant_id=caller.tenant_id, limit=NEWEST)
    return envelope([ExplanationView.of(explanation) for explanation in found])


@get(
    "/v4/reconciliation/runs",
    opt={"rule": allow(READ)},
    tags=TAGS,
    summary="Show when balance files were read",
)
async def list_runs(
    caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[list[RunView]]:
    """The newest hundred. Files are read every hour, and when asked for."""
    check_whole(caller, READ)
    async with database.transaction() as tx:
        found = await store.runs(tx, tenant_id=caller.tenant_id, limit=NEWEST)
    return envelope([RunView.of(run) for run in found])


class ReadingView(Struct, frozen=True):
    """What will be read."""

    provider: Provider
    since_at: datetime
    until_at: datetime


@post(
    "/v4/reconciliation/runs",
    opt={"rule": allow(CHANGE), "limit": HEAVY},
    status_code=202,
    tags=TAGS,
    summary="Read a balance file now",
)
async def read_balance(
    data: JSONBody[RunBody],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> Envelope[ReadingView]:
    """It is read by a worker; the runs tell when it was. Reading twice changes nothing."""
    check_whole(caller, CHANGE)
    until_at = min(data.until_at or database.now(), database.now())
    since_at = data.since_at or until_at - A_DAY
    check_window(since_at, until_at)
    if until_at - since_at > LONGEST:
        raise Problem(422, "reconciliation.window_too_long", most_days=LONGEST.days)
    async with database.transaction() as tx:
        payload = BalanceJob(
            provider=data.provider,
            since_at=since_at,
            until_at=until_at,
            tenant_id=caller.tenant_id,
            actor_id=caller.user_id,
        )
        await tx.enqueue(Job(name=BALANCE_JOB, payload=payload))
    return envelope(ReadingView(data.provider, since_at, until_at))


routes: Final[list[Any]] = [
    list_differences,
    explain,
    list_explanations,
    list_runs,
    read_balance,
]
