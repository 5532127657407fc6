"""Money: what acquirers say against what the books say, and the books of each month.

Everything is asked of the platform's own API with the session of whoever looks or sends a form.
"""

from datetime import date, datetime
from typing import Any, Final

from litestar import Response, get, post
from litestar.datastructures import State
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect
from msgspec import Struct

from tawsil.consoles.assets import Asked
from tawsil.consoles.own_api import Refused, answered, ask_as_caller, refusal_of
from tawsil.consoles.pages import page
from tawsil.kernel.http import allow

HERE: Final = "/money"
READ: Final = "payment:read"
CHANGE: Final = "payment:update"
MONTHS: Final = 12
DONE: Final = frozenset({"explained", "booked", "reading", "closed"})


class Side(Struct, frozen=True, kw_only=True):
    id: str
    moved: str
    charge_id: str | None
    amount_minor: int
    at: datetime


class Difference(Struct, frozen=True, kw_only=True):
    kind: str
    provider: str
    currency: str
    difference_minor: int
    theirs: Side | None
    ours: Side | None

    @property
    def about(self) -> Side:
        side = self.theirs or self.ours
        assert side is not None, "a difference has a side at least"
        return side


class Run(Struct, frozen=True, kw_only=True):
    provider: str
    until_at: datetime
    lines: int
    new_lines: int
    matched: int
    at: datetime


class Explanation(Struct, frozen=True, kw_only=True):
    provider: str
    line_id: str | None
    booked: bool
    difference_minor: int
    currency: str
    words: str
    at: datetime


class AccountTotals(Struct, frozen=True, kw_only=True):
    kind: str
    currency: str
    opening_minor: int
    in_minor: int
    out_minor: int
    closing_minor: int


class TransferTotals(Struct, frozen=True, kw_only=True):
    kind: str
    currency: str
    count: int
    moved_minor: int


class Month(Struct, frozen=True, kw_only=True):
    month: str
    closed: bool
    accounts: list[AccountTotals]
    transfers: list[TransferTotals]
    open_differences: int

    @property
    def currencies(self) -> list[str]:
        return sorted({totals.currency for totals in self.accounts})


@get(HERE, opt={"rule": allow(READ)}, include_in_schema=False)
async def show_money(
    request: Asked, state: State, done: FromQuery[str | None] = None
) -> Response[str]:
    """Open differences first: they are what somebody must look at."""
    return await _money(request, state, done=done if done in DONE else None)


@post(f"{HERE}/differences", opt={"rule": allow(CHANGE)}, include_in_schema=False, status_code=303)
async def explain(request: Asked, state: State) -> Response[Any]:
    form = await request.form()
    how = str(form.get("how", ""))
    body = {
        "provider": str(form.get("provider", "")),
        "how": how,
        "words": str(form.get("words", "")).strip(),
        "line_id": str(form.get("line_id", "")) or None,
        "transfer_id": str(form.get("transfer_id", "")) or None,
    }
    answer = await ask_as_caller(request, "POST", "/v4/reconciliation/explanations", json=body)
    if answer.status_code == 201:
        return Redirect(f"{HERE}?done={how}", status_code=303)
    return await _money(request, state, refused=refusal_of(answer))


@post(f"{HERE}/runs", opt={"rule": allow(CHANGE)}, include_in_schema=False, status_code=303)
async def read_balance(request: Asked, state: State) -> Response[Any]:
    form = await request.form()
    body = {"provider": str(form.get("provider", ""))}
    answer = await ask_as_caller(request, "POST", "/v4/reconciliation/runs", json=body)
    if answer.status_code == 202:
        return Redirect(f"{HERE}?done=reading", status_code=303)
    return await _money(request, state, refused=refusal_of(answer))


@get(f"{HERE}/months/{{month:str}}", opt={"rule": allow(READ)}, include_in_schema=False)
async def show_month(
    request: Asked, state: State, month: FromPath[str], done: FromQuery[str | None] = None
) -> Response[str]:
    return await _month(request, state, month, done=done if done in DONE else None)


@post(
    f"{HERE}/months/{{month:str}}/close",
    opt={"rule": allow(CHANGE)},
    include_in_schema=False,
    status_code=303,
)
async def close_month(request: Asked, state: State, month: FromPath[str]) -> Response[Any]:
    answer = await ask_as_caller(request, "POST", f"/v4/books/months/{month}/close")
    if answer.status_code == 200:
        return Redirect(f"{HERE}/months/{month}?done=closed", status_code=303)
    return await _month(request, state, month, refused=refusal_of(answer))


async def _money(
    request: Asked, state: State, *, done: str | None = None, refused: Refused | None = None
) -> Response[str]:
    differences = answered(
        await ask_as_caller(request, "GET", "/v4/reconciliation/differences"), list[Difference]
    )
    runs = answered(await ask_as_caller(request, "GET", "/v4/reconciliation/runs"), list[Run])
    explanations = answered(
        await ask_as_caller(request, "GET", "/v4/reconciliation/explanations"), list[Explanation]
    )
    newest = {run.provider: run for run in reversed(runs)}
    return page(
        request,
        "money.html",
        status=refused.status if refused else 200,
        caller=request.user,
        here=HERE,
        differences=differences,
        readings=[(one.value, newest.get(one.value)) for one in state.providers],
        explanations=explanations[:20],
        months=_months(state.database.now().date()),
        done=done,
        refused=refused,
    )


async def _month(
    request: Asked,
    state: State,
    month: str,
    *,
    done: str | None = None,
    refused: Refused | None = None,
) -> Response[str]:
    found = answered(await ask_as_caller(request, "GET", f"/v4/books/months/{month}"), Month)
    return page(
        request,
        "month.html",
        status=refused.status if refused else 200,
        caller=request.user,
        here=f"{HERE}/months/{month}",
        month=found,
        first=date.fromisoformat(f"{found.month}-01"),
        over=f"{state.database.now():%Y-%m}" > found.month,
        done=done,
        refused=refused,
    )


def _months(today: date) -> list[date]:
    """The first days of this month and of those before it, the newest first."""
    months = (today.year * 12 + today.month - 1 - back for back in range(MONTHS))
    return [date(number // 12, number % 12 + 1, 1) for number in months]


pages: Final = [show_money, explain, read_balance, show_month, close_month]
