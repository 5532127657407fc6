"""A link to an order: for whoever has it, until some hours after the order has ended."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.kernel.decisions import Refusal, refuse
from tawsil.ordering.model import Order

AFTER_THE_END: Final = timedelta(hours=3)
AT_MOST: Final = timedelta(hours=24)
"""Beyond when the order should arrive, whatever becomes of it."""
MOST_LINKS: Final = 10


class Share(Struct, frozen=True, kw_only=True):
    """One link; who knows the token follows the order, and we know only its hash."""

    token_hash: bytes
    order_id: UUID
    tenant_id: UUID
    made_at: datetime
    until_at: datetime
    revoked_at: datetime | None = None


def share(order: Order, *, token_hash: bytes, before: int, now: datetime) -> Share | Refusal:
    """`before`: how many of its links work already."""
    if over(order, now=now):
        return refuse("share.order_over")
    if before >= MOST_LINKS:
        return refuse("share.enough", most=MOST_LINKS)
    arrives_at = max(now, order.promised_at or order.scheduled_for or now)
    return Share(
        token_hash=token_hash,
        order_id=order.id,
        tenant_id=order.tenant_id,
        made_at=now,
        until_at=arrives_at + AT_MOST,
    )


def over(order: Order, *, now: datetime) -> bool:
    """Whether the order ended too long ago to be followed."""
    return not order.live and order.ended_at is not None and now > order.ended_at + AFTER_THE_END


def works(share: Share, order: Order, *, now: datetime) -> bool:
    return share.revoked_at is None and now < share.until_at and not over(order, now=now)
