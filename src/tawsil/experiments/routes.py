"""Experiments over HTTP, for those who run the platform."""

import asyncio
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct

from tawsil.experiments import public
from tawsil.experiments.events import Module
from tawsil.experiments.flags import routes as flag_routes
from tawsil.experiments.modules import routes as module_routes
from tawsil.experiments.public import Better, Experiment, Metric, Status, StopCause
from tawsil.experiments.views import AnalysisView, ExperimentView, PowerView
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.http import (
    HEAVY,
    Caller,
    CityCheck,
    Commands,
    Envelope,
    Page,
    PageNumber,
    PageQuery,
    PageSize,
    Problem,
    allow,
    envelope,
    not_found,
    page_envelope,
)
from tawsil.kernel.text import OneLine, Prose

TAGS: Final = ["Experiments"]
OF_MODULE: Final = {"module": Module.EXPERIMENTS.value}
CONFIGURE: Final = {"rule": allow("system:configure"), **OF_MODULE}
MONITOR: Final = {"rule": allow("system:monitor"), **OF_MODULE}

Words = Annotated[OneLine, Meta(min_length=1, max_length=200)]
Arm = Annotated[
    str, Meta(max_length=100, pattern=r"^[A-Za-z0-9._:@/-]+$(?!\n)", examples=["thrifty@3"])
]
Instant = Annotated[datetime, Meta(tz=True, examples=["2026-12-01T00:00:00Z"])]
Spread = Annotated[float, QueryParameter(ge=0, le=1e9)]


class MetricBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`worse_by_most` is a guard rail: how much worse is too much, in the metric's own unit."""

    name: Annotated[
        str, Meta(max_length=60, pattern=r"^[a-z][a-z0-9_]*$(?!\n)", examples=["click_to_door_s"])
    ]
    better: Better = Better.LOWER
    worse_by_most: Annotated[float, Meta(ge=0, le=1e12)] | None = None


class ExperimentBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The control arm and the primary metric come first. No units: the whole city is one."""

    city_id: UUID
    name: Annotated[Words, Meta(examples=["Thrifty in the evening"])]
    arms: tuple[Arm, Arm]
    metrics: Annotated[tuple[MetricBody, ...], Meta(min_length=1, max_length=20)]
    units: Annotated[tuple[UUID, ...], Meta(max_length=500)] = ()
    block_min: Annotated[int, Meta(ge=10, le=360, examples=[60])]
    washout_s: Annotated[int, Meta(ge=0, le=10_800, examples=[600])] = 0
    starts_at: Instant
    ends_at: Instant
    seed: Annotated[int, Meta(ge=0, lt=2**53)] | None = None


class StopBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Why it stops; the note is for colleagues and is not written to the log."""

    cause: Literal["harm", "mistake", "not_needed"]
    note: Annotated[Prose, Meta(max_length=500)] = ""


@get("/v4/experiments", opt=MONITOR, tags=TAGS, summary="Experiments, the latest first")
async def list_experiments(
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    city_id: Annotated[UUID | None, QueryParameter(description="Only of this city.")] = None,
    status: Annotated[Status | None, QueryParameter(description="Only in this state.")] = None,
    page: PageNumber = 1,
    limit: PageSize = 20,
) -> Envelope[list[ExperimentView]]:
    """All experiments of the caller's company."""
    query = PageQuery(page=page, limit=limit)
    async with database.transaction() as tx:
        experiments, total = await public.experiments(
            tx,
            tenant_id=caller.tenant_id,
            city_id=city_id,
            status=status,
            offset=query.offset,
            limit=limit,
        )
    views = [ExperimentView.of(experiment) for experiment in experiments]
    return page_envelope(Page(views, total), query)


@post("/v4/experiments", opt=CONFIGURE, status_code=201, tags=TAGS, summary="Draft an experiment")
async def draft_experiment(
    data: JSONBody[ExperimentBody],
    caller: NamedDependency[Caller],
    check_city: NamedDependency[CityCheck],
    commands: NamedDependency[Commands],
) -> Response[Envelope[ExperimentView]]:
    """Say what is compared, where and when. Nothing happens until it is scheduled."""
    await check_city(data.city_id, tenant_id=caller.tenant_id)
    command = public.Draft(
        by=caller.by,
        city_id=data.city_id,
        name=data.name,
        arms=data.arms,
        metrics=tuple(
            Metric(name=m.name, better=m.better, worse_by_most=m.worse_by_most)
            for m in data.metrics
        ),
        units=data.units,
        block_min=data.block_min,
        washout_s=data.washout_s,
        starts_at=data.starts_at,
        ends_at=data.ends_at,
        seed=data.seed,
    )
    return await commands.submit(public.draft, command, view=ExperimentView.of, status=201)


