"""My password and my second factor."""

from base64 import b32encode
from datetime import datetime
from secrets import token_bytes
from typing import Annotated, Final

from litestar import Response, get, post, put
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED, HTTP_204_NO_CONTENT
from msgspec import Meta, Struct

from tawsil.identity import model, service, store
from tawsil.identity.model.attempts import Origin
from tawsil.identity.model.second_factors import (
    NOT_BEGUN,
    NOT_ON,
    RECOVERY_CODES,
    SecondFactor,
    Shown,
    otpauth_uri,
    read_code,
    recovery_hash,
    sealed_about,
)
from tawsil.identity.model.users import User
from tawsil.identity.passwords import Passwords
from tawsil.identity.routes.asked import Asked, origin_of
from tawsil.identity.routes.fields import Code, Password
from tawsil.identity.service.passwords import PASSWORD_WRONG, ChangePassword
from tawsil.identity.service.second_factors import Begin, Confirm, Remove
from tawsil.kernel.batches import one
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import Refusal
from tawsil.kernel.http import SIGNED_IN, Caller, Envelope, Problem, envelope, settled
from tawsil.kernel.sealing import Sealer

SECRET_BYTES: Final = 20  # RFC 4226, 4
RECOVERY_BYTES: Final = 10
NO_STORE: Final = {"Cache-Control": "no-store"}


class PasswordBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    current_password: Password
    new_password: Annotated[Password, Meta(examples=["tea at the old harbour"])]


class CodeBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    code: Code


class DisableBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`code` is of the app, or a recovery code."""

    password: Password
    code: Code


class SecondFactorView(Struct, frozen=True, kw_only=True):
    enabled: bool
    enabled_at: datetime | None
    recovery_codes_left: int


class Enrolment(Struct, frozen=True, kw_only=True):
    """What an authenticator app needs. It is shown once."""

    secret: str
    otpauth_uri: str


class RecoveryCodes(Struct, frozen=True, kw_only=True):
    """Each signs in once, in place of the app. They are shown once."""

    recovery_codes: list[str]


@put(
    "/v4/users/profile/password",
    opt={"rule": SIGNED_IN},
    status_code=HTTP_204_NO_CONTENT,
    tags=["Users"],
    summary="Change my password",
)
async def change_password(
    data: JSONBody[PasswordBody],
    request: Asked,
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    state: State,
) -> None:
    """Ends all my other sessions. Guessing the current password is slowed down as at sign-in."""
    user, origin, shown = await _prove(
        request, data.current_password, caller=caller, database=database, state=state
    )
    settled(model.users.check_password(data.new_password, email=user.email, name=user.name))
    passwords: Passwords = state.passwords
    command = ChangePassword(
        by=caller.by,
        user_id=user.id,
        session_id=caller.session_id,
        from_hash=shown,
        password_hash=await passwords.hash(data.new_password),
    )
    async with database.transaction() as tx:
        held = await service.attempts.hold(tx, origin)
        await service.attempts.succeeded(tx, held, user_id=user.id)
        settled(await one(service.passwords.change, tx, command))


@get(
    "/v4/users/profile/totp",
    opt={"rule": SIGNED_IN},
    tags=["Users"],
    summary="My second factor",
)
async def show_second_factor(
    caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[SecondFactorView]:
    """Whether it is on, and how many recovery codes are left."""
    async with database.transaction() as tx:
        factor = await store.second_factors.get(tx, caller.user_id)
        left = await store.second_factors.recovery_codes_left(tx, caller.user_id)
    enabled_at = factor.confirmed_at if factor is not None else None
    view = SecondFactorView(
        enabled=enabled_at is not None, enabled_at=enabled_at, recovery_codes_left=left
    )
    return envelope(view)


@post(
    "/v4/users/profile/totp",
    opt={"rule": SIGNED_IN},
    status_code=HTTP_201_CREATED,
    tags=["Users"],
    summary="Begin to use an authenticator app",
)
async def begin_second_factor(
    caller: NamedDependency[Caller], database: NamedDependency[Database], state: State
) -> Response[Envelope[Enrolment]]:
    """A secret for the app. Nothing changes until one of its codes has been confirmed.

    Begun again, the secret before is worth nothing. 409 when the second factor is on.
    """
    secret = b32encode(token_bytes(SECRET_BYTES)).decode()
    sealer: Sealer = state.sealer
    command = Begin(
        by=caller.by,
        user_id=caller.user_id,
        sealed_secret=sealer.seal(secret.encode(), about=sealed_about(caller.user_id)),
    )
    async with database.transaction() as tx:
        user = await _person(tx, caller)
        settled(await one(service.second_factors.begin, tx, command))
    uri = otpauth_uri(secret, email=user.email)
    return Response(
        envelope(Enrolment(secret=secret, otpauth_uri=uri)),
        status_code=HTTP_201_CREATED,
        headers=NO_STORE,
    )


@post(
    "/v4/users/profile/totp/confirm",
    opt={"rule": SIGNED_IN},
    status_code=HTTP_200_OK,
    tags=["Users"],
    summary="Turn the second factor on",
)
async def confirm_second_factor(
    data: JSONBody[CodeBody],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    state: State,
) -> Response[Envelope[RecoveryCodes]]:
    """One code of the app turns it on; in return, ten recovery codes."""
    async with database.transaction() as tx:
        factor = await store.second_factors.get(tx, caller.user_id)
    codes = [b32encode(token_bytes(RECOVERY_BYTES)).decode() for _ in range(RECOVERY_CODES)]
    command = Confirm(
        by=caller.by,
        user_id=caller.user_id,
        shown=_read(data.code, factor, otherwise=NOT_BEGUN, state=state, database=database),
        recovery_hashes=tuple(map(recovery_hash, codes)),
    )
    async with database.transaction() as tx:
        settled(await one(service.second_factors.confirm, tx, command))
    shown = ["-".join(code[i : i + 4] for i in range(0, len(code), 4)) for code in codes]
    return Response(
        envelope(RecoveryCodes(recovery_codes=shown)), status_code=HTTP_200_OK, headers=NO_STORE
    )


@post(
    "/v4/users/profile/totp/disable",
    opt={"rule": SIGNED_IN},
    status_code=HTTP_204_NO_CONTENT,
    tags=["Users"],
    summary="Turn the second factor off",
)
async def disable_second_factor(
    data: JSONBody[DisableBody],
    request: Asked,
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    state: State,
) -> None:
    """Asks for the password and a code. Guessing either is slowed down as at sign-in."""
    user, origin, _ = await _prove(
        request, data.password, caller=caller, database=database, state=state
    )
    async with database.transaction() as tx:
        factor = await store.second_factors.get(tx, user.id)
    shown = _read(data.code, factor, otherwise=NOT_ON, state=state, database=database)
    command = Remove(by=caller.by, user_id=user.id, shown=shown)
    async with database.transaction() as tx:
        held = await service.attempts.hold(tx, origin)
        outcome = held.refused
        if outcome is None:
            outcome = await one(service.second_factors.remove, tx, command)
            if outcome == model.second_factors.WRONG:
                await service.attempts.failed(tx, held)
            elif isinstance(outcome, User):
                await service.attempts.succeeded(tx, held, user_id=user.id)
    settled(outcome)


async def _prove(
    request: Asked, password: str, *, caller: Caller, database: Database, state: State
) -> tuple[User, Origin, str]:
    """Whoever holds the session knows the password, too; also its hash, for as long as it stays.

    Raises:
        Problem: 403, or 429 after too many failures.
    """
    passwords: Passwords = state.passwords
    async with database.transaction() as tx:
        user = await _person(tx, caller)
        origin = origin_of(request, tenant_id=user.tenant_id, email=user.email)
        hopeless = await service.attempts.hopeless(tx, origin)
        password_hash = await store.users.password_hash(tx, user.id)
    settled(hopeless)
    matches = await passwords.matches(password, password_hash=password_hash)
    async with database.transaction() as tx:
        held = await service.attempts.hold(tx, origin)
        refused = held.refused
        if refused is None and not matches:
            await service.attempts.failed(tx, held)
            refused = PASSWORD_WRONG
    settled(refused)
    assert password_hash is not None, "a password matches a hash"
    return user, origin, password_hash


async def _person(tx: Tx, caller: Caller) -> User:
    """The user who calls; a key or a service has neither a password nor an app.

    Raises:
        Problem: 403.
    """
    user = (await store.users.get_many(tx, [caller.user_id])).get(caller.user_id)
    if user is None:
        raise Problem(403, "identity.not_a_person")
    return user


def _read(
    code: str, factor: SecondFactor | None, *, otherwise: Refusal, state: State, database: Database
) -> Shown:
    if factor is None:
        return settled(otherwise)
    sealer: Sealer = state.sealer
    secret = sealer.unseal(factor.sealed_secret, about=factor.about).decode()
    return read_code(code, secret=secret, begun_at=factor.begun_at, at=database.now())


routes: Final = [
    change_password,
    show_second_factor,
    begin_second_factor,
    confirm_second_factor,
    disable_second_factor,
]
