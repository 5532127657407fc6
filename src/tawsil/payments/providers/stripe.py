"""Stripe, through its official SDK. Importing this costs half a second: see `apps.platform`."""

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import httpx
import stripe
from msgspec.structs import replace

from tawsil.payments.dispute_events import DisputeState
from tawsil.payments.model.dispute import Evidence, Found
from tawsil.payments.model.psp import Absent, Charge, ChargeState, Refused, Unheard, Word
from tawsil.payments.model.reconciliation import FileLine
from tawsil.payments.providers.balance_files import STRIPES_COLUMNS, STRIPES_REPORT, stripe_lines

if TYPE_CHECKING:
    from stripe.params import DisputeUpdateParamsEvidence, PaymentIntentCreateParams
    from stripe.params.reporting import ReportRunCreateParams

STRIPES_OWN: Final = "https://api.stripe.com"
RETRIES: Final = 2
REPORT_WITHIN_S: Final = 300.0
LOOK_EVERY_S: Final = 2.0
_MOST_LISTED: Final = 100
_ODD: Final = frozenset({"ISK", "UGX", "MGA"})
"""Currencies whose minor unit Stripe counts otherwise than ISO 4217."""
_STATES: Final[Mapping[str, ChargeState]] = MappingProxyType(
    {
        "requires_action": ChargeState.CHALLENGED,
        "requires_capture": ChargeState.AUTHORISED,
        "succeeded": ChargeState.CAPTURED,
        "canceled": ChargeState.CLOSED,
        "requires_payment_method": ChargeState.DECLINED,
    }
)
_DISPUTES: Final[Mapping[str, DisputeState]] = MappingProxyType(
    {
        "warning_needs_response": DisputeState.INQUIRY,
        "warning_under_review": DisputeState.UNDER_REVIEW,
        "warning_closed": DisputeState.CLOSED,
        "needs_response": DisputeState.NEEDS_RESPONSE,
        "appeal_needs_response": DisputeState.NEEDS_RESPONSE,
        "under_review": DisputeState.UNDER_REVIEW,
        "appeal_under_review": DisputeState.UNDER_REVIEW,
        "won": DisputeState.WON,
        "lost": DisputeState.LOST,
        "prevented": DisputeState.CLOSED,
    }
)

T = TypeVar("T")

stripe.enable_telemetry = False  # it would write an id of this machine into the home folder
logging.getLogger("stripe").setLevel(logging.WARNING)  # at DEBUG it logs whole answers


class _Http(stripe.HTTPClient):
    """The SDK's own retries, over a client whose proxy and connections are ours to set."""

    name = "httpx"
    client: httpx.AsyncClient

    async def request_async(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        post_data: str | bytes | None = None,
    ) -> tuple[bytes, int, Mapping[str, str]]:
        try:
            answer = await self.client.request(method, url, headers=headers, content=post_data)
        except httpx.HTTPError as error:
            name = type(error).__name__
            raise stripe.APIConnectionError(name, should_retry=True) from error
        return answer.content, answer.status_code, answer.headers

    async def sleep_async(self, secs: float) -> None:
        await asyncio.sleep(secs)

    async def close_async(self) -> None:
        await self.client.aclose()


