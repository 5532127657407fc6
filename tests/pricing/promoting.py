"""Promotions for tests, and the quotes that have them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from conftest import NOON
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By, Refusal
from tawsil.pricing.model.promotions import Kind, Promotion, PromotionTerms, Sharer, Stacking, Watch
from tawsil.pricing.service import promotions as service


def terms(**fields: Any) -> PromotionTerms:
    """A fifth off for whoever has a code, unless otherwise said."""
    return PromotionTerms(
        **{
            "name_en": "A fifth off",
            "name_ar": "خصم الخُمس",
            "kind": Kind.PERCENT,
            "value": 2_000,
            "from_at": NOON - timedelta(days=1),
            **fields,
        }
    )


async def running(
    tx: Tx,
    by: By,
    *,
    codes: Sequence[str] = (),
    budget_minor: int | None = 100_000,
    merchant_id: UUID | None = None,
    **fields: Any,
) -> Promotion:
    """Drafted and begun; automatic when there is no code."""
    draft = service.Draft(
        by=by,
        merchant_id=merchant_id,
        currency="AED",
        terms=terms(**{"automatic": not codes, **fields}),
        budget_minor=budget_minor,
        codes=tuple(codes),
    )
    (drafted,) = await service.draft(tx, [draft])
    assert isinstance(drafted, Promotion), drafted
    begin = service.Activate(by=by, promotion_id=drafted.id, merchant_id=merchant_id)
    (active,) = await service.activate(tx, [begin])
    assert not isinstance(active, Refusal), active
    return active


__all__ = ["Kind", "Promotion", "Sharer", "Stacking", "Watch", "running", "terms"]
