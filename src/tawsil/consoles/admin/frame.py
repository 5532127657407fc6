"""What stands around every page of administration, and how its pages ask and say what was done."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from litestar import Response
from litestar.response import Redirect
from msgspec import Struct

from tawsil.consoles.assets import Asked
from tawsil.consoles.listed import given
from tawsil.consoles.own_api import Refused, answered, ask_as_caller, refusal_of
from tawsil.consoles.pages import page
from tawsil.kernel.http import Caller
from tawsil.kernel.money import major

T = TypeVar("T")


class City(Struct, frozen=True, kw_only=True):
    id: UUID
    slug: str
    name: str
    name_en: str
    name_ar: str
    currency: str
    timezone: str
    tenant_id: UUID
    municipality_id: UUID | None = None


async def get(request: Asked, path: str, type_: type[T]) -> T:
    """What the API answers to this browser.

    Raises:
        Problem: it refused.
    """
    return answered(await ask_as_caller(request, "GET", path), type_)


async def act(request: Asked, method: str, path: str, json: Any = None) -> Refused | None:
    """Do something; why not, if it was refused."""
    answer = await ask_as_caller(request, method, path, json=json)
    return None if answer.is_success else refusal_of(answer)


async def made(request: Asked, path: str, json: Any) -> str | Refused:
    """Make something: its id, or why not."""
    answer = await ask_as_caller(request, "POST", path, json=json)
    return str(answered(answer, _Made).id) if answer.is_success else refusal_of(answer)


class _Made(Struct, frozen=True):
    id: UUID


async def cities_of(request: Asked, caller: Caller) -> list[City]:
    """The cities of the caller's company, by name."""
    found = await get(request, "/v4/cities", list[City])
    mine = [city for city in found if city.tenant_id == caller.tenant_id]
    return sorted(mine, key=lambda city: city.name)


async def cities_for(request: Asked, caller: Caller, permission: str) -> list[City]:
    """Those to narrow a list by: for whoever reaches the whole company. Others have few enough."""
    return await cities_of(request, caller) if _can(caller, permission) else []


async def typed(request: Asked) -> dict[str, str]:
    """The fields of a form, without the spaces around them."""
    form = await request.form()
    return {name: str(form[name]).strip() for name in form}


async def ticked(request: Asked, name: str) -> list[str]:
    """Every value that a field was sent with."""
    form = await request.form()
    return [str(value) for value in form.getall(name, [])]


def asked_in(request: Asked, *names: str) -> dict[str, str]:
    """The filters in an address, which are what the page goes by."""
    return {name: request.query_params.get(name, "").strip() for name in (*names, "page")}


def again(asked: Mapping[str, str], **other: object) -> str:
    """The filters of a page as a query, with some of them otherwise."""
    after = {**asked, **{name: str(value) for name, value in other.items()}}
    return urlencode(given(after))


def minor_of(text: str, currency: str) -> int | None:
    """An amount as it is typed, in minor units; None when it is none, or finer than the coins."""
    digits = -Decimal(major(1, currency)).adjusted()
    try:
        scaled = Decimal(text.replace("\u066b", ".").replace(",", ".")).scaleb(digits)
    except InvalidOperation:
        return None
    return int(scaled) if scaled.is_finite() and scaled == scaled.to_integral_value() else None


def plain(minor: int | None, currency: str) -> str:
    """An amount as a field holds it: `7.50`, and nothing of none."""
    return "" if minor is None else f"{major(minor, currency):f}"


def to(address: str, *, done: str, **more: str) -> Response[Any]:
    """On to a page that says what was done."""
    return Redirect(f"{address}?{urlencode({'done': done, **more})}", status_code=303)


async def admin_page(
    request: Asked,
    template: str,
    *,
    caller: Caller,
    refused: Refused | None = None,
    **known: Any,
) -> Response[str]:
    """A page of administration: what was done just now, or why it was refused, stands above it."""
    if "form" in known:
        known["form"] = Typed(known["form"])
    return page(
        request,
        template,
        status=refused.status if refused else 200,
        caller=caller,
        here=request.url.path if refused else None,
        done_now=request.query_params.get("done") if request.method == "GET" else None,
        refused=refused,
        can=partial(_can, caller),
        again=again,
        plain=plain,
        **known,
    )


def _can(caller: Caller, permission: str) -> bool:
    """Whether somebody may do something in the whole company."""
    return "all" in caller.scopes(permission)


class Typed(dict[str, str]):
    """What was typed into a form; a field that was not is empty."""

    def __missing__(self, name: str) -> str:
        return ""
