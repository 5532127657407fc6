"""Refunds: at once, after a while, or failing after all."""

from typing import Final

from tawsil.simulation.stripe.cards import CARDS
from tawsil.simulation.stripe.errors import ApiError
from tawsil.simulation.stripe.forms import Params, amount, hashed, only
from tawsil.simulation.stripe.world import Thing, World, shown

CREATED_WITH: Final = ("payment_intent", "charge", "amount", "reason", "metadata")
PENDING_S: Final = 60.0


class Refunds:
    """What may be asked of `/v1/refunds`."""

    def __init__(self, world: World) -> None:
        self._world = world
        world.on("refund_succeeds", self._succeed)
        world.on("refund_fails", self._fail)

    def create(self, params: Params) -> Thing:
        only(params, CREATED_WITH)
        charge = self._refundable(params)
        left = charge["amount_captured"] - charge["amount_refunded"]
        if left == 0:
            raise ApiError(
                f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
            )
        returned = amount(params, "amount", left)
        if returned > left:
            raise ApiError(
                f"Refund amount ({returned}) is greater than unrefunded amount on charge ({left})",
                param="amount",
            )
        card = CARDS[charge["payment_method"]]
        refund = self._world.new(
            "refund",
            "re",
            amount=returned,
            balance_transaction=None,
            charge=charge["id"],
            currency=charge["currency"],
            failure_balance_transaction=None,
            metadata=hashed(params, "metadata"),
            payment_intent=charge["payment_intent"],
            reason=params.get("reason"),
            status="pending" if card.refund == "pending" else "succeeded",
        )
        booked = self._world.book(
            amount=-returned,
            currency=charge["currency"],
            kind="refund",
            category="refund",
            source=refund,
        )
        self._world.change(refund, balance_transaction=booked["id"])
        self._count(charge, returned)
        self._world.happened("refund.created", refund)
        self._world.happened("charge.refunded", charge)
        if card.refund == "pending":
            self._world.later("refund_succeeds", refund, after_s=PENDING_S)
        if card.refund == "failed":
            self._world.later("refund_fails", refund, after_s=PENDING_S)
        return shown(refund)

    def retrieve(self, refund_id: str, params: Params) -> Thing:
        only(params, ())
        return shown(self._world.get("refund", refund_id))

    def listed(self, params: Params) -> Thing:
        only(
            params,
            ("charge", "payment_intent", "limit", "starting_after", "ending_before", "created"),
        )
        where = {name: params[name] for name in ("charge", "payment_intent") if name in params}
        return self._world.listed("refund", params, "/v1/refunds", **where)

    def _refundable(self, params: Params) -> Thing:
        charge_id = params.get("charge")
        if intent_id := params.get("payment_intent"):
            charge_id = self._world.get("payment_intent", intent_id)["latest_charge"]
        if charge_id is None:
            raise ApiError(
                "One of the following params should be provided for this request: "
                "payment_intent or charge.",
                code="parameter_missing",
            )
        charge = self._world.get("charge", charge_id)
        if not charge["captured"]:
            raise ApiError(
                f"This PaymentIntent ({charge['payment_intent']}) does not have a successful "
                "charge to refund.",
                param="payment_intent",
            )
        if charge["disputed"]:
            raise ApiError(
                f"Charge {charge['id']} has been charged back; cannot issue a refund.",
                code="charge_disputed",
            )
        return charge

    def _count(self, charge: Thing, returned: int) -> None:
        refunded = charge["amount_refunded"] + returned
        self._world.change(
            charge, amount_refunded=refunded, refunded=refunded == charge["amount_captured"]
        )

    def _succeed(self, refund: Thing) -> None:
        self._world.change(refund, status="succeeded")
        self._world.happened("refund.updated", refund)

    def _fail(self, refund: Thing) -> None:
        """The bank sends the money back: it is on the balance again."""
        back = self._world.book(
            amount=refund["amount"],
            currency=refund["currency"],
            kind="refund_failure",
            category="refund_failure",
            source=refund,
        )
        self._world.change(
            refund,
            status="failed",
            failure_reason="expired_or_canceled_card",
            failure_balance_transaction=back["id"],
        )
        self._count(self._world.get("charge", refund["charge"]), -refund["amount"])
        self._world.happened("refund.updated", refund)
        self._world.happened("refund.failed", refund)
