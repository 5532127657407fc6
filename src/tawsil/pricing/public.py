"""What others may use of pricing."""

from tawsil.pricing.model import Breakdown, Quote, QuoteStatus, Shares
from tawsil.pricing.service import IssueQuote, TakeQuote, issue, on_due, quote, take

__all__ = [
    "Breakdown",
    "IssueQuote",
    "Quote",
    "QuoteStatus",
    "Shares",
    "TakeQuote",
    "issue",
    "on_due",
    "quote",
    "take",
]
