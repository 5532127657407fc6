"""What makes a surface an app on somebody's home screen."""

from typing import Any, Final

from litestar import Response, get
from litestar.params import FromPath
from msgspec import Struct

from tawsil.consoles.access import May
from tawsil.consoles.assets import MEDIA_TYPES, built
from tawsil.kernel.http import PUBLIC, not_found
from tawsil.kernel.i18n import LOCALES, text


class Surface(Struct, frozen=True):
    start: str
    scope: str
    ground: str = "#f4f5f3"
    orientation: str = "any"


SURFACES: Final = {
    "customer": Surface("/", "/"),
    "courier": Surface("/courier", "/courier", orientation="portrait"),
    "merchant": Surface("/merchant", "/merchant"),
}
ICONS: Final = (
    ("mark-192.png", "192x192", "any"),
    ("mark-512.png", "512x512", "any"),
    ("mark-maskable-512.png", "512x512", "maskable"),
)
AN_HOUR: Final = "public, max-age=3600"


def installed_as(may: May) -> str | None:
    """Which surface is an app for them; operations work in a browser."""
    if may.courier:
        return "courier"
    if may.merchant:
        return "merchant"
    return None if may.dispatch or may.admin else "customer"


@get(
    "/install/{surface:str}/{locale:str}",
    opt={"rule": PUBLIC},
    include_in_schema=False,
    sync_to_thread=False,
)
def show_manifest(surface: FromPath[str], locale: FromPath[str]) -> Response[dict[str, Any]]:
    """Its web app manifest, in the language of the page that names it."""
    known = SURFACES.get(surface)
    if known is None or locale not in LOCALES:
        raise not_found()
    manifest = {
        "id": known.start,
        "start_url": known.start,
        "scope": known.scope,
        "name": text(f"console.install.{surface}", locale=locale),
        "short_name": text(f"console.install.{surface}.short", locale=locale),
        "description": text(f"console.install.{surface}.lead", locale=locale),
        "lang": locale,
        "dir": "rtl" if locale == "ar" else "ltr",
        "display": "standalone",
        "orientation": known.orientation,
        "background_color": known.ground,
        "theme_color": "#0f6e66",
        "icons": [
            {"src": built(name), "sizes": sizes, "type": "image/png", "purpose": purpose}
            for name, sizes, purpose in ICONS
        ],
    }
    return Response(
        manifest, media_type=MEDIA_TYPES["webmanifest"], headers={"Cache-Control": AN_HOUR}
    )


parts: Final = [show_manifest]
