"""The keys that verify our tokens."""

from typing import Any, Final

from litestar import Response, get
from litestar.datastructures import State

from tawsil.identity.token_keys import JWKS_KEPT_S
from tawsil.identity.tokens import Tokens
from tawsil.kernel.http import PUBLIC


@get(
    "/.well-known/jwks.json",
    opt={"rule": PUBLIC},
    tags=["Sign-in"],
    summary="The public keys of our tokens (RFC 7517)",
)
async def show_keys(state: State) -> Response[dict[str, Any]]:
    """A key is here before it signs, and until no token that it has signed is valid any more."""
    tokens: Tokens = state.tokens
    return Response(
        {"keys": await tokens.keys.public()},
        headers={"Cache-Control": f"public, max-age={JWKS_KEPT_S}"},
    )


routes: Final = [show_keys]
