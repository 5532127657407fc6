"""Signing in with another provider (OpenID Connect).

A browser begins at `start`, proves itself at the provider and comes back to `callback`, which sends
it on to the page of ours it wanted with a code. That page, or a program in the same browser,
exchanges the code for a session. State and code are good once, and only in the browser that began.
"""

from secrets import token_urlsafe
from typing import Annotated, Final
from urllib.parse import urlencode

import structlog
from litestar import Response, get, post
from litestar.datastructures import Cookie, State
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Redirect
from litestar.status_codes import HTTP_200_OK, HTTP_302_FOUND, HTTP_303_SEE_OTHER
from msgspec import Meta, Struct

from tawsil.identity import model, service, store
from tawsil.identity.model.external import (
    EXCHANGED_WITHIN,
    FINISHED_WITHIN,
    LOGIN_OVER,
    NOT_UNDER_WAY,
    ExternalPerson,
    UnderWay,
    hashed,
)
from tawsil.identity.oidc import (
    NotProvedError,
    Person,
    Provider,
    UnreachableProviderError,
    WrongAnswerError,
)
from tawsil.identity.public import BROWSER_COOKIE, OidcDoor, oidc_providers
from tawsil.identity.routes.asked import Asked, device_of, signed_in
from tawsil.identity.routes.fields import DeviceId
from tawsil.identity.service.external import Enter
from tawsil.identity.service.sessions import StartSession
from tawsil.identity.tokens import Grant, Tokens
from tawsil.identity.views import SignedIn
from tawsil.kernel.batches import one
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By, Refusal, refuse
from tawsil.kernel.http import PUBLIC, Envelope, envelope, not_found, settled
from tawsil.kernel.http.envelope import request_context
from tawsil.kernel.http.origins import cookie_name, cookie_of

log = structlog.get_logger(__name__)

BROWSER_KEPT_S: Final = int((FINISHED_WITHIN + EXCHANGED_WITHIN).total_seconds())
LONGEST_NAME: Final = 200
LONGEST_EMAIL: Final = 254
ReturnTo = Annotated[
    str,
    QueryParameter(
        max_length=1_000,
        pattern=r"^/([A-Za-z0-9._~!$&'()*+,;=:@%?-][A-Za-z0-9._~!$&'()*+,;=:@%?/-]*)?$(?!\n)",
        description="The page of ours to come back to, with `code` added.",
    ),
]
GivenState = Annotated[str | None, QueryParameter(name="state", max_length=200)]


class ExchangeBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    code: Annotated[
        str,
        Meta(
            min_length=43, max_length=43, examples=["pT2ZvJ8S7qk0m9Yw3bRr5cXnLd4eGhAfUiOoKqWsEzx"]
        ),
    ]
    device_id: DeviceId | None = None


@get(
    "/v4/auth/oidc",
    opt={"rule": PUBLIC},
    tags=["Sign-in"],
    summary="Whom one may sign in with",
    sync_to_thread=False,
)
def list_providers(state: State) -> Envelope[list[OidcDoor]]:
    """The providers of this installation."""
    return envelope(oidc_providers(state.settings))


@get(
    "/v4/auth/oidc/{provider:str}/start",
    opt={"rule": PUBLIC},
    status_code=HTTP_302_FOUND,
    tags=["Sign-in"],
    summary="Begin to sign in with another provider",
)
async def begin(
    provider: FromPath[str],
    request: Asked,
    database: NamedDependency[Database],
    state: State,
    return_to: ReturnTo = "/",
) -> Redirect:
    """Send the browser to the provider. It has ten minutes, and comes back to `return_to`."""
    chosen = _provider(state, provider)
    try:
        begun = await chosen.begin(redirect_uri=_callback(state, chosen))
    except (UnreachableProviderError, WrongAnswerError) as error:
        return _send_back(request, return_to, _failed(chosen, error), provider=chosen)
    browser = token_urlsafe(32)
    async with database.transaction() as tx:
        await store.external.add_login(
            tx,
            UnderWay(
                state_hash=hashed(begun.state),
                tenant_id=chosen.about.tenant or state.default_tenant_id,
                provider=chosen.about.name,
                browser_hash=hashed(browser),
                nonce=begun.nonce,
                code_verifier=begun.code_verifier,
                return_to=return_to,
                expires_at=tx.now + FINISHED_WITHIN,
            ),
        )
    return Redirect(
        begun.address,
        status_code=HTTP_302_FOUND,
        cookies=[_browser_cookie(request, browser, max_age_s=BROWSER_KEPT_S)],
        headers={"Cache-Control": "no-store"},
    )


@get(
    "/v4/auth/oidc/{provider:str}/callback",
    opt={"rule": PUBLIC},
    status_code=HTTP_303_SEE_OTHER,
    tags=["Sign-in"],
    summary="Come back from another provider",
)
async def come_back(
    provider: FromPath[str],
    request: Asked,
    database: NamedDependency[Database],
    state: State,
    given: GivenState = None,
    code: FromQuery[str | None] = None,
    error: FromQuery[str | None] = None,
) -> Redirect:
    """Where a provider sends the browser: it goes on to its page with a code, good for a minute.

    If something is wrong a browser goes on to its page with `error`, and a program is told.
    """
    chosen = _provider(state, provider)
    under_way = await _under_way(request, given, database=database, provider=chosen)
    if error is not None or code is None:
        refused = refuse("identity.oidc_denied", status=403, provider=_label(chosen))
        return _send_back(request, under_way.return_to, refused, provider=chosen)
    try:
        person = await chosen.finish(
            code=code,
            nonce=under_way.nonce,
            code_verifier=under_way.code_verifier,
            redirect_uri=_callback(state, chosen),
        )
    except (UnreachableProviderError, WrongAnswerError, NotProvedError) as wrong:
        return _send_back(request, under_way.return_to, _failed(chosen, wrong), provider=chosen)
    exchanged_for = token_urlsafe(32)
    command = Enter(
        by=By(tenant_id=under_way.tenant_id, correlation_id=request_context.get().request_id),
        person=_external(person),
        allow_sign_up=chosen.about.allow_sign_up,
        code_hash=hashed(exchanged_for),
        browser_hash=under_way.browser_hash,
    )
    async with database.transaction() as tx:
        outcome = await service.external.enter(tx, command)
    if isinstance(outcome, Refusal):
        return _send_back(request, under_way.return_to, outcome, provider=chosen)
    return _go(under_way.return_to, code=exchanged_for)


