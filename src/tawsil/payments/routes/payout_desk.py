"""Payouts over HTTP for those who run them: plans, runs, blocks, and what came back."""

from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, get, post, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta, Struct

from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    HEAVY,
    Asked,
    Caller,
    Commands,
    Envelope,
    allow,
    asked_of,
    envelope,
    list_envelope,
    not_found,
)
from tawsil.kernel.reach import Reach
from tawsil.payments import public
from tawsil.payments.public import AccountKind, AccountRef, Plan
from tawsil.payments.routes.payout_views import PayoutAccountView, PayoutRunView, PayoutView
from tawsil.payments.routes.payouts import DESTINATION_EXAMPLE, TAGS, DestinationBody, OwnerKind

PAY_OUT: Final = "payment:payout"
_CITY: Final = "01920000-0000-7000-8000-00000000000c"
_PLAN: Final = {"every": "week", "weekday": 0, "hour": 3, "hold_days": 2, "minimum_minor": 5_000}


class PayoutPlanBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What counts in a city; without one, wherever a city has decided nothing itself."""

    owner_kind: OwnerKind
    plan: Plan
    city_id: UUID | None = None


class OwnPayoutPlanBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`null`: what the city has decided counts again."""

    plan: Plan | None


class PayoutRunBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Everybody of a kind in a city, or only those who are named."""

    city_id: UUID
    owner_kind: OwnerKind
    owner_ids: Annotated[list[UUID], Meta(min_length=1, max_length=1_000)] | None = None


class OwnerDestinationBody(DestinationBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """On behalf of somebody, such as a customer whose credit is to be paid back."""

    owner_kind: OwnerKind
    owner_id: UUID


class PlansView(Struct, frozen=True):
    """What counts for each kind of owner in a city, or in the tenant."""

    merchant: Plan
    courier: Plan
    customer: Plan


_PLAN_EXAMPLE: Final = {"owner_kind": "merchant", "city_id": _CITY, "plan": _PLAN}
_OWNER_EXAMPLE: Final = {**DESTINATION_EXAMPLE, "owner_kind": "customer", "owner_id": _CITY}
PlanIn = Annotated[PayoutPlanBody, Meta(examples=[_PLAN_EXAMPLE])]
OwnPlanIn = Annotated[OwnPayoutPlanBody, Meta(examples=[{"plan": _PLAN}])]
RunIn = Annotated[PayoutRunBody, Meta(examples=[{"city_id": _CITY, "owner_kind": "merchant"}])]
OwnerDestinationIn = Annotated[OwnerDestinationBody, Meta(examples=[_OWNER_EXAMPLE])]


async def asked_for(
    owner_kind: FromQuery[OwnerKind | None] = None,
    owner_id: FromQuery[UUID | None] = None,
    city_id: FromQuery[UUID | None] = None,
    verified: FromQuery[bool | None] = None,
    blocked: FromQuery[bool | None] = None,
) -> public.AccountFilter:
    return public.AccountFilter(
        owner_kind=AccountKind(owner_kind) if owner_kind else None,
        owner_id=owner_id,
        city_id=city_id,
        verified=verified,
        blocked=blocked,
    )


@get(
    "/v4/payout-accounts",
    opt={"rule": allow(PAY_OUT)},
    dependencies={"which": Provide(asked_for), **asked_of(public.ACCOUNT_SORTS)},
    tags=TAGS,
    summary="List who is paid out",
)
async def list_payout_accounts(
    asked: NamedDependency[Asked],
    which: NamedDependency[public.AccountFilter],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Envelope[list[PayoutAccountView]]:
    """With their destinations, and whether they are blocked."""
    async with database.transaction() as tx:
        found = await public.search_payout_accounts(
            tx, reach=reach, which=which, take=asked.take(which)
        )
    return list_envelope(found.map(PayoutAccountView.of), asked)


@put(
    "/v4/payout-accounts",
    opt={"rule": allow(PAY_OUT)},
    status_code=200,
    tags=TAGS,
    summary="Say where somebody's money is to go",
)
async def set_destination_of(
    data: JSONBody[OwnerDestinationIn],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[PayoutAccountView]]:
    """On their behalf. It is used once its provider has confirmed it; a changed one waits."""
    command = public.SetDestination(
        by=caller.by,
        owner=AccountRef(AccountKind(data.owner_kind), data.owner_id),
        provider=data.provider,
        token=data.token,
        label=data.label,
    )
    return await commands.submit(public.set_destination, command, view=PayoutAccountView.of)


@put(
    "/v4/payout-accounts/{payout_account_id:uuid}/plan",
    opt={"rule": allow(PAY_OUT)},
    status_code=200,
    tags=TAGS,
    summary="Give somebody a plan of their own",
)
async def set_own_plan(
    payout_account_id: FromPath[UUID],
    data: JSONBody[OwnPlanIn],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[PayoutAccountView]]:
    """Instead of the city's, or the city's again."""
    command = public.SetPlan(by=caller.by, account_id=payout_account_id, plan=data.plan)
    return await commands.submit(public.set_plan, command, view=PayoutAccountView.of)


@post(
    "/v4/payout-accounts/{payout_account_id:uuid}/block",
    opt={"rule": allow(PAY_OUT)},
    status_code=200,
    tags=TAGS,
    summary="Pay nothing out to somebody",
)
async def block(
    payout_account_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[PayoutAccountView]]:
    """Until it is lifted. What was sent already is not called back."""
    command = public.Block(by=caller.by, account_id=payout_account_id)
    return await commands.submit(public.block, command, view=PayoutAccountView.of)


@post(
    "/v4/payout-accounts/{payout_account_id:uuid}/unblock",
    opt={"rule": allow(PAY_OUT)},
    status_code=200,
    tags=TAGS,
    summary="Pay somebody out again",
)
async def unblock(
    payout_account_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[PayoutAccountView]]:
    """From the next time of their plan on."""
    command = public.Unblock(by=caller.by, account_id=payout_account_id)
    return await commands.submit(public.unblock, command, view=PayoutAccountView.of)


@get(
    "/v4/payout-plans",
    opt={"rule": allow(PAY_OUT)},
    tags=TAGS,
    summary="Show when and how much is paid out",
)
async def show_plans(
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    city_id: FromQuery[UUID | None] = None,
) -> Envelope[PlansView]:
    """What counts in a city, or wherever a city has decided nothing itself."""
    async with database.transaction() as tx:
        plans = await public.plans(tx, tenant_ids=[caller.tenant_id])
    merchant, courier, customer = (
        plans.of_city(caller.tenant_id, city_id, kind) for kind in public.PAYABLE
    )
    return envelope(PlansView(merchant=merchant, courier=courier, customer=customer))


@put(
    "/v4/payout-plans",
    opt={"rule": allow(PAY_OUT)},
    status_code=200,
    tags=TAGS,
    summary="Decide when and how much is paid out",
)
async def put_plan(
    data: JSONBody[PlanIn],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[Plan]]:
    """For a kind of owner in a city or the tenant; whoever has a plan of their own keeps it."""
    command = public.PutPlan(
        by=caller.by,
        city_id=data.city_id,
        owner_kind=AccountKind(data.owner_kind),
        plan=data.plan,
    )
    return await commands.submit(public.put_plan, command, view=_as_it_is)


def _as_it_is(plan: Plan) -> Plan:
    return plan


@post(
    "/v4/payout-runs",
    opt={"rule": allow(PAY_OUT), "limit": HEAVY},
    status_code=201,
    tags=TAGS,
    summary="Pay out now",
)
async def start_run(
    data: JSONBody[RunIn],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[PayoutRunView]]:
    """Whoever may be paid and has enough. Above the plan's limit, somebody else has to approve."""
    command = public.StartRun(
        by=caller.by,
        city_id=data.city_id,
        owner_kind=AccountKind(data.owner_kind),
        owner_ids=None if data.owner_ids is None else tuple(data.owner_ids),
    )
    return await commands.submit(public.start_run, command, view=PayoutRunView.of, status=201)


