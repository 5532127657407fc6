"""What I say of myself."""

from typing import Final
from uuid import UUID

from litestar import get, put
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import UNSET, Struct, UnsetType

from tawsil.identity import service, store
from tawsil.identity.asking import changing_oneself
from tawsil.identity.model.users import User
from tawsil.identity.routes.fields import Language, Name, Phone
from tawsil.identity.views import UserView
from tawsil.kernel.batches import one
from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    SIGNED_IN,
    Caller,
    CityCheck,
    Envelope,
    envelope,
    not_found,
    settled,
)


class ProfileBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name
    phone: Phone | None = None
    locale: Language = "en"
    city_id: UUID | UnsetType | None = UNSET


@get("/v4/users/profile", opt={"rule": SIGNED_IN}, tags=["Users"], summary="Who I am")
async def show_profile(
    caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[UserView]:
    async with database.transaction() as tx:
        found = await store.users.get_many(tx, [caller.user_id])
    if caller.user_id not in found:
        raise not_found()
    return envelope(UserView.of(found[caller.user_id]))


@put("/v4/users/profile", opt={"rule": SIGNED_IN}, tags=["Users"], summary="Change my profile")
async def change_profile(
    data: JSONBody[ProfileBody],
    caller: NamedDependency[Caller],
    check_city: NamedDependency[CityCheck],
    database: NamedDependency[Database],
) -> Envelope[UserView]:
    """Replace name, phone and language; the home city only where it is named."""
    await check_city(data.city_id, tenant_id=caller.tenant_id)
    command = changing_oneself(
        caller, name=data.name, phone=data.phone, locale=data.locale, city_id=data.city_id
    )
    async with database.transaction() as tx:
        user: User = settled(await one(service.users.change_profile, tx, command))
    return envelope(UserView.of(user))


routes: Final = [show_profile, change_profile]
