"""Which promotions a basket gets, and what each takes off: pure, and the same every time.

Promotions apply one after another, by rank: a later one sees what the earlier ones left, so that
nothing falls below zero. Of all combinations that may stand together the customer gets the one
that takes off most; among equals the one of fewer promotions, then of lower ranks.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.catalog.public import PricedLine
from tawsil.kernel.money import share
from tawsil.pricing.model.amounts import Discount, DiscountKind
from tawsil.pricing.model.promotions import WHOLE_BP, Audience, Kind, Promotion, Stacking

MOST_TOGETHER: Final = 4
"""How many promotions one order may have."""
MOST_CONSIDERED: Final = 12
"""Of more that apply, those are looked at that take off most by themselves."""


class AppliedPromotion(Struct, frozen=True, kw_only=True):
    """A promotion as an order has it, whatever becomes of its terms.

    `from_budget`: the platform's part comes out of what was put aside for the promotion.
    """

    promotion_id: UUID
    name_en: str
    name_ar: str
    code: str | None = None
    kind: Kind
    amount_minor: int
    merchant_minor: int
    from_budget: bool
    first_order: bool = False

    def __post_init__(self) -> None:
        assert 0 <= self.merchant_minor <= self.amount_minor, "a part is not more than the whole"

    @property
    def platform_minor(self) -> int:
        return self.amount_minor - self.merchant_minor

    @property
    def discount(self) -> Discount:
        """As a price is made with it."""
        of_delivery = self.kind is Kind.FREE_DELIVERY
        return Discount(
            promotion_id=self.promotion_id,
            code=self.code,
            amount_minor=self.amount_minor,
            merchant_minor=self.merchant_minor,
            kind=DiscountKind.DELIVERY if of_delivery else DiscountKind.ITEMS,
        )


class NotApplied(Struct, frozen=True, kw_only=True):
    """A code that was good, and why it is not in the price: `better_without`."""

    code: str
    reason: str


class Candidate(Struct, frozen=True, kw_only=True):
    """A promotion that somebody may have, and the code by which they asked for it."""

    promotion: Promotion
    code: str | None = None


class Basket(Struct, frozen=True, kw_only=True):
    merchant_id: UUID
    lines: Sequence[PricedLine]
    delivery_fee_minor: int

    @property
    def subtotal_minor(self) -> int:
        return sum(line.total_minor for line in self.lines)


class Chosen(Struct, frozen=True):
    applied: tuple[AppliedPromotion, ...]
    not_applied: tuple[NotApplied, ...] = ()

    @property
    def total_minor(self) -> int:
        return sum(one.amount_minor for one in self.applied)


def choose(candidates: Sequence[Candidate], basket: Basket) -> Chosen:
    """The best combination for the customer."""
    alone = {c.promotion.id: apply([c], basket).total_minor for c in candidates}
    worth = [c for c in candidates if alone[c.promotion.id] > 0]
    worth.sort(key=lambda c: (-alone[c.promotion.id], *_rank(c)))
    considered = sorted(worth[:MOST_CONSIDERED], key=_rank)
    options = [
        apply(together, basket)
        for size in range(MOST_TOGETHER + 1)
        for together in combinations(considered, size)
        if _compatible(together)
    ]
    best = max(options, key=lambda o: (o.total_minor, -len(o.applied)))
    chosen = {one.promotion_id for one in best.applied}
    left_out = [
        NotApplied(code=c.code, reason="better_without")
        for c in candidates
        if c.code is not None and c.promotion.id not in chosen
    ]
    return Chosen(best.applied, tuple(left_out))


def apply(candidates: Sequence[Candidate], basket: Basket) -> Chosen:
    """One after another, each on what is left; what takes nothing off is left out."""
    goods_minor, delivery_minor = basket.subtotal_minor, basket.delivery_fee_minor
    applied: list[AppliedPromotion] = []
    for candidate in sorted(candidates, key=_rank):
        terms = candidate.promotion.terms
        if terms.kind is Kind.FREE_DELIVERY:
            amount_minor = _capped(delivery_minor, terms.most_minor)
            delivery_minor -= amount_minor
        else:
            amount_minor = min(_off_goods(candidate.promotion, basket, goods_minor), goods_minor)
            goods_minor -= amount_minor
        if amount_minor:
            applied.append(_as_applied(candidate, basket.merchant_id, amount_minor))
    return Chosen(tuple(applied))


def eligible_minor(promotion: Promotion, lines: Sequence[PricedLine]) -> int:
    """What the lines cost that the promotion is about."""
    only = set(promotion.terms.product_ids)
    return sum(line.total_minor for line in lines if not only or line.product_id in only)


def _off_goods(promotion: Promotion, basket: Basket, left_minor: int) -> int:
    terms = promotion.terms
    about_minor = min(eligible_minor(promotion, basket.lines), left_minor)
    if terms.kind is Kind.FIXED:
        return min(terms.value, about_minor)
    return _capped(share(about_minor, basis_points=terms.value), terms.most_minor)


def _as_applied(candidate: Candidate, merchant_id: UUID, amount_minor: int) -> AppliedPromotion:
    promotion = candidate.promotion
    bp = promotion.terms.merchant_bp(merchant_id)
    assert bp <= WHOLE_BP, "a merchant bears at most the whole"
    return AppliedPromotion(
        promotion_id=promotion.id,
        name_en=promotion.terms.name_en,
        name_ar=promotion.terms.name_ar,
        code=candidate.code,
        kind=promotion.terms.kind,
        amount_minor=amount_minor,
        merchant_minor=share(amount_minor, basis_points=bp),
        from_budget=promotion.put_aside_minor > 0,
        first_order=promotion.terms.audience is Audience.FIRST_ORDER,
    )


def _compatible(together: Sequence[Candidate]) -> bool:
    """Exclusive ones stand alone; of one group, and of first orders', at most one stands."""
    if len(together) < 2:
        return True
    terms = [c.promotion.terms for c in together]
    if any(one.stacking is Stacking.EXCLUSIVE for one in terms):
        return False
    groups = [one.group for one in terms if one.group]
    first = [one for one in terms if one.audience is Audience.FIRST_ORDER]
    return len(set(groups)) == len(groups) and len(first) < 2


def _capped(amount_minor: int, most_minor: int | None) -> int:
    return amount_minor if most_minor is None else min(amount_minor, most_minor)


def _rank(candidate: Candidate) -> tuple[int, UUID]:
    return candidate.promotion.terms.rank, candidate.promotion.id
