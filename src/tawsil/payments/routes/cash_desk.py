"""The other side of the counter: hubs, what was counted, who bears what is missing, and lists."""

from functools import partial
from typing import Annotated, Final
from uuid import UUID

from litestar import Response, get, post, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Stream
from msgspec import Meta, Struct

from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    HEAVY,
    Asked,
    Caller,
    Commands,
    Envelope,
    FromInstant,
    ToInstant,
    allow,
    asked_of,
    columns,
    csv_of,
    envelope,
    list_envelope,
    ordered_of,
)
from tawsil.kernel.places import Place
from tawsil.kernel.reach import Reach
from tawsil.kernel.text import OneLine
from tawsil.payments import public
from tawsil.payments.public import (
    BorneBy,
    CashLevel,
    DepositState,
    ShortfallState,
)
from tawsil.payments.routes.cash import MOST_MINOR
from tawsil.payments.routes.cash_views import CashView, DepositView, HubView, ShortfallView

DECIDE: Final = "payment:update"
LIST: Final = "courier:list"

Name = Annotated[OneLine, Meta(min_length=1, max_length=100, examples=["Harbour depot"])]
ArabicName = Annotated[OneLine, Meta(min_length=1, max_length=100, examples=["مستودع الميناء"])]
Latitude = Annotated[float, Meta(ge=-90, le=90, examples=[24.713])]
Longitude = Annotated[float, Meta(ge=-180, le=180, examples=[46.675])]


class OpenHubBody(Struct, frozen=True, forbid_unknown_fields=True):
    city_id: Annotated[UUID, Meta(examples=["0192a3b4-0000-7000-8000-000000000003"])]
    name_en: Name
    name_ar: ArabicName
    latitude: Latitude
    longitude: Longitude


class ChangeHubBody(Struct, frozen=True, forbid_unknown_fields=True):
    name_en: Name
    name_ar: ArabicName
    latitude: Latitude
    longitude: Longitude
    is_open: Annotated[bool, Meta(examples=[True])] = True


class ConfirmBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`counted_minor`: what was counted, whatever was announced."""

    counted_minor: Annotated[int, Meta(ge=1, le=MOST_MINOR, examples=[12_400])]


class ApproveBody(Struct, frozen=True, forbid_unknown_fields=True):
    borne_by: Annotated[BorneBy, Meta(examples=["platform"])]


@get(
    "/v4/cash-hubs",
    opt={"rule": allow("courier:read")},
    tags=["Cash"],
    summary="Where couriers hand in cash",
)
async def list_hubs(
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    city_id: FromQuery[UUID | None] = None,
) -> Envelope[list[HubView]]:
    """All hubs of the tenant, or of a city of it; also those that are closed for now."""
    async with database.transaction() as tx:
        hubs = await public.cash_hubs(tx, tenant_id=caller.tenant_id, city_id=city_id)
    return envelope([HubView.of(hub) for hub in hubs])


@post(
    "/v4/cash-hubs",
    opt={"rule": allow(DECIDE)},
    status_code=201,
    tags=["Cash"],
    summary="Open a hub where cash is handed in",
)
async def open_hub(
    data: JSONBody[OpenHubBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[HubView]]:
    """In a city of the tenant. What is handed in there is booked on an account of the hub's own."""
    return await commands.submit(
        public.open_hub,
        public.OpenHub(
            by=caller.by,
            city_id=data.city_id,
            name_en=data.name_en,
            name_ar=data.name_ar,
            place=Place(data.latitude, data.longitude),
        ),
        view=HubView.of,
        status=201,
    )


