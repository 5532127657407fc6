"""What callers ask about users, as commands: the same by whichever door they come in."""

from collections.abc import Iterable
from uuid import UUID

from msgspec import UnsetType
from msgspec.structs import replace

from tawsil.identity.events import Role
from tawsil.identity.model.users import NewUser
from tawsil.identity.permissions import grantable
from tawsil.identity.service.users import Change, ChangeProfile, Create
from tawsil.kernel.http import Caller
from tawsil.kernel.reach import Reach


def grantable_by(caller: Caller) -> frozenset[Role]:
    """The roles that a caller may grant and take away."""
    return grantable(map(Role, caller.roles), permissions=caller.permissions)


def inviting(
    caller: Caller,
    *,
    id_: UUID,
    email: str,
    name: str,
    roles: Iterable[Role],
    phone: str | None,
    locale: str,
    city_id: UUID | None,
    location_id: UUID | None,
) -> Create:
    """A new user of the caller's tenant, who chooses a password by mail."""
    return Create(
        by=caller.by,
        grantable=grantable_by(caller),
        user=NewUser(
            id=id_,
            tenant_id=caller.tenant_id,
            email=email,
            name=name,
            roles=tuple(dict.fromkeys(roles)),
            phone=phone,
            locale=locale,
            city_id=city_id,
            location_id=location_id,
            email_verified=False,
            password_hash=None,
        ),
    )


def inviting_first(
    caller: Caller, *, id_: UUID, tenant_id: UUID, email: str, name: str, locale: str
) -> Create:
    """The first administrator of a new tenant, who chooses a password by mail."""
    return Create(
        by=replace(caller.by, tenant_id=tenant_id),
        grantable=grantable_by(caller),
        user=NewUser(
            id=id_,
            tenant_id=tenant_id,
            email=email,
            name=name,
            roles=(Role.ADMIN,),
            locale=locale,
            email_verified=False,
            password_hash=None,
        ),
    )


def changing(
    caller: Caller,
    *,
    reach: Reach,
    user_id: UUID,
    name: str,
    phone: str | None,
    locale: str,
    city_id: UUID | None,
    location_id: UUID | None,
    roles: Iterable[Role] | None,
) -> Change:
    """All that is to be known of a user within reach; without `roles` they stay."""
    return Change(
        by=caller.by,
        user_id=user_id,
        reach=reach,
        grantable=grantable_by(caller),
        name=name,
        phone=phone,
        locale=locale,
        city_id=city_id,
        location_id=location_id,
        roles=tuple(dict.fromkeys(roles)) if roles else None,
    )


def changing_oneself(
    caller: Caller,
    *,
    name: str,
    phone: str | None,
    locale: str,
    city_id: UUID | UnsetType | None,
) -> ChangeProfile:
    return ChangeProfile(
        by=caller.by,
        user_id=caller.user_id,
        name=name,
        phone=phone,
        locale=locale,
        city_id=city_id,
    )
