"""Coming back from another provider, where somebody has proved who they are."""

from typing import Any, Final
from urllib.parse import urlencode

from litestar import Response, get
from litestar.params import FromQuery

from tawsil.consoles import sessions
from tawsil.consoles.assets import Asked
from tawsil.consoles.pages import START, local_address, page
from tawsil.consoles.sessions import Tokens
from tawsil.consoles.shop.kept import adopt
from tawsil.identity.public import OidcDoor, oidc_providers
from tawsil.kernel.http import PUBLIC
from tawsil.kernel.http.envelope import request_context
from tawsil.kernel.i18n import text

ADDRESS: Final = "/session/elsewhere"
REFUSED: Final = "identity.oidc_"  # how the codes begin that may be told here


def doors(request: Asked, *, after: str | None) -> list[OidcDoor]:
    """Whom one may sign in with; `start` leads there and back to `after`."""
    back = f"{ADDRESS}?{urlencode({'next': after or START})}"
    return [
        OidcDoor(
            name=door.name,
            label=door.label,
            start=f"{door.start}?{urlencode({'return_to': back})}",
        )
        for door in oidc_providers(request.app.state.settings)
    ]


def sign_in_page(
    request: Asked,
    *,
    status: int = 200,
    email: str = "",
    after: str | None,
    refused: str | None = None,
) -> Response[str]:
    """Where one signs in. It is found again at its own address, wherever it is shown."""
    return page(
        request,
        "sign_in.html",
        status=status,
        here=f"/sign-in?{urlencode({'next': after})}" if after else "/sign-in",
        email=email,
        next=after,
        refused=refused,
        doors=doors(request, after=after),
    )


@get(ADDRESS, opt={"rule": PUBLIC}, include_in_schema=False)
async def come_back(
    request: Asked,
    next: FromQuery[str | None] = None,  # noqa: A002 - the name in the address
    code: FromQuery[str | None] = None,
    error: FromQuery[str | None] = None,
    provider: FromQuery[str | None] = None,
) -> Response[Any]:
    """Exchange the code for a session, or say why there is none.

    The way here began on another site's pages, so a browser that we sent on at once would leave the
    session's cookies behind. A page of ours that goes on by itself takes them along.
    """
    after = local_address(next, otherwise=START)
    if error is not None or code is None:
        return sign_in_page(
            request, status=401, after=after, refused=_why(request, error, provider)
        )
    tokens = await sessions.exchange(request, code=code)
    if not isinstance(tokens, Tokens):
        wrong = 401 if tokens.status == 400 else tokens.status
        return sign_in_page(request, status=wrong, after=after, refused=tokens.message)
    await adopt(request, access_token=tokens.access_token)
    answer = page(request, "signed_in.html", here=after, next=after)
    now_s = int(request_context.get().at.timestamp())
    for one in sessions.cookies_of(request, tokens, now_s=now_s):
        answer.set_cookie(one)
    return answer


def _why(request: Asked, error: str | None, provider: str | None) -> str:
    """The sentence for a code of identity's. Whatever else an address says is not repeated."""
    known = {door.name: door.label for door in oidc_providers(request.app.state.settings)}
    code = error if error and error.startswith(REFUSED) else "identity.oidc_login_over"
    return text(code, params={"provider": known.get(provider or "", "?")})


pages: Final = [come_back]
