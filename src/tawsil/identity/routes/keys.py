"""The keys that verify our tokens."""

from typing import Any, Final

from litestar import Response, get
from litestar.datastructures import State

from tawsil.identity.tokens import Tokens
from tawsil.kernel.http import PUBLIC


@get(
    "/.well-known/jwks.json",
    opt={"rule": PUBLIC},
    tags=["Sign-in"],
    summary="The public keys of our tokens (RFC 7517)",
)
async def show_keys(state: State) -> Response[dict[str, Any]]:
    tokens: Tokens = state.tokens
    return Response(
        {"keys": await tokens.keys.public()}, headers={"Cache-Control": "public, max-age=60"}
    )


routes: Final = [show_keys]
