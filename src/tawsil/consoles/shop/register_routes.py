"""Becoming a customer."""

from typing import Any, Final
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.params import FromQuery
from litestar.response import Redirect

from tawsil.consoles import sessions
from tawsil.consoles.assets import Asked
from tawsil.consoles.pages import local_address
from tawsil.consoles.sessions import Tokens
from tawsil.consoles.shop.frame import shop_page, visit_of
from tawsil.consoles.shop.kept import adopt
from tawsil.kernel.http import PUBLIC
from tawsil.kernel.http.envelope import request_context
from tawsil.kernel.i18n import current_locale

HERE: Final = "/register"


@get(HERE, opt={"rule": PUBLIC}, include_in_schema=False)
async def show_register(
    request: Asked,
    next: FromQuery[str | None] = None,  # noqa: A002 - the name in the address
) -> Response[Any]:
    return await _register_page(request, after=next, typed={})


@post(HERE, opt={"rule": PUBLIC}, include_in_schema=False)
async def register(request: Asked) -> Response[Any]:
    """An account and a session, and back to where one came from."""
    form = await request.form()
    typed = {name: str(form.get(name, "")).strip() for name in ("name", "email", "phone")}
    after = local_address(str(form.get("next", "")), otherwise="/")
    tokens = await sessions.register(
        request,
        name=typed["name"],
        email=typed["email"],
        password=str(form.get("password", "")),
        phone=typed["phone"].replace(" ", "") or None,
        locale=current_locale.get(),
    )
    if isinstance(tokens, Tokens):
        await adopt(request, access_token=tokens.access_token)
        now_s = int(request_context.get().at.timestamp())
        cookies = sessions.cookies_of(request, tokens, now_s=now_s)
        return Redirect(after, status_code=303, cookies=cookies)
    answer = await _register_page(
        request, after=after, typed=typed, status=tokens.status, refused=tokens.message
    )
    if tokens.retry_after_s is not None:
        answer.headers["Retry-After"] = tokens.retry_after_s
    return answer


async def _register_page(
    request: Asked,
    *,
    after: str | None,
    typed: dict[str, str],
    status: int = 200,
    refused: str | None = None,
) -> Response[Any]:
    after = local_address(after, otherwise="/")
    return shop_page(
        request,
        await visit_of(request),
        "shop/register.html",
        status=status,
        here=f"{HERE}?{urlencode({'next': after})}",
        next=after,
        typed=typed,
        refused=refused,
    )


pages: Final = [show_register, register]
