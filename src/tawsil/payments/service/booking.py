"""What is written into the books: for what happens to payments, and transfers of their own."""

from collections.abc import Sequence

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By, Event, Refusal, refuse
from tawsil.payments.events import PaymentCaptured, PaymentRefunded
from tawsil.payments.model import ledger
from tawsil.payments.model.ledger import Transfer, TransferKind
from tawsil.payments.model.payment import net
from tawsil.payments.service import cash_in_hand
from tawsil.payments.store import ledger as store


async def transfer(tx: Tx, commands: Sequence[Transfer]) -> list[Transfer | Refusal]:
    """Book transfers of their own: payouts, cash handed over, adjustments."""
    outcomes = [_balanced(command) for command in commands]
    await post(tx, [t for t in outcomes if isinstance(t, Transfer) and t.postings])
    return outcomes


async def post(tx: Tx, transfers: Sequence[Transfer]) -> None:
    """Write transfers, and with them what is known of the cash in couriers' hands."""
    await cash_in_hand.follow(tx, await store.post(tx, transfers))


def booked_for(tx: Tx, by: By, event: Event) -> Transfer | None:
    match event:
        case PaymentCaptured():
            kind, postings = TransferKind.CAPTURE, ledger.captured(event)
        case PaymentRefunded():
            kind, postings = TransferKind.REFUND, ledger.refunded(event)
        case _:
            return None
    return Transfer(
        by=by,
        id=tx.ids(),
        kind=kind,
        reference_id=event.reference_id,
        currency=event.currency,
        postings=postings,
    )


def _balanced(command: Transfer) -> Transfer | Refusal:
    sum_minor = ledger.total_minor(command.postings)
    if sum_minor == 0:
        netted = net(command.postings)
        return Transfer(
            by=command.by,
            id=command.id,
            kind=command.kind,
            reference_id=command.reference_id,
            currency=command.currency,
            postings=netted,
        )
    return refuse("payment.shares_unbalanced", status=422, sum_minor=sum_minor, amount_minor=0)
