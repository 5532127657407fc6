"""What the server can do when it is asked for nothing: the same bytes from a bare handler.

`python -m tawsil.apps.bench.floor litestar|asgi FILE` serves the file's bytes as `tawsil up`
serves the platform, with nothing around the handler; `asgi` leaves out the framework as well.
"""

import sys
from pathlib import Path
from typing import Any, cast

import uvloop
from litestar import Litestar, MediaType, Response, get
from litestar.types import ASGIApp, Receive, Scope, Send

from tawsil.apps.api import server_of
from tawsil.kernel.settings import load_settings


def bare_litestar(body: bytes) -> ASGIApp:
    @get("/", sync_to_thread=False)
    def answer() -> Response[bytes]:
        return Response(body, media_type=MediaType.JSON)

    return Litestar([answer], logging_config=None, openapi_config=None)


def bare_asgi(body: bytes) -> ASGIApp:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]

    async def app(scope: Scope, _: Receive, send: Send) -> None:
        if cast("Any", scope)["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return app


KINDS = {"litestar": bare_litestar, "asgi": bare_asgi}


def main(kind: str, body: Path) -> None:
    """Serve until told to stop."""
    uvloop.run(server_of(KINDS[kind](body.read_bytes()), load_settings()).serve())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
