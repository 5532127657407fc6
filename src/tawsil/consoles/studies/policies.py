"""Policies of dispatch: their versions, how each did in a simulated week, and what decides now."""

from datetime import datetime
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect
from msgspec import Struct

from tawsil.consoles import pages
from tawsil.consoles.access import ASSIGN, TUNE, May
from tawsil.consoles.assets import Asked
from tawsil.consoles.listed import listed
from tawsil.consoles.own_api import Refused, answered, ask_as_caller, refusal_of
from tawsil.kernel.http import allow
from tawsil.kernel.http.envelope import PageNumber

HERE: Final = "/policies"
API: Final = "/v4/dispatch/policies"
DONE: Final = frozenset({"tried", "live"})


class City(Struct, frozen=True):
    id: UUID
    tenant_id: UUID
    name: str


class Live(Struct, frozen=True):
    name: str
    version: int
    since_at: datetime | None
    reason: str


class Policy(Struct, frozen=True, kw_only=True):
    name: str
    version: int
    weights: dict[str, Any]
    note: str
    created_at: datetime

    @property
    def address(self) -> str:
        return f"{HERE}/{quote(self.name)}/{self.version}"

    @property
    def lines(self) -> list[tuple[str, str]]:
        """Each weight and what it is; of a group of weights each by its own name."""
        return _lines(self.weights, before="")


class Finding(Struct, frozen=True):
    passed: bool
    sentence: str


class Trial(Struct, frozen=True, kw_only=True):
    city_id: UUID
    seed: int
    asked_at: datetime
    finished_at: datetime | None
    against: str | None
    passed: bool | None
    findings: list[Finding]


class Tried(Struct, frozen=True):
    policy: Policy
    trials: list[Trial]


@get(HERE, opt={"rule": allow(ASSIGN)}, include_in_schema=False)
async def show_policies(request: Asked, page: PageNumber = 1) -> Response[str]:
    """What each city decides by now, and every version there is."""
    cities = await _cities(request)
    return pages.page(
        request,
        "studies/policies.html",
        caller=request.user,
        live=[(city, (await _live(request, city))[0]) for city in cities],
        policies=await listed(request, API, Policy, query={"page": str(page)}),
    )


@get(f"{HERE}/{{name:str}}/{{version:int}}", opt={"rule": allow(ASSIGN)}, include_in_schema=False)
async def show_policy(
    request: Asked, name: FromPath[str], version: FromPath[int], done: FromQuery[str | None] = None
) -> Response[str]:
    return await _policy(request, name, version, done=done if done in DONE else None)


@post(
    f"{HERE}/{{name:str}}/{{version:int}}/trial",
    opt={"rule": allow(TUNE)},
    include_in_schema=False,
)
async def try_policy(request: Asked, name: FromPath[str], version: FromPath[int]) -> Response[Any]:
    form = await request.form()
    answer = await ask_as_caller(
        request,
        "POST",
        f"{API}/{quote(name)}/versions/{version}/trial",
        json={"city_id": str(form.get("city_id", ""))},
    )
    if answer.is_success:
        return Redirect(f"{HERE}/{quote(name)}/{version}?done=tried", status_code=303)
    return await _policy(request, name, version, refused=refusal_of(answer))


@post(
    f"{HERE}/{{name:str}}/{{version:int}}/live", opt={"rule": allow(TUNE)}, include_in_schema=False
)
async def set_live(request: Asked, name: FromPath[str], version: FromPath[int]) -> Response[Any]:
    form = await request.form()
    reason = str(form.get("reason", "")).strip()
    body = {"name": name, "version": version, **({"override_reason": reason} if reason else {})}
    city_id = quote(str(form.get("city_id", "")), safe="")
    answer = await ask_as_caller(request, "PUT", f"/v4/dispatch/cities/{city_id}/policy", json=body)
    if answer.is_success:
        return Redirect(f"{HERE}/{quote(name)}/{version}?done=live", status_code=303)
    return await _policy(request, name, version, refused=refusal_of(answer))


async def _policy(
    request: Asked,
    name: str,
    version: int,
    *,
    done: str | None = None,
    refused: Refused | None = None,
) -> Response[str]:
    found = answered(
        await ask_as_caller(request, "GET", f"{API}/{quote(name)}/versions/{version}"), Tried
    )
    cities = await _cities(request)
    live = [
        city
        for city in cities
        if (now := (await _live(request, city))[0]) and (now.name, now.version) == (name, version)
    ]
    return pages.page(
        request,
        "studies/policy.html",
        status=refused.status if refused else 200,
        caller=request.user,
        here=found.policy.address,
        may=May.of(request.user),
        policy=found.policy,
        trials=found.trials,
        cities=cities,
        names={city.id: city for city in cities},
        live=live,
        done=done,
        refused=refused,
    )


async def _cities(request: Asked) -> list[City]:
    """Those of the company of whoever looks."""
    cities = answered(await ask_as_caller(request, "GET", "/v4/cities"), list[City])
    return [city for city in cities if city.tenant_id == request.user.tenant_id]


async def _live(request: Asked, city: City) -> list[Live]:
    """The present one first."""
    path = f"/v4/dispatch/cities/{city.id}/policy?limit=1"
    return answered(await ask_as_caller(request, "GET", path), list[Live])


def _lines(weights: dict[str, Any], *, before: str) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for name, value in sorted(weights.items()):
        if isinstance(value, dict):
            lines += _lines(msgspec.convert(value, dict[str, Any]), before=f"{before}{name}.")
        else:
            lines.append((f"{before}{name}", msgspec.json.encode(value).decode().strip('"')))
    return lines


pages_of_policies: Final = [show_policies, show_policy, try_policy, set_live]
