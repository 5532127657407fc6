"""The dispatch page, the page of a decision, and what operators do there by hand.

Whatever changes something is asked of the platform's own API, with the session of whoever sent the
form. What can be taken back is done at once, and the page offers to take it back.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import httpx
import msgspec
from litestar import Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect
from msgspec import Struct

from tawsil.consoles.access import ASSIGN, HOLD, READ, May, watch_of
from tawsil.consoles.assets import Asked
from tawsil.consoles.own_api import answered, ask_as_caller, refusal_of
from tawsil.consoles.pages import cookie, fragment, local_address, page, stamp
from tawsil.consoles.picture import CityFacts
from tawsil.consoles.words import say
from tawsil.kernel.http import Caller, allow, not_found
from tawsil.kernel.http.envelope import request_context

ADDRESS: Final = "/city/dispatch"
DONE_COOKIE: Final = "tawsil_done"
DONE_PATH: Final = "/city"
DONE_KEPT_S: Final = 60
COOKIE_MAX: Final = 3_800
"""Browsers drop what is much longer."""
PARTS: Final = ("conditions", "ladder", "doubts", "ticks", "policy")
HOLD_FOR_MIN: Final = ("15", "30", "60", "120", "ever")


class Act(Struct, frozen=True):
    """What may be done about a delivery: where the API takes it, what it takes, what is said."""

    path: str
    takes: frozenset[str]
    done: str

    def body(self, **given: Any) -> dict[str, Any] | None:
        return {name: given[name] for name in sorted(self.takes)} or None


ACTS: Final[Mapping[str, Act]] = {
    "escalate": Act("/v4/admin/unassigned-orders/{}/escalate", frozenset({"reason"}), "escalated"),
    "reassign": Act(
        "/v4/admin/assignments/{}/reassign", frozenset({"reason", "courier_id"}), "reassigned"
    ),
    "hand-over": Act(
        "/v4/admin/assignments/{}/handover", frozenset({"reason", "courier_id"}), "handed_over"
    ),
    "carry-on": Act("/v4/admin/assignments/{}/continue", frozenset({"reason"}), "carried_on"),
    "undo": Act("/v4/admin/assignments/{}/undo", frozenset(), "undone"),
}


class Undo(Struct, frozen=True):
    """A form that takes back what was done."""

    action: str
    fields: Mapping[str, str]


class Done(Struct, frozen=True):
    """What an operator did a moment ago, for the page that is shown next."""

    code: str
    undo: Undo | None = None


class Conditions(Struct, frozen=True):
    """What the API says of a city's conditions, as far as it takes to have them back."""

    terms: dict[str, Any]
    held: bool
    held_until_at: str | None
    reason: str

    def undo(self, *, after: str | None) -> Undo:
        fields = {"next": after} if after else {}
        if not self.held:
            return Undo(f"{ADDRESS}/let-go", fields)
        exactly = {"terms": self.terms, "until": self.held_until_at, "reason": self.reason}
        said = msgspec.json.encode(exactly).decode()
        return Undo(f"{ADDRESS}/hold", {**fields, "exactly": said})


@get(ADDRESS, opt={"rule": allow(READ)}, include_in_schema=False)
async def show_dispatch(
    request: Asked,
    caller: NamedDependency[Caller],
    state: State,
    city: FromQuery[str | None] = None,
) -> Response[str]:
    """A city's dispatch; complete without scripts, alive with them."""
    return await _dispatch_page(request, caller, state, slug=city, done=done_of(request))


@get(f"{ADDRESS}/parts", opt={"rule": allow(READ)}, include_in_schema=False)
async def show_parts(
    caller: NamedDependency[Caller], state: State, city: FromQuery[str | None] = None
) -> Response[dict[str, Any]]:
    """The parts of the page that change by themselves, rendered."""
    watch = watch_of(state, caller, permission=READ)
    situation = await watch.situation(tenant_id=caller.tenant_id, slug=city)
    if situation is None:
        raise not_found()
    known = {"situation": situation, "may": May.of(caller)}
    parts = {name: fragment(f"_{name}.html", **known) for name in PARTS}
    return Response(
        {"at": stamp(situation.at), "parts": parts}, headers={"Cache-Control": "no-store"}
    )


