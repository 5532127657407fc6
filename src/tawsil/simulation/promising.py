"""What the invented city promises: free delivery of large orders, and a welcome for newcomers."""

from datetime import timedelta
from typing import Final
from uuid import UUID, uuid5

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By, Refusal
from tawsil.pricing import public as pricing
from tawsil.pricing.public import Audience, Kind, PromotionTerms, Signal, Stacking, Watch
from tawsil.simulation.habits import WELCOME

_BUDGET_MINOR: Final = 10_000_000


async def open_promotions(tx: Tx, *, tenant_id: UUID, city_id: UUID, currency: str) -> None:
    """Begin those that are not there yet."""
    by = By(tenant_id=tenant_id, correlation_id=city_id)
    drafts = [
        pricing.DraftPromotion(
            by=by,
            id=uuid5(city_id, f"promotion/{terms.name_en}"),
            merchant_id=None,
            currency=currency,
            terms=terms,
            budget_minor=_BUDGET_MINOR,
            codes=() if terms.automatic else (WELCOME,),
        )
        for terms in _terms(tx, city_id)
    ]
    there = await pricing.promotions(tx, ids=[d.id for d in drafts if d.id])
    new = [draft for draft in drafts if draft.id not in there]
    for drafted in await pricing.draft_promotion(tx, new):
        assert not isinstance(drafted, Refusal), drafted
        begin = pricing.ActivatePromotion(by=by, promotion_id=drafted.id, merchant_id=None)
        (active,) = await pricing.activate_promotion(tx, [begin])
        assert not isinstance(active, Refusal), active


def _terms(tx: Tx, city_id: UUID) -> tuple[PromotionTerms, PromotionTerms]:
    since_at = tx.now - timedelta(days=1)
    return (
        PromotionTerms(
            name_en="Free delivery",
            name_ar="توصيل مجاني",
            terms_en="On orders of 100 or more.",
            terms_ar="للطلبات بقيمة 100 فأكثر.",
            kind=Kind.FREE_DELIVERY,
            automatic=True,
            city_ids=(city_id,),
            least_subtotal_minor=10_000,
            stacking=Stacking.STACKABLE,
            group="delivery",
            from_at=since_at,
        ),
        PromotionTerms(
            name_en="Welcome",
            name_ar="أهلًا بك",
            terms_en="A quarter off your first order, at most 20.",
            terms_ar="ربع القيمة خصمًا على طلبك الأول، بحد أقصى 20.",
            kind=Kind.PERCENT,
            value=2_500,
            most_minor=2_000,
            city_ids=(city_id,),
            audience=Audience.FIRST_ORDER,
            stacking=Stacking.STACKABLE,
            group="goods",
            watches=(Watch(signal=Signal.DEVICE),),
            from_at=since_at,
        ),
    )
