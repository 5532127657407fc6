"""Users, for those who look after them: managers in their areas, support, administrators."""

from enum import StrEnum
from functools import partial
from typing import Annotated, Final
from uuid import UUID

from litestar import Response, get, post, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Stream
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED
from msgspec import Meta, Struct

from tawsil.identity import public, store
from tawsil.identity.asking import changing, grantable_by, inviting
from tawsil.identity.events import Role
from tawsil.identity.routes.fields import Email, Language, Name, Phone
from tawsil.identity.service import second_factors
from tawsil.identity.service import users as service
from tawsil.identity.service.second_factors import TakeAway
from tawsil.identity.service.users import Disable, Enable, SignOut
from tawsil.identity.views import SessionView, UserView
from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    HEAVY,
    Asked,
    Caller,
    CityCheck,
    Commands,
    Envelope,
    FromInstant,
    ToInstant,
    allow,
    asked_of,
    check_window,
    columns,
    csv_of,
    envelope,
    list_envelope,
    not_found,
    ordered_of,
)
from tawsil.kernel.reach import Reach

Roles = Annotated[list[Role], Meta(min_length=1, max_length=10, examples=[["support_staff"]])]
COLUMNS: Final = columns(
    "id",
    "name",
    "email",
    "email_verified",
    "phone",
    "locale",
    "role_names",
    "city_id",
    "location_id",
    "created_at",
    "disabled_at",
)


