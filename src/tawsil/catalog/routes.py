"""Merchants and menus over HTTP: open to read, and to be changed by their own people."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.types import Scope
from msgspec import Meta, Struct

from tawsil.catalog import admin_routes, finding, menu_routes, own_routes, search_routes, service
from tawsil.catalog.access import check_own, own_of
from tawsil.catalog.menu import Availability
from tawsil.catalog.search_routes import Latitude, Longitude, near_of
from tawsil.catalog.views import (
    MenuView,
    MerchantStateView,
    MerchantView,
    ProductAvailabilityView,
)
from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    PUBLIC,
    Caller,
    Commands,
    Envelope,
    allow,
    envelope,
    not_found,
)
from tawsil.kernel.http.cached import Cache, Kept, answer_kept
from tawsil.kernel.i18n import current_locale

TAGS: Final = ["Merchants"]


class PauseBody(Struct, frozen=True, forbid_unknown_fields=True):
    """For some minutes, or else until an instant; neither: until somebody resumes."""

    minutes: Annotated[int, Meta(ge=1, le=10_080, examples=[30])] | None = None
    until: Annotated[datetime, Meta(tz=True)] | None = None


class BusyBody(Struct, frozen=True, forbid_unknown_fields=True):
    """How much longer preparing takes than usual; 0: as usual again."""

    extra_minutes: Annotated[int, Meta(ge=0, le=120, examples=[10])]


class PrepTimeBody(Struct, frozen=True, forbid_unknown_fields=True):
    minutes: Annotated[int, Meta(ge=1, le=240, examples=[15])]


class AvailabilityBody(Struct, frozen=True, forbid_unknown_fields=True):
    availability: Availability


@get("/v4/merchants/{merchant_id:uuid}", opt={"rule": PUBLIC}, tags=TAGS, summary="One merchant")
async def show_merchant(
    merchant_id: FromPath[UUID],
    database: NamedDependency[Database],
    latitude: Latitude = None,
    longitude: Longitude = None,
) -> Envelope[MerchantView]:
    async with database.transaction() as tx:
        merchant = await service.merchant(tx, merchant_id=merchant_id)
        if merchant is None:
            raise not_found()
        near = near_of(latitude, longitude)
        (found,) = await finding.look_at(tx, merchants=[merchant], near=near)
    return envelope(MerchantView.of(found))


def _kept_menu(scope: Any) -> Kept | None:
    menus = _menus(scope)
    if menus is None:
        return None
    return menus.recall(scope["path_params"]["merchant_id"], current_locale.get())


def _menus(scope: Any) -> Cache | None:
    """Not for those who may change menus: they must see what they have just done."""
    caller: Caller | None = scope.get("caller")
    if caller is not None and caller.scopes("menu:update"):
        return None
    return scope["litestar_app"].state.get("menus")


@get(
    "/v4/merchants/{merchant_id:uuid}/menu",
    opt={"rule": PUBLIC, "recall": _kept_menu},
    tags=TAGS,
    summary="What a merchant sells",
)
async def show_menu(
    merchant_id: FromPath[UUID], database: NamedDependency[Database], scope: Scope
) -> Response[Envelope[MenuView]]:
    """Send back its `ETag` as `If-None-Match`, and a menu that has not changed is a 304."""

    async def read() -> Kept:
        async with database.transaction() as tx:
            merchant = await service.merchant(tx, merchant_id=merchant_id)
            if merchant is None:
                raise not_found()
            menu = await service.menu(tx, merchant_id=merchant_id)
            view = MenuView.of(menu, currency=merchant.currency, at=tx.now)
            return Kept.of(view, until=menu.changes_at(after=tx.now))

    menus = _menus(scope)
    if menus is None:
        return answer_kept(await read(), MenuView)
    kept = await menus.keep(merchant_id, current_locale.get(), read=read)
    return answer_kept(kept, MenuView)


@post(
    "/v4/merchants/{merchant_id:uuid}/pause",
    opt={"rule": allow("merchant:update")},
    status_code=200,
    tags=TAGS,
    summary="Take no orders for a while",
)
async def pause(
    merchant_id: FromPath[UUID],
    data: JSONBody[PauseBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[MerchantStateView]]:
    """For some minutes, until an instant, or until resumed. A second pause moves the end."""
    check_own(caller, merchant_id, "merchant:update")
    command = service.Pause(
        by=caller.by,
        merchant_id=merchant_id,
        length=timedelta(minutes=data.minutes) if data.minutes else None,
        until=data.until,
    )
    return await commands.submit(service.pause, command, view=MerchantStateView.of)


@post(
    "/v4/merchants/{merchant_id:uuid}/resume",
    opt={"rule": allow("merchant:update")},
    status_code=200,
    tags=TAGS,
    summary="Take orders again",
)
async def resume(
    merchant_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[MerchantStateView]]:
    check_own(caller, merchant_id, "merchant:update")
    command = service.Resume(by=caller.by, merchant_id=merchant_id)
    return await commands.submit(service.resume, command, view=MerchantStateView.of)


@post(
    "/v4/merchants/{merchant_id:uuid}/busy",
    opt={"rule": allow("merchant:update")},
    status_code=200,
    tags=TAGS,
    summary="Say that preparing takes longer",
)
async def set_busy(
    merchant_id: FromPath[UUID],
    data: JSONBody[BusyBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[MerchantStateView]]:
    check_own(caller, merchant_id, "merchant:update")
    extra = timedelta(minutes=data.extra_minutes)
    command = service.SetBusy(by=caller.by, merchant_id=merchant_id, extra=extra)
    return await commands.submit(service.set_busy, command, view=MerchantStateView.of)


@put(
    "/v4/merchants/{merchant_id:uuid}/prep-time",
    opt={"rule": allow("merchant:update")},
    tags=TAGS,
    summary="Set how long preparing usually takes",
)
async def set_prep_time(
    merchant_id: FromPath[UUID],
    data: JSONBody[PrepTimeBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[MerchantStateView]]:
    check_own(caller, merchant_id, "merchant:update")
    prep_time = timedelta(minutes=data.minutes)
    command = service.SetPrepTime(by=caller.by, merchant_id=merchant_id, prep_time=prep_time)
    return await commands.submit(service.set_prep_time, command, view=MerchantStateView.of)


@put(
    "/v4/products/{product_id:uuid}/availability",
    opt={"rule": allow("menu:update")},
    tags=TAGS,
    summary="Say whether a product can be had",
)
async def set_availability(
    product_id: FromPath[UUID],
    data: JSONBody[AvailabilityBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[ProductAvailabilityView]]:
    """Available, or out for four hours, for today (until five in the morning), or indefinitely."""
    command = service.SetAvailability(
        by=caller.by,
        product_id=product_id,
        merchant_id=own_of(caller, "menu:update"),
        to=data.availability,
    )
    return await commands.submit(
        service.change_availability, command, view=ProductAvailabilityView.of
    )


routes: Final[list[Any]] = [
    *search_routes.routes,
    show_merchant,
    show_menu,
    pause,
    resume,
    set_busy,
    set_prep_time,
    set_availability,
    *own_routes.routes,
    *menu_routes.routes,
    *admin_routes.routes,
]
