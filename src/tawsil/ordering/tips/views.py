"""How tips look over HTTP."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from tawsil.ordering.tips.model import Tip, TipFrom, TipState


class TipView(Struct, frozen=True, kw_only=True):
    """A tip given after delivery; `decline_code` is the bank's reason, if it was declined."""

    id: UUID
    order_id: UUID
    amount_minor: int
    currency: str
    paid_from: TipFrom
    state: TipState
    decline_code: str | None
    asked_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, tip: Tip) -> "TipView":
        return cls(**{name: getattr(tip, name) for name in cls.__struct_fields__})
