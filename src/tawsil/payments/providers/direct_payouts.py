"""Payouts over HTTP, in the plain protocol of the direct provider."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final

from msgspec import Meta, Struct

from tawsil.payments.model.payee import Ready, Remittance, RemittanceState, Said
from tawsil.payments.model.psp import Absent, Refused, Unheard
from tawsil.payments.providers.plain_json import FINAL, Error, PlainJson, read, unheard

_STATES: Final[Mapping[str, RemittanceState]] = MappingProxyType(
    {state.value: state for state in RemittanceState}
)


class _Payout(Struct, frozen=True):
    id: str
    state: str
    amount_minor: Annotated[int, Meta(ge=0)]
    currency: str
    code: str | None = None


class _Payouts(Struct, frozen=True):
    payouts: list[_Payout]


class _Destination(Struct, frozen=True):
    payable: bool


class _Failure(Struct, frozen=True):
    error: Error


class DirectPayee(PlainJson):
    """A client of one provider."""

    async def pay(
        self, *, key: str, reference: str, destination: str, amount_minor: int, currency: str
    ) -> Said:
        body = {
            "destination": destination,
            "amount_minor": amount_minor,
            "currency": currency,
            "reference": reference,
        }
        answer = await self.send("POST", "/payouts", json=body, headers={"Idempotency-Key": key})
        if isinstance(answer, Unheard):
            return answer
        if answer.is_success:
            paid = read(answer, _Payout)
            return paid if isinstance(paid, Unheard) else _said(paid)
        if answer.status_code in FINAL:
            failure = read(answer, _Failure)
            return failure if isinstance(failure, Unheard) else Refused(failure.error.code)
        return unheard(answer)

    async def look(self, *, reference: str, payout_id: str | None, key: str) -> Said:
        del payout_id, key  # our reference is enough
        found = await self.find("/payouts", {"reference": reference}, _Payouts)
        if isinstance(found, Unheard):
            return found
        return _said(found.payouts[-1]) if found.payouts else Absent()

    async def check(self, *, destination: str) -> Ready | Absent | Unheard:
        answer = await self.send("GET", f"/destinations/{destination}")
        if isinstance(answer, Unheard):
            return answer
        if answer.status_code == 404:
            return Absent()
        if not answer.is_success:
            return unheard(answer)
        found = read(answer, _Destination)
        return found if isinstance(found, Unheard) else Ready(found.payable)


def _said(payout: _Payout) -> Said:
    state = _STATES.get(payout.state)
    if state is None:
        return Unheard(f"unreadable: state {payout.state}")
    return Remittance(
        id=payout.id,
        state=state,
        amount_minor=payout.amount_minor,
        currency=payout.currency,
        code=payout.code,
    )
