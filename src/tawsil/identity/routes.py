"""Registering, signing in and out, profiles, and the keys that verify our tokens.

The application's state holds `tokens: Tokens`, `passwords: Passwords` and `default_tenant_id`.
None of these answers is kept for an Idempotency-Key: they carry tokens, of which only hashes are
stored. A repeated registration is refused because its e-mail address is taken.
"""

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from litestar import Response, get, post, put
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED, HTTP_204_NO_CONTENT
from msgspec import Meta, Struct

from tawsil.identity import model, service, store
from tawsil.identity.events import RevokedBecause, Role
from tawsil.identity.model import LOGIN_FAILED, SESSION_ENDED, NewUser, User
from tawsil.identity.passwords import Passwords
from tawsil.identity.service import ChangeProfile, Refresh, Register, Revoke, StartSession
from tawsil.identity.tokens import Grant, InvalidTokenError, Tokens
from tawsil.kernel.batches import one
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.http import (
    PUBLIC,
    SIGNED_IN,
    Caller,
    Envelope,
    allow,
    envelope,
    not_found,
    settled,
)
from tawsil.kernel.http.envelope import request_context

Email = Annotated[
    str,
    Meta(
        min_length=3,
        max_length=254,
        pattern=r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+$",
        examples=["mona@example.org"],
    ),
]
Password = Annotated[str, Meta(max_length=1_000, examples=["correct horse battery"])]
Name = Annotated[
    str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$", examples=["Mona Haddad"])
]
Phone = Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{6,14}$", examples=["+9613123456"])]
Language = Annotated[Literal["en", "ar"], Meta(examples=["ar"])]
DeviceId = Annotated[
    str, Meta(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$", examples=["pixel-9-a81f"])
]
Token = Annotated[str, Meta(min_length=1, max_length=4_096)]


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


class ProfileBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name
    phone: Phone | None = None
    locale: Language = "en"


class UserView(Struct, frozen=True, kw_only=True):
    id: UUID
    email: str
    name: str
    phone: str | None
    locale: str
    roles: tuple[Role, ...]
    location_id: UUID | None
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> "UserView":
        return cls(
            id=user.id,
            email=user.email,
            name=user.name,
            phone=user.phone,
            locale=user.locale,
            roles=user.roles,
            location_id=user.location_id,
            created_at=user.created_at,
        )


class SignedIn(Struct, frozen=True, kw_only=True):
    """Both tokens; `expires_in` is the access token's, in seconds."""

    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int
    user: UserView


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
    opt={"rule": PUBLIC},
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
    settled(model.check_password(data.password))
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
        user: User = settled(await one(service.register, tx, Register(by=by, user=new)))
        start = StartSession(by=by, user_id=user.id, device_id=data.device_id, first=first)
        await one(service.start_sessions, tx, start)
    return _signed_in(
        tokens=tokens,
        user=user,
        access_token=await tokens.access(user, grant=grant),
        refresh_token=refresh_token,
        status=HTTP_201_CREATED,
    )


@post(
    "/v4/auth/login",
    opt={"rule": PUBLIC},
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
        found = await store.credential(tx, tenant_id=tenant_id, email=data.email)
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
        settled(await one(service.start_sessions, tx, start))
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
        token_hash=model.token_hash(data.refresh_token),
        successor=successor,
    )
    async with database.transaction() as tx:
        outcome = await one(service.refresh, tx, command)
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
        await one(service.revoke, tx, command)


@get("/v4/users/profile", opt={"rule": SIGNED_IN}, tags=["Users"], summary="Who I am")
async def show_profile(
    caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[UserView]:
    return envelope(UserView.of(await _user(database, caller.user_id, caller=caller)))


@put("/v4/users/profile", opt={"rule": SIGNED_IN}, tags=["Users"], summary="Change my profile")
async def change_profile(
    data: JSONBody[ProfileBody],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> Envelope[UserView]:
    """Replace name, phone and language."""
    command = ChangeProfile(
        by=caller.by,
        user_id=caller.user_id,
        name=data.name,
        phone=data.phone,
        locale=data.locale,
    )
    async with database.transaction() as tx:
        user: User = settled(await one(service.change_profile, tx, command))
    return envelope(UserView.of(user))


@get(
    "/v4/users/{user_id:uuid}",
    opt={"rule": allow("user:read")},
    tags=["Users"],
    summary="A user",
)
async def show_user(
    user_id: FromPath[UUID], caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[UserView]:
    """A user of the caller's tenant; without the scope `all`, only the caller's own."""
    if "all" not in caller.scopes("user:read") and user_id != caller.user_id:
        raise not_found()
    return envelope(UserView.of(await _user(database, user_id, caller=caller)))


async def _user(database: Database, user_id: UUID, *, caller: Caller) -> User:
    async with database.transaction() as tx:
        user = (await store.users(tx, [user_id])).get(user_id)
    if user is None or user.tenant_id != caller.tenant_id:
        raise not_found()
    return user


@get(
    "/.well-known/jwks.json",
    opt={"rule": PUBLIC},
    tags=["Sign-in"],
    summary="The public keys of our tokens (RFC 7517)",
)
async def show_keys(state: State) -> Response[dict[str, Any]]:
    tokens: Tokens = state.tokens
    return Response(
        {"keys": await tokens.keys.public()}, headers={"Cache-Control": "public, max-age=60"}
    )


routes: Final = [
    register,
    login,
    refresh,
    logout,
    show_profile,
    change_profile,
    show_user,
    show_keys,
]