@get("/city/decisions/{decision_id:uuid}", opt={"rule": allow(READ)}, include_in_schema=False)
async def show_ruling(
    request: Asked,
    caller: NamedDependency[Caller],
    state: State,
    decision_id: FromPath[UUID],
) -> Response[str]:
    """One decision explained: who was asked about what, who was not, and what counted."""
    watch = watch_of(state, caller, permission=READ)
    ruling = await watch.ruling(tenant_id=caller.tenant_id, decision_id=decision_id)
    if ruling is None:
        raise not_found()
    return page(request, "decision.html", caller=caller, ruling=ruling)


@post(f"{ADDRESS}/hold", opt={"rule": allow(HOLD)}, include_in_schema=False, status_code=303)
async def hold(request: Asked, caller: NamedDependency[Caller], state: State) -> Response[Any]:
    """Set what customers meet, whatever the load; the page offers to undo it."""
    form = await request.form()
    city = await _city(state, caller, form)
    exactly = str(form.get("exactly", ""))
    body: Any = msgspec.Raw(exactly.encode()) if exactly else _hold_body(form)
    return await _change_conditions(
        request, caller, state, city=city, method="PUT", body=body, form=form, code="held"
    )


@post(f"{ADDRESS}/let-go", opt={"rule": allow(HOLD)}, include_in_schema=False, status_code=303)
async def let_go(request: Asked, caller: NamedDependency[Caller], state: State) -> Response[Any]:
    """Let the load decide again; the page offers to undo it."""
    form = await request.form()
    city = await _city(state, caller, form)
    return await _change_conditions(
        request, caller, state, city=city, method="DELETE", body=None, form=form, code="let_go"
    )


@post(
    f"{ADDRESS}/{{reference_id:uuid}}/{{act:str}}",
    opt={"rule": allow(ASSIGN)},
    include_in_schema=False,
    status_code=303,
)
async def act(
    request: Asked,
    caller: NamedDependency[Caller],
    state: State,
    reference_id: FromPath[UUID],
    act: FromPath[str],
) -> Response[Any]:
    """Escalate a delivery, give it to a courier, or take that back."""
    form = await request.form()
    city = await _city(state, caller, form)
    courier_id = str(form.get("courier_id", ""))
    reason = str(form.get("reason", "")).strip() or say("acts.by_hand")
    if act not in ACTS:
        raise not_found()
    path = ACTS[act].path.format(reference_id)
    body = ACTS[act].body(reason=reason, courier_id=courier_id or None)
    answer = await ask_as_caller(request, "POST", path, json=body)
    if not answer.is_success:
        return await _refused(request, caller, state, city=city, answer=answer)
    after = _back_to(form)
    undo = None
    if act == "reassign":
        fields = {"next": after} if after else {}
        undo = Undo(f"{ADDRESS}/{reference_id}/undo", fields)
    code = "searched" if act == "reassign" and not courier_id else ACTS[act].done
    return on_to(request, after or _address(city), Done(code, undo))


def _back_to(form: Mapping[str, Any]) -> str | None:
    """The page of the live city that a form was sent from, if it was."""
    after = local_address(str(form.get("next", "")), otherwise="")
    return after if after.split("?")[0] in {"/city", "/city/zones"} else None


async def _change_conditions(
    request: Asked,
    caller: Caller,
    state: State,
    *,
    city: CityFacts,
    method: str,
    body: Any,
    form: Mapping[str, Any],
    code: str,
) -> Response[Any]:
    path = f"/v4/cities/{city.id}/conditions"
    answer = before = await ask_as_caller(request, "GET", path)
    if before.is_success:
        answer = await ask_as_caller(request, method, path, json=body)
    if not answer.is_success:
        return await _refused(request, caller, state, city=city, answer=answer, form=form)
    was, after = answered(before, Conditions), _back_to(form)
    undo = None if code == "let_go" and not was.held else was.undo(after=after)
    return on_to(request, after or _address(city), Done(code, undo))


