"""A customer's addresses over HTTP."""

from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from tawsil.kernel.db import Database
from tawsil.kernel.http import Caller, Commands, Envelope, allow, envelope
from tawsil.kernel.places import Place
from tawsil.kernel.text import OneLine, Prose
from tawsil.ordering.address_book import service, store
from tawsil.ordering.address_book.model import Address

RULE: Final = {"rule": allow("order:create")}


class AddressBody(Struct, forbid_unknown_fields=True):
    """`name` is what you call it; things go to your default unless you say otherwise."""

    name: Annotated[OneLine, Meta(min_length=1, max_length=60, examples=["Home"])]
    address: Annotated[OneLine, Meta(min_length=1, max_length=120, examples=["Corniche 12"])]
    latitude: Annotated[float, Meta(ge=-90, le=90, examples=[24.1213])]
    longitude: Annotated[float, Meta(ge=-180, le=180, examples=[53.1027])]
    instructions: Annotated[Prose, Meta(max_length=500, examples=["Third floor, ring twice"])] = ""
    is_default: bool = False


class AddressView(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    address: str
    latitude: float
    longitude: float
    instructions: str
    is_default: bool

    @classmethod
    def of(cls, kept: Address) -> "AddressView":
        return cls(
            id=kept.id,
            name=kept.name,
            address=kept.address,
            latitude=kept.place.latitude,
            longitude=kept.place.longitude,
            instructions=kept.instructions,
            is_default=kept.is_default,
        )


@get("/v4/addresses", opt=RULE, tags=["Orders"], summary="My addresses")
async def list_addresses(
    caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[list[AddressView]]:
    """The default first, then those kept last; there are at most twenty."""
    async with database.transaction() as tx:
        book = await store.of(tx, customer_id=caller.user_id)
    return envelope([AddressView.of(one) for one in book])


@post("/v4/addresses", opt=RULE, status_code=201, tags=["Orders"], summary="Keep an address")
async def keep_address(
    data: JSONBody[AddressBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[AddressView]]:
    """The first is your default. One that is kept already is not kept twice."""
    command = _keeping(data, caller, id_=None)
    return await commands.submit(service.keep, command, view=AddressView.of, status=201)


@put(
    "/v4/addresses/{address_id:uuid}",
    opt=RULE,
    tags=["Orders"],
    summary="Change an address, or make it the default",
)
async def change_address(
    address_id: FromPath[UUID],
    data: JSONBody[AddressBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[AddressView]]:
    """The default stays that until another is made it."""
    command = _keeping(data, caller, id_=address_id)
    return await commands.submit(service.keep, command, view=AddressView.of)


@delete(
    "/v4/addresses/{address_id:uuid}",
    opt=RULE,
    status_code=200,
    tags=["Orders"],
    summary="Forget an address",
)
async def forget_address(
    address_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[AddressView]]:
    """The answer is what was kept: send it again to have it back. Orders keep their own words."""
    command = service.ForgetAddress(by=caller.by, customer_id=caller.user_id, id=address_id)
    return await commands.submit(service.forget, command, view=AddressView.of)


def _keeping(data: AddressBody, caller: Caller, *, id_: UUID | None) -> service.KeepAddress:
    return service.KeepAddress(
        by=caller.by,
        customer_id=caller.user_id,
        id=id_,
        name=data.name,
        address=data.address,
        place=Place(data.latitude, data.longitude),
        instructions=data.instructions,
        is_default=data.is_default,
    )


routes: Final[list[Any]] = [list_addresses, keep_address, change_address, forget_address]
