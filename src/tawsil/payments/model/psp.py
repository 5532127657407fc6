"""What payments asks of an acquirer, and what it may hear.

A call never raises for what an acquirer or a network does: it answers with a `Charge`, or says that
there is none, that it was refused, or that nothing was heard.
"""

from enum import StrEnum
from typing import Protocol

from msgspec import Struct


class ChargeState(StrEnum):
    CHALLENGED = "challenged"
    AUTHORISED = "authorised"
    CAPTURED = "captured"  # refunded or not
    CLOSED = "closed"  # voided or expired
    DECLINED = "declined"


class Charge(Struct, frozen=True, kw_only=True):
    """What an acquirer says is so. `refunds` are the keys of those it has made.

    Of a challenge, `next_action_url` is where the payer answers it: for nobody else to see.
    """

    id: str
    state: ChargeState
    amount_minor: int
    currency: str
    captured_minor: int = 0
    refunds: frozenset[str] = frozenset()
    decline_code: str | None = None
    next_action_url: str | None = None


class Absent(Struct, frozen=True):
    """There is no charge under this reference."""


class Refused(Struct, frozen=True):
    """The request was understood, nothing was done, and asking again will not help."""

    code: str


class Unheard(Struct, frozen=True):
    """No answer, or none that says what was done: it may or may not have been."""

    why: str


Word = Charge | Absent | Refused | Unheard


class Psp(Protocol):
    """An acquirer. The same `key` makes a call take effect once, however often it is made."""

    async def authorise(
        self, *, key: str, reference: str, card_token: str, amount_minor: int, currency: str
    ) -> Word: ...
    async def capture(self, *, key: str, charge_id: str, amount_minor: int) -> Word: ...
    async def void(self, *, key: str, charge_id: str) -> Word: ...
    async def refund(self, *, key: str, charge_id: str, amount_minor: int) -> Word: ...
    async def retrieve(self, *, reference: str, charge_id: str | None) -> Word:
        """The charge made under a reference of ours; by its own id where that is known.

        `Absent` is what an acquirer finds now, and no proof: it may find the charge a minute later.
        """
        ...
