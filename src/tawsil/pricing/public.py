"""What others may use of pricing."""

from tawsil.pricing.model.amounts import Breakdown, Discount, DiscountKind, LineCharge, Shares
from tawsil.pricing.model.commission import CommissionPlan, PlannedCommission, Tier
from tawsil.pricing.model.conditions import CALM, Conditions, Pressure, Terms
from tawsil.pricing.model.fees import DeliveryFeeParts
from tawsil.pricing.model.quote import Quote, QuoteStatus
from tawsil.pricing.model.taxes import TaxLine
from tawsil.pricing.service.climate import (
    FeelPressure,
    HoldConditions,
    LetGo,
    conditions,
    feel_pressure,
    hold_conditions,
    let_go,
    on_due_conditions,
)
from tawsil.pricing.service.commission import PlanCommission
from tawsil.pricing.service.commission import plan as plan_commission
from tawsil.pricing.service.quotes import IssueQuote, TakeQuote, issue, on_due, quote, take

__all__ = [
    "CALM",
    "Breakdown",
    "CommissionPlan",
    "Conditions",
    "DeliveryFeeParts",
    "Discount",
    "DiscountKind",
    "FeelPressure",
    "HoldConditions",
    "IssueQuote",
    "LetGo",
    "LineCharge",
    "PlanCommission",
    "PlannedCommission",
    "Pressure",
    "Quote",
    "QuoteStatus",
    "Shares",
    "TakeQuote",
    "TaxLine",
    "Terms",
    "Tier",
    "conditions",
    "feel_pressure",
    "hold_conditions",
    "issue",
    "let_go",
    "on_due",
    "on_due_conditions",
    "plan_commission",
    "quote",
    "take",
]