def _hold_body(form: Any) -> dict[str, Any]:
    """The form in the API's units; what is no number stays as it is, and the API says so."""
    return {
        "terms": {
            "extra_wait_s": _number(form.get("wait_min"), times=60),
            "surge_bp": _number(form.get("surge_percent"), times=100),
            "reach_m": _number(form.get("reach_km"), times=1_000, empty=None),
            "paused_zone_ids": _zones(form),
        },
        "until": until(form),
        "reason": str(form.get("reason", "")).strip(),
    }


def until(form: Mapping[str, Any]) -> datetime | None:
    """When what is held for some minutes is over; None: when somebody lets go."""
    minutes = str(form.get("for", ""))
    if not minutes.isdecimal():
        return None
    return request_context.get().at + timedelta(minutes=min(int(minutes), 1_440))


def _zones(form: Any) -> list[str]:
    return [str(id_) for id_ in form.getall("zone", [])]


def _number(given: Any, *, times: int, empty: int | None = 0) -> int | str | None:
    text = str(given or "").strip()
    if not text:
        return empty
    try:
        return round(float(text) * times)
    except (ValueError, OverflowError):
        return text


async def _city(state: State, caller: Caller, form: Mapping[str, Any]) -> CityFacts:
    watch = watch_of(state, caller, permission=READ)
    slug = str(form.get("city", "")) or None
    city = await watch.city(tenant_id=caller.tenant_id, slug=slug)
    if city is None:
        raise not_found()
    return city


async def _refused(
    request: Asked,
    caller: Caller,
    state: State,
    *,
    city: CityFacts,
    answer: httpx.Response,
    form: Mapping[str, Any] | None = None,
) -> Response[str]:
    """The same page, saying why not; what was filled in is kept."""
    refused = refusal_of(answer)
    return await _dispatch_page(
        request,
        caller,
        state,
        slug=city.slug,
        status=refused.status,
        refused=refused.message,
        form=form,
    )


async def _dispatch_page(
    request: Asked,
    caller: Caller,
    state: State,
    *,
    slug: str | None,
    status: int = 200,
    done: Done | None = None,
    refused: str | None = None,
    form: Mapping[str, Any] | None = None,
) -> Response[str]:
    watch = watch_of(state, caller, permission=READ)
    situation = await watch.situation(tenant_id=caller.tenant_id, slug=slug)
    if situation is None:
        raise not_found()
    paused = [str(zone.id) for zone in situation.conditions.paused]
    shown = page(
        request,
        "dispatch.html",
        status=status,
        caller=caller,
        here=_address(situation.city),
        situation=situation,
        done=done,
        refused=refused,
        form=dict(form or {}),
        chosen_zones=_zones(form) if form and "reason" in form else paused,
        hold_for_min=HOLD_FOR_MIN,
    )
    return said_once(request, shown)


def said_once(request: Asked, shown: Response[str]) -> Response[str]:
    """A page that tells what was done a moment ago; the next does not."""
    if DONE_COOKIE in request.cookies:
        shown.set_cookie(cookie(request, DONE_COOKIE, "", max_age=0, path=DONE_PATH))
    return shown


def on_to(request: Asked, address: str, done: Done) -> Redirect:
    """On to a page that says what was done, and offers to take it back."""
    said = urlsafe_b64encode(msgspec.json.encode(done)).decode()
    if len(said) > COOKIE_MAX:
        said = urlsafe_b64encode(msgspec.json.encode(Done(done.code))).decode()
    kept = cookie(request, DONE_COOKIE, said, max_age=DONE_KEPT_S, path=DONE_PATH)
    return Redirect(address, status_code=303, cookies=[kept])


def done_of(request: Asked) -> Done | None:
    """What our own cookie says was done; anything else says nothing."""
    said = request.cookies.get(DONE_COOKIE)
    try:
        done = msgspec.json.decode(urlsafe_b64decode(said), type=Done) if said else None
    except (ValueError, msgspec.MsgspecError):
        return None
    ours = done is None or done.undo is None or done.undo.action.startswith(f"{DONE_PATH}/")
    return done if ours else None


def _address(city: CityFacts) -> str:
    return f"{ADDRESS}?{urlencode({'city': city.slug})}"


pages: Final = [show_dispatch, show_ruling, hold, let_go, act]
parts: Final = [show_parts]
