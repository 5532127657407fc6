"""Where a merchant's money goes: seen, changed, and agreed to before it counts."""

from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from msgspec import Struct

from tawsil.consoles.assets import Asked
from tawsil.consoles.merchant.desk import Trouble, back_to, form_of
from tawsil.consoles.merchant.frame import merchant_id_of, merchant_page
from tawsil.consoles.merchant.payout_pages import HERE as PAYOUTS
from tawsil.consoles.merchant.payout_pages import outlook_of
from tawsil.consoles.own_api import ask_as_caller, refusal_of
from tawsil.kernel.http import Caller, allow

HERE: Final = f"{PAYOUTS}/destination"
WITHDRAW: Final = "payment:withdraw"
STRIPES: Final = "acct_"
"""How Stripe's accounts begin; the others are the direct provider's."""


class Typed(Struct, frozen=True):
    token: str = ""
    label: str = ""


@get(HERE, opt={"rule": allow(WITHDRAW)}, include_in_schema=False)
async def show_destination(request: Asked, caller: NamedDependency[Caller]) -> Response[str]:
    return await _destination_page(request, caller, typed=Typed())


@post(HERE, opt={"rule": allow(WITHDRAW)}, include_in_schema=False)
async def set_destination(request: Asked, caller: NamedDependency[Caller]) -> Response[Any]:
    """What was typed is shown with what it means; once that is agreed to, it is so."""
    merchant_id_of(caller)
    form = await form_of(request)
    typed = Typed(form.get("token", ""), form.get("label", ""))
    if "agreed" not in form:
        return await _destination_page(request, caller, typed=typed, sure="again" not in form)
    provider = "stripe" if typed.token.startswith(STRIPES) else "direct"
    answer = await ask_as_caller(
        request,
        "PUT",
        "/v4/payouts/account/destination",
        json={"provider": provider, "token": typed.token, "label": typed.label},
    )
    if answer.is_success:
        return back_to(PAYOUTS, done="destination")
    return await _destination_page(request, caller, typed=typed, trouble=refusal_of(answer))


async def _destination_page(
    request: Asked,
    caller: Caller,
    *,
    typed: Typed,
    sure: bool = False,
    trouble: Trouble | None = None,
) -> Response[str]:
    return await merchant_page(
        request,
        "merchant/destination.html",
        caller=caller,
        section="payouts",
        status=getattr(trouble, "status", 422) if trouble else 200,
        here=HERE,
        payouts=PAYOUTS,
        outlook=await outlook_of(request),
        typed=typed,
        sure=sure,
        trouble=trouble,
    )


pages: Final = [show_destination, set_destination]
