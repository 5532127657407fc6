"""After an order has ended: what is said about it, and its money given back. Pure."""

from tawsil.kernel.decisions import Decision, accept, refuse
from tawsil.ordering import events
from tawsil.ordering.events import Status
from tawsil.ordering.model import Order, PaymentStage, event_of, moved, not_allowed
from tawsil.ordering.moves import MAY_DISMISS, Party


def dispute(order: Order, *, party: Party, reason: str) -> Decision[Order]:
    if refused := not_allowed(order, Status.DISPUTED, party):
        return refused
    disputed = moved(order, Status.DISPUTED)
    return accept(disputed, event_of(events.OrderDisputed, disputed, reason=reason))


def dismiss(order: Order, *, party: Party, reason: str) -> Decision[Order]:
    """The complaint was looked into: the order stands as delivered."""
    if party not in MAY_DISMISS:
        return refuse("order.complaint_not_yours", status=403, party=party)
    if order.status is not Status.DISPUTED:
        return refuse("order.not_disputed", status_now=order.status)
    stands = moved(order, Status.DELIVERED)
    return accept(stands, event_of(events.DisputeDismissed, stands, reason=reason))


def refund(order: Order, *, party: Party, reason: str, amount_minor: int) -> Decision[Order]:
    """All is given back: `amount_minor` is what this brings, after what was given in parts."""
    if refused := not_allowed(order, Status.REFUNDED, party):
        return refused
    if order.payment is not PaymentStage.SETTLED:
        return refuse("order.not_settled_yet")
    refunded = moved(order, Status.REFUNDED, payment=PaymentStage.RETURNED)
    event = event_of(events.OrderRefunded, refunded, amount_minor=amount_minor, reason=reason)
    return accept(refunded, event)
