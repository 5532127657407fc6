"""Addresses kept on a customer's account; a visitor's stand in the browser until they sign in."""

from typing import Any, Final
from uuid import UUID

import httpx
from msgspec import Struct

from tawsil.consoles.assets import Asked
from tawsil.consoles.own_api import answered, ask, ask_as_caller
from tawsil.consoles.shop.addresses import Address, addresses_of
from tawsil.kernel.http import not_found

ADDRESSES: Final = "/v4/addresses"
MOST_NAME: Final = 60


class Kept(Struct, frozen=True, kw_only=True):
    """One of an account, under the name that its customer gave it."""

    id: UUID
    name: str
    address: str
    latitude: float
    longitude: float
    instructions: str
    is_default: bool

    @property
    def chosen(self) -> Address:
        """As the browser keeps one."""
        return Address(words=self.address, latitude=self.latitude, longitude=self.longitude)

    @property
    def fields(self) -> dict[str, str]:
        """What a form sends to keep it again, as it was."""
        said = {
            "name": self.name,
            "address": self.address,
            "latitude": str(self.latitude),
            "longitude": str(self.longitude),
            "instructions": self.instructions,
        }
        return said | ({"is_default": "on"} if self.is_default else {})


def body_of(form: dict[str, str]) -> dict[str, Any]:
    """What a form of ours says of an address, as the API takes it."""
    return {
        "name": form.get("name", "").strip()[:MOST_NAME],
        "address": form.get("address", "").strip(),
        "latitude": _degrees(form.get("latitude", "")),
        "longitude": _degrees(form.get("longitude", "")),
        "instructions": form.get("instructions", "").strip(),
        "is_default": "is_default" in form,
    }


def _degrees(said: str) -> float | str:
    """A number as a number; what is none goes as it is, for the API to refuse."""
    try:
        return float(said)
    except ValueError:
        return said


async def kept_of(request: Asked) -> list[Kept]:
    """The caller's, the default first."""
    answer = await ask_as_caller(request, "GET", ADDRESSES)
    return answered(answer, list[Kept]) if answer.is_success else []


async def one_kept(request: Asked, address_id: UUID) -> Kept:
    """One of the caller's.

    Raises:
        Problem: 404, they keep no such.
    """
    found = next((one for one in await kept_of(request) if one.id == address_id), None)
    if found is None:
        raise not_found()
    return found


async def keep(request: Asked, address: Address) -> httpx.Response:
    """On the caller's account, called as it is said; kept already, it stays as it is."""
    return await ask_as_caller(request, "POST", ADDRESSES, json=_called(address))


async def adopt(request: Asked, *, access_token: str) -> None:
    """Keep what this browser has chosen on the account that was just signed in to.

    Whoever is no customer is refused, and keeps it in the browser.
    """
    headers = {"Authorization": f"Bearer {access_token}"}
    for address in addresses_of(request):
        await ask(request, "POST", ADDRESSES, headers=headers, json=_called(address))


def _called(address: Address) -> dict[str, Any]:
    return {
        "name": address.words[:MOST_NAME].strip(),
        "address": address.words,
        "latitude": address.latitude,
        "longitude": address.longitude,
    }
