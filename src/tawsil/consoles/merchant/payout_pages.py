"""Money of a merchant: what is paid out next, what was, and the statement of each month."""

from calendar import monthrange
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import uuid4
from zoneinfo import ZoneInfo

from litestar import Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.status_codes import HTTP_404_NOT_FOUND
from msgspec import Struct

from tawsil.consoles.assets import Asked
from tawsil.consoles.merchant.desk import SlipError, Trouble, back_to, form_of, minor_of, there
from tawsil.consoles.merchant.frame import merchant_id_of, merchant_page
from tawsil.consoles.own_api import answered, ask_as_caller, refusal_of
from tawsil.kernel.http import Caller, allow

HERE: Final = "/merchant/payouts"
READ: Final = "payment:read"
MONTHS: Final = 12
DONE: Final = ("withdrawn", "destination")


class Destination(Struct, frozen=True):
    label: str
    verified: bool
    usable_from_at: datetime


class Account(Struct, frozen=True, kw_only=True):
    currency: str
    destination: Destination
    blocked_because: str | None
    next_payout_at: datetime | None


class Plan(Struct, frozen=True, kw_only=True):
    change_hold_days: int


class Outlook(Struct, frozen=True, kw_only=True):
    account: Account
    plan: Plan
    time_zone: str
    balance_minor: int
    held_minor: int
    payable_minor: int


class Payout(Struct, frozen=True, kw_only=True):
    id: str
    cause: str
    state: str
    amount_minor: int
    fee_minor: int
    currency: str
    destination: str
    created_at: datetime
    paid_at: datetime | None


class Quote(Struct, frozen=True, kw_only=True):
    amount_minor: int
    fee_minor: int
    arrives_minor: int
    currency: str
    left_today: int


class Profile(Struct, frozen=True):
    timezone: str
    currency: str


@get(HERE, opt={"rule": allow(READ)}, include_in_schema=False)
async def show_payouts(
    request: Asked,
    caller: NamedDependency[Caller],
    state: State,
    done: FromQuery[str | None] = None,
    withdraw: FromQuery[str | None] = None,
) -> Response[str]:
    """With `withdraw` (an amount, or `all`), what that would cost, to be agreed to."""
    if withdraw is None:
        return await _payouts_page(request, caller, state, done=done if done in DONE else None)
    profile = await _profile(request, caller)
    try:
        asked = _amount(withdraw, profile.currency)
    except SlipError as error:
        return await _payouts_page(request, caller, state, trouble=error.slip)
    query = f"?{urlencode({'amount_minor': asked})}" if asked else ""
    answer = await ask_as_caller(request, "GET", f"/v4/payouts/instant/quote{query}")
    if not answer.is_success:
        return await _payouts_page(request, caller, state, trouble=refusal_of(answer))
    return await _payouts_page(request, caller, state, quote=answered(answer, Quote))


@post(HERE, opt={"rule": allow("payment:withdraw")}, include_in_schema=False)
async def withdraw(request: Asked, caller: NamedDependency[Caller], state: State) -> Response[Any]:
    """What was shown with its fee is withdrawn, once however often the form is sent."""
    merchant_id_of(caller)
    form = await form_of(request)
    amount_minor = form.get("amount_minor", "")
    answer = await ask_as_caller(
        request,
        "POST",
        "/v4/payouts/instant",
        json={"amount_minor": int(amount_minor) if amount_minor.isdecimal() else 0},
        key=form.get("key"),
    )
    if answer.is_success:
        return back_to(HERE, done="withdrawn")
    return await _payouts_page(request, caller, state, trouble=refusal_of(answer))


def _amount(text: str, currency: str) -> int | None:
    return None if text in {"", "all"} else minor_of(text, currency)


async def _profile(request: Asked, caller: Caller) -> Profile:
    path = f"/v4/merchants/{merchant_id_of(caller)}/profile"
    return answered(await ask_as_caller(request, "GET", path), Profile)


async def outlook_of(request: Asked) -> Outlook | None:
    """What there is to look forward to; None before a destination was set."""
    answer = await ask_as_caller(request, "GET", "/v4/payouts/account")
    return None if answer.status_code == HTTP_404_NOT_FOUND else answered(answer, Outlook)


async def _payouts_page(
    request: Asked,
    caller: Caller,
    state: State,
    *,
    done: str | None = None,
    quote: Quote | None = None,
    trouble: Trouble | None = None,
) -> Response[str]:
    profile = await _profile(request, caller)
    outlook = await outlook_of(request)
    payouts = await ask_as_caller(request, "GET", "/v4/payouts?limit=50")
    return await merchant_page(
        request,
        "merchant/payouts.html",
        caller=caller,
        section="payouts",
        status=getattr(trouble, "status", 422) if trouble else 200,
        here=HERE,
        outlook=outlook,
        payouts=answered(payouts, list[Payout]),
        held=outlook is not None
        and outlook.account.destination.usable_from_at > state.database.now(),
        months=_statements(state.database.now(), profile.timezone),
        timezone=profile.timezone,
        there=there,
        key=str(uuid4()),
        done=done,
        quote=quote,
        trouble=trouble,
    )


def _statements(now: datetime, timezone: str) -> list[tuple[date, str]]:
    """Months on the merchant's clocks, the newest first, and of which instants each is."""
    zone = ZoneInfo(timezone)
    today = now.astimezone(zone).date()
    numbers = (today.year * 12 + today.month - 1 - back for back in range(MONTHS))
    firsts = [date(number // 12, number % 12 + 1, 1) for number in numbers]
    return [(first, urlencode(_instants(first, zone))) for first in firsts]


def _instants(first: date, zone: ZoneInfo) -> dict[str, str]:
    after = first + timedelta(days=monthrange(first.year, first.month)[1])
    ends = {"from": first, "to": after}
    return {name: datetime.combine(day, time(), zone).isoformat() for name, day in ends.items()}


pages: Final = [show_payouts, withdraw]
