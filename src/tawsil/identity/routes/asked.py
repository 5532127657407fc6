"""What is read from a request besides its body, and what tokens look like in an answer."""

from secrets import token_urlsafe
from typing import Any, Final
from uuid import UUID

from litestar import Request, Response
from litestar.datastructures import State

from tawsil.identity.model.attempts import Origin, account_of
from tawsil.identity.model.sessions import Device
from tawsil.identity.model.users import User
from tawsil.identity.tokens import Tokens
from tawsil.identity.views import SignedIn, UserView
from tawsil.kernel.http import Envelope, envelope
from tawsil.kernel.http.addresses import address_of, subscriber

LONGEST_AGENT: Final = 400

Asked = Request[Any, Any, State]


def origin_of(
    request: Asked, *, tenant_id: UUID, email: str, device_token: str | None = None
) -> Origin:
    """Which account is tried, and from where."""
    return Origin(
        tenant_id=tenant_id,
        account=account_of(email),
        address=subscriber(address_of(request.scope)),
        device=device_token,
    )


def device_of(request: Asked, *, id_: str | None) -> Device:
    """What a session is used from."""
    agent = request.headers.get("user-agent", "")
    shown = "".join(character for character in agent if character.isprintable())
    return Device(id_, address_of(request.scope), shown[:LONGEST_AGENT] or None)


def new_device() -> str:
    """A token by which a device is known again."""
    return token_urlsafe(24)


def signed_in(
    *,
    tokens: Tokens,
    user: User,
    access_token: str,
    refresh_token: str,
    status: int,
    device_token: str | None = None,
) -> Response[Envelope[SignedIn]]:
    answer = SignedIn(
        access_token=access_token,
        refresh_token=refresh_token,
        expires_in=tokens.access_token_s,
        device_token=device_token,
        user=UserView.of(user),
    )
    return Response(envelope(answer), status_code=status, headers={"Cache-Control": "no-store"})
