"""What a city charges, taxes and shares: changed only after one has seen what it comes to."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from tawsil.consoles.admin import fee_form
from tawsil.consoles.admin.cities import HERE, City, history_of, names_of, own_city
from tawsil.consoles.admin.fee_form import Filled, Rules
from tawsil.consoles.admin.frame import act, admin_page, minor_of, to, typed
from tawsil.consoles.admin.frame import get as read
from tawsil.consoles.assets import Asked
from tawsil.consoles.dispatch_routes import COOKIE_MAX
from tawsil.consoles.own_api import Refused, answered, ask_as_caller, refusal_of
from tawsil.consoles.pages import cookie
from tawsil.geography.public import CourierDocument
from tawsil.kernel.http import Caller, allow

ADDRESS: Final = f"{HERE}/{{city_id:uuid}}/fees"
DOCUMENTS: Final = tuple(kind.value for kind in CourierDocument)
UNDO_COOKIE: Final = "tawsil_fees_before"
UNDO_KEPT_S: Final = 600
SAMPLE: Final = {"sample-subtotal": "80", "sample-km": "3.5"}


class Breakdown(Struct, frozen=True, kw_only=True):
    subtotal_minor: int
    delivery_fee_minor: int
    service_fee_minor: int
    small_order_fee_minor: int
    tax_minor: int
    total_minor: int


class Cost(Struct, frozen=True, kw_only=True):
    breakdown: Breakdown
    merchant_minor: int
    courier_minor: int
    platform_minor: int
    deliverable: bool


class Preview(Struct, frozen=True, kw_only=True):
    currency: str
    before: Cost
    after: Cost


class Zone(Struct, frozen=True, kw_only=True):
    id: UUID
    properties: dict[str, Any]


class _Zones(Struct, frozen=True):
    features: list[Zone]


@get(ADDRESS, opt={"rule": allow("zone:update")}, include_in_schema=False)
async def show_fees(
    request: Asked, caller: NamedDependency[Caller], city_id: FromPath[UUID]
) -> Response[str]:
    city = await own_city(request, caller, city_id)
    rules = await read(request, f"/v4/cities/{city_id}/rules", Rules)
    shown = fee_form.fields_of(rules, city.currency) | SAMPLE
    return await _page(request, caller, city, rules, shown, fee_form.ticks_of(rules))


@post(ADDRESS, opt={"rule": allow("zone:update")}, include_in_schema=False, status_code=303)
async def change_fees(
    request: Asked, caller: NamedDependency[Caller], city_id: FromPath[UUID]
) -> Response[Any]:
    """First what it would come to; only the form below that changes anything."""
    city = await own_city(request, caller, city_id)
    before = await read(request, f"/v4/cities/{city_id}/rules", Rules)
    zones = await _zones(request, city_id)
    form = await typed(request)
    typed_in = fee_form.filled(
        before,
        form,
        currency=city.currency,
        zones=[str(zone.id) for zone in zones],
        documents=DOCUMENTS,
    )
    if typed_in.wrong:
        return await _again(request, caller, city, typed_in)
    path = f"/v4/cities/{city_id}/rules"
    if form.get("step") == "save":
        if refused := await act(request, "PUT", path, typed_in.rules):
            return await _again(request, caller, city, typed_in, refused=refused)
        after = to(f"{HERE}/{city_id}/fees", done="fees_changed")
        _keep(request, after, city, _changed(before, typed_in.rules))
        return after
    body = {"rules": typed_in.rules, "sample": _sample(form, city.currency)}
    answer = await ask_as_caller(request, "POST", f"{path}/preview", json=body)
    if not answer.is_success:
        return await _again(request, caller, city, typed_in, refused=refusal_of(answer))
    return await _again(request, caller, city, typed_in, preview=answered(answer, Preview))


@post(
    f"{ADDRESS}/back", opt={"rule": allow("zone:update")}, include_in_schema=False, status_code=303
)
async def put_fees_back(
    request: Asked, caller: NamedDependency[Caller], city_id: FromPath[UUID]
) -> Response[Any]:
    """What was changed last from this browser is as it was; all else stays as it is now."""
    city = await own_city(request, caller, city_id)
    was, path = _was(request), f"/v4/cities/{city_id}/rules"
    now = await read(request, path, Rules)
    if was and (refused := await act(request, "PUT", path, now | was)):
        shown = fee_form.fields_of(now, city.currency) | SAMPLE
        ticks = fee_form.ticks_of(now)
        return await _page(request, caller, city, now, shown, ticks, refused=refused)
    after = to(f"{HERE}/{city_id}/fees", done="fees_back" if was else "fees_kept")
    _keep(request, after, city, {})
    return after


def _changed(before: Rules, after: Rules) -> Rules:
    return {name: value for name, value in before.items() if after.get(name) != value}


def _keep(request: Asked, answer: Response[Any], city: City, was: Rules) -> None:
    """For a while, in the browser that changed them, how the fees were: nobody can link to it."""
    kept = urlsafe_b64encode(msgspec.json.encode(was)).decode()
    age_s = UNDO_KEPT_S if was and len(kept) <= COOKIE_MAX else 0
    path = f"{HERE}/{city.id}/fees"
    answer.set_cookie(cookie(request, UNDO_COOKIE, kept if age_s else "", max_age=age_s, path=path))


def _was(request: Asked) -> Rules:
    """What `_keep` kept; nothing of anything else."""
    try:
        kept = urlsafe_b64decode(request.cookies.get(UNDO_COOKIE, ""))
        return msgspec.json.decode(kept, type=Rules) if kept else {}
    except (ValueError, msgspec.MsgspecError):
        return {}


def _sample(form: dict[str, str], currency: str) -> dict[str, int]:
    """The order whose price is shown; what cannot be read is the usual one."""
    subtotal = minor_of(form.get("sample-subtotal", ""), currency)
    try:
        metres = round(float(form.get("sample-km", "")) * 1_000)
    except ValueError:
        metres = 3_500
    return {
        "subtotal_minor": max(0, subtotal) if subtotal is not None else 8_000,
        "distance_m": min(max(0, metres), 1_000_000),
    }


async def _again(
    request: Asked, caller: Caller, city: City, form: Filled, **more: Any
) -> Response[str]:
    ticks = frozenset(form.typed)
    shown = SAMPLE | form.typed
    return await _page(request, caller, city, form.rules, shown, ticks, wrong=form.wrong, **more)


async def _page(
    request: Asked,
    caller: Caller,
    city: City,
    rules: Rules,
    shown: dict[str, str],
    ticks: frozenset[str],
    *,
    wrong: frozenset[str] = frozenset(),
    preview: Preview | None = None,
    refused: Refused | None = None,
) -> Response[str]:
    history = await history_of(request, city.id)
    return await admin_page(
        request,
        "admin/fees.html",
        caller=caller,
        city=city,
        parts=fee_form.PARTS,
        shown=shown,
        ticks=ticks,
        bands=len(rules["delivery_bands"]) + fee_form.BLANK_ROWS,
        windows=len(rules["delivery_windows"]) + fee_form.BLANK_ROWS,
        rates=len(rules["taxes"]["rates"]) + 1,
        zones=await _zones(request, city.id),
        documents=DOCUMENTS,
        taxed=fee_form.TAXED,
        days=fee_form.DAYS,
        wrong=wrong,
        preview=preview,
        history=[entry for entry in history if entry.type.startswith("city.rules_changed")],
        names=await names_of(request, [entry.actor_id for entry in history]),
        refused=refused,
        undo=bool(_was(request)),
    )


async def _zones(request: Asked, city_id: UUID) -> list[Zone]:
    return (await read(request, f"/v4/cities/{city_id}/zones", _Zones)).features


pages: Final = [show_fees, change_fees, put_fees_back]
