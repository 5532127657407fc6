"""What each role may do: `resource:action[:scope]`. No scope means everything in the tenant."""

from collections.abc import Iterable, Mapping
from typing import Final

from tawsil.identity.events import Role
from tawsil.identity.narrowing import beyond


def _reads_area(area: str) -> tuple[str, ...]:
    """A manager reads what lies in its part of country > region > district > municipality."""
    reads = (
        "merchant:read",
        "merchant:list",
        "order:read",
        "courier:read",
        "courier:list",
        "user:read",
        "user:list",
    )
    counts = ("analytics:read", "analytics:dashboard", "analytics:export")
    return tuple(f"{permission}:{area}" for permission in (*reads, *counts))


PERMISSIONS: Final[Mapping[Role, tuple[str, ...]]] = {
    Role.SUPER_ADMIN: ("*:*",),
    Role.ADMIN: (
        "user:*",
        "merchant:*",
        "menu:*",
        "order:*",
        "analytics:*",
        "system:*",
        "courier:*",
        "zone:*",
        "payment:*",
        "promotion:*",
        "refund:*",
        "ticket:*",
        "location:*",
        "api_key:*",
    ),
    Role.COUNTRY_DISTRIBUTOR: _reads_area("country"),
    Role.REGIONAL_MANAGER: _reads_area("region"),
    Role.DISTRICT_MANAGER: _reads_area("district"),
    Role.MUNICIPAL_MANAGER: _reads_area("municipality"),
    Role.MERCHANT: (
        "profile:*:own",
        "menu:*:own",
        "inventory:*:own",
        "merchant:read:own",
        "merchant:update:own",
        "order:read:assigned",
        "order:update:assigned",
        "analytics:read:own",
        "payment:read:own",
        "payment:withdraw:own",
        "promotion:*:own",
        "refund:read:own",
        "api_key:*:own",
    ),
    Role.DELIVERY_PARTNER: (
        "profile:*:own",
        "courier:read:own",
        "courier:update:own",
        "order:read:assigned",
        "order:update:assigned",
        "location:update:own",
        "analytics:read:own",
        "payment:read:own",
        "payment:withdraw:own",
    ),
    Role.CUSTOMER: (
        "profile:*:own",
        "order:create",
        "order:read:own",
        "order:cancel:own",
        "order:update:own",
        "review:create",
        "review:read:own",
        "menu:read",
        "merchant:read",
        "payment:read:own",
        "payment:withdraw:own",
        "refund:create:own",
        "refund:read:own",
        "ticket:create:own",
        "ticket:read:own",
    ),
    Role.SUPPORT_STAFF: (
        "user:read",
        "order:read",
        "order:update",
        "order:cancel",
        "courier:read",
        "courier:list",
        "merchant:read",
        "merchant:list",
        "menu:read",
        "payment:read",
        "promotion:read",
        "refund:create",
        "refund:read",
        "refund:decide",
        "ticket:create",
        "ticket:read",
        "ticket:update",
    ),
}


def permissions_of(roles: Iterable[Role]) -> tuple[str, ...]:
    """What any of the roles grants, each once, in the table's order."""
    return tuple(dict.fromkeys(granted for role in roles for granted in PERMISSIONS[role]))


GRANTS: Final[Mapping[Role, frozenset[Role]]] = {
    Role.SUPER_ADMIN: frozenset(Role),
    Role.ADMIN: frozenset(Role) - {Role.SUPER_ADMIN},
}
"""Whose roles somebody may give and take away, and whose holders they may keep out."""


def grantable(roles: Iterable[Role], *, permissions: Iterable[str]) -> frozenset[Role]:
    """What the holder of some roles may grant: nobody hands on more than they hold.

    Who holds less than their roles give, such as an API key, grants nothing.
    """
    own = list(roles)
    if beyond(permissions_of(own), held=permissions):
        return frozenset()
    return frozenset[Role]().union(*(GRANTS.get(role, frozenset()) for role in own))
