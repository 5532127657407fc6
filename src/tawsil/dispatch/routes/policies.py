"""Policies over HTTP: make a version, try it for a simulated week, set it live in a city."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from tawsil.dispatch.model.policies import (
    LIVE_POLICY,
    Finding,
    LivePolicy,
    Metrics,
    PolicyVersion,
    Trial,
    weights_of,
)
from tawsil.dispatch.routes.access import ASSIGN, CONFIGURE, TAGS, its_city, of_operations
from tawsil.dispatch.service import policies as service
from tawsil.dispatch.service.policies import AskForTrial, CreatePolicy, SetLivePolicy
from tawsil.dispatch.store import policy_rows as store
from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    HEAVY,
    Caller,
    Commands,
    Envelope,
    Page,
    PageNumber,
    PageQuery,
    PageSize,
    allow,
    envelope,
    not_found,
    page_envelope,
)
from tawsil.kernel.i18n import text
from tawsil.kernel.text import Prose

TRIALS_SHOWN: Final = 20

Name = Annotated[
    str,
    Meta(min_length=1, max_length=63, pattern=r"^[a-z][a-z0-9_]*$(?!\n)", examples=["evening"]),
]
Number = Annotated[int, Meta(ge=1, le=1_000_000, examples=[2])]


class CreatePolicyBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Only what is to be otherwise: weights left out are as in the newest version of that name,
    or, for a new name, as in the platform's default.
    """

    name: Name
    weights: Annotated[
        dict[str, Any], Meta(examples=[{"lead_s": 120, "services": {"pickup_s": 90}}])
    ] = {}
    note: Annotated[Prose, Meta(max_length=500, examples=["told earlier, declined often"])] = ""


class TrialBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Where it is to be live. The same seed is the same week."""

    city_id: UUID
    seed: Annotated[int, Meta(ge=0, le=2**31, examples=[7])] = 7


class SetLiveBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`override_reason`: why it may be live without a passed week."""

    name: Name
    version: Number
    override_reason: Annotated[Prose, Meta(min_length=1, max_length=500)] | None = None


class FindingView(Struct, frozen=True, kw_only=True):
    check: str
    passed: bool
    value: float
    bound: float
    sentence: str

    @staticmethod
    def of(finding: Finding) -> "FindingView":
        return FindingView(
            check=finding.check,
            passed=finding.passed,
            value=finding.value,
            bound=finding.bound,
            sentence=text(
                f"dispatch.trial_{finding.check}",
                params={"value": finding.value, "bound": finding.bound},
            ),
        )


class TrialView(Struct, frozen=True, kw_only=True):
    """A simulated week; without an end it is still being lived through."""

    id: UUID
    city_id: UUID
    seed: int
    asked_at: datetime
    finished_at: datetime | None
    against: str | None
    passed: bool | None
    findings: tuple[FindingView, ...]
    candidate: Metrics | None
    live: Metrics | None

    @staticmethod
    def of(trial: Trial) -> "TrialView":
        return TrialView(
            id=trial.id,
            city_id=trial.city_id,
            seed=trial.seed,
            asked_at=trial.asked_at,
            finished_at=trial.finished_at,
            against=trial.against,
            passed=trial.passed,
            findings=tuple(FindingView.of(finding) for finding in trial.reasons),
            candidate=trial.candidate,
            live=trial.live,
        )


