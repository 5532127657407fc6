"""The token endpoint: OAuth 2.0 client credentials for services and integrations."""

import re
from base64 import b64decode
from binascii import Error as NotBase64Error
from typing import Annotated, Any, Final, Literal
from urllib.parse import unquote_plus

from litestar import Request, Response, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.exceptions import ClientException, ValidationException
from litestar.params import URLEncodedBody
from litestar.status_codes import HTTP_200_OK, HTTP_415_UNSUPPORTED_MEDIA_TYPE
from msgspec import Meta, Struct

from tawsil.identity import assertions, key_text, store
from tawsil.identity.assertions import InvalidAssertionError
from tawsil.identity.model.services import ServiceAccount
from tawsil.identity.narrowing import PERMISSION, beyond
from tawsil.identity.tokens import Holder, Tokens
from tawsil.kernel.db import Database
from tawsil.kernel.http import PUBLIC, Caller, Problem
from tawsil.kernel.http.errors import EXCEPTION_HANDLERS
from tawsil.kernel.settings import Settings

ADDRESS: Final = "/v4/auth/token"
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class TokenForm(Struct, frozen=True, kw_only=True):
    """A request for a token (RFC 6749). Parameters that are not known are ignored, as it says."""

    grant_type: Annotated[str, Meta(examples=["client_credentials"])]
    scope: Annotated[str, Meta(max_length=2_000, examples=["order:read"])] | None = None
    client_id: str | None = None
    client_secret: str | None = None
    client_assertion_type: str | None = None
    client_assertion: Annotated[str, Meta(max_length=4_096)] | None = None


class TokenAnswer(Struct, frozen=True, kw_only=True):
    """An access token (RFC 6749); `scope` lists its permissions."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int
    scope: str


class OAuthErrorAnswer(Struct, frozen=True):
    """Why there is no token (RFC 6749, 5.2)."""

    error: str
    error_description: str


class OAuthError(Exception):
    """An error in the shape of RFC 6749, not in our envelope."""

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status


def _oauth_error(request: Request[Any, Any, Any], error: OAuthError) -> Response[OAuthErrorAnswer]:
    asked_by_header = "authorization" in request.headers
    return Response(
        OAuthErrorAnswer(error.error, error.description),
        status_code=error.status,
        headers={
            "Cache-Control": "no-store",
            **(
                {"WWW-Authenticate": 'Basic realm="tawsil"'}
                if error.status == 401 and asked_by_header
                else {}
            ),
        },
    )


def _unreadable(request: Request[Any, Any, Any], _: Exception) -> Response[OAuthErrorAnswer]:
    why = "send the parameters once each, as application/x-www-form-urlencoded"
    return _oauth_error(request, OAuthError("invalid_request", why))


def _problem(request: Request[Any, Any, Any], error: Problem) -> Response[Any]:
    """A body of another type is an error of the standard's; too many requests are as anywhere."""
    if error.status == HTTP_415_UNSUPPORTED_MEDIA_TYPE:
        return _unreadable(request, error)
    return EXCEPTION_HANDLERS[Problem](request, error)


