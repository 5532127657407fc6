"""Promotions: drafted, changed while a draft, begun, paused, ended; their budgets and codes."""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from tawsil.consoles.admin.frame import (
    City,
    act,
    admin_page,
    asked_in,
    cities_for,
    made,
    minor_of,
    plain,
    ticked,
    to,
    typed,
)
from tawsil.consoles.admin.frame import get as read
from tawsil.consoles.assets import Asked
from tawsil.consoles.listed import listed
from tawsil.consoles.own_api import Refused
from tawsil.kernel.http import Caller, allow, not_found

HERE: Final = "/admin/promotions"
READ: Final = {"rule": allow("promotion:read")}
CREATE: Final = {"rule": allow("promotion:create")}
UPDATE: Final = {"rule": allow("promotion:update")}
STATUSES: Final = ("draft", "active", "paused", "exhausted", "ended")
KINDS: Final = ("percent", "fixed", "free_delivery")
SIGNALS: Final = ("device", "card", "address", "network")
MOVES: Final = {
    "activate": "promotion_activated",
    "pause": "promotion_paused",
    "end": "promotion_ended",
}
COUNTS: Final = ("most_redemptions", "most_per_user", "most_per_user_day", "newest_days", "rank")
UNREADABLE: Final = "?"
"""What the API refuses in place of a number that cannot be read."""


class Promotion(Struct, frozen=True, kw_only=True):
    id: UUID
    merchant_id: UUID | None
    currency: str
    terms: dict[str, Any]
    status: str
    budget_minor: int | None
    taken_minor: int
    remaining_minor: int | None
    redemptions: int
    legal_moves: list[str]


class Figures(Struct, frozen=True, kw_only=True):
    promotion: Promotion
    reserved: int
    reserved_minor: int
    spent: int
    spent_minor: int
    customers: int


@get(HERE, opt=READ, include_in_schema=False)
async def show_promotions(request: Asked, caller: NamedDependency[Caller]) -> Response[str]:
    asked = asked_in(request, "q", "status", "automatic")
    return await admin_page(
        request,
        "admin/promotions.html",
        caller=caller,
        asked=asked,
        promotions=await listed(request, "/v4/promotions", Promotion, query=asked, asked=asked),
        statuses=STATUSES,
    )


@get(f"{HERE}/new", opt=CREATE, include_in_schema=False)
async def new_promotion(request: Asked, caller: NamedDependency[Caller]) -> Response[str]:
    return await _form(request, caller, {"kind": "percent", "stacking": "exclusive", "rank": "100"})


@post(f"{HERE}/new", opt=CREATE, include_in_schema=False, status_code=303)
async def draft_promotion(request: Asked, caller: NamedDependency[Caller]) -> Response[Any]:
    form = await typed(request)
    cities = await cities_for(request, caller, "promotion:create")
    currency = form.get("currency", "").upper()
    codes = [code.strip() for code in form.get("codes", "").splitlines() if code.strip()]
    body = {
        "currency": currency,
        "terms": await _terms(request, form, cities, currency, {}),
        "budget_minor": _money(form, "budget", currency),
        "codes": codes,
    }
    outcome = await made(request, "/v4/promotions", body)
    if isinstance(outcome, Refused):
        return await _form(request, caller, form, refused=outcome)
    return to(f"{HERE}/{outcome}", done="promotion_drafted")


@get(f"{HERE}/{{promotion_id:uuid}}", opt=READ, include_in_schema=False)
async def show_promotion(
    request: Asked, caller: NamedDependency[Caller], promotion_id: FromPath[UUID]
) -> Response[str]:
    return await _promotion(request, caller, promotion_id)


