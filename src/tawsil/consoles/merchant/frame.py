"""What stands around every page of a merchant: whose it is."""

from typing import Any, Final
from uuid import UUID

from litestar import Response
from msgspec import Struct

from tawsil.consoles.access import May
from tawsil.consoles.assets import Asked
from tawsil.consoles.own_api import answered, ask_as_caller
from tawsil.consoles.pages import page
from tawsil.kernel.http import Caller, not_found

UPDATE: Final = "merchant:update"


class Merchant(Struct, frozen=True, kw_only=True):
    """Of the API's answer, what every page shows."""

    id: UUID
    name: str
    currency: str


def merchant_id_of(caller: Caller) -> UUID:
    """Whose pages these are: staff of no merchant have none.

    Raises:
        Problem: 404.
    """
    if not May.of(caller).merchant or caller.location_id is None:
        raise not_found()
    return caller.location_id


async def merchant_page(
    request: Asked,
    template: str,
    *,
    caller: Caller,
    section: str,
    status: int = 200,
    **known: Any,
) -> Response[str]:
    """A page that extends `merchant/layout.html`; `section` names it, as in navigation."""
    answer = await ask_as_caller(request, "GET", f"/v4/merchants/{merchant_id_of(caller)}")
    return page(
        request,
        template,
        caller=caller,
        status=status,
        merchant=answered(answer, Merchant),
        section=section,
        **known,
    )