class PolicyView(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    version: int
    weights: dict[str, Any]
    note: str
    created_at: datetime
    created_by: UUID | None

    @staticmethod
    def of(version: PolicyVersion) -> "PolicyView":
        return PolicyView(
            id=version.id,
            name=version.name,
            version=version.number,
            weights=weights_of(version.policy),
            note=version.note,
            created_at=version.created_at,
            created_by=version.created_by,
        )


class TriedPolicyView(Struct, frozen=True, kw_only=True):
    policy: PolicyView
    trials: tuple[TrialView, ...]
    """The newest first."""


class LivePolicyView(Struct, frozen=True, kw_only=True):
    """`since_at` is absent for the platform's default, by which a city decides that chose none."""

    name: str
    version: int
    since_at: datetime | None
    set_by: UUID | None = None
    reason: str = ""
    override: bool = False

    @staticmethod
    def of(live: LivePolicy) -> "LivePolicyView":
        return LivePolicyView(
            name=live.name,
            version=live.number,
            since_at=live.since_at,
            set_by=live.set_by,
            reason=live.reason,
            override=live.override,
        )


@get(
    "/v4/dispatch/policies",
    opt={"rule": allow(ASSIGN)},
    tags=TAGS,
    summary="Every version of every policy",
)
async def list_policies(
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    page: PageNumber = 1,
    limit: PageSize = 20,
) -> Envelope[list[PolicyView]]:
    """Newest first, with all their weights."""
    of_operations(caller)
    query = PageQuery(page=page, limit=limit)
    async with database.transaction() as tx:
        found, total = await store.policies(
            tx, tenant_id=caller.tenant_id, limit=query.limit, offset=query.offset
        )
    return page_envelope(Page(items=[PolicyView.of(p) for p in found], total=total), query)


@post(
    "/v4/dispatch/policies",
    opt={"rule": allow(CONFIGURE)},
    status_code=201,
    tags=TAGS,
    summary="Make a version of a policy",
)
async def create_policy(
    data: JSONBody[CreatePolicyBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[PolicyView]]:
    """A version never changes: another idea is another version. It decides nothing yet."""
    return await commands.submit(
        service.create,
        CreatePolicy(by=caller.by, name=data.name, weights=data.weights, note=data.note),
        view=PolicyView.of,
        status=201,
    )


@get(
    "/v4/dispatch/policies/{name:str}/versions/{version:int}",
    opt={"rule": allow(ASSIGN)},
    tags=TAGS,
    summary="A version of a policy, and how it did",
)
async def show_policy(
    name: FromPath[str],
    version: FromPath[int],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> Envelope[TriedPolicyView]:
    """Its weights and its simulated weeks, each beside what was live then."""
    of_operations(caller)
    async with database.transaction() as tx:
        found = await store.policy(
            tx, tenant_id=caller.tenant_id, name=name, number=_countable(version)
        )
        if found is None:
            raise not_found()
        trials = await store.trials_of(tx, policy_id=found.id, limit=TRIALS_SHOWN)
    return envelope(
        TriedPolicyView(
            policy=PolicyView.of(found), trials=tuple(TrialView.of(trial) for trial in trials)
        )
    )


@post(
    "/v4/dispatch/policies/{name:str}/versions/{version:int}/trial",
    opt={"rule": allow(CONFIGURE), "limit": HEAVY},
    status_code=202,
    tags=TAGS,
    summary="Try a version for a simulated week",
)
async def try_policy(
    name: FromPath[str],
    version: FromPath[int],
    data: JSONBody[TrialBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[TrialView]]:
    """A worker lives through a week of the invented city twice, by this version and by what the
    city decides by now. Read the version again after a minute or two.
    """
    return await commands.submit(
        service.ask_for_trial,
        AskForTrial(
            by=caller.by,
            name=name,
            number=_countable(version),
            city_id=data.city_id,
            seed=data.seed,
        ),
        view=TrialView.of,
        status=202,
    )


@get(
    "/v4/dispatch/cities/{city_id:uuid}/policy",
    opt={"rule": allow(ASSIGN)},
    tags=TAGS,
    summary="What a city decides by, and decided by before",
)
async def show_live(
    city_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    page: PageNumber = 1,
    limit: PageSize = 20,
) -> Envelope[list[LivePolicyView]]:
    """The present one first; last the default, by which every city begins."""
    of_operations(caller)
    query = PageQuery(page=page, limit=limit)
    async with database.transaction() as tx:
        await its_city(tx, caller, city_id)
        found, total = await store.live_history(
            tx,
            tenant_id=caller.tenant_id,
            city_id=city_id,
            limit=query.limit,
            offset=query.offset,
        )
    views = [LivePolicyView.of(live) for live in found]
    if query.offset + query.limit > total:
        views.append(
            LivePolicyView(name=LIVE_POLICY.name, version=LIVE_POLICY.version, since_at=None)
        )
    return page_envelope(Page(items=views[: query.limit], total=total + 1), query)


@put(
    "/v4/dispatch/cities/{city_id:uuid}/policy",
    opt={"rule": allow(CONFIGURE)},
    tags=TAGS,
    summary="Set a policy live in a city",
)
async def set_live(
    city_id: FromPath[UUID],
    data: JSONBody[SetLiveBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[LivePolicyView]]:
    """From the next tick on. It needs a passed simulated week of the same weights for this city,
    or a reason why not; the reason is kept.
    """
    return await commands.submit(
        service.set_live,
        SetLivePolicy(
            by=caller.by,
            city_id=city_id,
            name=data.name,
            number=data.version,
            override_reason=data.override_reason,
        ),
        view=LivePolicyView.of,
    )


def _countable(version: int) -> int:
    """A number that a version can have; others are of versions that do not exist."""
    if not 1 <= version <= 1_000_000:
        raise not_found()
    return version


routes: Final = [list_policies, create_policy, show_policy, try_policy, show_live, set_live]
