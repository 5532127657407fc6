"""What Stripe calls about: it says which things to look at, and is not believed in more."""

from typing import Final

from msgspec import Struct

from tawsil.kernel.db import Tx
from tawsil.payments.events import Provider
from tawsil.payments.service import paying, payouts

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
    return await paying.hear_webhook(
        tx,
        event_id=event.id,
        reference=event.reference or "",
        charge_id=event.about_id if event.about == "payment_intent" else event.intent_id,
        provider=Provider.STRIPE,
    )