@post(
    "/v4/auth/oidc/exchange",
    opt={"rule": PUBLIC},
    status_code=HTTP_200_OK,
    tags=["Sign-in"],
    summary="Exchange the code of another provider's sign-in for a session",
)
async def exchange(
    data: JSONBody[ExchangeBody],
    request: Asked,
    database: NamedDependency[Database],
    state: State,
) -> Response[Envelope[SignedIn]]:
    """Start a session, in the browser that signed in: its cookie comes with the request.

    401 for a code that is not good, or not any more, or not here.
    """
    tokens: Tokens = state.tokens
    async with database.transaction() as tx:
        grant = await store.external.take_grant(tx, hashed(data.code))
        now = tx.now
    browser = cookie_of(request, BROWSER_COOKIE)
    if grant is None or not model.external.belongs(grant, browser=browser, now=now):
        return settled(LOGIN_OVER)
    session = Grant(
        user_id=grant.user_id,
        tenant_id=grant.tenant_id,
        session_id=database.ids(),
        device_id=data.device_id,
    )
    refresh_token, first = await tokens.refresh(session)
    async with database.transaction() as tx:
        user = (await store.users.get_many(tx, [grant.user_id]))[grant.user_id]
        start = StartSession(
            by=user.acting(correlation_id=request_context.get().request_id),
            user_id=user.id,
            device=device_of(request, id_=data.device_id),
            first=first,
        )
        settled(await one(service.sessions.start_sessions, tx, start))
    answer = signed_in(
        tokens=tokens,
        user=user,
        access_token=await tokens.access(user, grant=session),
        refresh_token=refresh_token,
        status=HTTP_200_OK,
    )
    answer.set_cookie(_browser_cookie(request, "", max_age_s=0))
    return answer


async def _under_way(
    request: Asked, given: str | None, *, database: Database, provider: Provider
) -> UnderWay:
    """The sign-in that this comes back from, which it ends however it ends."""
    async with database.transaction() as tx:
        found = await store.external.take_login(tx, hashed(given)) if given else None
        now = tx.now
    if found is None or found.provider != provider.about.name:
        return settled(NOT_UNDER_WAY)
    if not model.external.belongs(found, browser=cookie_of(request, BROWSER_COOKIE), now=now):
        return settled(NOT_UNDER_WAY)
    return found


def _provider(state: State, name: str) -> Provider:
    provider: Provider | None = state.oidc.get(name)
    if provider is None:
        raise not_found()
    return provider


def _callback(state: State, provider: Provider) -> str:
    return f"{state.settings.url}/v4/auth/oidc/{provider.about.name}/callback"


def _label(provider: Provider) -> str:
    return provider.about.label or provider.about.name


def _external(person: Person) -> ExternalPerson:
    """What a user of ours is made of. A name that cannot be one of ours is left out."""
    name = person.name or (person.email or "").partition("@")[0]
    shown = "".join(character for character in name if character.isprintable())
    return ExternalPerson(
        issuer=person.issuer,
        subject=person.subject,
        email=person.email if person.email and len(person.email) <= LONGEST_EMAIL else None,
        email_verified=person.email_verified,
        name=shown[:LONGEST_NAME].strip() or "?",
        locale="ar" if (person.locale or "").startswith("ar") else "en",
    )


def _failed(provider: Provider, error: Exception) -> Refusal:
    """Why not, for people; what exactly, for the log."""
    name = provider.about.name
    log.warning("oidc.failed", provider=name, kind=type(error).__name__, error=str(error))
    label = _label(provider)
    match error:
        case UnreachableProviderError():
            return refuse("identity.oidc_unreachable", status=503, provider=label)
        case WrongAnswerError():
            return refuse("identity.oidc_wrong_answer", status=502, provider=label)
        case _:
            return refuse("identity.oidc_not_proved", status=401, provider=label)


def _send_back(request: Asked, return_to: str, refused: Refusal, *, provider: Provider) -> Redirect:
    """A browser goes back to its page, which says why not; a program is told here."""
    if "text/html" not in request.headers.get("accept", ""):
        return settled(refused)
    return _go(return_to, error=refused.code, provider=provider.about.name)


def _go(return_to: str, **told: str) -> Redirect:
    joint = "&" if "?" in return_to else "?"
    return Redirect(
        f"{return_to}{joint}{urlencode(told)}",
        status_code=HTTP_303_SEE_OTHER,
        headers={"Cache-Control": "no-store"},
    )


def _browser_cookie(request: Asked, value: str, *, max_age_s: int) -> Cookie:
    """`lax`, because the way back from the provider begins on its pages."""
    return Cookie(
        key=cookie_name(request, BROWSER_COOKIE),
        value=value,
        max_age=max_age_s,
        path="/",
        httponly=True,
        secure=request.url.scheme == "https",
        samesite="lax",
    )


routes: Final = [list_providers, begin, come_back, exchange]
