"""Registering, signing in and out.

None of these answers is kept for an Idempotency-Key: they carry tokens, of which only hashes are
stored. A repeated registration is refused because its e-mail address is taken.
"""

from typing import Final
from uuid import UUID

from litestar import Response, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED, HTTP_204_NO_CONTENT
from msgspec import Struct

from tawsil.identity import model, service, store
from tawsil.identity.events import RevokedBecause, Role
from tawsil.identity.model.sessions import SESSION_ENDED
from tawsil.identity.model.users import LOGIN_FAILED, NewUser, User
from tawsil.identity.passwords import Passwords
from tawsil.identity.routes.fields import DeviceId, Email, Language, Name, Password, Phone, Token
from tawsil.identity.service.sessions import Refresh, Revoke, StartSession
from tawsil.identity.service.users import Register
from tawsil.identity.tokens import Grant, InvalidTokenError, Tokens
from tawsil.identity.views import SignedIn, UserView
from tawsil.kernel.batches import one
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.http import (
    LOGIN,
    PUBLIC,
    REGISTER,
    SIGNED_IN,
    Caller,
    Envelope,
    envelope,
    settled,
)
from tawsil.kernel.http.envelope import request_context


class RegisterBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new customer. Nobody chooses a role for themselves, so there is no field for one."""

    email: Email
    password: Password
    name: Name
    phone: Phone | None = None
    locale: Language = "en"
    tenant_id: UUID | None = None
    device_id: DeviceId | None = None


class LoginBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    email: Email
    password: Password
    tenant_id: UUID | None = None
    device_id: DeviceId | None = None


class RefreshBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    refresh_token: Token


def _signed_in(
    *, tokens: Tokens, user: User, access_token: str, refresh_token: str, status: int
) -> Response[Envelope[SignedIn]]:
    answer = SignedIn(
        access_token=access_token,
        refresh_token=refresh_token,
        expires_in=tokens.access_token_s,
        user=UserView.of(user),
    )
    return Response(envelope(answer), status_code=status, headers={"Cache-Control": "no-store"})


def _by(user_id: UUID, *, tenant_id: UUID, role: str) -> By:
    return By(
        tenant_id=tenant_id,
        actor_id=user_id,
        role=role,
        correlation_id=request_context.get().request_id,
    )


@post(
    "/v4/auth/register",
    opt={"rule": PUBLIC, "limit": REGISTER},
    status_code=HTTP_201_CREATED,
    tags=["Sign-in"],
    summary="Register as a customer",
)
async def register(
    data: JSONBody[RegisterBody], database: NamedDependency[Database], state: State
) -> Response[Envelope[SignedIn]]:
    """Make a customer and sign it in. 409 when the e-mail address is in use."""
    tokens: Tokens = state.tokens
    passwords: Passwords = state.passwords
    settled(model.users.check_password(data.password))
    tenant_id = data.tenant_id or state.default_tenant_id
    new = NewUser(
        id=database.ids(),
        tenant_id=tenant_id,
        email=data.email,
        name=data.name,
        phone=data.phone,
        locale=data.locale,
        password_hash=await passwords.hash(data.password),
    )
    grant = Grant(
        user_id=new.id,
        tenant_id=tenant_id,
        session_id=database.ids(),
        device_id=data.device_id,
    )
    refresh_token, first = await tokens.refresh(grant)
    by = _by(new.id, tenant_id=tenant_id, role=Role.CUSTOMER.value)
    async with database.transaction() as tx:
        user: User = settled(await one(service.users.register, tx, Register(by=by, user=new)))
        start = StartSession(by=by, user_id=user.id, device_id=data.device_id, first=first)
        await one(service.sessions.start_sessions, tx, start)
    return _signed_in(
        tokens=tokens,
        user=user,
        access_token=await tokens.access(user, grant=grant),
        refresh_token=refresh_token,
        status=HTTP_201_CREATED,
    )


@post(
    "/v4/auth/login",
    opt={"rule": PUBLIC, "limit": LOGIN},
    status_code=HTTP_200_OK,
    tags=["Sign-in"],
    summary="Sign in",
)
async def login(
    data: JSONBody[LoginBody], database: NamedDependency[Database], state: State
) -> Response[Envelope[SignedIn]]:
    """Start a session. 401, after the same work, whether the e-mail or the password is wrong."""
    tokens: Tokens = state.tokens
    passwords: Passwords = state.passwords
    tenant_id = data.tenant_id or state.default_tenant_id
    async with database.transaction() as tx:
        found = await store.users.credential(tx, tenant_id=tenant_id, email=data.email)
    user, password_hash = found or (None, None)
    matches = await passwords.matches(data.password, password_hash=password_hash)
    if user is None or not matches:
        return settled(LOGIN_FAILED)
    grant = Grant(
        user_id=user.id,
        tenant_id=tenant_id,
        session_id=database.ids(),
        device_id=data.device_id,
    )
    refresh_token, first = await tokens.refresh(grant)
    start = StartSession(
        by=_by(user.id, tenant_id=tenant_id, role=user.roles[0].value),
        user_id=user.id,
        device_id=data.device_id,
        first=first,
    )
    async with database.transaction() as tx:
        settled(await one(service.sessions.start_sessions, tx, start))
    return _signed_in(
        tokens=tokens,
        user=user,
        access_token=await tokens.access(user, grant=grant),
        refresh_token=refresh_token,
        status=HTTP_200_OK,
    )


@post(
    "/v4/auth/refresh",
    opt={"rule": PUBLIC},
    status_code=HTTP_200_OK,
    tags=["Sign-in"],
    summary="Change a refresh token for new tokens",
)
async def refresh(
    data: JSONBody[RefreshBody], database: NamedDependency[Database], state: State
) -> Response[Envelope[SignedIn]]:
    """Spend a refresh token. One that was spent before ends the whole session."""
    tokens: Tokens = state.tokens
    try:
        claims = await tokens.verify_refresh(data.refresh_token)
    except InvalidTokenError:
        return settled(SESSION_ENDED)
    grant = Grant(
        user_id=claims.sub,
        tenant_id=claims.tenant_id,
        session_id=claims.session_id,
        device_id=claims.device_id,
    )
    refresh_token, successor = await tokens.refresh(grant)
    command = Refresh(  # by the system: whoever shows a token need not be its user
        by=By(tenant_id=claims.tenant_id, correlation_id=request_context.get().request_id),
        jti=claims.jti,
        token_hash=model.sessions.token_hash(data.refresh_token),
        successor=successor,
    )
    async with database.transaction() as tx:
        outcome = await one(service.sessions.refresh, tx, command)
    user: User = settled(outcome).user
    return _signed_in(
        tokens=tokens,
        user=user,
        access_token=await tokens.access(user, grant=grant),
        refresh_token=refresh_token,
        status=HTTP_200_OK,
    )


@post(
    "/v4/auth/logout",
    opt={"rule": SIGNED_IN},
    status_code=HTTP_204_NO_CONTENT,
    tags=["Sign-in"],
    summary="Sign out",
)
async def logout(caller: NamedDependency[Caller], database: NamedDependency[Database]) -> None:
    """End this session: its tokens are refused within a second."""
    command = Revoke(by=caller.by, session_id=caller.session_id, because=RevokedBecause.LOGGED_OUT)
    async with database.transaction() as tx:
        await one(service.sessions.revoke, tx, command)


routes: Final = [register, login, refresh, logout]
