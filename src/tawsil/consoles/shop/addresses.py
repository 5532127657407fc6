"""Where to bring it: kept in a cookie of this browser, the latest first."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from litestar.datastructures import Cookie
from msgspec import Meta, Struct

from tawsil.consoles.assets import Asked
from tawsil.consoles.pages import A_YEAR_S, cookie
from tawsil.kernel.places import Place
from tawsil.kernel.text import OneLine

COOKIE: Final = "tawsil_address"
MOST_KEPT: Final = 4
MOST_WORDS: Final = 120

Words = Annotated[OneLine, Meta(min_length=1, max_length=MOST_WORDS)]


class Address(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What it is called, and where that is."""

    words: Words
    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]

    @property
    def place(self) -> Place:
        return Place(self.latitude, self.longitude)

    @property
    def around(self) -> str:
        """As the API is asked about it."""
        return f"latitude={self.latitude:.6f}&longitude={self.longitude:.6f}"


_decoder: Final = msgspec.json.Decoder(list[Address])


def addresses_of(request: Asked) -> list[Address]:
    """Those this browser has chosen; what is none of ours counts as none."""
    written = request.cookies.get(COOKIE, "")
    try:
        return _decoder.decode(urlsafe_b64decode(written + "=" * (-len(written) % 4)))[:MOST_KEPT]
    except (ValueError, msgspec.ValidationError):
        return []


def address_of(request: Asked) -> Address | None:
    return next(iter(addresses_of(request)), None)


def keeping(request: Asked, addresses: Sequence[Address]) -> Cookie:
    """The cookie with these, the first of them chosen."""
    written = urlsafe_b64encode(msgspec.json.encode(addresses[:MOST_KEPT])).decode().rstrip("=")
    return cookie(request, COOKIE, written, max_age=A_YEAR_S)


def choosing(request: Asked, chosen: Address) -> Cookie:
    """The cookie with a chosen address before those from earlier."""
    earlier = [one for one in addresses_of(request) if one.words != chosen.words]
    return keeping(request, [chosen, *earlier])