@post(f"{HERE}/{{promotion_id:uuid}}", opt=UPDATE, include_in_schema=False, status_code=303)
async def change_promotion(
    request: Asked, caller: NamedDependency[Caller], promotion_id: FromPath[UUID]
) -> Response[Any]:
    """Of a draft: afterwards its terms are a promise."""
    form = await typed(request)
    known = (await read(request, f"/v4/promotions/{promotion_id}", Figures)).promotion
    cities = await cities_for(request, caller, "promotion:create")
    body = {
        "terms": await _terms(request, form, cities, known.currency, known.terms),
        "budget_minor": _money(form, "budget", known.currency),
    }
    if refused := await act(request, "PUT", f"/v4/promotions/{promotion_id}", body):
        return await _promotion(request, caller, promotion_id, refused=refused, form=form)
    return to(f"{HERE}/{promotion_id}", done="promotion_changed")


@post(f"{HERE}/{{promotion_id:uuid}}/budget", opt=UPDATE, include_in_schema=False, status_code=303)
async def raise_budget(
    request: Asked, caller: NamedDependency[Caller], promotion_id: FromPath[UUID]
) -> Response[Any]:
    form = await typed(request)
    known = (await read(request, f"/v4/promotions/{promotion_id}", Figures)).promotion
    body = {"by_minor": _money(form, "by", known.currency)}
    if refused := await act(request, "POST", f"/v4/promotions/{promotion_id}/budget", body):
        return await _promotion(request, caller, promotion_id, refused=refused)
    return to(f"{HERE}/{promotion_id}", done="budget_raised")


@post(f"{HERE}/{{promotion_id:uuid}}/codes", opt=UPDATE, include_in_schema=False, status_code=303)
async def make_codes(
    request: Asked, caller: NamedDependency[Caller], promotion_id: FromPath[UUID]
) -> Response[Any]:
    form = await typed(request)
    body = {"count": _count(form.get("count", ""))}
    if refused := await act(request, "POST", f"/v4/promotions/{promotion_id}/codes", body):
        return await _promotion(request, caller, promotion_id, refused=refused)
    return to(f"{HERE}/{promotion_id}", done="codes_made")


@post(
    f"{HERE}/{{promotion_id:uuid}}/{{step:str}}",
    opt=UPDATE,
    include_in_schema=False,
    status_code=303,
)
async def move_promotion(
    request: Asked,
    caller: NamedDependency[Caller],
    promotion_id: FromPath[UUID],
    step: FromPath[str],
) -> Response[Any]:
    if step not in MOVES:
        raise not_found()
    if refused := await act(request, "POST", f"/v4/promotions/{promotion_id}/{step}"):
        return await _promotion(request, caller, promotion_id, refused=refused)
    return to(f"{HERE}/{promotion_id}", done=MOVES[step])


async def _terms(
    request: Asked,
    form: dict[str, str],
    cities: list[City],
    currency: str,
    before: dict[str, Any],
) -> dict[str, Any]:
    """What the form says; what it has no field for (merchants, products, hours) stays."""
    chosen = await ticked(request, "cities")
    signals = await ticked(request, "signals")
    zone = next((city.timezone for city in cities if str(city.id) in chosen), "UTC")
    percent = form.get("kind") == "percent"
    terms = {
        **before,
        **{name: form.get(name, "") for name in ("name_en", "name_ar", "terms_en", "terms_ar")},
        "kind": form.get("kind", ""),
        "value": 0 if form.get("kind") == "free_delivery" else _value(form, percent, currency),
        "most_minor": _money(form, "most", currency),
        "automatic": "automatic" in form,
        "city_ids": chosen,
        "from_at": _instant(form.get("from", ""), zone),
        "until_at": _instant(form.get("until", ""), zone),
        "least_subtotal_minor": _money(form, "least", currency) or 0,
        "audience": "first_order" if "first_order" in form else "everybody",
        "verified_email": "verified_email" in form,
        "stacking": "stackable" if "stackable" in form else "exclusive",
        "group": form.get("group", ""),
        "watches": [{"signal": one, "most_others": 0, "then": "flag"} for one in signals],
        **{name: _count(form[name]) for name in COUNTS if form.get(name)},
    }
    cleared = {name for name in COUNTS if name in form and not form[name]}
    return {name: value for name, value in terms.items() if name not in cleared}