@get(
    "/v4/payout-runs/{run_id:uuid}",
    opt={"rule": allow(PAY_OUT)},
    tags=TAGS,
    summary="Show a run of payouts",
)
async def show_run(
    run_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> Envelope[PayoutRunView]:
    """Its payouts are in the list of payouts, by `run_id`."""
    async with database.transaction() as tx:
        run = await public.find_payout_run(tx, tenant_id=caller.tenant_id, run_id=run_id)
    if run is None:
        raise not_found()
    return envelope(PayoutRunView.of(run))


@post(
    "/v4/payout-runs/{run_id:uuid}/approve",
    opt={"rule": allow(PAY_OUT)},
    status_code=200,
    tags=TAGS,
    summary="Approve of a run of payouts",
)
async def approve_run(
    run_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[PayoutRunView]]:
    """By another than who started it; its payouts are sent."""
    command = public.DecideRun(by=caller.by, run_id=run_id, approve=True)
    return await commands.submit(public.decide_run, command, view=PayoutRunView.of)


@post(
    "/v4/payout-runs/{run_id:uuid}/reject",
    opt={"rule": allow(PAY_OUT)},
    status_code=200,
    tags=TAGS,
    summary="Turn a run of payouts down",
)
async def reject_run(
    run_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[PayoutRunView]]:
    """Its payouts are called off, and their amounts are their owners' again."""
    command = public.DecideRun(by=caller.by, run_id=run_id, approve=False)
    return await commands.submit(public.decide_run, command, view=PayoutRunView.of)


@post(
    "/v4/payouts/{payout_id:uuid}/retry",
    opt={"rule": allow(PAY_OUT)},
    status_code=201,
    tags=TAGS,
    summary="Pay once more what came back",
)
async def retry(
    payout_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[PayoutView]]:
    """As a payout of its own, to where the owner's money goes now; lift the block first."""
    command = public.Retry(by=caller.by, payout_id=payout_id)
    return await commands.submit(public.retry, command, view=PayoutView.of, status=201)


routes: Final[list[Any]] = [
    list_payout_accounts,
    set_destination_of,
    set_own_plan,
    block,
    unblock,
    show_plans,
    put_plan,
    start_run,
    show_run,
    approve_run,
    reject_run,
    retry,
]
