"""Couriers over HTTP: their duty and their breaks."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from litestar import Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from tawsil.couriers import desk_routes, lists, public, service, store
from tawsil.couriers.events import Fault
from tawsil.couriers.model import MOST_ZONES
from tawsil.couriers.service import (
    EndShift,
    MarkSafe,
    MarkUnsafe,
    Prefer,
    Resume,
    StartShift,
    TakeBreak,
)
from tawsil.couriers.views import CourierView, PositionView, SpanView, TrackView
from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    HEAVY,
    Caller,
    Commands,
    Envelope,
    FromInstant,
    Page,
    PageNumber,
    PageQuery,
    PageSize,
    Problem,
    ToInstant,
    allow,
    check_window,
    envelope,
    not_found,
    page_envelope,
    since_v2,
)
from tawsil.kernel.reach import Reach
from tawsil.tracking import public as tracking

READ: Final = "courier:read"
UPDATE: Final = "courier:update"
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
TRACK_USUALLY: Final = timedelta(hours=1)
TRACK_LONGEST: Final = timedelta(days=1)


class StartShiftBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`until`: when the shift ends by itself; without it, when the courier says so."""

    until: Annotated[datetime, Meta(tz=True, examples=["2026-11-20T22:00:00Z"])] | None = None


class TakeBreakBody(Struct, frozen=True, forbid_unknown_fields=True):
    minutes: Annotated[int, Meta(ge=5, le=240, examples=[30])]


class MarkUnsafeBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`reason`: what is wrong with the vehicle."""

    reason: Annotated[Fault, Meta(examples=["brakes"])]


class ZonesBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Zones of the courier's city, at most 20; none: anywhere is as good."""

    zone_ids: Annotated[list[UUID], Meta(max_length=MOST_ZONES)]


@get(
    "/v4/drivers/{courier_id:uuid}",
    opt={"rule": allow(READ)},
    tags=["Couriers"],
    summary="One courier's duty",
)
async def show_courier(
    courier_id: FromPath[UUID], reach: NamedDependency[Reach], database: NamedDependency[Database]
) -> Envelope[CourierView]:
    """A courier's duty: their own, or anyone's for operations and for the managers above them."""
    async with database.transaction() as tx:
        found = await public.reached(tx, reach=reach, ids=[courier_id])
    if courier_id not in found:
        raise not_found()
    return envelope(CourierView.of(found[courier_id]))


