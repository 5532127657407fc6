"""Where mailed links lead, and where one asks for them.

Opening a page spends nothing, as mail programs open links by themselves: a token is spent by the
form that a person sends.
"""

from typing import Any, Final
from urllib.parse import quote

from litestar import Response, get, post
from litestar.params import FromQuery

from tawsil.consoles.assets import Asked
from tawsil.consoles.own_api import ask, refusal_of
from tawsil.consoles.pages import page
from tawsil.kernel.http import PUBLIC
from tawsil.kernel.i18n import text

UNREADABLE: Final = 400
TOO_OLD: Final = "identity.link_invalid"


@get("/forgot-password", opt={"rule": PUBLIC}, include_in_schema=False, sync_to_thread=False)
def show_forgotten(request: Asked) -> Response[str]:
    return page(request, "forgotten.html", email="", asked=False, refused=None)


@post("/forgot-password", opt={"rule": PUBLIC}, include_in_schema=False, status_code=200)
async def ask_for_link(request: Asked) -> Response[str]:
    """The same page for every address, whether or not it is somebody's."""
    email = str((await request.form()).get("email", ""))
    answer = await ask(request, "POST", "/v4/auth/password-reset", json={"email": email})
    if answer.status_code == 202:
        return page(request, "forgotten.html", email=email, asked=True, refused=None)
    refused = refusal_of(answer)
    unreadable = refused.status == UNREADABLE
    return page(
        request,
        "forgotten.html",
        status=refused.status,
        email=email,
        asked=False,
        refused=text("console.forgotten.no_address") if unreadable else refused.message,
    )


@get("/reset-password", opt={"rule": PUBLIC}, include_in_schema=False, sync_to_thread=False)
def show_reset(request: Asked, token: FromQuery[str | None] = None) -> Response[str]:
    return _reset_page(request, token=token or "", state="new" if token else "old")


@post("/reset-password", opt={"rule": PUBLIC}, include_in_schema=False, status_code=200)
async def reset(request: Asked) -> Response[str]:
    """Choose a password; one that cannot be chosen leaves the link as it was."""
    form = await request.form()
    token, password = str(form.get("token", "")), str(form.get("password", ""))
    if password != str(form.get("again", "")):
        refused = text("console.reset.differ")
        return _reset_page(request, token=token, status=422, refused=refused)
    answer = await ask(
        request,
        "POST",
        "/v4/auth/password-reset/confirm",
        json={"token": token, "password": password},
    )
    if answer.status_code == 200:
        return _reset_page(request, token="", state="done")
    refusal = refusal_of(answer)
    if refusal.code == TOO_OLD or refusal.status == UNREADABLE:
        return _reset_page(request, token="", status=refusal.status, state="old")
    return _reset_page(request, token=token, status=refusal.status, refused=refusal.message)


def _reset_page(
    request: Asked,
    *,
    token: str,
    state: str = "new",
    status: int = 200,
    refused: str | None = None,
) -> Response[str]:
    here = f"/reset-password?token={quote(token, safe='')}" if token else "/forgot-password"
    known: dict[str, Any] = {"token": token, "state": state, "refused": refused}
    return page(request, "reset.html", status=status, here=here, **known)


@get("/verify-email", opt={"rule": PUBLIC}, include_in_schema=False, sync_to_thread=False)
def show_verify(request: Asked, token: FromQuery[str | None] = None) -> Response[str]:
    return page(request, "verify.html", token=token or "", state="new" if token else "old")


@post("/verify-email", opt={"rule": PUBLIC}, include_in_schema=False, status_code=200)
async def verify(request: Asked) -> Response[str]:
    token = str((await request.form()).get("token", ""))
    answer = await ask(request, "POST", "/v4/auth/verify-email", json={"token": token})
    if answer.status_code == 200:
        return page(request, "verify.html", token="", state="done")
    return page(request, "verify.html", status=answer.status_code, token="", state="old")


pages: Final = [show_forgotten, ask_for_link, show_reset, reset, show_verify, verify]
