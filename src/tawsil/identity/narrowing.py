"""What is a part of somebody's permissions: for keys that hold less than their owner.

A permission is `resource:action[:scope]`; `*` is any resource or action, no scope is all of them.
"""

from collections.abc import Iterable
from typing import Final, cast

PERMISSION: Final = (
    r"^([a-z_]+|\*):([a-z_]+|\*)"
    r"(:(own|assigned|merchant|municipality|district|region|country|all))?$(?!\n)"
)
ANY: Final = "*"
ALL: Final = "all"
_Parts = tuple[str, str, str]


def narrowed(asked: Iterable[str], *, held: Iterable[str]) -> frozenset[str]:
    """What both grant, where several grant the same: never more than either."""
    owned = [_parts(permission) for permission in held]
    return frozenset(
        _permission(both)
        for permission in asked
        for one in owned
        if (both := _meet(_parts(permission), one)) is not None
    )


def beyond(asked: Iterable[str], *, held: Iterable[str]) -> list[str]:
    """Those of the permissions asked for that what is held does not grant in full."""
    owned = [_parts(permission) for permission in held]
    return [
        permission
        for permission in asked
        if not any(_meet(_parts(permission), one) == _parts(permission) for one in owned)
    ]


def resources(permissions: Iterable[str]) -> frozenset[str]:
    return frozenset(_parts(permission)[0] for permission in permissions)


def _parts(permission: str) -> _Parts:
    resource, action, *scope = permission.split(":")
    return resource, action, scope[0] if scope else ALL


def _permission(parts: _Parts) -> str:
    resource, action, scope = parts
    return f"{resource}:{action}" if scope == ALL else f"{resource}:{action}:{scope}"


def _meet(one: _Parts, other: _Parts) -> _Parts | None:
    met = [
        _narrower(a, b, widest=widest)
        for a, b, widest in zip(one, other, (ANY, ANY, ALL), strict=True)
    ]
    return None if None in met else cast("_Parts", tuple(met))


def _narrower(one: str, other: str, *, widest: str) -> str | None:
    if one == widest:
        return other
    return one if other in {widest, one} else None
