"""The acquirer as payments asks for it, in one process under virtual time."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from tawsil.payments import public as payments
from tawsil.payments.public import Absent, Refused, Unheard, Word
from tawsil.simulation.psp import charges
from tawsil.simulation.psp.charges import ChargeState
from tawsil.simulation.psp.model import Acquirer, Answer, Event, Webhook
from tawsil.simulation.virtual import Action, VirtualPlatform

_STATES: Final[Mapping[ChargeState, payments.ChargeState]] = MappingProxyType(
    {
        ChargeState.REQUIRES_ACTION: payments.ChargeState.CHALLENGED,
        ChargeState.AUTHORISED: payments.ChargeState.AUTHORISED,
        ChargeState.CAPTURED: payments.ChargeState.CAPTURED,
        ChargeState.PARTIALLY_REFUNDED: payments.ChargeState.CAPTURED,
        ChargeState.REFUNDED: payments.ChargeState.CAPTURED,
        ChargeState.VOIDED: payments.ChargeState.CLOSED,
        ChargeState.EXPIRED: payments.ChargeState.CLOSED,
        ChargeState.DECLINED: payments.ChargeState.DECLINED,
    }
)


class InProcessPsp:
    """Answers at once, or never; webhooks come when they are due, into the routes' use case."""

    def __init__(self, acquirer: Acquirer) -> None:
        self._acquirer = acquirer
        self._platform: VirtualPlatform | None = None

    def join(self, platform: VirtualPlatform) -> None:
        """The platform whose jobs ask, and which hears of the webhooks."""
        self._platform = platform

    async def authorise(
        self, *, key: str, reference: str, card_token: str, amount_minor: int, currency: str
    ) -> Word:
        return self._heard(
            self._acquirer.authorise(
                idempotency_key=key,
                token=card_token,
                amount_minor=amount_minor,
                currency=currency,
                reference=reference,
                at=self._joined.clock(),
            )
        )

    async def capture(self, *, key: str, charge_id: str, amount_minor: int) -> Word:
        return self._heard(
            self._acquirer.capture(
                idempotency_key=key,
                charge_id=charge_id,
                amount_minor=amount_minor,
                at=self._joined.clock(),
            )
        )

    async def void(self, *, key: str, charge_id: str) -> Word:
        return self._heard(
            self._acquirer.void(idempotency_key=key, charge_id=charge_id, at=self._joined.clock())
        )

    async def refund(self, *, key: str, charge_id: str, amount_minor: int) -> Word:
        return self._heard(
            self._acquirer.refund(
                idempotency_key=key,
                charge_id=charge_id,
                amount_minor=amount_minor,
                at=self._joined.clock(),
            )
        )

    async def retrieve(self, *, reference: str, charge_id: str | None) -> Word:
        del charge_id  # a reference is found as surely
        found = self._acquirer.find(reference=reference, at=self._joined.clock())
        return charge_of(found[-1]) if found else Absent()

    @property
    def _joined(self) -> VirtualPlatform:
        assert self._platform is not None, "an acquirer without a platform has nobody to answer"
        return self._platform

    def _heard(self, answer: Answer) -> Word:
        self._post(answer.webhooks)
        if answer.lost or answer.status >= 500:
            return Unheard(f"status {answer.status}")
        if answer.charge is not None:
            return charge_of(answer.charge)
        assert answer.error is not None, "an answer has a charge or says why not"
        return Refused(answer.error.code)

    def _post(self, webhooks: Sequence[Webhook]) -> None:
        for webhook in webhooks:
            self._joined.after(webhook.after_s, self._telling(webhook.event))

    def _telling(self, event: Event) -> Action:
        async def tell() -> None:
            async with self._joined.database.transaction() as tx:
                await payments.hear_webhook(
                    tx, event_id=event.id, reference=event.data.charge.reference
                )

        return tell


def charge_of(charge: charges.Charge) -> payments.Charge:
    """A charge of the sandbox, as payments has it."""
    return payments.Charge(
        id=charge.id,
        state=_STATES[charge.state],
        amount_minor=charge.amount_minor,
        currency=charge.currency,
        captured_minor=charge.captured_minor,
        refunds=frozenset(refund.idempotency_key for refund in charge.refunds),
        decline_code=charge.decline_code,
    )
