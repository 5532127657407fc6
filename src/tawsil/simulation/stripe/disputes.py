"""Disputes: a cardholder asks the bank for the money back; evidence decides."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from tawsil.simulation.stripe.cards import Card
from tawsil.simulation.stripe.errors import ApiError
from tawsil.simulation.stripe.forms import Params, hashed, only, yes
from tawsil.simulation.stripe.world import Thing, World, shown

FEE: Final = 1_500
OPENED_AFTER_S: Final = 1.0
DECIDED_AFTER_S: Final = 30.0
EVIDENCE_S: Final = 7 * 86_400
TEXT_MOST: Final = 150_000
DECISIONS: Final[Mapping[str, str]] = MappingProxyType(
    {"winning_evidence": "won", "losing_evidence": "lost"}
)
"""What Stripe documents for its test mode: this as `uncategorized_text` decides."""
EVIDENCE: Final = frozenset(
    {
        "access_activity_log",
        "cancellation_rebuttal",
        "customer_communication",
        "customer_email_address",
        "customer_name",
        "customer_signature",
        "duplicate_charge_explanation",
        "product_description",
        "receipt",
        "refund_policy",
        "refund_refusal_explanation",
        "service_date",
        "service_documentation",
        "shipping_address",
        "shipping_date",
        "shipping_documentation",
        "uncategorized_file",
        "uncategorized_text",
    }
)
OPEN: Final = frozenset({"needs_response", "warning_needs_response"})


class Disputes:
    """What may be asked of `/v1/disputes`."""

    def __init__(self, world: World) -> None:
        self._world = world
        world.on("dispute_opens", self._open)
        world.on("dispute_is_decided", self._decide)
        world.on("dispute_is_overdue", self._overdue)

    def perhaps(self, charge: Thing, card: Card) -> None:
        """Some test cards dispute whatever is captured from them."""
        if card.dispute_reason is not None:
            self._world.change(charge, _reason=card.dispute_reason, _inquiry=card.inquiry)
            self._world.later("dispute_opens", charge, after_s=OPENED_AFTER_S)

    def retrieve(self, dispute_id: str, params: Params) -> Thing:
        only(params, ())
        return shown(self._world.get("dispute", dispute_id))

    def listed(self, params: Params) -> Thing:
        only(
            params,
            ("charge", "payment_intent", "limit", "starting_after", "ending_before", "created"),
        )
        where = {name: params[name] for name in ("charge", "payment_intent") if name in params}
        return self._world.listed("dispute", params, "/v1/disputes", **where)

    def update(self, dispute_id: str, params: Params) -> Thing:
        """Keep evidence, and send it to the bank unless `submit` is false."""
        only(params, ("evidence", "submit", "metadata"))
        dispute = self._world.get("dispute", dispute_id)
        if dispute["status"] not in OPEN:
            raise ApiError(
                f"This dispute is {dispute['status']}: evidence can no longer be submitted.",
                code="dispute_not_open",
            )
        given = hashed(params, "evidence")
        for name, text in given.items():
            if name not in EVIDENCE or len(text) > TEXT_MOST:
                raise ApiError(
                    f"Received unknown parameter: evidence[{name}]",
                    code="parameter_unknown",
                    param=f"evidence[{name}]",
                )
        details = dict(dispute["evidence_details"])
        evidence = {**dispute["evidence"], **given}
        changes: dict[str, Any] = {"evidence": evidence}
        details["has_evidence"] = bool(evidence)
        if yes(params, "submit", otherwise=True) and evidence:
            details["submission_count"] += 1
            warning = dispute["status"] == "warning_needs_response"
            changes["status"] = "warning_under_review" if warning else "under_review"
            self._world.later("dispute_is_decided", dispute, after_s=DECIDED_AFTER_S)
        self._world.change(dispute, evidence_details=details, **changes)
        self._world.happened("charge.dispute.updated", dispute)
        return shown(dispute)

    def close(self, dispute_id: str, params: Params) -> Thing:
        """Accept the loss."""
        only(params, ())
        dispute = self._world.get("dispute", dispute_id)
        if dispute["status"] not in OPEN:
            raise ApiError(f"This dispute is {dispute['status']} already.", code="dispute_not_open")
        self._finish(dispute, "warning_closed" if _inquiry(dispute) else "lost")
        return shown(dispute)

    def _open(self, charge: Thing) -> None:
        inquiry = charge["_inquiry"]
        dispute = self._world.new(
            "dispute",
            "du",
            amount=charge["amount_captured"] - charge["amount_refunded"],
            balance_transactions=[],
            charge=charge["id"],
            currency=charge["currency"],
            evidence={},
            evidence_details={
                "due_by": self._world.now_s + EVIDENCE_S,
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
            },
            is_charge_refundable=inquiry,
            metadata={},
            payment_intent=charge["payment_intent"],
            reason=charge["_reason"],
            status="warning_needs_response" if inquiry else "needs_response",
        )
        self._world.happened("charge.dispute.created", dispute)
        self._world.later("dispute_is_overdue", dispute, after_s=EVIDENCE_S)
        if not inquiry:
            self._world.change(charge, disputed=True)
            self._move(dispute, -dispute["amount"], fee=FEE, category="dispute")
            self._world.happened("charge.dispute.funds_withdrawn", dispute)

    def _decide(self, dispute: Thing) -> None:
        text = dispute["evidence"].get("uncategorized_text", "")
        decided = DECISIONS.get(text, "lost")
        self._finish(dispute, "warning_closed" if _inquiry(dispute) else decided)

    def _overdue(self, dispute: Thing) -> None:
        if dispute["status"] in OPEN:
            details = {**dispute["evidence_details"], "past_due": True}
            self._world.change(dispute, evidence_details=details)
            self._finish(dispute, "warning_closed" if _inquiry(dispute) else "lost")

    def _finish(self, dispute: Thing, status: str) -> None:
        self._world.change(dispute, status=status)
        if status == "won":
            self._move(dispute, dispute["amount"], fee=0, category="dispute_reversal")
            self._world.happened("charge.dispute.funds_reinstated", dispute)
        self._world.happened("charge.dispute.closed", dispute)

    def _move(self, dispute: Thing, amount: int, *, fee: int, category: str) -> None:
        booked = self._world.book(
            amount=amount,
            fee=fee,
            currency=dispute["currency"],
            kind="adjustment",
            category=category,
            source=dispute,
        )
        moved = [*dispute["balance_transactions"], shown(booked)]
        self._world.change(dispute, balance_transactions=moved)


def _inquiry(dispute: Thing) -> bool:
    return dispute["status"].startswith("warning_")
