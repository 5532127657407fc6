"""What others may use of pricing."""

from tawsil.pricing.climate import (
    FeelPressure,
    HoldConditions,
    LetGo,
    conditions,
    feel_pressure,
    hold_conditions,
    let_go,
    on_due_conditions,
)
from tawsil.pricing.conditions import CALM, Conditions, Pressure, Terms
from tawsil.pricing.model import Breakdown, Quote, QuoteStatus, Shares
from tawsil.pricing.service import IssueQuote, TakeQuote, issue, on_due, quote, take

__all__ = [
    "CALM",
    "Breakdown",
    "Conditions",
    "FeelPressure",
    "HoldConditions",
    "IssueQuote",
    "LetGo",
    "Pressure",
    "Quote",
    "QuoteStatus",
    "Shares",
    "TakeQuote",
    "Terms",
    "conditions",
    "feel_pressure",
    "hold_conditions",
    "issue",
    "let_go",
    "on_due",
    "on_due_conditions",
    "quote",
    "take",
]
