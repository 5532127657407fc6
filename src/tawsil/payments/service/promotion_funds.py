"""The platform puts money aside for promotions: no order is promised more than there is."""

from collections.abc import Sequence

from tawsil.kernel.db import Tx
from tawsil.kernel.events import Recorded
from tawsil.payments.events import AccountKind, AccountRef, Posting
from tawsil.payments.model.ledger import Transfer, TransferKind
from tawsil.payments.service.booking import transfer
from tawsil.pricing.events import PromotionFunded


async def promotion_funded(tx: Tx, heard: Sequence[Recorded[PromotionFunded]]) -> None:
    """From the platform to the promotion; below zero, what was not used comes back."""
    await transfer(
        tx,
        [
            Transfer(
                by=recorded.by,
                id=recorded.id,
                kind=TransferKind.FUNDING,
                reference_id=recorded.event.promotion_id,
                currency=recorded.event.currency,
                postings=(
                    Posting(AccountRef(AccountKind.PLATFORM), -recorded.event.amount_minor),
                    Posting(
                        AccountRef(AccountKind.PROMOTION, recorded.event.promotion_id),
                        recorded.event.amount_minor,
                    ),
                ),
            )
            for recorded in heard
        ],
    )
