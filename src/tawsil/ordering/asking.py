"""What callers ask of orders, as commands: the same by whichever door they come in."""

from collections.abc import Sequence
from typing import Any, Final, Literal
from uuid import UUID

from tawsil.kernel.batches import Handle
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import Refusal
from tawsil.kernel.http import Caller, Problem
from tawsil.kernel.http.addresses import subscriber
from tawsil.kernel.logs import current_request
from tawsil.kernel.reach import Reach
from tawsil.kernel.sealing import Digester
from tawsil.ordering import journey, store
from tawsil.ordering.access import acting, visible
from tawsil.ordering.events import Status
from tawsil.ordering.model import Order, PaidBy, legal_moves
from tawsil.ordering.moves import Party
from tawsil.ordering.steps import Acting
from tawsil.payments.public import CardToken
from tawsil.pricing.public import Signals


async def pick_up(tx: Tx, commands: Sequence[journey.MoveOrder]) -> list[Order | Refusal]:
    """The kitchen and the courier both say that the goods changed hands: who comes second is right
    too, and changes nothing.
    """
    outcomes = await journey.pick_up(tx, commands)
    second = [
        c.order_id
        for c, outcome in zip(commands, outcomes, strict=True)
        if isinstance(outcome, Refusal)
        and outcome.code == "order.illegal_move"
        and c.acting.party in {Party.COURIER, Party.MERCHANT}
    ]
    known = await store.get(tx, second) if second else {}
    so_already = {id_: order for id_, order in known.items() if order.picked_up_at is not None}
    return [
        so_already.get(c.order_id, outcome) if isinstance(outcome, Refusal) else outcome
        for c, outcome in zip(commands, outcomes, strict=True)
    ]


Step = Literal["prepare", "ready", "pick-up", "depart", "return"]
STEPS: Final[dict[Step, Handle[journey.MoveOrder]]] = {
    "prepare": journey.start_preparing,
    "ready": journey.mark_ready,
    "pick-up": pick_up,
    "depart": journey.depart,
    "return": journey.return_to_merchant,
}
BY_STATUS: Final[dict[Status, Step]] = {
    Status.PREPARING: "prepare",
    Status.READY_FOR_PICKUP: "ready",
    Status.PICKED_UP: "pick-up",
    Status.IN_TRANSIT: "depart",
    Status.RETURNED: "return",
}
NEVER_SET: Final = frozenset({Status.PENDING, Status.REFUNDED})
"""What an order only begins as, and what has a command and a permission of its own."""


def placing(
    caller: Caller,
    *,
    quote_id: UUID,
    paid_by: PaidBy,
    card_tokens: tuple[CardToken, ...],
    notes: str,
    digester: Digester | None,
) -> journey.PlaceOrder:
    """The caller's order of a binding quote; of the cards the first is asked first.

    What is seen of the caller goes with it: promotions may ask whether they know it already.

    Raises:
        Problem: 422, a card's token for what is paid in cash, or a wish to pay later.
    """
    if paid_by is PaidBy.LATER:
        raise Problem(422, "order.later_needs_approval")
    if paid_by is PaidBy.CASH and card_tokens:
        raise Problem(422, "order.card_token_mismatch")
    return journey.PlaceOrder(
        by=caller.by,
        customer_id=caller.user_id,
        quote_id=quote_id,
        paid_by=paid_by,
        card_tokens=card_tokens,
        notes=notes,
        signals=_signals(caller, digester, card_tokens),
    )


def _signals(
    caller: Caller, digester: Digester | None, card_tokens: tuple[CardToken, ...]
) -> Signals | None:
    if digester is None:
        return None
    request = current_request.get()
    address = request.ip_address if request else None
    return Signals(
        digester=digester,
        device=caller.device_id,
        card=card_tokens[0].token if card_tokens else None,
        network=subscriber(address) if address else None,
    )


def cancelling(caller: Caller, *, order_id: UUID, reason: str) -> journey.CancelOrder:
    return journey.CancelOrder(
        by=caller.by, order_id=order_id, acting=canceller(caller), reason=reason
    )


def canceller(caller: Caller) -> Acting:
    """As whom the caller calls an order off.

    Raises:
        Problem: 403, it may not.
    """
    for permission in ("order:cancel", "order:update"):
        if caller.scopes(permission):
            return acting(caller, permission)
    raise Problem(403, "request.forbidden", permission="order:cancel")


async def towards(
    database: Database, caller: Caller, *, reach: Reach, order_id: UUID, to: Status, notes: str
) -> tuple[Handle[Any], Any]:
    """The command that brings an order to a status; its notes are a remark, not a reason.

    Raises:
        Problem: 409, no order is ever set to that.
    """
    if to in NEVER_SET:
        async with database.transaction() as tx:
            order, _ = await visible(tx, reach=reach, order_id=order_id)
        legal = [status for status in legal_moves(order) if status not in NEVER_SET]
        raise Problem(409, "order.status_not_settable", wanted=to, legal=legal)
    common: dict[str, Any] = {
        "by": caller.by,
        "order_id": order_id,
        "acting": acting(caller, "order:update"),
        "remark": notes,
    }
    if step := BY_STATUS.get(to):
        return STEPS[step], journey.MoveOrder(**common)
    match to:
        case Status.ACCEPTED:
            return journey.accept_order, journey.AcceptOrder(**common)
        case Status.DELIVERED:
            return journey.deliver, journey.DeliverOrder(**common)
        case Status.CANCELLED:
            return journey.cancel, journey.CancelOrder(**common, reason="other")
        case Status.UNDELIVERABLE:
            failed = journey.MarkUndeliverable(**common, reason=notes)
            return journey.mark_undeliverable, failed
        case _:
            assert to is Status.DISPUTED, to
            return journey.dispute, journey.ComplainAbout(**common, reason="other")
