"""What our own tables say of payments while a provider was down."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from tawsil.kernel.db import Tx
from tawsil.payments.public import PaymentState

WAITING = frozenset(
    {
        PaymentState.AUTHORISING,
        PaymentState.UNKNOWN,
        PaymentState.CHALLENGED,
        PaymentState.CAPTURING,
        PaymentState.VOIDING,
        PaymentState.REFUNDING,
    }
)
SURE_AFTER_LOOKS = 4
"""Stripe's search finds a charge a while after it is made: one look proves nothing."""


async def waiting(tx: Tx) -> tuple[int, int]:
    """Payments, and strays, whose outcome is not known yet."""
    payments = await tx.value(
        "select count(*) from payments.payment where state = any($1::text[])",
        [state.value for state in WAITING],
    )
    strays = await tx.value(
        """
        select count(*) from payments.stray
        where state = 'voiding' or (state = 'lost' and looks < $1)
        """,
        SURE_AFTER_LOOKS,
    )
    return payments, strays


async def strays(tx: Tx) -> Mapping[str, int]:
    """How many charges without a payment came to what."""
    rows = await tx.rows(
        "select coalesce(outcome, state) as how, count(*) from payments.stray group by 1"
    )
    return {row["how"]: row["count"] for row in rows}


async def rerouted(tx: Tx) -> int:
    """How many payments went to another provider."""
    return await tx.value("select count(*) from kernel.event where type = 'payment.rerouted.v1'")


async def safe_at(tx: Tx) -> Mapping[UUID, datetime]:
    """By order, since when its money is reserved."""
    rows = await tx.rows(
        """
        select (data ->> 'reference_id')::uuid as reference_id, min(at) as at
        from kernel.event where type = 'payment.authorised.v1' group by 1
        """
    )
    return {row["reference_id"]: row["at"] for row in rows}


async def every_other_authorised(tx: Tx, *, most: int) -> Mapping[UUID, int]:
    """What is reserved by order, of the newest."""
    rows = await tx.rows(
        """
        select reference_id, amount_minor from payments.payment
        where state = 'authorised' and get_byte(uuid_send(id), 15) % 2 = 0
        order by id desc limit $1
        """,
        most,
    )
    return {row["reference_id"]: row["amount_minor"] for row in rows}
