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
from msgspec.structs import replace

from tawsil.identity import model, service
from tawsil.identity.events import RevokedBecause
from tawsil.identity.model.mails import Mail
from tawsil.identity.model.second_factors import Shown, read_code
from tawsil.identity.model.sessions import SESSION_ENDED
from tawsil.identity.model.users import NewUser, User
from tawsil.identity.passwords import Passwords
from tawsil.identity.routes.asked import (
    Asked,
    device_of,
    new_device,
    origin_of,
    signed_in,
)
from tawsil.identity.routes.fields import (
    Code,
    DeviceId,
    DeviceToken,
    Email,
    Language,
    Name,
    Password,
    Phone,
    Token,
)
from tawsil.identity.service.sessions import EndAll, Refresh, Revoke, StartSession
from tawsil.identity.service.sign_in import Account, SignIn
from tawsil.identity.service.users import Register
from tawsil.identity.tokens import Grant, InvalidTokenError, Tokens
from tawsil.identity.views import SignedIn
from tawsil.kernel.batches import one
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.http import (
    LOGIN,
    PUBLIC,
    REGISTER,
    SIGNED_IN,
    Caller,
    CityCheck,
    Envelope,
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
    city_id: UUID | None = None
    tenant_id: UUID | None = None
    device_id: DeviceId | None = None


class LoginBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`code` is of the authenticator app, or a recovery code, where the second factor is on.

    `device_token` came with an earlier sign-in on this device: it keeps others from delaying you.
    """

    email: Email
    password: Password
    code: Code | None = None
    tenant_id: UUID | None = None
    device_id: DeviceId | None = None
    device_token: DeviceToken | None = None


class RefreshBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    refresh_token: Token


@post(
    "/v4/auth/register",
    opt={"rule": PUBLIC, "limit": REGISTER},
    status_code=HTTP_201_CREATED,
    tags=["Sign-in"],
    summary="Register as a customer",
)
async def register(
    data: JSONBody[RegisterBody],
    request: Asked,
    check_city: NamedDependency[CityCheck],
    database: NamedDependency[Database],
    state: State,
) -> Response[Envelope[SignedIn]]:
    """Make a customer and sign it in; a mail asks to confirm the address.

    409 when the e-mail address is in use.
    """
    tokens: Tokens = state.tokens
    passwords: Passwords = state.passwords
    settled(model.users.check_password(data.password, email=data.email, name=data.name))
    tenant_id = data.tenant_id or state.default_tenant_id
    await check_city(data.city_id, tenant_id=tenant_id)
    new = NewUser(
        id=database.ids(),
        tenant_id=tenant_id,
        email=data.email,
        name=data.name,
        phone=data.phone,
        locale=data.locale,
        city_id=data.city_id,
        email_verified=False,
        password_hash=await passwords.hash(data.password),
    )
    grant = Grant(
        user_id=new.id,
        tenant_id=tenant_id,
        session_id=database.ids(),
        device_id=data.device_id,
    )
    refresh_token, first = await tokens.refresh(grant)
    device = device_of(request, id_=data.device_id)
    origin = replace(origin_of(request, tenant_id=tenant_id, email=new.email), device=new_device())
    by = By(
        tenant_id=tenant_id,
        actor_id=new.id,
        role=new.roles[0].value,
        correlation_id=request_context.get().request_id,
    )
    async with database.transaction() as tx:
        command = Register(by=by, user=new, mail=Mail.VERIFY_EMAIL)
        user: User = settled(await one(service.users.register, tx, command))
        start = StartSession(by=by, user_id=user.id, device=device, first=first)
        await one(service.sessions.start_sessions, tx, start)
        held = await service.attempts.hold(tx, origin)
        await service.attempts.succeeded(tx, held, user_id=user.id)
    return signed_in(
        tokens=tokens,
        user=user,
        access_token=await tokens.access(user, grant=grant),
        refresh_token=refresh_token,
        status=HTTP_201_CREATED,
        device_token=origin.device,
    )


@post(
    "/v4/auth/login",
    opt={"rule": PUBLIC, "limit": LOGIN},
    status_code=HTTP_200_OK,
    tags=["Sign-in"],
    summary="Sign in",
)
async def login(
    data: JSONBody[LoginBody],
    request: Asked,
    database: NamedDependency[Database],
    state: State,
) -> Response[Envelope[SignedIn]]:
    """Start a session.

    401, after the same work, whether the e-mail or the password is wrong. With the second factor
    on, the right password alone is answered with 401 `identity.second_factor_required`. After
    several failures in a row from one place, 429 says how long to wait; places from which the
    account has signed in before do not wait for what others fail at.
    """
    tokens: Tokens = state.tokens
    tenant_id = data.tenant_id or state.default_tenant_id
    origin = origin_of(
        request, tenant_id=tenant_id, email=data.email, device_token=data.device_token
    )
    async with database.transaction() as tx:
        looked = await service.sign_in.look(tx, origin, email=data.email)
    account: Account = settled(looked)
    passwords: Passwords = state.passwords
    matches = await passwords.matches(data.password, password_hash=account.password_hash)
    user_id = account.user.id if account.user is not None else database.ids()
    grant = Grant(
        user_id=user_id,
        tenant_id=tenant_id,
        session_id=database.ids(),
        device_id=data.device_id,
    )
    refresh_token, first = await tokens.refresh(grant)
    origin = replace(origin, device=origin.device or new_device())
    command = SignIn(
        by=By(tenant_id=tenant_id, correlation_id=request_context.get().request_id),
        origin=origin,
        user_id=user_id,
        matched=account.password_hash if matches else None,
        shown=_shown(data.code, account, state=state, database=database),
        device=device_of(request, id_=data.device_id),
        first=first,
    )
    async with database.transaction() as tx:
        outcome = await one(service.sign_in.sign_in, tx, command)
    user: User = settled(outcome)
    return signed_in(
        tokens=tokens,
        user=user,
        access_token=await tokens.access(user, grant=grant),
        refresh_token=refresh_token,
        status=HTTP_200_OK,
        device_token=origin.device,
    )


def _shown(code: str | None, account: Account, *, state: State, database: Database) -> Shown | None:
    """What a code says, if one was given and the account asks for it."""
    factor = account.second_factor
    if code is None or factor is None:
        return None
    secret = state.sealer.unseal(factor.sealed_secret, about=factor.about).decode()
    return read_code(code, secret=secret, begun_at=factor.begun_at, at=database.now())


@post(
    "/v4/auth/refresh",
    opt={"rule": PUBLIC},
    status_code=HTTP_200_OK,
    tags=["Sign-in"],
    summary="Change a refresh token for new tokens",
)
async def refresh(
    data: JSONBody[RefreshBody],
    request: Asked,
    database: NamedDependency[Database],
    state: State,
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
        device=device_of(request, id_=claims.device_id),
    )
    async with database.transaction() as tx:
        outcome = await one(service.sessions.refresh, tx, command)
    user: User = settled(outcome).user
    return signed_in(
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


@post(
    "/v4/auth/logout-all",
    opt={"rule": SIGNED_IN},
    status_code=HTTP_204_NO_CONTENT,
    tags=["Sign-in"],
    summary="Sign out everywhere",
)
async def logout_all(caller: NamedDependency[Caller], database: NamedDependency[Database]) -> None:
    """End all my sessions, this one too: their tokens are refused within a second."""
    command = EndAll(by=caller.by, user_id=caller.user_id)
    async with database.transaction() as tx:
        await one(service.sessions.end_all, tx, command)


routes: Final = [register, login, refresh, logout, logout_all]
