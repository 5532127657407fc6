"""Orders whose payment an operator had go on without a card."""

from collections.abc import Sequence

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Decision
from tawsil.kernel.events import Recorded
from tawsil.ordering import model
from tawsil.ordering.model import Order, PaidBy
from tawsil.ordering.steps import hear
from tawsil.payments import events as paid


async def payment_switched(tx: Tx, heard: Sequence[Recorded[paid.PaymentSwitched]]) -> None:
    """The courier collects it, or nobody does: the order says so, and its customer hears."""

    def decide(order: Order, event: paid.PaymentSwitched) -> Decision[Order]:
        return model.pay_otherwise(order, paid_by=PaidBy(event.method.value))

    await hear(tx, heard, decide)
