"""The API reference: Swagger UI, from an installed package, under our own content policy."""

from importlib.resources import files
from typing import Any, Final

from litestar import Request, Response, get
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.params import FromPath

from tawsil.kernel.http.callers import PUBLIC
from tawsil.kernel.http.errors import not_found
from tawsil.kernel.http.limits import UNLIMITED

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


class SwaggerPage(OpenAPIRenderPlugin):
    """`/docs`: every route with its schemas, to try with a token."""

    def __init__(self) -> None:
        super().__init__(path="/")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        del openapi_schema
        return PAGE.format(nonce=request.scope["state"]["csp_nonce"]).encode()


@get(
    "/reference/{name:str}",
    opt={"rule": PUBLIC, "limit": UNLIMITED},
    include_in_schema=False,
    sync_to_thread=False,
)
def reference_asset(name: FromPath[str]) -> Response[bytes]:
    """A file of Swagger UI."""
    if name not in ASSETS:
        raise not_found()
    return Response(
        files("swagger_ui").joinpath("static", name).read_bytes(),
        media_type=ASSETS[name],
        headers={"Cache-Control": "public, max-age=86400"},
    )
