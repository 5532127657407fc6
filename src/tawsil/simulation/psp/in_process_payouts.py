"""Whoever pays out, as payments asks for it, in one process under virtual time."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from tawsil.payments import public as payments
from tawsil.payments.public import Absent, Ready, Refused, Remittance, Said, Unheard
from tawsil.simulation.psp.payouts import (
    Disburser,
    Notice,
    Payout,
    PayoutEvent,
    PayoutState,
    bank_of,
)
from tawsil.simulation.virtual import Action, VirtualPlatform

_STATES: Final[Mapping[PayoutState, payments.RemittanceState]] = MappingProxyType(
    {
        PayoutState.SENT: payments.RemittanceState.SENT,
        PayoutState.PAID: payments.RemittanceState.PAID,
        PayoutState.FAILED: payments.RemittanceState.FAILED,
        PayoutState.RETURNED: payments.RemittanceState.RETURNED,
    }
)


class InProcessPayee:
    """Answers at once, or never; webhooks come when they are due."""

    def __init__(self, disburser: Disburser) -> None:
        self._disburser = disburser
        self._platform: VirtualPlatform | None = None
        self._awake_at: datetime | None = None

    def join(self, platform: VirtualPlatform) -> None:
        """The platform whose jobs ask, and which hears of the webhooks."""
        self._platform = platform

    async def pay(
        self, *, key: str, reference: str, destination: str, amount_minor: int, currency: str
    ) -> Said:
        answer = self._disburser.pay(
            idempotency_key=key,
            destination=destination,
            amount_minor=amount_minor,
            currency=currency,
            reference=reference,
            at=self._joined.clock(),
        )
        self._post(answer.notices)
        self._expect()
        if answer.lost or answer.status >= 500:
            return Unheard(f"status {answer.status}")
        if answer.payout is not None:
            return _remittance(answer.payout)
        assert answer.error is not None, "an answer has a payout or says why not"
        return Refused(answer.error.code)

    async def look(self, *, reference: str, payout_id: str | None, key: str) -> Said:
        del payout_id, key
        found = self._disburser.find(reference=reference, at=self._joined.clock())
        return _remittance(found[-1]) if found else Absent()

    async def check(self, *, destination: str) -> Ready | Absent | Unheard:
        bank = bank_of(destination)
        return Ready(bank.refusal is None) if bank else Absent()

    @property
    def _joined(self) -> VirtualPlatform:
        assert self._platform is not None, "without a platform there is nobody to answer"
        return self._platform

    def _expect(self) -> None:
        """Be there when the next step is taken."""
        due_at = self._disburser.next_at()
        if due_at is not None and (self._awake_at is None or due_at < self._awake_at):
            self._awake_at = due_at
            self._joined.at(due_at, self._advance)

    async def _advance(self) -> None:
        self._awake_at = None
        self._post(self._disburser.advance(at=self._joined.clock()))
        self._expect()

    def _post(self, notices: tuple[Notice, ...]) -> None:
        for notice in notices:
            self._joined.after(notice.after_s, self._telling(notice.event))

    def _telling(self, event: PayoutEvent) -> Action:
        async def tell() -> None:
            async with self._joined.database.transaction() as tx:
                await payments.hear_payout_webhook(
                    tx, event_id=event.id, reference=event.data.payout.reference
                )

        return tell


def _remittance(payout: Payout) -> Remittance:
    return Remittance(
        id=payout.id,
        state=_STATES[payout.state],
        amount_minor=payout.amount_minor,
        currency=payout.currency,
        code=payout.code,
    )
