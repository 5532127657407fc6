"""What an address answers to when it is asked for its methods.

Litestar makes such an answer for the handler that is registered first under an address, and keeps
it when others join: it would name the methods of the first alone.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from tawsil.kernel.http.callers import PUBLIC


def options_of(routes: Sequence[Any]) -> list[HTTPRouteHandler]:
    """An answer to OPTIONS for each address that several handlers share."""
    sharing: dict[str, list[HTTPRouteHandler]] = defaultdict(list)
    for route in routes:
        if isinstance(route, HTTPRouteHandler):
            for path in route.paths:
                sharing[path].append(route)
    return [_answer(path, handlers) for path, handlers in sharing.items() if len(handlers) > 1]


def _answer(path: str, handlers: Sequence[HTTPRouteHandler]) -> HTTPRouteHandler:
    methods = {"OPTIONS", *(str(method) for h in handlers for method in h.http_methods)}
    allowed = {"Allow": ", ".join(sorted(methods))}

    def tell_methods() -> Response[None]:
        return Response(None, status_code=204, headers=allowed, media_type="text/plain")

    return HTTPRouteHandler(
        path,
        http_method="OPTIONS",
        status_code=204,
        opt={"rule": PUBLIC},
        include_in_schema=False,
        sync_to_thread=False,
    )(tell_methods)
