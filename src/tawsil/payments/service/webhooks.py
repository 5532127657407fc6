"""What Stripe calls about: it says which things to look at, and is not believed in more."""

from typing import Final

from msgspec import Struct

from tawsil.kernel.db import Job, Tx
from tawsil.payments.events import Provider
from tawsil.payments.service import paying, payouts
from tawsil.payments.service.disputes import LOOK_AT, DisputeLook
from tawsil.payments.store import webhooks

PAID_OUT: Final = frozenset({"payout", "transfer"})


class StripeEvent(Struct, frozen=True, kw_only=True):
    """What an event is about, by Stripe's ids; `reference` is ours, where Stripe keeps it."""

    id: str
    about: str
    about_id: str
    intent_id: str | None
    reference: str | None


async def hear_stripe(tx: Tx, event: StripeEvent) -> bool:
    """Note an event and have looked up what it is about; False when it was heard before."""
    if event.about in PAID_OUT:
        return await payouts.hear_webhook(tx, event_id=event.id, reference=event.reference or "")
    if event.about == "dispute":
        first = await webhooks.hear(tx, event_id=event.id, payment_id=None)
        if first:
            look = DisputeLook(provider=Provider.STRIPE, provider_dispute_id=event.about_id)
            await tx.enqueue(Job(name=LOOK_AT, payload=look))
        return first
    return await paying.hear_webhook(
        tx,
        event_id=event.id,
        reference=event.reference or "",
        charge_id=event.about_id if event.about == "payment_intent" else event.intent_id,
        provider=Provider.STRIPE,
    )
