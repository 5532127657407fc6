"""What others may use of pricing."""

from tawsil.pricing.model.amounts import Breakdown, Discount, DiscountKind, LineCharge, Shares
from tawsil.pricing.model.commission import CommissionPlan, PlannedCommission, Tier
from tawsil.pricing.model.conditions import CALM, Conditions, Pressure, Terms
from tawsil.pricing.model.discounts import AppliedPromotion
from tawsil.pricing.model.fees import DeliveryFeeParts
from tawsil.pricing.model.funds import Funds, Purse, Purses, PursesOf, Wish
from tawsil.pricing.model.promotions import (
    Audience,
    Kind,
    Promotion,
    PromotionTerms,
    Sharer,
    Signal,
    Stacking,
    Watch,
    Window,
)
from tawsil.pricing.model.quote import Quote, QuoteStatus
from tawsil.pricing.model.redemptions import Signals
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
from tawsil.pricing.service.promotions import Activate as ActivatePromotion
from tawsil.pricing.service.promotions import Draft as DraftPromotion
from tawsil.pricing.service.promotions import activate as activate_promotion
from tawsil.pricing.service.promotions import draft as draft_promotion
from tawsil.pricing.service.quotes import IssueQuote, TakeQuote, issue, on_due, quote, take
from tawsil.pricing.service.redeeming import EndOfOrder, give_back, spend
from tawsil.pricing.store.promotions import get as promotions

__all__ = [
    "CALM",
    "ActivatePromotion",
    "AppliedPromotion",
    "Audience",
    "Breakdown",
    "CommissionPlan",
    "Conditions",
    "DeliveryFeeParts",
    "Discount",
    "DiscountKind",
    "DraftPromotion",
    "EndOfOrder",
    "FeelPressure",
    "Funds",
    "HoldConditions",
    "IssueQuote",
    "Kind",
    "LetGo",
    "LineCharge",
    "PlanCommission",
    "PlannedCommission",
    "Pressure",
    "Promotion",
    "PromotionTerms",
    "Purse",
    "Purses",
    "PursesOf",
    "Quote",
    "QuoteStatus",
    "Sharer",
    "Shares",
    "Signal",
    "Signals",
    "Stacking",
    "TakeQuote",
    "TaxLine",
    "Terms",
    "Tier",
    "Watch",
    "Window",
    "Wish",
    "activate_promotion",
    "conditions",
    "draft_promotion",
    "feel_pressure",
    "give_back",
    "hold_conditions",
    "issue",
    "let_go",
    "on_due",
    "on_due_conditions",
    "plan_commission",
    "promotions",
    "quote",
    "spend",
    "take",
]