@post(
    since_v2("/drivers/{courier_id:uuid}/availability/start-shift"),
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
    since_v2("/drivers/{courier_id:uuid}/availability/take-break"),
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
    since_v2("/drivers/{courier_id:uuid}/availability/resume"),
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
    since_v2("/drivers/{courier_id:uuid}/availability/end-shift"),
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


@get(
    "/v4/drivers/{courier_id:uuid}/availability/history",
    opt={"rule": allow(READ)},
    tags=["Couriers"],
    summary="A courier's availability over time",
)
async def list_history(
    courier_id: FromPath[UUID],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
    from_at: FromInstant = None,
    to_at: ToInstant = None,
    page: PageNumber = 1,
    limit: PageSize = 20,
) -> Envelope[list[SpanView]]:
    """Every availability with its reason, the latest first; `from` and `to` choose a window."""
    check_window(from_at, to_at)
    query = PageQuery(page=page, limit=limit)
    async with database.transaction() as tx:
        if not await public.reached(tx, reach=reach, ids=[courier_id]):
            raise not_found()
        spans, total = await store.history_page(
            tx,
            courier_id=courier_id,
            from_at=from_at,
            to_at=to_at,
            limit=query.limit,
            offset=query.offset,
        )
    return page_envelope(Page(items=[SpanView.of(span) for span in spans], total=total), query)


@get(
    "/v4/drivers/{courier_id:uuid}/position",
    opt={"rule": allow(READ)},
    tags=["Tracking"],
    summary="Where a courier is",
)
async def show_position(
    courier_id: FromPath[UUID], reach: NamedDependency[Reach], database: NamedDependency[Database]
) -> Envelope[PositionView]:
    """The latest believed position: their own, or for those who look after couriers."""
    async with database.transaction() as tx:
        await public.check_reached(tx, reach=reach, courier_id=courier_id)
        position = (await tracking.latest(tx, courier_ids=[courier_id])).get(courier_id)
        now = tx.now
    if position is None or position.tenant_id != reach.tenant_id:
        raise not_found()
    return envelope(PositionView.of(position, now=now))


@get(
    "/v4/drivers/{courier_id:uuid}/track",
    opt={"rule": allow(READ), "limit": HEAVY},
    tags=["Tracking"],
    summary="Where a courier has been",
)
async def show_track(
    courier_id: FromPath[UUID],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
    from_at: FromInstant = None,
    to_at: ToInstant = None,
) -> Envelope[TrackView]:
    """The last hour, or a window of at most a day. Nothing is made up: where nothing was heard
    for a minute one stretch ends, and the next begins where the courier was heard again.
    """
    check_window(from_at, to_at)
    async with database.transaction() as tx:
        await public.check_reached(tx, reach=reach, courier_id=courier_id)
        end = to_at or tx.now
        begin = from_at or max(end, EPOCH) - TRACK_USUALLY
        check_window(begin, end)
        if end - begin > TRACK_LONGEST:
            hours = TRACK_LONGEST // timedelta(hours=1)
            raise Problem(422, "courier.track_too_long", hours=hours)
        trail = await tracking.trail(tx, courier_id=courier_id, from_at=begin, to_at=end)
    ours = [position for position in trail if position.tenant_id == reach.tenant_id]
    return envelope(TrackView.of(ours, courier_id=courier_id, from_at=begin, to_at=end))


@post(
    "/v4/drivers/{courier_id:uuid}/vehicle/unsafe",
    opt={"rule": allow(UPDATE)},
    status_code=200,
    tags=["Couriers"],
    summary="Take a vehicle off the road",
)
async def mark_unsafe(
    courier_id: FromPath[UUID],
    data: JSONBody[MarkUnsafeBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[CourierView]]:
    """The courier goes off duty; on a job, once what they have collected is at its door."""
    _reach(caller, UPDATE, courier_id)
    return await commands.submit(
        service.mark_unsafe,
        MarkUnsafe(by=caller.by, courier_id=courier_id, fault=data.reason),
        view=CourierView.of,
    )


@post(
    "/v4/drivers/{courier_id:uuid}/vehicle/safe",
    opt={"rule": allow(UPDATE)},
    status_code=200,
    tags=["Couriers"],
    summary="Let a vehicle ride again",
)
async def mark_safe(
    courier_id: FromPath[UUID], caller: NamedDependency[Caller], commands: NamedDependency[Commands]
) -> Response[Envelope[CourierView]]:
    """By operations, after a check. The courier comes on duty when they want to."""
    _reach(caller, UPDATE, courier_id)
    if "all" not in caller.scopes(UPDATE):
        raise Problem(403, "courier.safe_by_operations")
    return await commands.submit(
        service.mark_safe, MarkSafe(by=caller.by, courier_id=courier_id), view=CourierView.of
    )


@put(
    "/v4/drivers/{courier_id:uuid}/zones",
    opt={"rule": allow(UPDATE)},
    tags=["Couriers"],
    summary="Zones a courier likes to work in",
)
async def prefer_zones(
    courier_id: FromPath[UUID],
    data: JSONBody[ZonesBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[CourierView]]:
    """These zones replace those named before. It is a wish, which dispatch weighs."""
    _reach(caller, UPDATE, courier_id)
    return await commands.submit(
        service.prefer,
        Prefer(by=caller.by, courier_id=courier_id, zones=frozenset(data.zone_ids)),
        view=CourierView.of,
    )


def _reach(caller: Caller, permission: str, courier_id: UUID) -> None:
    """A courier's own scope reaches themselves; operations' reaches every courier of a tenant."""
    scopes = caller.scopes(permission)
    if "all" not in scopes and not ("own" in scopes and caller.user_id == courier_id):
        raise not_found()


routes: Final = [
    show_courier,
    *lists.routes,
    *desk_routes.routes,
    start_shift,
    take_break,
    resume,
    end_shift,
    list_history,
    show_position,
    show_track,
    mark_unsafe,
    mark_safe,
    prefer_zones,
]
