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
from tawsil.consoles.words import say
from tawsil.kernel.http import PUBLIC, UNLIMITED, Caller, allow
from tawsil.kernel.i18n import current_locale

PAGE: Final = "/courier"
WORKER: Final = "/courier/worker.js"
MANIFEST: Final = "/courier/app.webmanifest"
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
        manifest=MANIFEST,
        fonts=FONTS,
    )


def shell() -> list[str]:
    """Every file that the app needs to open."""
    plain = [address("design.css"), address("courier.css"), address("mark.svg")]
    return [*files_of("courier"), built("fonts.css"), *map(built, FONTS), built("icons.svg"), *plain]


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


@get(MANIFEST, opt=OPEN, include_in_schema=False, sync_to_thread=False)
def show_manifest() -> Response[bytes]:
    """What a home screen shows of the app."""
    locale = current_locale.get()
    icons = [
        {"src": built(f"mark-{size}.png"), "sizes": f"{size}x{size}", "type": "image/png"}
        for size in (192, 512)
    ]
    cut = {
        "src": built("mark-maskable-512.png"),
        "sizes": "512x512",
        "type": "image/png",
        "purpose": "maskable",
    }
    described = {
        "id": PAGE,
        "name": say("courier.app_name"),
        "short_name": "Tawsil",
        "start_url": PAGE,
        "scope": PAGE,
        "display": "standalone",
        "orientation": "portrait",
        "lang": locale,
        "dir": "rtl" if locale == "ar" else "ltr",
        "background_color": "#101415",
        "theme_color": "#101415",
        "icons": [*icons, cut],
    }
    return Response(
        msgspec.json.encode(described),
        media_type="application/manifest+json",
        headers={"Cache-Control": "no-cache"},
    )


pages: Final = [show_app]
parts: Final = [show_worker, show_manifest]
