"""The API reference: Swagger UI, from an installed package, under our own content policy."""

from importlib.resources import files
from typing import Any, Final

from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.params import FromPath

from tawsil.kernel.http.callers import PUBLIC
from tawsil.kernel.http.errors import not_found
from tawsil.kernel.http.limits import UNLIMITED
from tawsil.kernel.http.middleware import csp_nonce
from tawsil.kernel.http.openapi import Document

OPEN: Final = {"rule": PUBLIC, "limit": UNLIMITED}
ASSETS: Final = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tawsil API</title>
<link rel="stylesheet" href="/reference/swagger-ui.css">
<div id="reference"></div>
<script src="/reference/swagger-ui-bundle.js"></script>
<script nonce="{nonce}">
SwaggerUIBundle({{
  url: "/docs/openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  docExpansion: "none",
  persistAuthorization: true,
}});
</script>
</html>
"""


@get("/docs", opt=OPEN, include_in_schema=False, sync_to_thread=False)
def show_reference(request: Request[Any, Any, State]) -> Response[str]:
    """Every route with its schemas, to try with a token."""
    return Response(PAGE.format(nonce=csp_nonce(request.scope)), media_type="text/html")


@get("/docs/openapi.json", opt=OPEN, include_in_schema=False)
async def show_document(state: State) -> Response[bytes]:
    """The OpenAPI document."""
    document: Document = state.document
    return Response(await document.encoded(), media_type="application/json")


@get("/reference/{name:str}", opt=OPEN, include_in_schema=False, sync_to_thread=False)
def reference_asset(name: FromPath[str]) -> Response[bytes]:
    """A file of Swagger UI."""
    if name not in ASSETS:
        raise not_found()
    return Response(
        files("swagger_ui").joinpath("static", name).read_bytes(),
        media_type=ASSETS[name],
        headers={"Cache-Control": "public, max-age=86400"},
    )


reference_routes: Final = [show_reference, show_document, reference_asset]
