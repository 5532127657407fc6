"""Comparing two policies in a city, over HTTP."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from tawsil.dispatch.routes.access import CONFIGURE, TAGS
from tawsil.dispatch.routes.policies import Name, Number
from tawsil.dispatch.service import switchback as service
from tawsil.dispatch.service.switchback import BeginSwitchback, Named
from tawsil.experiments.public import Experiment
from tawsil.kernel.http import Caller, Commands, Envelope, allow
from tawsil.kernel.text import OneLine


class PolicyBody(Struct, frozen=True, forbid_unknown_fields=True):
    name: Name
    version: Number


class SwitchbackBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Two policies that take turns. Without zones the whole city changes hands at once."""

    name: Annotated[OneLine, Meta(min_length=1, max_length=100, examples=["told earlier?"])]
    control: PolicyBody
    candidate: PolicyBody
    starts_at: datetime
    ends_at: datetime
    zone_ids: Annotated[tuple[UUID, ...], Meta(max_length=200)] = ()
    block_min: Annotated[int, Meta(ge=10, le=360, examples=[60])] = 60
    washout_s: Annotated[int, Meta(ge=0, le=3_600)] = 600


class SwitchbackView(Struct, frozen=True, kw_only=True):
    """The experiment that was scheduled: look at it, and stop it, under `/v4/experiments`."""

    experiment_id: UUID
    name: str
    arms: tuple[str, str]
    starts_at: datetime
    ends_at: datetime

    @classmethod
    def of(cls, experiment: Experiment) -> "SwitchbackView":
        return cls(
            experiment_id=experiment.id,
            name=experiment.name,
            arms=experiment.arms,
            starts_at=experiment.starts_at,
            ends_at=experiment.ends_at,
        )


@post(
    "/v4/dispatch/cities/{city_id:uuid}/switchbacks",
    opt={"rule": allow(CONFIGURE)},
    status_code=201,
    tags=TAGS,
    summary="Compare two policies by switching between them",
)
async def begin_switchback(
    city_id: FromPath[UUID],
    data: JSONBody[SwitchbackBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[SwitchbackView]]:
    """Who decides where and when is fixed at once, for the whole run. Each policy must be live in
    the city, or have passed its simulated week there.
    """
    command = BeginSwitchback(
        by=caller.by,
        city_id=city_id,
        name=data.name,
        control=Named(data.control.name, data.control.version),
        candidate=Named(data.candidate.name, data.candidate.version),
        zone_ids=data.zone_ids,
        block_min=data.block_min,
        washout_s=data.washout_s,
        starts_at=data.starts_at,
        ends_at=data.ends_at,
    )
    return await commands.submit(service.begin, command, view=SwitchbackView.of, status=201)


routes: Final = [begin_switchback]
