"""Who calls, and the rule each route declares beside itself.

A rule names a permission, `resource:action`. The caller's token grants it with scopes
(`order:read:own`, `order:read:assigned`, `order:*`, `*:*`): the guard asks whether any scope is
granted, and the use case asks which, to see only what that scope reaches.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID

from litestar.connection import ASGIConnection, Request
from litestar.handlers import BaseRouteHandler
from litestar.types import Scope
from msgspec import Struct

from tawsil.kernel.decisions import By
from tawsil.kernel.http.envelope import request_context
from tawsil.kernel.http.errors import Problem
from tawsil.kernel.http.limits import DEFAULT, Limit, Limiter
from tawsil.kernel.http.origins import ACCESS_COOKIE, check_origin, cookie_of, shown_token


class Caller(Struct, frozen=True, kw_only=True):
    """A verified access token."""

    user_id: UUID
    tenant_id: UUID
    session_id: UUID
    roles: tuple[str, ...]
    permissions: frozenset[str]
    location_id: UUID | None = None
    device_id: str | None = None

    @property
    def role(self) -> str:
        return self.roles[0]

    @property
    def by(self) -> By:
        return By(
            tenant_id=self.tenant_id,
            actor_id=self.user_id,
            role=self.role,
            correlation_id=request_context.get().request_id,
        )

    def scopes(self, permission: str) -> frozenset[str]:
        """The scopes in which `resource:action` is granted; empty when it is not."""
        resource, action = permission.split(":")
        granted: set[str] = set()
        for owned in self.permissions:
            parts = owned.split(":")
            if parts[0] in {resource, "*"} and parts[1] in {action, "*"}:
                granted.add(parts[2] if len(parts) > 2 else "all")
        return frozenset(granted)


class Rule(Struct, frozen=True):
    """What a route asks of its caller: nothing, a session, or a permission."""

    permission: str | None = None
    public: bool = False


PUBLIC: Final = Rule(public=True)
SIGNED_IN: Final = Rule()


def allow(permission: str) -> Rule:
    """A rule that asks for `resource:action`, in any scope."""
    resource, action = permission.split(":")
    if not (resource and action):
        raise ValueError(f"{permission!r} is not resource:action")
    return Rule(permission=permission)


Authenticator = Callable[[str], Awaitable[Caller]]
"""Verifies an access token; raises `Problem` 401 when it is not valid."""


async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Let the caller through only if the route's rule allows it; routes without one are refused.

    The request is counted against the route's limit: for its user, once it is known who that is,
    else for its address. A token that is not valid is counted for the address too. Before that,
    what another site's page made a browser send is refused.
    """
    if isinstance(connection, Request) and connection.method == "OPTIONS":
        return  # says which methods an address has, as any 405 does
    rule = handler.opt.get("rule")
    assert isinstance(rule, Rule), f"{handler} declares no rule"
    check_origin(
        connection,
        shared_with=connection.app.state.get("shared_with", ()),
        own_pages=handler.opt.get("own_pages", False),
    )
    limit: Limit = handler.opt.get("limit", DEFAULT)
    limiter: Limiter | None = connection.app.state.get("limiter")
    caller = refused = None
    token = shown_token(connection) or cookie_of(connection, ACCESS_COOKIE)
    if token is not None and not (rule.public and (limiter is None or limit.by_address)):
        try:
            caller = await connection.app.state.authenticate(token)
        except Problem as problem:
            refused = problem
    if limiter is not None:
        user_id = caller.user_id if caller else None
        await limiter.admit(connection.scope, limit, user_id=user_id)
    if rule.public:
        return
    if caller is None:
        raise refused or Problem(
            401, "request.unauthenticated", headers={"WWW-Authenticate": 'Bearer realm="tawsil"'}
        )
    connection.scope["user"] = caller
    if rule.permission is not None and not caller.scopes(rule.permission):
        raise Problem(403, "request.forbidden", permission=rule.permission)


def provide_caller(scope: Scope) -> Caller:
    """The caller of this request; only for routes whose rule asks for one."""
    return scope["user"]