@get("/v4/experiments/{experiment_id:uuid}", opt=MONITOR, tags=TAGS, summary="An experiment")
async def show_experiment(
    experiment_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> Envelope[ExperimentView]:
    """What is compared, where, when and in which state."""
    async with database.transaction() as tx:
        experiment = await _own(tx, caller, experiment_id)
    return envelope(ExperimentView.of(experiment))


@post(
    "/v4/experiments/{experiment_id:uuid}/schedule",
    opt=CONFIGURE,
    status_code=200,
    tags=TAGS,
    summary="Fix the table of arms and wait for the start",
)
async def schedule_experiment(
    experiment_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[ExperimentView]]:
    """From here on nobody can change which arm runs when. It starts and ends by itself."""
    command = public.Schedule(by=caller.by, experiment_id=experiment_id)
    return await commands.submit(public.schedule, command, view=ExperimentView.of)


@post(
    "/v4/experiments/{experiment_id:uuid}/stop",
    opt=CONFIGURE,
    status_code=200,
    tags=TAGS,
    summary="Stop an experiment before its end",
)
async def stop_experiment(
    experiment_id: FromPath[UUID],
    data: JSONBody[StopBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[ExperimentView]]:
    """At once, or before it begins. What was measured stays and can be read."""
    command = public.Stop(
        by=caller.by, experiment_id=experiment_id, cause=StopCause(data.cause), note=data.note
    )
    return await commands.submit(public.stop, command, view=ExperimentView.of)


@get(
    "/v4/experiments/{experiment_id:uuid}/assignment",
    opt=MONITOR | {"limit": HEAVY},
    tags=TAGS,
    summary="Which arm runs where and when, as CSV",
    media_type="text/csv; charset=utf-8",
)
async def show_assignment(
    experiment_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> Response[str]:
    """The table that was fixed. The SHA-256 of these bytes is in the event `experiment.scheduled`
    and in the experiment, so that anybody can check that it has not changed.
    """
    async with database.transaction() as tx:
        experiment = await _own(tx, caller, experiment_id)
        table = await public.assignment(tx, experiment=experiment)
    if table is None:
        raise Problem(409, "experiment.not_fixed")
    name = f"assignment-{experiment.id}.csv"
    return Response(
        table,
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@get(
    "/v4/experiments/{experiment_id:uuid}/analysis",
    opt=MONITOR | {"limit": HEAVY},
    tags=TAGS,
    summary="What an experiment shows",
)
async def show_analysis(
    experiment_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> Envelope[AnalysisView]:
    """How the arms differ in each metric, how sure that is, and the same in words.

    While it runs the answer moves; decide by the one after its end.
    """
    async with database.transaction() as tx:
        experiment = await _own(tx, caller, experiment_id)
        measured = await public.measured(tx, experiment=experiment)
    readings = await asyncio.to_thread(public.read, experiment, measured)
    return envelope(AnalysisView.of(experiment, readings))


@get(
    "/v4/experiments/{experiment_id:uuid}/power",
    opt=MONITOR,
    tags=TAGS,
    summary="How small a difference an experiment could show",
)
async def show_power(
    experiment_id: FromPath[UUID],
    subjects_per_block: Annotated[float, QueryParameter(gt=0, le=1e6)],
    block_sd: Spread,
    subject_sd: Spread,
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    sizes_cv: Annotated[float, QueryParameter(ge=0, le=10)] = 0.5,
    power: Annotated[float, QueryParameter(ge=0.5, le=0.99)] = 0.8,
) -> Envelope[PowerView]:
    """From past spread: between blocks (beyond chance), between the subjects of one block, and of
    the number of subjects in a block (`sizes_cv`, its standard deviation over its mean).
    """
    async with database.transaction() as tx:
        experiment = await _own(tx, caller, experiment_id)
    least = public.least_detectable(
        blocks=experiment.cells,
        subjects_per_block=subjects_per_block,
        sizes_cv=sizes_cv,
        block_sd=block_sd,
        subject_sd=subject_sd,
        power=power,
    )
    return envelope(PowerView(blocks=experiment.cells, power=power, least_detectable=least))


async def _own(tx: Tx, caller: Caller, experiment_id: UUID) -> Experiment:
    found = await public.experiment(tx, tenant_id=caller.tenant_id, experiment_id=experiment_id)
    if found is None:
        raise not_found()
    return found


routes: Final[list[Any]] = [
    *flag_routes.routes,
    *module_routes.routes,
    list_experiments,
    draft_experiment,
    show_experiment,
    schedule_experiment,
    stop_experiment,
    show_assignment,
    show_analysis,
    show_power,
]
