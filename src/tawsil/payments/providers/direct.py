"""An acquirer over HTTP, in the protocol of the sandbox."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any, Final, Self, TypeVar

import httpx
import msgspec
from msgspec import Meta, Struct

from tawsil.payments.model.psp import Absent, Charge, ChargeState, Refused, Unheard, Word
from tawsil.payments.model.reconciliation import FileLine
from tawsil.payments.providers.balance_files import direct_lines

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
_FINAL: Final = frozenset({400, 404, 409, 422})
"""Statuses that mean: nothing was done, and the same request will not do better."""

T = TypeVar("T")
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


class _Error(Struct, frozen=True):
    code: str


class _Failure(Struct, frozen=True):
    error: _Error
    charge: _Charge | None = None


class Direct:
    """A client of one acquirer, to be opened with `async with`. Silence and 5xx are `Unheard`."""

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
        answer = await self._send("GET", "/charges", params={"reference": reference})
        if isinstance(answer, Unheard):
            return answer
        if not answer.is_success:
            return Unheard(f"status {answer.status_code}")
        found = _read(answer, _Charges)
        if isinstance(found, Unheard):
            return found
        return _word(found.charges[-1]) if found.charges else Absent()

    async def balance(self, *, since_at: datetime, until_at: datetime) -> list[FileLine] | Unheard:
        """What moved of what it holds for the platform."""
        window = {"since": since_at.isoformat(), "until": until_at.isoformat()}
        answer = await self._send("GET", "/balance.csv", params=window)
        if isinstance(answer, Unheard):
            return answer
        if not answer.is_success:
            return Unheard(f"status {answer.status_code}")
        return direct_lines(answer.text)

    async def _post(self, path: str, key: str, body: Mapping[str, object] | None = None) -> Word:
        answer = await self._send("POST", path, json=body, headers={"Idempotency-Key": key})
        if isinstance(answer, Unheard):
            return answer
        if answer.is_success:
            charge = _read(answer, _Charge)
            return charge if isinstance(charge, Unheard) else _word(charge)
        failure = _read(answer, _Failure)
        if isinstance(failure, _Failure):
            if answer.status_code == 402 and failure.charge is not None:
                return _word(failure.charge)
            if answer.status_code in _FINAL:
                return Refused(failure.error.code)
        return Unheard(f"status {answer.status_code}")

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
