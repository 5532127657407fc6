"""What acquirers call about."""

import hmac
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import msgspec
from litestar import Request, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from msgspec import Struct

from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    PUBLIC,
    WEBHOOK,
    Envelope,
    Problem,
    envelope,
)
from tawsil.payments import public
from tawsil.payments.service import webhooks as service
from tawsil.payments.service.webhooks import StripeEvent

SIGNATURE_HEADER: Final = "tawsil-psp-signature"
STRIPE_SIGNATURE_HEADER: Final = "stripe-signature"
TOLERANCE_S: Final = 300


class WebhookAnswer(Struct, frozen=True):
    """`duplicate`: this event was heard before, and nothing was done."""

    duplicate: bool


class _Thing(Struct, frozen=True):
    reference: str


class _Data(Struct, frozen=True):
    """One of the two."""

    charge: _Thing | None = None
    payout: _Thing | None = None


class _Webhook(Struct, frozen=True):
    """The parts of a webhook that are used; what else it says is looked up instead."""

    id: str
    data: _Data


def signed(*, secrets: Sequence[str], signature: str, body: bytes, now: datetime) -> bool:
    """Whether `t=SECOND,v1=HEX` is an HMAC-SHA256 of the second, a dot and the body, and fresh.

    Any of the secrets may have signed it: while they change, two are valid.
    """
    parts = [part.partition("=") for part in signature.split(",")]
    seconds = [value for name, _, value in parts if name == "t"]
    if len(seconds) != 1 or not (seconds[0].isascii() and seconds[0].isdigit()):
        return False
    text = seconds[0]
    if len(text) > 12 or abs(now.timestamp() - int(text)) > TOLERANCE_S:
        return False
    signed_part = text.encode() + b"." + body
    expected = [hmac.new(s.encode(), signed_part, sha256).hexdigest().encode() for s in secrets]
    given = [value.encode() for name, _, value in parts if name == "v1"]
    return any(hmac.compare_digest(ours, theirs) for ours in expected for theirs in given)


@post(
    "/v4/webhooks/psp",
    opt={"rule": PUBLIC, "limit": WEBHOOK},
    status_code=200,
    tags=["Payments"],
    summary="Hear from the acquirer that a charge has changed",
)
async def hear_psp(
    request: Request[Any, Any, State], state: State, database: NamedDependency[Database]
) -> Envelope[WebhookAnswer]:
    """Signed in `Tawsil-Psp-Signature`; the same event twice is answered the same and done once."""
    body = await request.body()
    fresh = signed(
        secrets=state.psp_webhook_secrets,
        signature=request.headers.get(SIGNATURE_HEADER, ""),
        body=body,
        now=database.now(),
    )
    if not fresh:
        raise Problem(401, "payment.signature_invalid")
    webhook = msgspec.json.decode(body, type=_Webhook)
    payout, charge = webhook.data.payout, webhook.data.charge
    async with database.transaction() as tx:
        if payout is not None:
            first = await public.hear_payout_webhook(
                tx, event_id=webhook.id, reference=payout.reference
            )
        else:
            reference = "" if charge is None else charge.reference
            first = await public.hear_webhook(tx, event_id=webhook.id, reference=reference)
    return envelope(WebhookAnswer(duplicate=not first))


class _Object(Struct, frozen=True):
    id: str
    object: str
    payment_intent: str | None = None
    metadata: dict[str, str] | None = None


class _StripeData(Struct, frozen=True):
    object: _Object


class _StripeWebhook(Struct, frozen=True):
    """The parts of an event of Stripe's that are used."""

    id: str
    data: _StripeData


@post(
    "/v4/webhooks/stripe",
    opt={"rule": PUBLIC, "limit": WEBHOOK},
    status_code=200,
    tags=["Payments"],
    summary="Hear from Stripe that something has changed",
)
async def hear_stripe(
    request: Request[Any, Any, State], state: State, database: NamedDependency[Database]
) -> Envelope[WebhookAnswer]:
    """Signed in `Stripe-Signature`; the same event twice is answered the same and done once."""
    body = await request.body()
    fresh = signed(
        secrets=state.stripe_webhook_secrets,
        signature=request.headers.get(STRIPE_SIGNATURE_HEADER, ""),
        body=body,
        now=database.now(),
    )
    if not fresh:
        raise Problem(401, "payment.signature_invalid")
    webhook = msgspec.json.decode(body, type=_StripeWebhook)
    about = webhook.data.object
    event = StripeEvent(
        id=webhook.id,
        about=about.object,
        about_id=about.id,
        intent_id=about.payment_intent,
        reference=(about.metadata or {}).get("reference"),
    )
    async with database.transaction() as tx:
        first = await service.hear_stripe(tx, event)
    return envelope(WebhookAnswer(duplicate=not first))


routes: Final = [hear_stripe, hear_psp]
