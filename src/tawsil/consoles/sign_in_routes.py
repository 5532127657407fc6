"""Signing in, in one step or two, taking a session up again, signing out."""

from collections.abc import Mapping
from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromQuery
from litestar.response import Redirect

from tawsil.consoles import sessions
from tawsil.consoles.assets import Asked
from tawsil.consoles.elsewhere_routes import sign_in_page
from tawsil.consoles.pages import START, local_address, page
from tawsil.consoles.sessions import Refused, Tokens
from tawsil.consoles.shop.kept import adopt
from tawsil.kernel.http import PUBLIC
from tawsil.kernel.http.envelope import request_context
from tawsil.kernel.i18n import text


@get("/sign-in", opt={"rule": PUBLIC}, include_in_schema=False)
async def show_sign_in(request: Asked, next: FromQuery[str | None] = None) -> Response[str]:  # noqa: A002 - the name in the address
    return sign_in_page(request, after=next)


@post("/sign-in", opt={"rule": PUBLIC}, include_in_schema=False, status_code=303)
async def sign_in(request: Asked) -> Response[Any]:
    """Start a session; on a wrong password the same page again, saying so."""
    form = await request.form()
    email, password = str(form.get("email", "")), str(form.get("password", ""))
    after = local_address(str(form.get("next", "")), otherwise=START)
    tokens = await sessions.sign_in(request, email=email, password=password)
    if isinstance(tokens, Tokens):
        await adopt(request, access_token=tokens.access_token)
        return _go(request, after, tokens)
    if tokens.code == sessions.CODE_REQUIRED:
        kept = sessions.keep(request, email=email, password=password)
        return page(request, "sign_in_code.html", next=after, kept=kept, refused=None)
    status, why = _because(tokens, wrong=text("console.sign_in.wrong"))
    again = sign_in_page(request, status=status, email=email, after=after, refused=why)
    return _when(again, tokens)


@post("/sign-in/code", opt={"rule": PUBLIC}, include_in_schema=False, status_code=303)
async def sign_in_with_code(request: Asked) -> Response[Any]:
    """The second step: what was typed at the first comes with the form, sealed."""
    form = await request.form()
    kept, code = str(form.get("kept", "")), str(form.get("code", "")).strip()
    after = local_address(str(form.get("next", "")), otherwise=START)
    first = sessions.kept(request, kept)
    if first is None:
        return sign_in_page(request, status=401, after=after)
    tokens = await sessions.sign_in(request, email=first.email, password=first.password, code=code)
    if isinstance(tokens, Tokens):
        await adopt(request, access_token=tokens.access_token)
        return _go(request, after, tokens)
    status, why = _because(tokens, wrong=text("console.sign_in.code_wrong"))
    again = page(request, "sign_in_code.html", status=status, next=after, kept=kept, refused=why)
    return _when(again, tokens)


def _because(refused: Refused, *, wrong: str) -> tuple[int, str]:
    """The page's status, and a sentence that does not say which of the two was mistaken."""
    mistaken = refused.status in {400, 401}
    return (401, wrong) if mistaken else (refused.status, refused.message)


def _when(answer: Response[str], refused: Refused) -> Response[str]:
    """With the second from which on it may be tried again."""
    if refused.retry_after_s is not None:
        answer.headers["Retry-After"] = refused.retry_after_s
    return answer


@post("/sign-out", opt={"rule": PUBLIC}, include_in_schema=False, status_code=303)
async def sign_out(request: Asked) -> Redirect:
    await sessions.sign_out(request)
    return Redirect("/sign-in", status_code=303, cookies=sessions.no_cookies(request))


@get("/session", opt={"rule": PUBLIC}, include_in_schema=False, sync_to_thread=False)
def show_session(request: Asked, next: FromQuery[str | None] = None) -> Response[Any]:  # noqa: A002 - the name in the address
    """Where an expired session is taken up again; the page's script does it without asking."""
    after = local_address(next, otherwise=START)
    if sessions.refresh_token_of(request) is None:
        return sign_in_page(request, status=401, after=after)
    return page(request, "session.html", next=after)


@post("/session/refresh", opt={"rule": PUBLIC}, include_in_schema=False, status_code=303)
async def refresh_session(request: Asked) -> Response[Any]:
    """New tokens: for a form, on to `next`; for a script, how long they last."""
    scripted = request.headers.get("accept", "").startswith("application/json")
    form: Mapping[str, Any] = {} if scripted else await request.form()
    after = local_address(str(form.get("next", "")), otherwise=START)
    refresh_token = sessions.refresh_token_of(request)
    tokens = await sessions.refresh(request, refresh_token=refresh_token) if refresh_token else None
    if isinstance(tokens, Tokens):
        return _go(request, after, tokens, scripted=scripted)
    gone = sessions.no_cookies(request) if tokens is None or tokens.status == 401 else []
    if scripted:
        status = tokens.status if tokens else 401
        return Response({"expires_in": 0}, status_code=status, cookies=gone)
    return Redirect("/sign-in", status_code=303, cookies=gone)


def _go(request: Asked, to: str, tokens: Tokens, *, scripted: bool = False) -> Response[Any]:
    now_s = int(request_context.get().at.timestamp())
    cookies = sessions.cookies_of(request, tokens, now_s=now_s)
    if scripted:
        return Response({"expires_in": tokens.expires_in}, status_code=200, cookies=cookies)
    return Redirect(to, status_code=303, cookies=cookies)


pages: Final = [
    show_sign_in,
    sign_in,
    sign_in_with_code,
    sign_out,
    show_session,
    refresh_session,
]