@post(
    ADDRESS,
    opt={"rule": PUBLIC, "errors": {400: OAuthErrorAnswer, 401: OAuthErrorAnswer}},
    status_code=HTTP_200_OK,
    tags=["Service accounts"],
    summary="A token for a service (OAuth 2.0 client credentials)",
    exception_handlers={
        OAuthError: _oauth_error,
        ValidationException: _unreadable,
        ClientException: _unreadable,
        Problem: _problem,
    },
)
async def issue_token(
    data: URLEncodedBody[TokenForm],
    request: Request[Any, Any, State],
    database: NamedDependency[Database],
    state: State,
) -> Response[TokenAnswer]:
    """An access token of ten minutes, without a refresh token.

    A service proves who it is with `private_key_jwt` (RFC 7523): an assertion signed with its key,
    `aud` this address or the issuer, at most five minutes long, each `jti` once. An integration
    shows its API key as the client secret, in the form or as HTTP Basic. `scope` may ask for less
    than everything. Errors come as RFC 6749 has them.
    """
    tokens: Tokens = state.tokens
    if data.grant_type != "client_credentials":
        raise OAuthError("unsupported_grant_type", "grant_type must be client_credentials")
    secret = _basic(request) or (
        (data.client_id, data.client_secret) if data.client_secret is not None else None
    )
    if data.client_assertion is not None:
        if secret is not None:
            raise OAuthError("invalid_request", "prove who you are in one way only")
        holder = await _service(data, database=database, settings=state.settings)
    elif secret is not None:
        holder = await _integration(*secret, request=request)
    else:
        raise OAuthError("invalid_client", "send a client_assertion or a client_secret", status=401)
    asked = tuple(dict.fromkeys((data.scope or "").split())) or tuple(sorted(holder.permissions))
    if not all(re.search(PERMISSION, one) for one in asked) or beyond(
        asked, held=holder.permissions
    ):
        raise OAuthError("invalid_scope", "the scope asks for more than this client may do")
    answer = TokenAnswer(
        access_token=await tokens.machine(holder, permissions=asked),
        expires_in=tokens.access_token_s,
        scope=" ".join(asked),
    )
    return Response(answer, headers={"Cache-Control": "no-store"})


async def _service(data: TokenForm, *, database: Database, settings: Settings) -> Holder:
    """The service that signed the assertion, which is spent."""
    if data.client_assertion_type != ASSERTION_TYPE:
        raise OAuthError("invalid_request", f"client_assertion_type must be {ASSERTION_TYPE}")
    try:
        account = await _signer(data, database=database, settings=settings)
    except InvalidAssertionError as error:
        raise OAuthError(
            "invalid_client", "the assertion does not prove who you are", status=401
        ) from error
    return Holder(
        id=account.id,
        tenant_id=account.tenant_id,
        roles=account.roles,
        permissions=frozenset(account.permissions),
        location_id=None,
    )


async def _signer(data: TokenForm, *, database: Database, settings: Settings) -> ServiceAccount:
    text = data.client_assertion or ""
    account_id = assertions.account_of(text)
    if data.client_id not in {None, str(account_id)}:
        raise InvalidAssertionError("client_id is not sub")
    async with database.transaction() as tx:
        account = await store.services.get(tx, account_id)
        if account is None:
            raise InvalidAssertionError("no such service")
        shown = assertions.verify(
            text,
            account_id=account.id,
            public_key=account.public_key,
            audiences={settings.issuer, settings.url, settings.url + ADDRESS},
            now=tx.now,
        )
        if not await store.services.spend_assertion(
            tx, account_id=account.id, jti=shown.jti, expires_at=shown.expires_at
        ):
            raise InvalidAssertionError("shown before")
    return account


async def _integration(
    client_id: str | None, secret: str, *, request: Request[Any, Any, State]
) -> Holder:
    """The API key that is the secret; its id, with or without dashes, is the client's."""
    wrong = OAuthError("invalid_client", "no such client, or not its secret", status=401)
    shown = key_text.read(secret)
    if shown is None or client_id not in {None, "", str(shown.id), shown.id.hex}:
        raise wrong
    try:
        caller: Caller = await request.app.state.authenticate(secret)
    except Problem as error:
        raise wrong from error
    return Holder(
        id=caller.user_id,
        tenant_id=caller.tenant_id,
        roles=caller.roles,
        permissions=caller.permissions,
        location_id=caller.location_id,
    )


def _basic(request: Request[Any, Any, Any]) -> tuple[str, str] | None:
    """Client id and secret from HTTP Basic, each form-encoded before (RFC 6749, 2.3.1)."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, secret = b64decode(encoded, validate=True).decode().partition(":")
    except (NotBase64Error, UnicodeDecodeError, ValueError) as error:
        raise OAuthError("invalid_client", "HTTP Basic cannot be read", status=401) from error
    return unquote_plus(client_id), unquote_plus(secret)


routes: Final = [issue_token]
