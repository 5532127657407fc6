"""Money that is given back: what waits for a second person, and what became of the rest."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect
from msgspec import Struct

from tawsil.consoles import pages
from tawsil.consoles.access import REFUNDS
from tawsil.consoles.assets import Asked
from tawsil.consoles.listed import listed
from tawsil.consoles.own_api import Refused, ask_as_caller, refusal_of
from tawsil.kernel.http import allow
from tawsil.kernel.http.envelope import PageNumber

HERE: Final = "/refunds"
API: Final = "/v4/refunds"
STATES: Final = ("requested", "approved", "done", "failed", "refused")
WAITING: Final = STATES[0]
BECAUSE: Final = ("photo_shows_it", "not_delivered_late", "already_refunded", "outside_policy")
DONE: Final = frozenset({"approved", "refused"})
TONES: Final = {
    "requested": "warn",
    "approved": "info",
    "done": "good",
    "failed": "bad",
    "refused": "off",
}


class Refund(Struct, frozen=True, kw_only=True):
    id: UUID
    order_id: UUID
    scope: str
    paid_to: str
    reason: str
    state: str
    currency: str
    amount_minor: int
    asked_as: str
    asked_at: datetime
    decided_at: datetime | None
    decided_because: str | None
    merchant_minor: int | None = None
    courier_minor: int | None = None
    platform_minor: int | None = None
    tax_minor: int | None = None


@get(HERE, opt={"rule": allow(REFUNDS)}, include_in_schema=False)
async def show_refunds(
    request: Asked,
    status: FromQuery[str | None] = None,
    page: PageNumber = 1,
    done: FromQuery[str | None] = None,
) -> Response[str]:
    """What waits for a decision first; `status` shows the others, `all` every one."""
    return await _refunds(request, status, page=page, done=done if done in DONE else None)


@post(
    f"{HERE}/{{refund_id:uuid}}/approve",
    opt={"rule": allow(REFUNDS)},
    include_in_schema=False,
    status_code=303,
)
async def approve(request: Asked, refund_id: FromPath[UUID]) -> Response[Any]:
    answer = await ask_as_caller(request, "POST", f"{API}/{refund_id}/approve")
    if answer.is_success:
        return Redirect(f"{HERE}?done=approved", status_code=303)
    return await _refunds(request, None, refused=refusal_of(answer))


@post(
    f"{HERE}/{{refund_id:uuid}}/refuse",
    opt={"rule": allow(REFUNDS)},
    include_in_schema=False,
    status_code=303,
)
async def refuse(request: Asked, refund_id: FromPath[UUID]) -> Response[Any]:
    form = await request.form()
    body = {"because": str(form.get("because", ""))}
    answer = await ask_as_caller(request, "POST", f"{API}/{refund_id}/refuse", json=body)
    if answer.is_success:
        return Redirect(f"{HERE}?done=refused", status_code=303)
    return await _refunds(request, None, refused=refusal_of(answer))


async def _refunds(
    request: Asked,
    status: str | None,
    *,
    page: int = 1,
    done: str | None = None,
    refused: Refused | None = None,
) -> Response[str]:
    chosen = status if status in {*STATES, "all"} else WAITING
    query = {"status": "" if chosen == "all" else chosen, "page": str(page)}
    return pages.page(
        request,
        "desk/refunds.html",
        status=refused.status if refused else 200,
        caller=request.user,
        here=HERE if refused else None,
        refunds=await listed(request, API, Refund, query=query, asked={"status": chosen}),
        states=(*STATES, "all"),
        because=BECAUSE,
        refund_tones=TONES,
        done=done,
        refused=refused,
    )


pages_of_refunds: Final = [show_refunds, approve, refuse]
