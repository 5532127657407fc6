"""Experiments: what takes turns with what, and what it has shown."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect
from msgspec import Struct

from tawsil.consoles import pages
from tawsil.consoles.access import STUDIES, TUNE, May
from tawsil.consoles.assets import Asked
from tawsil.consoles.listed import listed
from tawsil.consoles.own_api import Refused, answered, ask_as_caller, refusal_of
from tawsil.experiments.public import Status
from tawsil.kernel.http import allow
from tawsil.kernel.http.envelope import PageNumber

HERE: Final = "/experiments"
API: Final = "/v4/experiments"
CAUSES: Final = ("harm", "mistake", "not_needed")
TONES: Final = {"running": "good", "scheduled": "info", "stopped": "warn", "ended": "off"}


class Metric(Struct, frozen=True):
    name: str


class Experiment(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    status: str
    arms: tuple[str, str]
    metrics: tuple[Metric, ...]
    units: tuple[UUID, ...]
    block_min: int
    blocks: int
    washout_s: int
    starts_at: datetime
    ends_at: datetime
    assignment_sha256: str | None
    stop_cause: str | None
    stop_note: str

    @property
    def stoppable(self) -> bool:
        return self.status in {Status.DRAFT, Status.SCHEDULED, Status.RUNNING}


class Arm(Struct, frozen=True):
    subjects: int
    blocks: int
    mean: float | None


class Difference(Struct, frozen=True):
    effect: float
    low: float
    high: float
    p: float


class Reading(Struct, frozen=True):
    metric: Metric
    control: Arm
    challenger: Arm
    difference: Difference | None
    verdict: str
    guard: str | None


class Analysis(Struct, frozen=True):
    final: bool
    words: str
    metrics: list[Reading]


@get(HERE, opt={"rule": allow(STUDIES)}, include_in_schema=False)
async def show_experiments(
    request: Asked, status: FromQuery[str | None] = None, page: PageNumber = 1
) -> Response[str]:
    asked = {"status": status} if status is not None and status in set(Status) else {}
    query = {**asked, "page": str(page)}
    return pages.page(
        request,
        "studies/experiments.html",
        caller=request.user,
        experiments=await listed(request, API, Experiment, query=query, asked=asked),
        statuses=[status.value for status in Status],
        tones=TONES,
    )


@get(f"{HERE}/{{experiment_id:uuid}}", opt={"rule": allow(STUDIES)}, include_in_schema=False)
async def show_experiment(
    request: Asked, experiment_id: FromPath[UUID], done: FromQuery[str | None] = None
) -> Response[str]:
    return await _experiment(request, experiment_id, stopped=done == "stopped")


@post(f"{HERE}/{{experiment_id:uuid}}/stop", opt={"rule": allow(TUNE)}, include_in_schema=False)
async def stop(request: Asked, experiment_id: FromPath[UUID]) -> Response[Any]:
    form = await request.form()
    body = {"cause": str(form.get("cause", "")), "note": str(form.get("note", "")).strip()}
    answer = await ask_as_caller(request, "POST", f"{API}/{experiment_id}/stop", json=body)
    if answer.is_success:
        return Redirect(f"{HERE}/{experiment_id}?done=stopped", status_code=303)
    return await _experiment(request, experiment_id, refused=refusal_of(answer))


async def _experiment(
    request: Asked,
    experiment_id: UUID,
    *,
    stopped: bool = False,
    refused: Refused | None = None,
) -> Response[str]:
    address = f"{API}/{experiment_id}"
    experiment = answered(await ask_as_caller(request, "GET", address), Experiment)
    analysis = await ask_as_caller(request, "GET", f"{address}/analysis")
    return pages.page(
        request,
        "studies/experiment.html",
        status=refused.status if refused else 200,
        caller=request.user,
        here=f"{HERE}/{experiment_id}",
        may=May.of(request.user),
        experiment=experiment,
        analysis=answered(analysis, Analysis) if analysis.is_success else None,
        unanalysed=None if analysis.is_success else refusal_of(analysis),
        causes=CAUSES,
        tones=TONES,
        stopped=stopped,
        refused=refused,
    )


pages_of_experiments: Final = [show_experiments, show_experiment, stop]