@put(
    "/v4/cash-hubs/{hub_id:uuid}",
    opt={"rule": allow(DECIDE)},
    tags=["Cash"],
    summary="Change a hub, or close it",
)
async def change_hub(
    hub_id: FromPath[UUID],
    data: JSONBody[ChangeHubBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[HubView]]:
    """At a closed hub nothing new is announced; what was announced is counted as before."""
    return await commands.submit(
        public.change_hub,
        public.ChangeHub(
            by=caller.by,
            hub_id=hub_id,
            name_en=data.name_en,
            name_ar=data.name_ar,
            place=Place(data.latitude, data.longitude),
            is_open=data.is_open,
        ),
        view=HubView.of,
    )


@post(
    "/v4/cash-deposits/{deposit_id:uuid}/confirm",
    opt={"rule": allow(DECIDE)},
    status_code=200,
    tags=["Cash"],
    summary="Confirm what was counted",
)
async def confirm_deposit(
    deposit_id: FromPath[UUID],
    data: JSONBody[ConfirmBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[DepositView]]:
    """Once, and not by who hands it in. The courier owes so much less; it lies at the hub."""
    return await commands.submit(
        public.confirm_deposit,
        public.ConfirmDeposit(
            by=caller.by, deposit_id=deposit_id, counted_minor=data.counted_minor
        ),
        view=DepositView.of,
    )


@post(
    "/v4/cash-deposits/{deposit_id:uuid}/refuse",
    opt={"rule": allow(DECIDE)},
    status_code=200,
    tags=["Cash"],
    summary="Say that nothing was handed in",
)
async def refuse_deposit(
    deposit_id: FromPath[UUID], caller: NamedDependency[Caller], commands: NamedDependency[Commands]
) -> Response[Envelope[DepositView]]:
    """The courier owes as before, and may announce another deposit."""
    return await commands.submit(
        public.refuse_deposit,
        public.RefuseDeposit(by=caller.by, deposit_id=deposit_id),
        view=DepositView.of,
    )


@post(
    "/v4/cash-shortfalls/{shortfall_id:uuid}/approve",
    opt={"rule": allow(DECIDE)},
    status_code=200,
    tags=["Cash"],
    summary="Decide who bears what was not paid at the door",
)
async def approve_shortfall(
    shortfall_id: FromPath[UUID],
    data: JSONBody[ApproveBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[ShortfallView]]:
    """The courier owes so much less: the customer pays it later, or the platform bears it."""
    return await commands.submit(
        public.approve_shortfall,
        public.ApproveShortfall(by=caller.by, shortfall_id=shortfall_id, borne_by=data.borne_by),
        view=ShortfallView.of,
    )


@post(
    "/v4/cash-shortfalls/{shortfall_id:uuid}/reject",
    opt={"rule": allow(DECIDE)},
    status_code=200,
    tags=["Cash"],
    summary="Leave the courier owing all that was due",
)
async def reject_shortfall(
    shortfall_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[ShortfallView]]:
    """Nothing is booked."""
    return await commands.submit(
        public.reject_shortfall,
        public.RejectShortfall(by=caller.by, shortfall_id=shortfall_id),
        view=ShortfallView.of,
    )


# ── lists ──────────────────────────────────────────────────────────────────────────────────────


async def _deposits_asked(
    in_state: Annotated[DepositState | None, QueryParameter(name="state")] = None,
    courier_id: FromQuery[UUID | None] = None,
    hub_id: FromQuery[UUID | None] = None,
    city_id: FromQuery[UUID | None] = None,
    differs: FromQuery[bool | None] = None,
    from_at: FromInstant = None,
    to_at: ToInstant = None,
) -> public.DepositFilter:
    return public.DepositFilter(
        state=in_state,
        courier_id=courier_id,
        hub_id=hub_id,
        city_id=city_id,
        differs=differs,
        from_at=from_at,
        to_at=to_at,
    )


async def _shortfalls_asked(
    in_state: Annotated[ShortfallState | None, QueryParameter(name="state")] = None,
    courier_id: FromQuery[UUID | None] = None,
    city_id: FromQuery[UUID | None] = None,
) -> public.ShortfallFilter:
    return public.ShortfallFilter(state=in_state, courier_id=courier_id, city_id=city_id)


async def _accounts_asked(
    level: FromQuery[CashLevel | None] = None,
    city_id: FromQuery[UUID | None] = None,
    courier_id: FromQuery[UUID | None] = None,
    blocked: FromQuery[bool | None] = None,
    least_minor: FromQuery[int | None] = None,
) -> public.CashAccountFilter:
    return public.CashAccountFilter(
        level=level,
        city_id=city_id,
        courier_id=courier_id,
        blocked=blocked,
        least_minor=least_minor,
    )


@get(
    "/v4/cash-deposits",
    opt={"rule": allow(LIST)},
    dependencies={"which": Provide(_deposits_asked), **asked_of(public.DEPOSIT_SORTS)},
    tags=["Cash"],
    summary="List deposits of cash",
)
async def list_deposits(
    asked: NamedDependency[Asked],
    which: NamedDependency[public.DepositFilter],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Envelope[list[DepositView]]:
    """Of all couriers, or of a manager's area; the newest first, unless sorted otherwise."""
    async with database.transaction() as tx:
        found = await public.cash_deposits(tx, reach=reach, which=which, take=asked.take(which))
    return list_envelope(found.map(DepositView.of), asked)


DEPOSIT_COLUMNS: Final = columns(
    "id",
    "courier_id",
    "hub_id",
    "currency",
    "announced_minor",
    "counted_minor",
    "difference_minor",
    "state",
    "announced_at",
    "decided_at",
    "decided_by",
)


@get(
    "/v4/cash-deposits.csv",
    opt={"rule": allow(LIST), "limit": HEAVY},
    dependencies={"which": Provide(_deposits_asked), **ordered_of(public.DEPOSIT_SORTS)},
    tags=["Cash"],
    summary="All deposits of a list, as a file",
    media_type="text/csv",
)
async def export_deposits(
    asked: NamedDependency[Asked],
    which: NamedDependency[public.DepositFilter],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Stream:
    """The same filters and order as the list; at most 100,000 rows, whole or not at all."""
    return await csv_of(
        "cash-deposits",
        DEPOSIT_COLUMNS,
        asked.take(which),
        database=database,
        search=partial(public.cash_deposits, reach=reach, which=which),
    )


@get(
    "/v4/cash-shortfalls",
    opt={"rule": allow(LIST)},
    dependencies={"which": Provide(_shortfalls_asked), **asked_of(public.SHORTFALL_SORTS)},
    tags=["Cash"],
    summary="List what was not paid at the door",
)
async def list_shortfalls(
    asked: NamedDependency[Asked],
    which: NamedDependency[public.ShortfallFilter],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Envelope[list[ShortfallView]]:
    """Of all couriers, or of a manager's area; the newest first, unless sorted otherwise."""
    async with database.transaction() as tx:
        found = await public.cash_shortfalls(tx, reach=reach, which=which, take=asked.take(which))
    return list_envelope(found.map(ShortfallView.of), asked)


@get(
    "/v4/cash",
    opt={"rule": allow(LIST)},
    dependencies={"which": Provide(_accounts_asked), **asked_of(public.CASH_ACCOUNT_SORTS)},
    tags=["Cash"],
    summary="List what couriers hold in cash",
)
async def list_accounts(
    asked: NamedDependency[Asked],
    which: NamedDependency[public.CashAccountFilter],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Envelope[list[CashView]]:
    """Of all couriers, or of a manager's area; who holds most first, unless sorted otherwise."""
    async with database.transaction() as tx:
        found = await public.cash_accounts(tx, reach=reach, which=which, take=asked.take(which))
    return list_envelope(found.map(CashView.of), asked)


routes: Final = [
    list_hubs,
    open_hub,
    change_hub,
    list_deposits,
    export_deposits,
    confirm_deposit,
    refuse_deposit,
    list_shortfalls,
    approve_shortfall,
    reject_shortfall,
    list_accounts,
]
