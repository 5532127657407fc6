"""The files browsers fetch, read once, under addresses that change when any of them does.

Two kinds: plain ones of `static/`, all under one version, and those that the front end's build
left in `built/`, each with its own in its name.
"""

from collections.abc import Iterator
from functools import cache
from gzip import compress
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.params import FromPath
from markupsafe import Markup
from msgspec import Struct, field

from tawsil.kernel.http import PUBLIC, UNLIMITED, not_found

Asked = Request[Any, Any, State]

MEDIA_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "mjs": "text/javascript; charset=utf-8",
    "png": "image/png",
    "svg": "image/svg+xml",
    "webmanifest": "application/manifest+json",
    "woff2": "font/woff2",
}
COMPRESSED: Final = frozenset({"png", "woff2"})
"""What would not become smaller."""
FOREVER: Final = "public, max-age=31536000, immutable"
BUILT: Final = "built"
MANIFEST: Final = "manifest.json"


class Asset(Struct, frozen=True):
    body: bytes
    media_type: str
    etag: str


class Entry(Struct, frozen=True):
    """A file of the build, and the files it asks for at once."""

    file: str
    css: list[str] = field(default_factory=list[str])
    imports: list[str] = field(default_factory=list[str])


class NotBuiltError(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(f"The front end has no {name}: build it anew with `make assets`.")


def _load(folder: str) -> dict[str, Asset]:
    place = files(__package__ or "tawsil.consoles").joinpath(folder)
    if not place.is_dir():
        return {}
    return {
        entry.name: Asset(
            body=(body := entry.read_bytes()),
            media_type=MEDIA_TYPES[entry.name.rsplit(".", 1)[-1]],
            etag=etag(body),
        )
        for entry in place.iterdir()
        if "." in entry.name
    }


def etag(body: bytes) -> str:
    return f'"{sha256(body).hexdigest()[:16]}"'


DESIGN: Final = ("tokens.css", "components.css", "parts.css", "layout.css")
"""What every page is made of, sent as one: `design.css`."""


def _with_design(plain: dict[str, Asset]) -> dict[str, Asset]:
    body = b"\n".join(plain[name].body for name in DESIGN)
    design = Asset(body=body, media_type=MEDIA_TYPES["css"], etag=etag(body))
    return {**plain, "design.css": design}


ASSETS: Final = _with_design(_load("static"))
BUILDS: Final = _load(BUILT)
VERSION: Final = sha256("".join(sorted(a.etag for a in ASSETS.values())).encode()).hexdigest()[:12]
MADE: Final = (
    msgspec.json.decode(BUILDS[MANIFEST].body, type=dict[str, Entry]) if MANIFEST in BUILDS else {}
)
"""What was built, by where it came from."""
_BY_NAME: Final = {source.rsplit("/", 1)[-1]: entry for source, entry in MADE.items()}


def address(name: str) -> str:
    """Where a file is; a module's relative imports stay within the same version."""
    assert name in ASSETS, f"there is no static file {name}"
    return f"/static/{VERSION}/{name}"


def built(name: str) -> str:
    """Where what was built from a file is: `icons.svg`, `fonts.css`, `inter-….woff2`.

    Raises:
        NotBuiltError: nothing was.
    """
    if name not in _BY_NAME:
        raise NotBuiltError(name)
    return _at(_BY_NAME[name].file)


@cache
def script(name: str) -> Markup:
    """The elements that bring a script of `frontend/src/entries` and its styles into a page.

    Raises:
        NotBuiltError: there is none of that name.
    """
    source = next((s for s in (f"{name}.ts", f"{name}.tsx") if s in _BY_NAME), None)
    if source is None:
        raise NotBuiltError(name)
    parts = list(_with_imports(_BY_NAME[source], seen=set()))
    styles = dict.fromkeys(css for part in parts for css in part.css)
    sheets = [Markup('<link rel="stylesheet" href="{}">').format(_at(css)) for css in styles]
    early = [
        Markup('<link rel="modulepreload" href="{}">').format(_at(part.file)) for part in parts[1:]
    ]
    run = Markup('<script type="module" src="{}"></script>').format(_at(parts[0].file))
    return Markup("\n").join([*sheets, *early, run])


def files_of(name: str) -> list[str]:
    """Where a script is, and all that it asks for at once: for whoever keeps them.

    Raises:
        NotBuiltError: there is none of that name.
    """
    source = next((s for s in (f"{name}.ts", f"{name}.tsx") if s in _BY_NAME), None)
    if source is None:
        raise NotBuiltError(name)
    parts = list(_with_imports(_BY_NAME[source], seen=set()))
    return list(dict.fromkeys(_at(file) for part in parts for file in (part.file, *part.css)))


def built_asset(name: str) -> Asset:
    """What was built from a file itself, for those that need an address of their own.

    Raises:
        NotBuiltError: nothing was.
    """
    if name not in _BY_NAME:
        raise NotBuiltError(name)
    return BUILDS[_BY_NAME[name].file]


def _with_imports(entry: Entry, *, seen: set[str]) -> Iterator[Entry]:
    if entry.file in seen:
        return
    seen.add(entry.file)
    yield entry
    for source in entry.imports:
        yield from _with_imports(MADE[source], seen=seen)


def _at(file: str) -> str:
    return f"/static/{BUILT}/{file}"


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
    asset = (BUILDS if version == BUILT else ASSETS).get(name)
    if asset is None:
        raise not_found()
    kept = FOREVER if version in {VERSION, BUILT} else "no-cache"
    if not _can_be_smaller(request, name):
        return unless_known(request, asset.body, media_type=asset.media_type, cache_control=kept)
    answer = unless_known(
        request,
        _smaller(version == BUILT, name),
        media_type=asset.media_type,
        cache_control=kept,
    )
    answer.headers["Content-Encoding"] = "gzip"
    answer.headers["Vary"] = "Accept-Encoding"
    return answer


def _can_be_smaller(request: Asked, name: str) -> bool:
    accepted = request.headers.get("accept-encoding", "")
    return "gzip" in accepted and name.rsplit(".", 1)[-1] not in COMPRESSED


@cache
def _smaller(of_the_build: bool, name: str) -> bytes:  # noqa: FBT001 - a key of the cache
    return compress((BUILDS if of_the_build else ASSETS)[name].body, mtime=0)
