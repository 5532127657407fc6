"""What payments asks of whoever pays out to banks, and what it may hear.

As with an acquirer, a call never raises for what a provider or a network does: it answers with a
`Remittance`, or says that there is none, that it was refused, or that nothing was heard.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from tawsil.payments.events import Provider
from tawsil.payments.model.psp import Absent, Refused, Unheard


class RemittanceState(StrEnum):
    SENT = "sent"  # taken over, and on its way
    PAID = "paid"
    FAILED = "failed"  # never left
    RETURNED = "returned"  # sent back by the owner's bank


class Remittance(Struct, frozen=True, kw_only=True):
    """What a provider says is so of a payout; `code` is why it failed or came back."""

    id: str
    state: RemittanceState
    amount_minor: int
    currency: str
    code: str | None = None


class Ready(Struct, frozen=True):
    """A destination is known there; whether money can reach it."""

    payable: bool


Said = Remittance | Absent | Refused | Unheard


class Payee(Protocol):
    """Who brings money to a destination. The same `key` sends once, however often it is asked."""

    async def pay(
        self, *, key: str, reference: str, destination: str, amount_minor: int, currency: str
    ) -> Said: ...
    async def look(self, *, reference: str, payout_id: str | None, key: str) -> Said:
        """What has become of what was sent under a reference of ours."""
        ...

    async def check(self, *, destination: str) -> Ready | Absent | Unheard:
        """Whether a destination is known, and can be paid."""
        ...


Payees = Mapping[Provider, Payee]
"""Who pays out, by provider; to one that is not there nothing can be sent."""
