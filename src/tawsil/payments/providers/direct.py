"""An acquirer over HTTP, in the protocol of the sandbox."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Final

from msgspec import Meta, Struct

from tawsil.payments.model.psp import Absent, Charge, ChargeState, Refused, Unheard, Word
from tawsil.payments.model.reconciliation import FileLine
from tawsil.payments.providers.balance_files import direct_lines
from tawsil.payments.providers.plain_json import FINAL, Error, PlainJson, read, unheard

_STATES: Final[Mapping[str, ChargeState]] = MappingProxyType(
    {
        "requires_action": ChargeState.CHALLENGED,
        "authorised": ChargeState.AUTHORISED,
        "captured": ChargeState.CAPTURED,
        "partially_refunded": ChargeState.CAPTURED,
        "refunded": ChargeState.CAPTURED,
        "voided": ChargeState.CLOSED,
        "expired": ChargeState.CLOSED,
        "declined": ChargeState.DECLINED,
    }
)
Minor = Annotated[int, Meta(ge=0)]


class _Refund(Struct, frozen=True):
    idempotency_key: str


class _Charge(Struct, frozen=True):
    id: str
    state: str
    amount_minor: Minor
    currency: str
    captured_minor: Minor
    refunds: list[_Refund]
    decline_code: str | None = None


class _Charges(Struct, frozen=True):
    charges: list[_Charge]


class _Failure(Struct, frozen=True):
    error: Error
    charge: _Charge | None = None


class Direct(PlainJson):
    """A client of one acquirer."""

    async def authorise(
        self, *, key: str, reference: str, card_token: str, amount_minor: int, currency: str
    ) -> Word:
        body = {
            "token": card_token,
            "amount_minor": amount_minor,
            "currency": currency,
            "reference": reference,
        }
        return await self._post("/charges", key, body)

    async def capture(self, *, key: str, charge_id: str, amount_minor: int) -> Word:
        return await self._post(
            f"/charges/{charge_id}/capture", key, {"amount_minor": amount_minor}
        )

    async def void(self, *, key: str, charge_id: str) -> Word:
        return await self._post(f"/charges/{charge_id}/void", key)

    async def refund(self, *, key: str, charge_id: str, amount_minor: int) -> Word:
        return await self._post(f"/charges/{charge_id}/refund", key, {"amount_minor": amount_minor})

    async def retrieve(self, *, reference: str, charge_id: str | None) -> Word:
        del charge_id  # a reference is found as surely
        found = await self.find("/charges", {"reference": reference}, _Charges)
        if isinstance(found, Unheard):
            return found
        return _word(found.charges[-1]) if found.charges else Absent()

    async def balance(self, *, since_at: datetime, until_at: datetime) -> list[FileLine] | Unheard:
        """What moved of what it holds for the platform."""
        window = {"since": since_at.isoformat(), "until": until_at.isoformat()}
        answer = await self.get("/balance.csv", window)
        return answer if isinstance(answer, Unheard) else direct_lines(answer.text)

    async def _post(self, path: str, key: str, body: Mapping[str, object] | None = None) -> Word:
        answer = await self.send("POST", path, json=body, headers={"Idempotency-Key": key})
        if isinstance(answer, Unheard):
            return answer
        if answer.is_success:
            charge = read(answer, _Charge)
            return charge if isinstance(charge, Unheard) else _word(charge)
        failure = read(answer, _Failure)
        if isinstance(failure, _Failure):
            if answer.status_code == 402 and failure.charge is not None:
                return _word(failure.charge)
            if answer.status_code in FINAL:
                return Refused(failure.error.code)
        return unheard(answer)


def _word(charge: _Charge) -> Word:
    state = _STATES.get(charge.state)
    if state is None:
        return Unheard(f"unreadable: state {charge.state}")
    return Charge(
        id=charge.id,
        state=state,
        amount_minor=charge.amount_minor,
        currency=charge.currency,
        captured_minor=charge.captured_minor,
        refunds=frozenset(refund.idempotency_key for refund in charge.refunds),
        decline_code=charge.decline_code,
    )
