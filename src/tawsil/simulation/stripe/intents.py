"""PaymentIntents and their charges: confirm, 3-D Secure, capture, cancel, search."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from tawsil.simulation.stripe.cards import CARDS, Card
from tawsil.simulation.stripe.disputes import Disputes
from tawsil.simulation.stripe.errors import ApiError
from tawsil.simulation.stripe.forms import Params, amount, hashed, only, required, yes
from tawsil.simulation.stripe.world import Thing, World, shown

AUTHORISATION_S: Final = 7 * 86_400
FEE_BP: Final = 290
FEE_FIXED: Final = 30
MOST: Final = 99_999_999
LEAST: Final[Mapping[str, int]] = MappingProxyType({"usd": 50, "eur": 50, "gbp": 30, "aed": 200})
CREATED_WITH: Final = (
    "amount",
    "currency",
    "payment_method",
    "allowed_payment_method_types",
    "automatic_payment_methods",
    "confirm",
    "capture_method",
    "return_url",
    "metadata",
    "description",
    "transfer_group",
    "off_session",
    "statement_descriptor_suffix",
)
CANCELLABLE: Final = frozenset(
    {"requires_payment_method", "requires_confirmation", "requires_action", "requires_capture"}
)
_QUERY: Final = re.compile(r"""metadata\[['"](?P<name>\w+)['"]\]:\s*['"](?P<value>[^'"]*)['"]""")


class Intents:
    """What may be asked of `/v1/payment_intents`."""

    def __init__(self, world: World, disputes: Disputes) -> None:
        self._world = world
        self._disputes = disputes
        world.on("expire", self._expire)

    def create(self, params: Params) -> Thing:
        only(params, CREATED_WITH)
        wanted = amount(params, "amount")
        currency = required(params, "currency").lower()
        if wanted < LEAST.get(currency, 1):
            raise ApiError(
                "Amount is too small for this currency", code="amount_too_small", param="amount"
            )
        if wanted > MOST:
            raise ApiError("Amount is too large", code="amount_too_large", param="amount")
        if not re.fullmatch("[a-z]{3}", currency):
            raise ApiError(f"Invalid currency: {currency}", param="currency")
        intent_id = self._world.new_id("pi")
        intent = self._world.new(
            "payment_intent",
            "pi",
            id=intent_id,
            amount=wanted,
            amount_capturable=0,
            amount_received=0,
            application=None,
            canceled_at=None,
            cancellation_reason=None,
            capture_method=params.get("capture_method", "automatic_async"),
            client_secret=f"{intent_id}_secret_{self._world.new_id('x')[2:]}",
            confirmation_method="automatic",
            currency=currency,
            customer=None,
            description=params.get("description"),
            last_payment_error=None,
            latest_charge=None,
            metadata=hashed(params, "metadata"),
            next_action=None,
            payment_method=params.get("payment_method"),
            payment_method_types=params.get("allowed_payment_method_types", ["card"]),
            status="requires_confirmation"
            if params.get("payment_method")
            else "requires_payment_method",
            transfer_group=params.get("transfer_group"),
            _return_url=params.get("return_url"),
        )
        self._world.happened("payment_intent.created", intent)
        return self._confirm(intent) if yes(params, "confirm") else shown(intent)

    def retrieve(self, intent_id: str, params: Params) -> Thing:
        only(params, ("client_secret",))
        return shown(self._get(intent_id))

    def update(self, intent_id: str, params: Params) -> Thing:
        only(params, ("metadata", "description"))
        intent = self._get(intent_id)
        metadata = {**intent["metadata"], **hashed(params, "metadata")}
        return shown(self._world.change(intent, metadata=metadata))

    def listed(self, params: Params) -> Thing:
        only(params, ("limit", "starting_after", "ending_before", "created", "customer"))
        return self._world.listed("payment_intent", params, "/v1/payment_intents")

    def search(self, params: Params) -> Thing:
        """What was made a while ago and has some metadata; as documented, not what is new."""
        only(params, ("query", "limit", "page"))
        asked = _QUERY.fullmatch(required(params, "query"))
        if asked is None:
            raise ApiError("We were unable to parse your search query.", param="query")
        found = [
            shown(intent)
            for intent in self._world.all("payment_intent")
            if intent["metadata"].get(asked["name"]) == asked["value"]
            and self._world.searchable(intent)
        ]
        return {
            "object": "search_result",
            "url": "/v1/payment_intents/search",
            "has_more": False,
            "next_page": None,
            "data": found[:100],
        }

    def confirm(self, intent_id: str, params: Params) -> Thing:
        only(params, ("payment_method", "return_url", "off_session"))
        intent = self._get(intent_id)
        self._require(intent, "confirm", {"requires_payment_method", "requires_confirmation"})
        self._world.change(
            intent,
            payment_method=params.get("payment_method", intent["payment_method"]),
            _return_url=params.get("return_url", intent["_return_url"]),
        )
        return self._confirm(intent)

    def capture(self, intent_id: str, params: Params) -> Thing:
        only(params, ("amount_to_capture", "final_capture", "metadata"))
        intent = self._get(intent_id)
        self._require(intent, "capture", {"requires_capture"})
        taken = amount(params, "amount_to_capture", intent["amount_capturable"])
        if taken > intent["amount_capturable"]:
            raise ApiError(
                f"The requested capture amount is greater than the authorized amount: "
                f"{intent['amount_capturable']}.",
                code="amount_too_large",
                param="amount_to_capture",
            )
        return self._take(intent, taken)

    def cancel(self, intent_id: str, params: Params) -> Thing:
        only(params, ("cancellation_reason",))
        intent = self._get(intent_id)
        self._require(intent, "cancel", CANCELLABLE)
        return self._close(intent, params.get("cancellation_reason"))

    def authenticated(self, intent_id: str, *, approved: bool) -> Thing:
        """The bank's verdict on the cardholder, given on the page of the challenge."""
        intent = self._get(intent_id)
        self._require(intent, "authenticate", {"requires_action"})
        self._world.change(intent, next_action=None)
        if approved:
            return self._authorise(intent, CARDS[intent["payment_method"]])
        error = ApiError(
            "We are unable to authenticate your payment method. Please choose a different "
            "payment method and try again.",
            code="payment_intent_authentication_failure",
        )
        self._world.change(intent, status="requires_payment_method", last_payment_error=error.body)
        self._world.happened("payment_intent.payment_failed", intent)
        return shown(intent)

    def returns_to(self, intent_id: str) -> str | None:
        return self._get(intent_id)["_return_url"]

    def _get(self, intent_id: str) -> Thing:
        return self._world.get("payment_intent", intent_id)

    def _require(self, intent: Thing, move: str, states: frozenset[str] | set[str]) -> None:
        if intent["status"] not in states:
            raise ApiError(
                f"You cannot {move} this PaymentIntent because it has a status of "
                f"{intent['status']}. Only a PaymentIntent with one of the following statuses "
                f"may be affected: {', '.join(sorted(states))}.",
                code="payment_intent_unexpected_state",
                payment_intent=shown(intent),
            )

    def _confirm(self, intent: Thing) -> Thing:
        name = intent["payment_method"]
        if not name:
            raise ApiError(
                "You cannot confirm this PaymentIntent because it's missing a payment method.",
                code="payment_intent_unexpected_state",
            )
        card = CARDS.get(name)
        if card is None:
            raise ApiError(
                f"No such PaymentMethod: '{name}'", code="resource_missing", param="payment_method"
            )
        if card.code is not None:
            self._decline(intent, card)
        if card.three_d_secure:
            return self._challenge(intent)
        return self._authorise(intent, card)

    def _decline(self, intent: Thing, card: Card) -> None:
        charge = self._charge(intent, card, status="failed", paid=False)
        error = ApiError(
            "Your card was declined.",
            status=HTTPStatus.PAYMENT_REQUIRED,
            kind="card_error",
            code=card.code,
            decline_code=card.decline_code,
            charge=charge["id"],
        )
        self._world.change(
            intent, status="requires_payment_method", last_payment_error=dict(error.body)
        )
        self._world.happened("charge.failed", charge)
        self._world.happened("payment_intent.payment_failed", intent)
        error.body["payment_intent"] = shown(intent)
        raise error

    def _challenge(self, intent: Thing) -> Thing:
        url = f"{self._world.url}/3ds/{intent['id']}"
        action = (
            {
                "type": "redirect_to_url",
                "redirect_to_url": {"url": url, "return_url": intent["_return_url"]},
            }
            if intent["_return_url"]
            else {"type": "use_stripe_sdk", "use_stripe_sdk": {"stripe_js": url}}
        )
        self._world.change(intent, status="requires_action", next_action=action)
        self._world.happened("payment_intent.requires_action", intent)
        return shown(intent)

    def _authorise(self, intent: Thing, card: Card) -> Thing:
        charge = self._charge(intent, card, status="succeeded", paid=True)
        self._world.happened("charge.succeeded", charge)
        if intent["capture_method"] != "manual":
            return self._take(intent, intent["amount"])
        self._world.change(intent, status="requires_capture", amount_capturable=intent["amount"])
        self._world.happened("payment_intent.amount_capturable_updated", intent)
        self._world.later("expire", intent, after_s=AUTHORISATION_S)
        return shown(intent)

    def _take(self, intent: Thing, taken: int) -> Thing:
        charge = self._world.get("charge", intent["latest_charge"])
        booked = self._world.book(
            amount=taken,
            fee=-(-taken * FEE_BP // 10_000) + FEE_FIXED,
            currency=intent["currency"],
            kind="charge",
            category="charge",
            source=charge,
        )
        self._world.change(
            charge, captured=True, amount_captured=taken, balance_transaction=booked["id"]
        )
        self._world.change(intent, status="succeeded", amount_capturable=0, amount_received=taken)
        self._world.happened("charge.captured", charge)
        self._world.happened("payment_intent.succeeded", intent)
        self._disputes.perhaps(charge, CARDS[intent["payment_method"]])
        return shown(intent)

    def _close(self, intent: Thing, reason: str | None) -> Thing:
        self._world.change(
            intent,
            status="canceled",
            amount_capturable=0,
            canceled_at=self._world.now_s,
            cancellation_reason=reason,
            next_action=None,
        )
        self._world.happened("payment_intent.canceled", intent)
        return shown(intent)

    def _expire(self, intent: Thing) -> None:
        if intent["status"] == "requires_capture":
            self._close(intent, "automatic")
            self._world.happened(
                "charge.expired", self._world.get("charge", intent["latest_charge"])
            )

    def _charge(self, intent: Thing, card: Card, **fields: Any) -> Thing:
        charge = self._world.new(
            "charge",
            "ch",
            amount=intent["amount"],
            amount_captured=0,
            amount_refunded=0,
            balance_transaction=None,
            captured=False,
            currency=intent["currency"],
            description=intent["description"],
            disputed=False,
            failure_code=card.code,
            metadata=intent["metadata"],
            outcome={"network_decline_code": None, "reason": card.decline_code},
            payment_intent=intent["id"],
            payment_method=intent["payment_method"],
            payment_method_details={
                "type": "card",
                "card": {"brand": card.brand, "last4": card.last4, "country": "QA"},
            },
            refunded=False,
            transfer_group=intent["transfer_group"],
            **fields,
        )
        self._world.change(intent, latest_charge=charge["id"])
        return charge
