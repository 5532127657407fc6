"""Merchants: verified, suspended, reinstated, and what the platform keeps of what they sell."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from tawsil.catalog.events import SuspendedBecause
from tawsil.consoles.admin.frame import (
    act,
    admin_page,
    asked_in,
    cities_for,
    cities_of,
    minor_of,
    to,
    typed,
)
from tawsil.consoles.admin.frame import get as read
from tawsil.consoles.assets import Asked
from tawsil.consoles.listed import listed
from tawsil.consoles.own_api import Refused
from tawsil.kernel.http import Caller, allow, not_found

HERE: Final = "/admin/merchants"
LIST: Final = {"rule": allow("merchant:list")}
STANDINGS: Final = ("UNVERIFIED", "ACTIVE", "SUSPENDED")
ACTS: Final = {
    "verify": ("merchant:verify", "merchant_verified"),
    "suspend": ("merchant:suspend", "merchant_suspended"),
    "reinstate": ("merchant:suspend", "merchant_reinstated"),
}


class Merchant(Struct, frozen=True, kw_only=True):
    id: UUID
    city_id: UUID
    name: str
    name_en: str
    name_ar: str
    cuisine: str
    address_en: str
    address_ar: str
    phone: str
    currency: str
    commission_bp: int | None
    standing: str
    suspended_because: str | None
    taking: str
    rating: float | None


class Plan(Struct, frozen=True, kw_only=True):
    rate_bp: int
    fixed_minor: int
    least_minor: int
    most_minor: int | None
    tiers: list[dict[str, int]]


class Planned(Struct, frozen=True, kw_only=True):
    starts_at: datetime
    plan: Plan
    reason: str
    set_at: datetime


@get(HERE, opt=LIST, include_in_schema=False)
async def show_merchants(request: Asked, caller: NamedDependency[Caller]) -> Response[str]:
    asked = asked_in(request, "q", "standing", "city_id")
    return await admin_page(
        request,
        "admin/merchants.html",
        caller=caller,
        asked=asked,
        merchants=await listed(request, "/v4/admin/merchants", Merchant, query=asked, asked=asked),
        standings=STANDINGS,
        cities=await cities_for(request, caller, "merchant:list"),
    )


@get(f"{HERE}/{{merchant_id:uuid}}", opt=LIST, include_in_schema=False)
async def show_merchant(
    request: Asked, caller: NamedDependency[Caller], merchant_id: FromPath[UUID]
) -> Response[str]:
    return await _merchant(request, caller, merchant_id)


@post(
    f"{HERE}/{{merchant_id:uuid}}/commission",
    opt={"rule": allow("merchant:update")},
    include_in_schema=False,
    status_code=303,
)
async def plan_commission(
    request: Asked, caller: NamedDependency[Caller], merchant_id: FromPath[UUID]
) -> Response[Any]:
    """From now on; plans are added, never changed."""
    form = await typed(request)
    merchant = await read(request, f"/v4/admin/merchants/{merchant_id}", Merchant)
    amounts = {
        name: minor_of(form[name], merchant.currency) if form.get(name) else otherwise
        for name, otherwise in (("fixed_minor", 0), ("least_minor", 0), ("most_minor", None))
    }
    rate = minor_of(form.get("percent", ""), "AED")  # hundredths of a percent are basis points
    body = {"plan": {"rate_bp": rate, **amounts}, "reason": form.get("reason", "")}
    path = f"/v4/admin/merchants/{merchant_id}/commission-plans"
    if refused := await act(request, "POST", path, body):
        return await _merchant(request, caller, merchant_id, refused=refused)
    return to(f"{HERE}/{merchant_id}", done="commission_planned")


@post(
    f"{HERE}/{{merchant_id:uuid}}/{{step:str}}", opt=LIST, include_in_schema=False, status_code=303
)
async def rule_on_merchant(
    request: Asked,
    caller: NamedDependency[Caller],
    merchant_id: FromPath[UUID],
    step: FromPath[str],
) -> Response[Any]:
    """Verify, suspend for a reason, reinstate: whether the caller may, the API says."""
    if step not in ACTS:
        raise not_found()
    form = await typed(request)
    body = {"reason": form.get("reason", "")} if step == "suspend" else None
    if refused := await act(request, "POST", f"/v4/admin/merchants/{merchant_id}/{step}", body):
        return await _merchant(request, caller, merchant_id, refused=refused)
    return to(f"{HERE}/{merchant_id}", done=ACTS[step][1])


async def _merchant(
    request: Asked, caller: Caller, merchant_id: UUID, *, refused: Refused | None = None
) -> Response[str]:
    path = f"/v4/admin/merchants/{merchant_id}"
    cities = await cities_of(request, caller)
    merchant = await read(request, path, Merchant)
    return await admin_page(
        request,
        "admin/merchant.html",
        caller=caller,
        merchant=merchant,
        city=next((city for city in cities if city.id == merchant.city_id), None),
        plans=await read(request, f"{path}/commission-plans", list[Planned]),
        reasons=list(SuspendedBecause),
        refused=refused,
    )


pages: Final = [show_merchants, show_merchant, plan_commission, rule_on_merchant]