class Status(StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"


class NewUserBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user who is invited by mail to choose a password.

    `location_id` is a merchant's user's merchant, or a manager's area.
    """

    email: Email
    name: Name
    roles: Roles
    phone: Phone | None = None
    locale: Language = "en"
    city_id: UUID | None = None
    location_id: UUID | None = None


class UserBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is to be known of a user; without `roles` they stay as they are."""

    name: Name
    phone: Phone | None = None
    locale: Language = "en"
    city_id: UUID | None = None
    location_id: UUID | None = None
    roles: Roles | None = None


async def asked_for(
    role: FromQuery[list[Role] | None] = None,
    status: FromQuery[Status | None] = None,
    verified: FromQuery[bool | None] = None,
    city_id: FromQuery[UUID | None] = None,
    location_id: FromQuery[UUID | None] = None,
    from_at: FromInstant = None,
    to_at: ToInstant = None,
    q: Annotated[
        str | None,
        QueryParameter(
            min_length=1,
            max_length=100,
            description="How a name, an e-mail address or a telephone number begins.",
        ),
    ] = None,
) -> public.UserFilter:
    """Which users; `from_at` and `to_at` are of their registration."""
    check_window(from_at, to_at)
    return public.UserFilter(
        roles=tuple(role) if role else None,
        disabled=None if status is None else status is Status.DISABLED,
        verified=verified,
        city_id=city_id,
        location_id=location_id,
        from_at=from_at,
        to_at=to_at,
        words=q,
    )


WHICH: Final = {"which": Provide(asked_for)}


@get(
    "/v4/users",
    opt={"rule": allow("user:read")},
    dependencies={**WHICH, **asked_of(public.USER_SORTS)},
    tags=["Users"],
    summary="List users",
)
async def list_users(
    asked: NamedDependency[Asked],
    which: NamedDependency[public.UserFilter],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Envelope[list[UserView]]:
    """The users within the caller's reach, the newest first unless sorted otherwise.

    Managers reach the users whose home city lies in their area.
    """
    async with database.transaction() as tx:
        found = await public.search_users(tx, reach=reach, which=which, take=asked.take(which))
    return list_envelope(found.map(UserView.of), asked)


@get(
    "/v4/users.csv",
    opt={"rule": allow("user:read"), "limit": HEAVY},
    dependencies={**WHICH, **ordered_of(public.USER_SORTS)},
    tags=["Users"],
    summary="All users of a list, as a file",
    media_type="text/csv",
)
async def export_users(
    asked: NamedDependency[Asked],
    which: NamedDependency[public.UserFilter],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Stream:
    """The same filters and order as the list; at most 100,000 rows, whole or not at all."""
    return await csv_of(
        "users",
        COLUMNS,
        asked.take(which),
        database=database,
        search=partial(public.search_users, reach=reach, which=which),
        view=UserView.of,
    )


@get(
    "/v4/users/{user_id:uuid}",
    opt={"rule": allow("user:read")},
    tags=["Users"],
    summary="A user",
)
async def show_user(
    user_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Envelope[UserView]:
    """A user within the caller's reach, and the caller's own."""
    async with database.transaction() as tx:
        found = await public.get_many(tx, tenant_id=caller.tenant_id, ids=[user_id])
    user = found.get(user_id)
    if user is None or not (user_id == caller.user_id or reach.city(user.city_id)):
        raise not_found()
    return envelope(UserView.of(user))


@post(
    "/v4/users",
    opt={"rule": allow("user:create")},
    status_code=HTTP_201_CREATED,
    tags=["Users"],
    summary="Make a user",
)
async def create_user(
    data: JSONBody[NewUserBody],
    caller: NamedDependency[Caller],
    check_city: NamedDependency[CityCheck],
    commands: NamedDependency[Commands],
    database: NamedDependency[Database],
) -> Response[Envelope[UserView]]:
    """Make a user with roles that the caller may grant, and invite them by mail.

    Nobody grants more than they hold. 409 when the e-mail address is in use.
    """
    await check_city(data.city_id, tenant_id=caller.tenant_id)
    command = inviting(
        caller,
        id_=database.ids(),
        email=data.email,
        name=data.name,
        roles=data.roles,
        phone=data.phone,
        locale=data.locale,
        city_id=data.city_id,
        location_id=data.location_id,
    )
    return await commands.submit(service.create, command, view=UserView.of, status=HTTP_201_CREATED)


@put(
    "/v4/users/{user_id:uuid}",
    opt={"rule": allow("user:update")},
    tags=["Users"],
    summary="Change a user",
)
async def change_user(
    user_id: FromPath[UUID],
    data: JSONBody[UserBody],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    check_city: NamedDependency[CityCheck],
    commands: NamedDependency[Commands],
) -> Response[Envelope[UserView]]:
    """Replace what is known of a user who may do no more than the caller.

    Other roles, or another location, end the user's sessions.
    """
    await check_city(data.city_id, tenant_id=caller.tenant_id)
    command = changing(
        caller,
        reach=reach,
        user_id=user_id,
        name=data.name,
        phone=data.phone,
        locale=data.locale,
        city_id=data.city_id,
        location_id=data.location_id,
        roles=data.roles,
    )
    return await commands.submit(service.change, command, view=UserView.of)


@post(
    "/v4/users/{user_id:uuid}/disable",
    opt={"rule": allow("user:update")},
    status_code=HTTP_200_OK,
    tags=["Users"],
    summary="Keep a user out",
)
async def disable_user(
    user_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[UserView]]:
    """Ends the user's sessions within a second; signing in fails like with a wrong password."""
    command = Disable(by=caller.by, user_id=user_id, grantable=grantable_by(caller))
    return await commands.submit(service.disable, command, view=UserView.of)


@post(
    "/v4/users/{user_id:uuid}/enable",
    opt={"rule": allow("user:update")},
    status_code=HTTP_200_OK,
    tags=["Users"],
    summary="Let a user in again",
)
async def enable_user(
    user_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[UserView]]:
    """Whoever was kept out may sign in again."""
    command = Enable(by=caller.by, user_id=user_id, grantable=grantable_by(caller))
    return await commands.submit(service.enable, command, view=UserView.of)


@get(
    "/v4/users/{user_id:uuid}/sessions",
    opt={"rule": allow("user:read")},
    tags=["Users"],
    summary="Where a user is signed in",
)
async def list_sessions(
    user_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Envelope[list[SessionView]]:
    """Every session that can still be used, the one used last first."""
    async with database.transaction() as tx:
        found = await public.get_many(tx, tenant_id=caller.tenant_id, ids=[user_id])
        user = found.get(user_id)
        if user is None or not (user_id == caller.user_id or reach.city(user.city_id)):
            raise not_found()
        sessions = await store.sessions.usable_of(tx, user_id)
    return envelope([SessionView.of(one, current_id=caller.session_id) for one in sessions])


@post(
    "/v4/users/{user_id:uuid}/sessions/end",
    opt={"rule": allow("user:update")},
    status_code=HTTP_200_OK,
    tags=["Users"],
    summary="Sign a user out everywhere",
)
async def end_sessions(
    user_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[UserView]]:
    """Within a second. They may sign in again."""
    command = SignOut(by=caller.by, user_id=user_id, grantable=grantable_by(caller))
    return await commands.submit(service.sign_out, command, view=UserView.of)


@post(
    "/v4/users/{user_id:uuid}/totp/disable",
    opt={"rule": allow("user:update")},
    status_code=HTTP_200_OK,
    tags=["Users"],
    summary="Turn a user's second factor off",
)
async def take_second_factor_away(
    user_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[UserView]]:
    """For somebody who has lost both the app and the recovery codes. Make sure who is asking.

    Ends the user's sessions, and tells them by mail.
    """
    command = TakeAway(by=caller.by, user_id=user_id, grantable=public.grantable_by(caller))
    return await commands.submit(second_factors.take_away, command, view=UserView.of)


routes: Final = [
    list_users,
    export_users,
    show_user,
    create_user,
    change_user,
    disable_user,
    enable_user,
    list_sessions,
    end_sessions,
    take_second_factor_away,
]
