"""What payments says, for all in ordering whom it concerns: an order, or a tip given after it."""

from collections.abc import Sequence

from tawsil.kernel.db import Tx
from tawsil.kernel.events import Recorded
from tawsil.ordering import journey
from tawsil.ordering.tips import service as tips
from tawsil.payments import events as paid


async def payment_authorised(tx: Tx, heard: Sequence[Recorded[paid.PaymentAuthorised]]) -> None:
    await journey.payment_authorised(tx, heard)
    await tips.authorised(tx, heard)


async def payment_declined(tx: Tx, heard: Sequence[Recorded[paid.PaymentDeclined]]) -> None:
    await journey.payment_declined(tx, heard)
    await tips.declined(tx, heard)


async def payment_captured(tx: Tx, heard: Sequence[Recorded[paid.PaymentCaptured]]) -> None:
    await journey.payment_captured(tx, heard)
    await tips.captured(tx, heard)