def _value(form: dict[str, str], percent: bool, currency: str) -> int | str:  # noqa: FBT001 - private
    # hundredths of a percent are basis points, as fils are hundredths of a dirham
    minor = minor_of(form.get("value", ""), "AED" if percent else currency)
    return UNREADABLE if minor is None else minor


def _money(form: dict[str, str], name: str, currency: str) -> int | str | None:
    text = form.get(name, "")
    if not text:
        return None
    minor = minor_of(text, currency)
    return UNREADABLE if minor is None else minor


def _count(text: str) -> int | str:
    return int(text) if text.isdigit() else text or UNREADABLE


def _instant(text: str, timezone: str) -> str | None:
    """What a field for a moment holds, by the clock of the first city that is named."""
    if not text:
        return None
    try:
        local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(timezone))
    except ValueError:
        return text
    return local.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _shown(promotion: Promotion, cities: list[City]) -> dict[str, str]:
    """A promotion as the fields of the form."""
    terms, currency = promotion.terms, promotion.currency
    zone = next((c.timezone for c in cities if str(c.id) in terms["city_ids"]), "UTC")
    percent = terms["kind"] == "percent"
    shown = {name: str(terms[name] or "") for name in ("name_en", "name_ar", *COUNTS, "group")}
    return shown | {
        "terms_en": terms["terms_en"],
        "terms_ar": terms["terms_ar"],
        "kind": terms["kind"],
        "value": plain(terms["value"], "AED" if percent else currency),
        "most": plain(terms["most_minor"], currency),
        "least": plain(terms["least_subtotal_minor"], currency),
        "budget": plain(promotion.budget_minor, currency),
        "currency": currency,
        "from": _local(terms["from_at"], zone),
        "until": _local(terms["until_at"], zone),
        **{name: "1" for name in ("automatic", "verified_email") if terms[name]},
        **({"first_order": "1"} if terms["audience"] == "first_order" else {}),
        **({"stackable": "1"} if terms["stacking"] == "stackable" else {}),
    }


def _local(instant: str | None, timezone: str) -> str:
    if instant is None:
        return ""
    at = datetime.fromisoformat(instant).astimezone(ZoneInfo(timezone))
    return at.strftime("%Y-%m-%dT%H:%M")


async def _form(
    request: Asked, caller: Caller, form: dict[str, str], *, refused: Refused | None = None
) -> Response[str]:
    cities = await cities_for(request, caller, "promotion:create")
    begins = request.app.state.database.now().astimezone(UTC)
    usual = {
        "currency": cities[0].currency if cities else "",
        "from": begins.strftime("%Y-%m-%dT%H:%M"),
    }
    return await admin_page(
        request,
        "admin/promotion_new.html",
        caller=caller,
        form=usual | form,
        chosen=await ticked(request, "cities") if request.method == "POST" else [],
        signals=await ticked(request, "signals") if request.method == "POST" else [],
        all_signals=SIGNALS,
        kinds=KINDS,
        cities=cities,
        refused=refused,
    )


async def _promotion(
    request: Asked,
    caller: Caller,
    promotion_id: UUID,
    *,
    refused: Refused | None = None,
    form: dict[str, str] | None = None,
) -> Response[str]:
    figures = await read(request, f"/v4/promotions/{promotion_id}", Figures)
    cities = await cities_for(request, caller, "promotion:create")
    terms = figures.promotion.terms
    return await admin_page(
        request,
        "admin/promotion.html",
        caller=caller,
        figures=figures,
        promotion=figures.promotion,
        form=form or _shown(figures.promotion, cities),
        chosen=[str(id_) for id_ in terms["city_ids"]],
        signals=[watch["signal"] for watch in terms["watches"]],
        all_signals=SIGNALS,
        kinds=KINDS,
        cities=cities,
        refused=refused,
    )


pages: Final = [
    show_promotions,
    new_promotion,
    draft_promotion,
    show_promotion,
    change_promotion,
    raise_budget,
    make_codes,
    move_promotion,
]
