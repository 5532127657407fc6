"""The files browsers fetch, read once, under addresses that change when any of them does."""

from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.params import FromPath
from msgspec import Struct

from tawsil.kernel.http import PUBLIC, UNLIMITED, not_found

Asked = Request[Any, Any, State]

MEDIA_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
FOREVER: Final = "public, max-age=31536000, immutable"


class Asset(Struct, frozen=True):
    body: bytes
    media_type: str
    etag: str


def _load() -> dict[str, Asset]:
    return {
        entry.name: Asset(
            body=entry.read_bytes(),
            media_type=MEDIA_TYPES[entry.name.rsplit(".", 1)[-1]],
            etag=etag(entry.read_bytes()),
        )
        for entry in files(__package__ or "tawsil.consoles").joinpath("static").iterdir()
    }


def etag(body: bytes) -> str:
    return f'"{sha256(body).hexdigest()[:16]}"'


ASSETS: Final = _load()
VERSION: Final = sha256("".join(sorted(a.etag for a in ASSETS.values())).encode()).hexdigest()[:12]


def address(name: str) -> str:
    """Where a file is; a module's relative imports stay within the same version."""
    assert name in ASSETS, f"there is no static file {name}"
    return f"/static/{VERSION}/{name}"


def unless_known(
    request: Asked, body: bytes, *, media_type: str, cache_control: str
) -> Response[bytes]:
    """The body, or 304 when the browser has it already."""
    tag = etag(body)
    headers = {"Cache-Control": cache_control, "ETag": tag}
    known = request.headers.get("if-none-match", "")
    if tag in {part.strip().removeprefix("W/") for part in known.split(",")}:
        return Response(b"", status_code=304, headers=headers, media_type=media_type)
    return Response(body, headers=headers, media_type=media_type)


@get(
    "/static/{version:str}/{name:str}",
    opt={"rule": PUBLIC, "limit": UNLIMITED},
    include_in_schema=False,
    sync_to_thread=False,
)
def show_asset(request: Asked, version: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """A file; kept for good under its current version, asked for again under any other."""
    asset = ASSETS.get(name)
    if asset is None:
        raise not_found()
    return unless_known(
        request,
        asset.body,
        media_type=asset.media_type,
        cache_control=FOREVER if version == VERSION else "no-cache",
    )
