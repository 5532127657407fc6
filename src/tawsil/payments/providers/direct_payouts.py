"""Payouts over HTTP, in the plain protocol of the direct provider."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Self, TypeVar

import httpx
import msgspec
from msgspec import Meta, Struct

from tawsil.payments.model.payee import Ready, Remittance, RemittanceState, Said
from tawsil.payments.model.psp import Absent, Refused, Unheard

_FINAL: Final = frozenset({400, 404, 409, 422})
"""Statuses that mean: nothing was done, and the same request will not do better."""
_STATES: Final[Mapping[str, RemittanceState]] = MappingProxyType(
    {state.value: state for state in RemittanceState}
)

T = TypeVar("T")


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


class _Error(Struct, frozen=True):
    code: str


class _Failure(Struct, frozen=True):
    error: _Error


class DirectPayee:
    """A client of one provider, to be opened with `async with`. Silence and 5xx are `Unheard`."""

    def __init__(self, *, url: str, api_key: str, timeout_s: float) -> None:
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {api_key}"},
            timeout=timeout_s,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def pay(
        self, *, key: str, reference: str, destination: str, amount_minor: int, currency: str
    ) -> Said:
        body = {
            "destination": destination,
            "amount_minor": amount_minor,
            "currency": currency,
            "reference": reference,
        }
        answer = await self._send("POST", "/payouts", json=body, headers={"Idempotency-Key": key})
        if isinstance(answer, Unheard):
            return answer
        if answer.is_success:
            paid = _read(answer, _Payout)
            return paid if isinstance(paid, Unheard) else _said(paid)
        if answer.status_code in _FINAL:
            failure = _read(answer, _Failure)
            return failure if isinstance(failure, Unheard) else Refused(failure.error.code)
        return Unheard(f"status {answer.status_code}")

    async def look(self, *, reference: str, payout_id: str | None, key: str) -> Said:
        del payout_id, key  # our reference is enough
        answer = await self._send("GET", "/payouts", params={"reference": reference})
        if isinstance(answer, Unheard):
            return answer
        if not answer.is_success:
            return Unheard(f"status {answer.status_code}")
        found = _read(answer, _Payouts)
        if isinstance(found, Unheard):
            return found
        return _said(found.payouts[-1]) if found.payouts else Absent()

    async def check(self, *, destination: str) -> Ready | Absent | Unheard:
        answer = await self._send("GET", f"/destinations/{destination}")
        if isinstance(answer, Unheard):
            return answer
        if answer.status_code == 404:
            return Absent()
        if not answer.is_success:
            return Unheard(f"status {answer.status_code}")
        found = _read(answer, _Destination)
        return found if isinstance(found, Unheard) else Ready(found.payable)

    async def _send(self, method: str, path: str, **request: Any) -> httpx.Response | Unheard:
        try:
            return await self._client.request(method, path, **request)
        except httpx.HTTPError as error:
            return Unheard(type(error).__name__)


def _read(answer: httpx.Response, cls: type[T]) -> T | Unheard:
    try:
        return msgspec.json.decode(answer.content, type=cls)
    except msgspec.MsgspecError as error:
        return Unheard(f"unreadable: {error}")


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
