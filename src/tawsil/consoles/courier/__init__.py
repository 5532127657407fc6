"""The courier's app: the page it opens with, and what lets a phone keep it.

Everything in it asks `/v4` from the phone (`frontend/src/courier`); the server only hands out the
shell, which opens without a network once it was seen.
"""

from hashlib import sha256
from typing import Any, Final

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.response import Redirect

from tawsil.consoles.assets import Asked, address, built, built_asset, files_of
from tawsil.consoles.pages import HOME, page
from tawsil.kernel.http import PUBLIC, UNLIMITED, Caller, allow

PAGE: Final = "/courier"
WORKER: Final = "/courier/worker.js"
RULE: Final = "courier:update"
OPEN: Final = {"rule": PUBLIC, "limit": UNLIMITED}
FONTS: Final = ("inter-latin-wght-normal.woff2", "noto-sans-arabic-arabic-wght-normal.woff2")


@get(PAGE, opt={"rule": allow(RULE)}, include_in_schema=False, sync_to_thread=False)
def show_app(request: Asked, caller: NamedDependency[Caller]) -> Response[Any]:
    """The app, for couriers; staff have their own pages."""
    if "own" not in caller.scopes(RULE):
        return Redirect(HOME, status_code=303)
    return page(
        request,
        "courier/app.html",
        caller=caller,
        worker=WORKER,
        fonts=FONTS,
    )


def shell() -> list[str]:
    """Every file that the app needs to open."""
    styles = map(address, ("design.css", "chat.css", "courier.css"))
    return [
        *files_of("courier"),
        built("fonts.css"),
        *map(built, FONTS),
        built("icons.svg"),
        *styles,
        address("mark.svg"),
    ]


@get(WORKER, opt=OPEN, include_in_schema=False, sync_to_thread=False)
def show_worker() -> Response[bytes]:
    """The service worker; another version as soon as any file is."""
    body = built_asset("courier_worker.ts").body
    files = shell()
    version = sha256("".join([*files, body.decode()]).encode()).hexdigest()[:12]
    known = msgspec.json.encode({"version": version, "page": PAGE, "files": files})
    return Response(
        b"const SHELL = " + known + b";\n" + body,
        media_type="text/javascript; charset=utf-8",
        headers={"Cache-Control": "no-cache", "Service-Worker-Allowed": PAGE},
    )


pages: Final = [show_app]
parts: Final = [show_worker]
