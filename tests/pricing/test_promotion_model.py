"""Promotions without a database: budgets hold, and the best combination is the best."""

from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from conftest import NOON, TENANT
from pricing.promoting import Kind, Promotion, Sharer, Stacking, terms
from tawsil.catalog.public import PricedLine
from tawsil.kernel.decisions import Accepted, Decision
from tawsil.pricing.events import PromotionFunded
from tawsil.pricing.model import promotions as model
from tawsil.pricing.model.discounts import Basket, Candidate, apply, choose
from tawsil.pricing.model.promotions import Audience, Status, Use, Window, normal_code

MERCHANT = UUID(int=77)


def line(number: int, minor: int) -> PricedLine:
    return PricedLine(
        product_id=UUID(int=number),
        name_en="Kebab",
        name_ar="كباب",
        unit_price_minor=minor,
        quantity=1,
        options=(),
        total_minor=minor,
    )


@st.composite
def candidates(draw: st.DrawFn, number: int) -> Candidate:
    kind = draw(st.sampled_from(Kind))
    promised = terms(
        kind=kind,
        value=draw(st.integers(1, 10_000)),
        most_minor=draw(st.none() | st.integers(1, 3_000)),
        product_ids=draw(st.sampled_from([(), (UUID(int=1),)])),
        merchants=(Sharer(merchant_id=MERCHANT, merchant_bp=draw(st.integers(0, 10_000))),),
        stacking=draw(st.sampled_from(Stacking)),
        group=draw(st.sampled_from(["", "a", "b"])),
        audience=draw(st.sampled_from(Audience)),
        rank=draw(st.integers(0, 3)),
    )
    promotion = Promotion(
        id=UUID(int=number),
        tenant_id=TENANT,
        currency="AED",
        terms=promised,
        status=Status.ACTIVE,
        created_at=NOON,
    )
    return Candidate(promotion=promotion, code=draw(st.sampled_from([None, f"CODE{number}"])))


many = st.integers(0, 6).flatmap(lambda n: st.tuples(*[candidates(i) for i in range(n)]))
baskets = st.builds(
    lambda minors, fee: Basket(
        merchant_id=MERCHANT,
        lines=[line(n, minor) for n, minor in enumerate(minors)],
        delivery_fee_minor=fee,
    ),
    st.lists(st.integers(0, 9_000), min_size=1, max_size=4),
    st.integers(0, 3_000),
)


@given(offered=many, basket=baskets, random=st.randoms())
def test_the_best_combination(
    offered: tuple[Candidate, ...], basket: Basket, random: Random
) -> None:
    chosen = choose(offered, basket)
    other = choose(random.sample(offered, len(offered)), basket)
    assert other.applied == chosen.applied, "whatever order they come in"
    assert set(other.not_applied) == set(chosen.not_applied)
    alone = [apply([one], basket).total_minor for one in offered]
    assert chosen.total_minor >= max(alone, default=0), "never worse than the best single one"
    of_delivery = sum(a.amount_minor for a in chosen.applied if a.kind is Kind.FREE_DELIVERY)
    assert of_delivery <= basket.delivery_fee_minor
    assert chosen.total_minor - of_delivery <= basket.subtotal_minor
    by_id = {one.promotion.id: one.promotion.terms for one in offered}
    together = [by_id[a.promotion_id] for a in chosen.applied]
    if len(together) > 1:
        assert all(t.stacking is Stacking.STACKABLE for t in together)
        groups = [t.group for t in together if t.group]
        assert len(groups) == len(set(groups))
        assert sum(t.audience is Audience.FIRST_ORDER for t in together) < 2
    applied = {a.code for a in chosen.applied}
    left_out = {n.code for n in chosen.not_applied}
    assert applied | left_out >= {c.code for c in offered if c.code}, "each code is explained"


steps = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.integers(1, 900)),
        st.tuples(st.just("give_back"), st.integers(0, 20)),
        st.tuples(st.just("raise"), st.integers(1, 500)),
        st.tuples(st.sampled_from(["pause", "activate", "end"]), st.just(0)),
    ),
    max_size=40,
)


@given(budget=st.integers(1, 2_000), most=st.none() | st.integers(1, 5), steps=steps)
def test_a_budget_is_never_overspent_and_what_is_put_aside_is_accounted_for(
    budget: int, most: int | None, steps: list[tuple[str, int]]
) -> None:
    promotion = Promotion(
        id=UUID(int=1),
        tenant_id=TENANT,
        currency="AED",
        terms=terms(automatic=True, most_redemptions=most),
        budget_minor=budget,
        created_at=NOON,
    )
    put_aside, uses = 0, list[Use]()

    def decided(decision: Decision[Promotion]) -> bool:
        nonlocal promotion, put_aside
        if not isinstance(decision, Accepted):
            return False
        promotion = decision.state
        put_aside += sum(
            fact.amount_minor for fact in decision.events if isinstance(fact, PromotionFunded)
        )
        return True

    decided(model.activate(promotion, coded=False, now=NOON))
    for step, number in steps:
        match step:
            case "take":
                use = Use(amount_minor=number, borne_minor=number // 3)
                if decided(model.take(promotion, use)):
                    uses.append(use)
            case "give_back" if number < len(uses):
                decided(model.give_back(promotion, [uses.pop(number)]))
            case "raise":
                decided(model.raise_budget(promotion, by_minor=number))
            case "pause":
                decided(model.pause(promotion))
            case "activate":
                decided(model.activate(promotion, coded=False, now=NOON))
            case "end":
                decided(model.end(promotion, now=NOON))
            case _:
                pass
        assert promotion.taken_minor == sum(use.amount_minor for use in uses)
        assert promotion.borne_minor == sum(use.borne_minor for use in uses)
        assert promotion.budget_minor is not None
        assert 0 <= promotion.taken_minor <= promotion.budget_minor
        assert most is None or promotion.redemptions <= most
        assert promotion.funded_minor == put_aside >= promotion.borne_minor
        if promotion.status is Status.ENDED:
            assert put_aside == promotion.borne_minor, "nothing unused stays put aside"
        assert not (promotion.status is Status.ACTIVE and promotion.used_up)


def test_hours_past_midnight_belong_to_the_day_they_began_on() -> None:
    friday_night = Window(weekdays=(4,), from_min=22 * 60, until_min=2 * 60)
    friday = datetime(2026, 11, 20, tzinfo=UTC)
    held = [hour for hour in range(48) if friday_night.holds(friday + timedelta(hours=hour))]
    assert held == [22, 23, 24, 25]


@given(st.text(alphabet="abcXYZ019 -", min_size=1))
def test_a_code_is_the_same_however_it_is_spelt(code: str) -> None:
    assert normal_code(code.lower()) == normal_code(code.upper()) == normal_code(f" {code} ")
    assert normal_code(normal_code(code)) == normal_code(code)


def test_an_overspent_promotion_cannot_be() -> None:
    promotion = Promotion(
        id=UUID(int=1),
        tenant_id=TENANT,
        currency="AED",
        terms=terms(),
        budget_minor=10,
        created_at=NOON,
    )
    with pytest.raises(AssertionError, match="overspent"):
        replace(promotion, taken_minor=11)
