"""One's own account: who one is, the password, the second step of signing in, and where one is in.

Everything is asked of the platform's own API with the session of whoever sent the form.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect
from msgspec import Struct

from tawsil.consoles import sessions
from tawsil.consoles.assets import Asked
from tawsil.consoles.own_api import Refused, answered, ask_as_caller, refusal_of
from tawsil.consoles.pages import A_YEAR_S, cookie, page
from tawsil.kernel.http import SIGNED_IN
from tawsil.kernel.http.middleware import LOCALE_COOKIE
from tawsil.kernel.i18n import LOCALES, text

HERE: Final = "/account"
DONE: Final = frozenset({"profile", "password", "off", "session", "mail"})
UNREADABLE: Final = 400


class Profile(Struct, frozen=True):
    email: str
    name: str
    phone: str | None
    email_verified: bool
    locale: str


class SecondFactor(Struct, frozen=True):
    enabled: bool
    recovery_codes_left: int


class Session(Struct, frozen=True):
    id: UUID
    user_agent: str | None
    ip_address: str | None
    started_at: datetime
    last_used_at: datetime
    current: bool


class Enrolment(Struct, frozen=True):
    secret: str
    otpauth_uri: str

    @property
    def in_groups(self) -> str:
        """The secret as one types it."""
        return " ".join(self.secret[i : i + 4] for i in range(0, len(self.secret), 4))


class _Codes(Struct, frozen=True):
    recovery_codes: list[str]


class Shown(Struct, frozen=True, kw_only=True):
    """What the page has to say besides how things are: to which part, and what."""

    part: str | None = None
    refused: str | None = None
    enrolment: Enrolment | None = None
    recovery_codes: tuple[str, ...] = ()


NOTHING: Final = Shown()


@get(HERE, opt={"rule": SIGNED_IN}, include_in_schema=False)
async def show_account(request: Asked, done: FromQuery[str | None] = None) -> Response[str]:
    return await _page(request, NOTHING, done=done if done in DONE else None)


@post(f"{HERE}/profile", opt={"rule": SIGNED_IN}, include_in_schema=False, status_code=303)
async def change_profile(request: Asked) -> Response[Any]:
    form = await request.form()
    phone = "".join(str(form.get("phone", "")).split())
    answer = await ask_as_caller(
        request,
        "PUT",
        "/v4/users/profile",
        json={
            "name": str(form.get("name", "")).strip(),
            "phone": phone or None,
            "locale": str(form.get("locale", "")),
        },
    )
    if answer.status_code == 200:
        locale = answered(answer, Profile).locale
        chosen = [cookie(request, LOCALE_COOKIE, locale, max_age=A_YEAR_S)]
        return Redirect(f"{HERE}?done=profile", status_code=303, cookies=chosen)
    return await _refused(request, "profile", refusal_of(answer))


@post(f"{HERE}/password", opt={"rule": SIGNED_IN}, include_in_schema=False, status_code=303)
async def change_password(request: Asked) -> Response[Any]:
    form = await request.form()
    body = {
        "current_password": str(form.get("current_password", "")),
        "new_password": str(form.get("new_password", "")),
    }
    if body["new_password"] != str(form.get("again", "")):
        differ = text("console.reset.differ")
        return await _page(request, Shown(part="password", refused=differ), status=422)
    answer = await ask_as_caller(request, "PUT", "/v4/users/profile/password", json=body)
    if answer.status_code == 204:
        return Redirect(f"{HERE}?done=password", status_code=303)
    return await _refused(request, "password", refusal_of(answer))


@post(f"{HERE}/verify-email", opt={"rule": SIGNED_IN}, include_in_schema=False, status_code=303)
async def send_link(request: Asked) -> Response[Any]:
    answer = await ask_as_caller(request, "POST", "/v4/auth/verify-email/resend")
    if answer.status_code == 202:
        return Redirect(f"{HERE}?done=mail", status_code=303)
    return await _refused(request, "profile", refusal_of(answer))


@post(f"{HERE}/totp", opt={"rule": SIGNED_IN}, include_in_schema=False, status_code=200)
async def begin_totp(request: Asked) -> Response[Any]:
    """The secret is shown on this one page, and nowhere later."""
    answer = await ask_as_caller(request, "POST", "/v4/users/profile/totp")
    if answer.status_code == 201:
        return await _page(request, Shown(part="totp", enrolment=answered(answer, Enrolment)))
    return await _refused(request, "totp", refusal_of(answer))


@post(f"{HERE}/totp/confirm", opt={"rule": SIGNED_IN}, include_in_schema=False, status_code=200)
async def confirm_totp(request: Asked) -> Response[Any]:
    form = await request.form()
    answer = await ask_as_caller(
        request, "POST", "/v4/users/profile/totp/confirm", json={"code": _code(form)}
    )
    if answer.status_code == 200:
        codes = tuple(answered(answer, _Codes).recovery_codes)
        return await _page(request, Shown(part="totp", recovery_codes=codes))
    enrolment = Enrolment(str(form.get("secret", "")), str(form.get("otpauth_uri", "")))
    refused = refusal_of(answer)
    return await _page(
        request,
        Shown(part="totp", refused=_said(refused), enrolment=enrolment),
        status=refused.status,
    )


@post(f"{HERE}/totp/disable", opt={"rule": SIGNED_IN}, include_in_schema=False, status_code=303)
async def disable_totp(request: Asked) -> Response[Any]:
    form = await request.form()
    body = {"password": str(form.get("password", "")), "code": _code(form)}
    answer = await ask_as_caller(request, "POST", "/v4/users/profile/totp/disable", json=body)
    if answer.status_code == 204:
        return Redirect(f"{HERE}?done=off", status_code=303)
    return await _refused(request, "totp", refusal_of(answer))


@post(
    f"{HERE}/sessions/{{session_id:uuid}}/end",
    opt={"rule": SIGNED_IN},
    include_in_schema=False,
    status_code=303,
)
async def end_session(request: Asked, session_id: FromPath[UUID]) -> Response[Any]:
    answer = await ask_as_caller(request, "DELETE", f"/v4/auth/sessions/{session_id}")
    if answer.status_code == 204:
        return Redirect(f"{HERE}?done=session", status_code=303)
    return await _refused(request, "sessions", refusal_of(answer))


@post(f"{HERE}/sign-out-all", opt={"rule": SIGNED_IN}, include_in_schema=False, status_code=303)
async def sign_out_everywhere(request: Asked) -> Response[Any]:
    answer = await ask_as_caller(request, "POST", "/v4/auth/logout-all")
    if answer.status_code == 204:
        return Redirect("/sign-in", status_code=303, cookies=sessions.no_cookies(request))
    return await _refused(request, "sessions", refusal_of(answer))


async def _refused(request: Asked, part: str, refused: Refused) -> Response[str]:
    return await _page(request, Shown(part=part, refused=_said(refused)), status=refused.status)


def _said(refused: Refused) -> str:
    return text("console.account.unreadable") if refused.status == UNREADABLE else refused.message


async def _page(
    request: Asked, shown: Shown, *, done: str | None = None, status: int = 200
) -> Response[str]:
    profile = answered(await ask_as_caller(request, "GET", "/v4/users/profile"), Profile)
    factor = answered(await ask_as_caller(request, "GET", "/v4/users/profile/totp"), SecondFactor)
    used = answered(await ask_as_caller(request, "GET", "/v4/auth/sessions"), list[Session])
    return page(
        request,
        "account.html",
        status=status,
        caller=request.user,
        here=HERE,
        profile=profile,
        factor=factor,
        sessions=used,
        languages=LOCALES,
        shown=shown,
        done=done,
    )


def _code(form: Any) -> str:
    return str(form.get("code", "")).strip()


pages: Final = [
    show_account,
    change_profile,
    change_password,
    send_link,
    begin_totp,
    confirm_totp,
    disable_totp,
    end_session,
    sign_out_everywhere,
]
