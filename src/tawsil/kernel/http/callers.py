"""Who calls, and the rule each route declares beside itself.

A rule names a permission, `resource:action`. The caller's token grants it with scopes
(`order:read:own`, `order:read:assigned`, `order:*`, `*:*`): the guard asks whether any scope is
granted, and the use case asks which, to see only what that scope reaches.
"""

from collections.abc import Awaitable, Callable, Collection
from functools import lru_cache, partial
from typing import Any, Final, cast
from uuid import UUID

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import Struct

from tawsil.kernel.decisions import By
from tawsil.kernel.http.cached import KeptAnswer, Recall
from tawsil.kernel.http.envelope import request_context
from tawsil.kernel.http.errors import Problem
from tawsil.kernel.http.limits import DEFAULT, Limit, Limiter
from tawsil.kernel.http.origins import ACCESS_COOKIE, check_origin, cookie_of, shown_token
from tawsil.kernel.http.parameters import check_query


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
        return _scopes(self.permissions, permission)


@lru_cache(4_096)
def _scopes(permissions: frozenset[str], permission: str) -> frozenset[str]:
    resource, action = permission.split(":")
    granted: set[str] = set()
    for owned in permissions:
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


ModulesOff = Callable[[UUID], Awaitable[Collection[str]]]
"""The parts of the product that a tenant does without: routes that say so in `opt` are refused."""


async def none_off(tenant_id: UUID) -> Collection[str]:  # noqa: ARG001 - the shape of ModulesOff
    """Where nobody switches anything off."""
    return ()


class Guarded:
    """Around every route: its rule first, then what is kept of its answer, and then its handler.

    Litestar's own guards come at the same point, but with a copy of the whole handler each time.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        authenticate: Authenticator,
        limiter: Limiter | None,
        shared_with: Collection[str],
        modules_off: ModulesOff,
    ) -> None:
        self._app = app
        self._authenticate = authenticate
        self._limiter = limiter
        self._shared_with = shared_with
        self._modules_off = modules_off

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler: BaseRouteHandler = cast("Any", scope)["route_handler"]
        if cast("Any", scope).get("method") != "OPTIONS":  # which says what methods there are
            await self._guard(cast("Any", scope), handler)
            if query := cast("Any", scope)["query_string"]:
                check_query(handler, query)
        recall: Recall | None = handler.opt.get("recall")
        kept = recall(scope) if recall is not None else None
        await (self._app if kept is None else KeptAnswer(kept))(scope, receive, send)

    async def _guard(self, scope: Any, handler: BaseRouteHandler) -> None:
        """Let the caller through only if the route's rule allows it; those without are refused.

        The request is counted against the route's limit: for its user, once it is known who that
        is, else for its address. A token that is not valid is counted for the address too. Before
        that, what another site's page made a browser send is refused. `caller` of the scope is
        whoever shows a valid token, `user` only where the rule asks for one.
        """
        rule = handler.opt.get("rule")
        assert isinstance(rule, Rule), f"{handler} declares no rule"
        connection: ASGIConnection[Any, Any, Any, Any] = ASGIConnection(scope)
        own_pages: bool = handler.opt.get("own_pages", False)
        check_origin(connection, shared_with=self._shared_with, own_pages=own_pages)
        limit: Limit = handler.opt.get("limit", DEFAULT)
        caller = refused = None
        token = token_of(connection)
        if token is not None and not (rule.public and limit.by_address):
            try:
                caller = scope["caller"] = await self._authenticate(token)
                scope["may_still"] = partial(self._authenticate, token)
            except Problem as problem:
                refused = problem
        if self._limiter is not None:
            await self._limiter.admit(scope, limit, user_id=caller.user_id if caller else None)
        if own_pages and caller is not None:
            scope["modules_off"] = await self._modules_off(caller.tenant_id)
        if rule.public:
            return
        if caller is None:
            challenge = {"WWW-Authenticate": 'Bearer realm="tawsil"'}
            raise refused or Problem(401, "request.unauthenticated", headers=challenge)
        scope["user"] = caller
        if rule.permission is not None and not caller.scopes(rule.permission):
            raise Problem(403, "request.forbidden", permission=rule.permission)
        module: str | None = handler.opt.get("module")
        if module is not None and module in await self._modules_off(caller.tenant_id):
            raise Problem(404, "request.module_off", module=module)


def token_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """What a request shows of who it is: a token or a key in a header, or our cookie."""
    return shown_token(connection) or cookie_of(connection, ACCESS_COOKIE)


def provide_caller(scope: Scope) -> Caller:
    """The caller of this request; only for routes whose rule asks for one."""
    return scope["user"]


def modules_off_of(scope: Scope) -> Collection[str]:
    """The modules that the company of whoever looks at one of our pages does without."""
    return cast("Any", scope).get("modules_off", ())
