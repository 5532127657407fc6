"""Couriers over HTTP: their duty, their breaks, and the list that operations sees."""

from datetime import datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta, Struct

from tawsil.couriers import service, store
from tawsil.couriers.events import Availability, Vehicle
from tawsil.couriers.model import Courier
from tawsil.couriers.service import EndShift, Resume, StartShift, TakeBreak
from tawsil.kernel.db import Database
from tawsil.kernel.http import (
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

READ: Final = "courier:read"
UPDATE: Final = "courier:update"
LIST: Final = "courier:list"


class CourierView(Struct, frozen=True):
    """A courier's duty as the API shows it."""

    id: UUID
    city_id: UUID
    vehicle: Vehicle
    availability: Availability
    since_at: datetime
    shift_ends_at: datetime | None
    break_ends_at: datetime | None
    rating: float
    missed_offers: int

    @staticmethod
    def of(courier: Courier) -> "CourierView":
        return CourierView(
            id=courier.id,
            city_id=courier.city_id,
            vehicle=courier.vehicle,
            availability=courier.availability,
            since_at=courier.since_at,
            shift_ends_at=courier.shift_ends_at,
            break_ends_at=courier.break_ends_at,
            rating=courier.rating,
            missed_offers=courier.missed_offers,
        )


class StartShiftBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`until`: when the shift ends by itself; without it, when the courier says so."""

    until: Annotated[datetime, Meta(tz=True, examples=["2026-11-20T22:00:00Z"])] | None = None


class TakeBreakBody(Struct, frozen=True, forbid_unknown_fields=True):
    minutes: Annotated[int, Meta(ge=5, le=240, examples=[30])]


@get(
    "/v4/drivers/{courier_id:uuid}",
    opt={"rule": allow(READ)},
    tags=["Couriers"],
    summary="One courier's duty",
)
async def show_courier(
    courier_id: FromPath[UUID], caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[CourierView]:
    """A courier's duty: their own, or anyone's for operations."""
    _reach(caller, READ, courier_id)
    async with database.transaction() as tx:
        courier = (await store.get_many(tx, ids=[courier_id])).get(courier_id)
    if courier is None or courier.tenant_id != caller.tenant_id:
        raise not_found()
    return envelope(CourierView.of(courier))


@get("/v4/drivers", opt={"rule": allow(LIST)}, tags=["Couriers"], summary="Couriers of the tenant")
async def list_couriers(
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    city_id: FromQuery[UUID | None] = None,
    availability: FromQuery[Availability | None] = None,
    page: PageNumber = 1,
    limit: PageSize = 20,
) -> Envelope[list[CourierView]]:
    """The tenant's couriers, by id; filtered by city and by availability."""
    if "all" not in caller.scopes(LIST):
        raise not_found()
    query = PageQuery(page=page, limit=limit)
    async with database.transaction() as tx:
        couriers, total = await store.page(
            tx,
            tenant_id=caller.tenant_id,
            city_id=city_id,
            availability=availability,
            limit=query.limit,
            offset=query.offset,
        )
    return page_envelope(Page(items=[CourierView.of(c) for c in couriers], total=total), query)


@post(
    "/v4/drivers/{courier_id:uuid}/availability/start-shift",
    opt={"rule": allow(UPDATE)},
    status_code=200,
    tags=["Couriers"],
    summary="Come on duty",
)
async def start_shift(
    courier_id: FromPath[UUID],
    data: JSONBody[StartShiftBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[CourierView]]:
    """Come on duty, until an instant within 24 hours if one is named."""
    _reach(caller, UPDATE, courier_id)
    return await commands.submit(
        service.start_shift,
        StartShift(by=caller.by, courier_id=courier_id, until=data.until),
        view=CourierView.of,
    )


@post(
    "/v4/drivers/{courier_id:uuid}/availability/take-break",
    opt={"rule": allow(UPDATE)},
    status_code=200,
    tags=["Couriers"],
    summary="Take a break",
)
async def take_break(
    courier_id: FromPath[UUID],
    data: JSONBody[TakeBreakBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[CourierView]]:
    """Rest for 5 to 240 minutes; the break ends by itself. Not while a job is under way."""
    _reach(caller, UPDATE, courier_id)
    return await commands.submit(
        service.take_break,
        TakeBreak(by=caller.by, courier_id=courier_id, length=timedelta(minutes=data.minutes)),
        view=CourierView.of,
    )


@post(
    "/v4/drivers/{courier_id:uuid}/availability/resume",
    opt={"rule": allow(UPDATE)},
    status_code=200,
    tags=["Couriers"],
    summary="Come back from a break",
)
async def resume(
    courier_id: FromPath[UUID], caller: NamedDependency[Caller], commands: NamedDependency[Commands]
) -> Response[Envelope[CourierView]]:
    """Come back from a break before it ends by itself."""
    _reach(caller, UPDATE, courier_id)
    return await commands.submit(
        service.resume, Resume(by=caller.by, courier_id=courier_id), view=CourierView.of
    )


@post(
    "/v4/drivers/{courier_id:uuid}/availability/end-shift",
    opt={"rule": allow(UPDATE)},
    status_code=200,
    tags=["Couriers"],
    summary="Go off duty",
)
async def end_shift(
    courier_id: FromPath[UUID], caller: NamedDependency[Caller], commands: NamedDependency[Commands]
) -> Response[Envelope[CourierView]]:
    """Go home: at once, or when the job under way is done."""
    _reach(caller, UPDATE, courier_id)
    return await commands.submit(
        service.end_shift, EndShift(by=caller.by, courier_id=courier_id), view=CourierView.of
    )


def _reach(caller: Caller, permission: str, courier_id: UUID) -> None:
    """A courier's own scope reaches themselves; operations' reaches every courier of a tenant."""
    scopes = caller.scopes(permission)
    if "all" not in scopes and not ("own" in scopes and caller.user_id == courier_id):
        raise not_found()


routes: Final = [show_courier, list_couriers, start_shift, take_break, resume, end_shift]
