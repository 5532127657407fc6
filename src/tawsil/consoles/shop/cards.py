"""Where a card is typed: at the acquirer that is asked first now, in a frame on our page."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from litestar.datastructures import State
from msgspec import Struct

from tawsil.consoles.assets import Asked
from tawsil.consoles.own_api import answered, ask_as_caller
from tawsil.kernel.http.middleware import allow_frames_of

CARD: Final = "card"


class CardField(Struct, frozen=True, kw_only=True):
    """A page of an acquirer's, and who it is: a token of theirs means nothing to others."""

    provider: str
    address: str


class _Method(Struct, frozen=True, kw_only=True):
    method: str
    provider: str | None
    available: bool


async def card_field(request: Asked, state: State) -> CardField | None:
    """Of the first who takes cards now, the only frame that the page may show; else none."""
    methods = answered(await ask_as_caller(request, "GET", "/v4/payment-methods"), list[_Method])
    takes = (one.provider for one in methods if one.method == CARD and one.available)
    provider = next(takes, None)
    if provider is None:
        return None
    address: str = state.settings.card_field(provider)
    parts = urlsplit(address)
    allow_frames_of(request.scope, f"{parts.scheme}://{parts.netloc}")
    return CardField(provider=provider, address=address)


def card_tokens(form: Mapping[str, str]) -> list[dict[str, Any]]:
    """What the frame gave for a card, with whose it is."""
    token, provider = form.get("card_token", ""), form.get("card_provider", "")
    return [{"provider": provider, "token": token}] if token and provider else []