class Stripe:
    """Card payments as PaymentIntents with manual capture; to be opened with `async with`.

    `timeout_s` is for a call with all its retries, each of which has the same idempotency key, and
    `look_every_s` between looks at a report that is being written.
    `return_url` is where a payer comes back to from the bank, a slash and our reference after it.
    """

    def __init__(
        self,
        *,
        url: str,
        api_key: str,
        timeout_s: float,
        return_url: str,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._timeout_s = timeout_s
        self._look_every_s = look_every_s
        self._return_url = return_url
        self._authorised = {"Authorization": f"Bearer {api_key}"}
        self._http = _Http()
        self._http.client = httpx.AsyncClient(timeout=timeout_s)
        self.api: Final = stripe.StripeClient(
            api_key,
            base_addresses={"api": url, "files": url},
            http_client=self._http,
            max_network_retries=RETRIES,
        ).v1

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close_async()

    async def authorise(
        self, *, key: str, reference: str, card_token: str, amount_minor: int, currency: str
    ) -> Word:
        if currency in _ODD:
            return Refused("currency_not_supported")
        params: PaymentIntentCreateParams = {
            "amount": amount_minor,
            "currency": currency.lower(),
            "payment_method": card_token,
            "allowed_payment_method_types": ["card"],
            "capture_method": "manual",
            "confirm": True,
            "return_url": f"{self._return_url}/{reference}",
            "metadata": {"reference": reference},
        }
        intent = await self.ask(
            self.api.payment_intents.create_async(params, {"idempotency_key": key})
        )
        return _word(intent)

    async def capture(self, *, key: str, charge_id: str, amount_minor: int) -> Word:
        intent = await self.ask(
            self.api.payment_intents.capture_async(
                charge_id,
                {"amount_to_capture": amount_minor},
                {"idempotency_key": key},
            )
        )
        return _word(intent)

    async def void(self, *, key: str, charge_id: str) -> Word:
        intent = await self.ask(
            self.api.payment_intents.cancel_async(charge_id, {}, {"idempotency_key": key})
        )
        return _word(intent)

    async def refund(self, *, key: str, charge_id: str, amount_minor: int) -> Word:
        """Make a refund, and look what became of it: one may be pending, or fail later."""
        made = await self.ask(
            self.api.refunds.create_async(
                {
                    "payment_intent": charge_id,
                    "amount": amount_minor,
                    "metadata": {"key": key},
                },
                {"idempotency_key": key},
            )
        )
        if not isinstance(made, stripe.Refund):
            return _word(made)
        now = await self.ask(self.api.refunds.retrieve_async(made.id))
        if isinstance(now, stripe.Refund) and now.status in {"failed", "canceled"}:
            return Refused(now.failure_reason or "refund_failed")
        return await self.retrieve(reference="", charge_id=charge_id)

    async def retrieve(self, *, reference: str, charge_id: str | None) -> Word:
        """By id at once; by reference through a search, which finds things a minute late."""
        if charge_id is not None:
            intent = await self.ask(
                self.api.payment_intents.retrieve_async(charge_id, {"expand": ["latest_charge"]})
            )
            return await self._seen(intent)
        found = await self.ask(
            self.api.payment_intents.search_async(
                {
                    "query": f"metadata['reference']:'{reference}'",
                    "expand": ["data.latest_charge"],
                }
            )
        )
        if isinstance(found, Refused):
            return Unheard(f"search: {found.code}")
        if isinstance(found, Charge | Absent | Unheard):
            return found
        return await self._seen(found.data[0]) if found.data else Absent()

    async def balance(self, *, since_at: datetime, until_at: datetime) -> list[FileLine] | Unheard:
        """What moved of what Stripe holds for the platform: its report, once it is written."""
        params: ReportRunCreateParams = {
            "report_type": STRIPES_REPORT,
            "parameters": {
                "interval_start": int(since_at.timestamp()),
                "interval_end": int(until_at.timestamp()),
                "columns": list(STRIPES_COLUMNS),
            },
        }
        run = await self.ask(self.api.reporting.report_runs.create_async(params))
        waited_s = 0.0
        while isinstance(run, stripe.reporting.ReportRun) and run.status == "pending":
            if waited_s >= REPORT_WITHIN_S:
                return Unheard("report: not written in time")
            await asyncio.sleep(self._look_every_s)
            waited_s += self._look_every_s
            run = await self.ask(self.api.reporting.report_runs.retrieve_async(run.id))
        if not isinstance(run, stripe.reporting.ReportRun):
            return run if isinstance(run, Unheard) else Unheard(f"report: {run}")
        if run.result is None or run.result.url is None:
            return Unheard(f"report: {run.error or run.status}")
        try:
            file = await self._http.client.get(run.result.url, headers=self._authorised)
            file.raise_for_status()
        except httpx.HTTPError as error:
            return Unheard(type(error).__name__)
        return stripe_lines(file.text)

    async def look_at_dispute(self, *, dispute_id: str) -> Found | Absent | Refused | Unheard:
        return _found(await self.ask(self.api.disputes.retrieve_async(dispute_id)))

    async def send_evidence(
        self, *, key: str, dispute_id: str, evidence: Evidence
    ) -> Found | Absent | Refused | Unheard:
        told: DisputeUpdateParamsEvidence = {
            "uncategorized_text": evidence.explanation,
            "product_description": evidence.product,
            "service_date": evidence.delivered_on,
            "refund_refusal_explanation": evidence.refund_refused_because,
        }
        answered = self.api.disputes.update_async(
            dispute_id, {"evidence": told, "submit": True}, {"idempotency_key": key}
        )
        return _found(await self.ask(answered))

    async def accept_dispute(
        self, *, key: str, dispute_id: str
    ) -> Found | Absent | Refused | Unheard:
        closed = self.api.disputes.close_async(dispute_id, {}, {"idempotency_key": key})
        return _found(await self.ask(closed))

    async def ask(self, call: Awaitable[T]) -> T | Charge | Refused | Unheard:
        """What a call answers, or what its failure means.

        A decline is a `Charge` of its own. Where it is open whether anything was done, be it by a
        timeout, an error of the server, a limit, or a key in use or misused, nothing was heard.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                return await call
        except TimeoutError:
            return Unheard("timeout")
        except stripe.CardError as error:
            declined = error.error.payment_intent if error.error else None
            if declined is not None:
                word = _word(declined)
                assert isinstance(word, Charge | Unheard), "an intent is a charge, or says nothing"
                return word
            return Refused(error.code or "card_error")
        except stripe.InvalidRequestError as error:
            return Refused(error.code or "invalid_request")
        except stripe.StripeError as error:
            return Unheard(f"{type(error).__name__} {error.http_status or ''}".rstrip())

    async def _seen(self, intent: Any) -> Word:
        """An intent with the refunds that have been made of it."""
        word = _word(intent)
        if not isinstance(intent, stripe.PaymentIntent) or not isinstance(word, Charge):
            return word
        charge = intent.latest_charge
        if not isinstance(charge, stripe.Charge) or not charge.amount_refunded:
            return word
        listed = await self.ask(
            self.api.refunds.list_async({"payment_intent": intent.id, "limit": _MOST_LISTED})
        )
        if not isinstance(listed, stripe.ListObject):
            return Unheard("refunds not heard")
        keys = [_key(refund) for refund in listed.data if refund.status == "succeeded"]
        return replace(word, refunds=frozenset(keys))


def _word(intent: Any) -> Word:
    """What an intent says; any other word says what it said before."""
    if not isinstance(intent, stripe.PaymentIntent):
        assert isinstance(intent, Charge | Absent | Refused | Unheard), "an answer, or why not"
        return intent
    state = _STATES.get(intent.status)
    error = intent.last_payment_error
    if state is None or (state is ChargeState.DECLINED and error is None):
        return Unheard(f"status {intent.status}")
    code = getattr(error, "decline_code", None) or getattr(error, "code", None)
    action = intent.next_action
    redirect = action.redirect_to_url if action is not None else None
    return Charge(
        id=intent.id,
        state=state,
        amount_minor=intent.amount,
        currency=intent.currency.upper(),
        captured_minor=intent.amount_received,
        decline_code=code,
        next_action_url=redirect.url if redirect is not None else None,
    )


def _found(dispute: Any) -> Found | Absent | Refused | Unheard:
    """What a dispute says; any other word says what it said before."""
    if not isinstance(dispute, stripe.Dispute):
        assert isinstance(dispute, Absent | Refused | Unheard), "an answer, or why not"
        return dispute
    state = _DISPUTES.get(dispute.status)
    intent = dispute.payment_intent
    if state is None or intent is None:
        return Unheard(f"dispute {dispute.status}")
    due_by = dispute.evidence_details.due_by
    withdrawn_minor = -sum(moved.amount for moved in dispute.balance_transactions)
    return Found(
        id=dispute.id,
        charge_id=intent if isinstance(intent, str) else intent.id,
        state=state,
        reason=dispute.reason,
        amount_minor=dispute.amount,
        withdrawn_minor=max(0, withdrawn_minor),
        currency=dispute.currency.upper(),
        due_at=datetime.fromtimestamp(due_by, UTC) if due_by else None,
    )


def _key(refund: stripe.Refund) -> str:
    """Under which key of ours it was made; nothing if it was made by hand at Stripe."""
    kept: object = refund.metadata["key"] if refund.metadata and "key" in refund.metadata else ""
    return str(kept)
