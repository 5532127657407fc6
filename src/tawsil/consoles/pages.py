"""Pages: templates, what every one of them knows, and how an error looks to a person."""

from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Response
from litestar.datastructures import Cookie
from litestar.response import Redirect
from markupsafe import Markup

from tawsil.consoles import words
from tawsil.consoles.access import May
from tawsil.consoles.assets import Asked, address, built, script
from tawsil.consoles.installing import installed_as
from tawsil.consoles.navigation import navigation
from tawsil.consoles.picture import STEPS, Presence, Stage
from tawsil.kernel.http import Caller, Envelope
from tawsil.kernel.http.callers import modules_off_of
from tawsil.kernel.http.middleware import csp_nonce
from tawsil.kernel.http.origins import ACCESS_COOKIE, cookie_of
from tawsil.kernel.i18n import LOCALES, current_locale

START: Final = "/"
"""The shop; those who work here go on from it to their own home."""
HOME: Final = "/city"
MERCHANT_HOME: Final = "/merchant"
A_YEAR_S: Final = 365 * 86_400
THEME_COOKIE: Final = "tawsil_theme"
THEMES: Final = ("system", "light", "dark")
HTML: Final = "text/html; charset=utf-8"

_environment: Final[Any] = Environment(  # untyped: jinja takes its own globals for all there are
    loader=PackageLoader("tawsil.consoles"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.globals.update(
    say=words.say,
    word=words.word,
    words_of=words.words_of,
    amount=words.amount,
    bare=words.bare,
    month_name=words.month_name,
    asset=address,
    built=built,
    script=script,
    moment=words.moment,
    weekday=words.weekday,
    day_time=words.day_time,
    wall=words.wall,
    device_name=words.device_name,
    clock_time=words.clock_time,
    day_and_time=words.day_and_time,
    clock_time_s=words.clock_time_s,
    countdown=words.countdown,
    elapsed=words.elapsed,
    distance=words.distance,
    percent=words.percent,
    kilometres=words.kilometres,
    in_short=words.in_short,
    until_promise=words.until_promise,
    statuses=words.statuses,
    Presence=Presence,
    Stage=Stage,
    STEPS=STEPS,
    THEMES=THEMES,
    LOCALES=LOCALES,
)


def fragment(template: str, **known: Any) -> str:
    """A part of a page, in the language of the request."""
    locale = current_locale.get()
    return _environment.get_template(template).render(locale=locale, **known)


def page(
    request: Asked,
    template: str,
    *,
    status: int = 200,
    caller: Caller | None = None,
    here: str | None = None,
    **known: Any,
) -> Response[str]:
    """A whole page. Pages show what is so now, to one person: nobody keeps them.

    `here` is where the page is found again; the request's own address unless said.
    """
    locale = current_locale.get()
    theme = request.cookies.get(THEME_COOKIE, THEMES[0])
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    found = here or (asked if request.method == "GET" else request.url.path)
    may: May = known.pop("may", None) or (May.of(caller) if caller else May())
    may = may.without(modules_off_of(request.scope))
    body = fragment(
        template,
        direction="rtl" if locale == "ar" else "ltr",
        theme=theme if theme in THEMES else THEMES[0],
        here=found,
        places=navigation(may, here=found),
        may=may,
        installed_as=installed_as(may),
        caller=caller,
        nonce=csp_nonce(request.scope),
        **known,
    )
    return Response(
        body, status_code=status, media_type=HTML, headers={"Cache-Control": "no-store"}
    )


def local_address(address: str | None, *, otherwise: str) -> str:
    """An address of ours to go on to; anything that could lead elsewhere is `otherwise`."""
    if not address or not address.startswith("/") or address.startswith(("//", "/\\")):
        return otherwise
    if any(character < " " or character == "\\" for character in address):
        return otherwise
    return address


def cookie(
    request: Asked, key: str, value: str, *, max_age: int, path: str = "/", hidden: bool = True
) -> Cookie:
    """A cookie that only our own pages send back; `hidden` from scripts."""
    return Cookie(
        key=key,
        value=value,
        max_age=max_age,
        path=path,
        httponly=hidden,
        secure=request.url.scheme == "https",
        samesite="strict",
    )


KINDS: Final = {
    403: "forbidden",
    404: "missing",
    405: "method",
    410: "missing",
    429: "busy",
    503: "away",
}
"""What a page says of an error; of others of ours: broken, of what was sent: failed."""
AGAIN: Final = frozenset({"busy", "away", "broken"})
"""What may go by itself."""


def show_problem(request: Asked, answer: Response[Envelope[None]]) -> Response[Any]:
    """An error as a page. Without a session: on to where one is taken up or begun."""
    status, looks = answer.status_code or 500, request.method in {"GET", "HEAD"}
    if status == 401 and looks:
        if "hx-request" in request.headers:
            return Response(None, status_code=status, headers={"HX-Refresh": "true"})
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return Redirect(f"/session?next={quote(here, safe='')}", status_code=303)
    error = answer.content.errors[0]
    kind = KINDS.get(status, "broken" if status >= 500 else "failed")
    if error.code == "request.module_off":
        kind = "off"
    shown = page(
        request,
        "problem.html",
        status=status,
        signed_in=cookie_of(request, ACCESS_COOKIE) is not None,
        status_shown=status,
        kind=kind,
        sentence=error.message,
        again=looks and kind in AGAIN,
    )
    for name in ("Retry-After", "Allow"):
        value = {k.lower(): v for k, v in answer.headers.items()}.get(name.lower())
        if value is not None:
            shown.headers[name] = value
    return shown


def stamp(at: datetime) -> str:
    """An instant for scripts and `datetime` attributes."""
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def embedded(known: Any) -> Markup:
    """JSON inside a page, where nothing in it can end the element it stands in."""
    encoded = msgspec.json.encode(known).decode()
    for character in "<>&\u2028\u2029":
        encoded = encoded.replace(character, f"\\u{ord(character):04x}")
    return Markup(encoded)  # noqa: S704 - every character that means something to HTML is escaped


_environment.filters.update(stamp=stamp, json=embedded)
