"""Nobody sets what is not theirs to set: no request body has a field for it."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, get_args, get_origin

import pytest
from litestar.handlers import BaseRouteHandler
from msgspec import Struct
from msgspec.structs import fields

from authorisation.test_matrix import leaves
from tawsil.apps import wiring

GUARDED: Final = frozenset(
    {
        "actor_id",
        "commission_bp",
        "created_at",
        "customer_id",
        "disabled_at",
        "email_verified",
        "id",
        "owner_id",
        "permissions",
        "role",
        "roles",
        "scopes",
        "session_id",
        "status",
        "tenant_id",
        "user_id",
        "verified_at",
    }
)
"""Names of what follows from who asks, from the state, or from the platform alone."""

_DOOR: Final = "says at whose door one knocks, before anybody is known"
_WISH: Final = "a wish: the moves of its state decide, and who may make each"
_WITHIN: Final = "checked against what the caller holds: nobody gives more than they have"
_OPERATIONS: Final = "set by whoever lists and changes merchants of the whole tenant"
MAY_SAY: Final[Mapping[str, str]] = {
    "ApiKeyBody.permissions": _WITHIN,
    "ListMerchantBody.commission_bp": _OPERATIONS,
    "LoginBody.tenant_id": _DOOR,
    "NewUserBody.roles": _WITHIN,
    "OwnerDestinationBody.owner_id": _OPERATIONS,
    "PostingBody.owner_id": "booked by whoever keeps the books of the whole tenant",
    "RegisterBody.tenant_id": _DOOR,
    "ResetBody.tenant_id": _DOOR,
    "Rules.id": "what is said here is replaced by an id of its own",
    "ServiceAccountBody.permissions": _WITHIN,
    "StatusBody.status": _WISH,
    "TicketStatusBody.status": _WISH,
    "UserBody.roles": _WITHIN,
    "_Particulars.commission_bp": _OPERATIONS,
    "CityRulesBody.commission_bp": "set by whoever runs the tenant",
}
"""By struct and field: why this body may name it all the same."""

READS_PAST: Final[Mapping[str, str]] = {
    "Opening": "an array of two",
    "Place": "a value of events too, two numbers of which a reader takes no third",
    "TokenForm": "RFC 6749 has unknown parameters ignored",
}
"""Structs that do not refuse what they do not know, and why nothing comes of it."""


def structs(type_: Any) -> Iterator[type[Struct]]:
    """Every struct within a type, however deep."""
    if get_origin(type_) is not None:
        for part in get_args(type_):
            yield from structs(part)
    elif isinstance(type_, type) and issubclass(type_, Struct):
        yield type_
        for field in fields(type_):
            yield from structs(field.type)


def bodies() -> Iterator[tuple[BaseRouteHandler, Any]]:
    for handler in leaves(wiring.ROUTES):
        body = handler.fn.__annotations__.get("data")
        if body is not None:
            assert not isinstance(body, str), f"{handler} hides the type of its body"
            yield handler, body


BODIES: Final = sorted(
    {struct for _, body in bodies() for struct in structs(body)},
    key=lambda struct: f"{struct.__module__}.{struct.__name__}",
)


def test_there_are_bodies_and_all_are_structs():
    assert len(BODIES) > 40
    assert [str(handler) for handler, body in bodies() if not list(structs(body))] == []


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_a_body_holds_only_what_its_caller_may_set(body: type[Struct]):
    strict = body.__struct_config__.forbid_unknown_fields
    assert strict or body.__name__ in READS_PAST, "unknown fields must be refused"
    said = {field.encode_name for field in fields(body)} & GUARDED
    assert {name for name in said if f"{body.__name__}.{name}" not in MAY_SAY} == set()


def test_no_exception_is_of_a_field_that_is_not_there():
    there = {f"{body.__name__}.{field.encode_name}" for body in BODIES for field in fields(body)}
    assert set(MAY_SAY) <= there
    assert set(READS_PAST) <= {body.__name__ for body in BODIES}


class Sly(Struct):
    tenant_id: str


class Nesting(Struct, forbid_unknown_fields=True):
    inner: tuple[Sly | None, ...] = ()


def test_a_body_within_a_body_is_seen():
    assert list(structs(Nesting | None)) == [Nesting, Sly]
    with pytest.raises(AssertionError, match="unknown fields"):
        test_a_body_holds_only_what_its_caller_may_set(Sly)
