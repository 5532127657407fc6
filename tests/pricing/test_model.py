from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tawsil.catalog.public import PricedLine
from tawsil.geography.public import VAT, CityRules, TaxRules
from tawsil.kernel.decisions import Accepted, Refusal
from tawsil.kernel.places import Place
from tawsil.pricing.model import quote as model
from tawsil.pricing.model.amounts import Discount, DiscountKind, Shares, divide, price
from tawsil.pricing.model.commission import usual
from tawsil.pricing.model.quote import Quote, QuoteStatus

NOBODY = UUID(int=0)
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
basis_points = st.integers(0, 10_000)
minors = st.integers(0, 10**7)
distances = st.integers(0, 50_000)


def line(unit_price_minor: int, quantity: int = 1) -> PricedLine:
    return PricedLine(
        product_id=NOBODY,
        name_en="Pizza",
        name_ar="بيتزا",
        unit_price_minor=unit_price_minor,
        quantity=quantity,
        options=(),
        total_minor=unit_price_minor * quantity,
    )


baskets = st.lists(st.builds(line, minors, st.integers(1, 99)), min_size=1, max_size=5)
cities = st.builds(
    CityRules,
    taxes=st.builds(lambda bp: TaxRules(rates=(replace(VAT, rate_bp=bp),)), basis_points),
    commission_bp=basis_points,
    service_fee_bp=basis_points,
    small_order_minor=minors,
    small_order_fee_minor=minors,
    delivery_base_minor=minors,
    delivery_per_km_minor=minors,
    delivery_included_m=distances,
    courier_share_bp=basis_points,
)


@given(baskets, distances, cities, minors)
def test_a_total_is_the_sum_of_its_components_and_none_is_negative(
    lines: list[PricedLine], distance_m: int, rules: CityRules, tip_minor: int
) -> None:
    b = price(lines, distance_m=distance_m, rules=rules, at_local=NOON, tip_minor=tip_minor)
    components = (
        b.subtotal_minor,
        b.delivery_fee_minor,
        b.service_fee_minor,
        b.small_order_fee_minor,
        -b.discount_minor,
        b.tax_minor,
        b.tip_minor,
    )
    assert min(components) >= 0
    assert b.total_minor == sum(components)
    assert b.subtotal_minor == sum(one.unit_price_minor * one.quantity for one in lines)


@given(baskets, distances, cities, minors, st.none() | basis_points)
def test_the_shares_are_the_whole_total_and_none_is_negative(
    lines: list[PricedLine],
    distance_m: int,
    rules: CityRules,
    tip_minor: int,
    commission_bp: int | None,
) -> None:
    b = price(lines, distance_m=distance_m, rules=rules, at_local=NOON, tip_minor=tip_minor)
    shares = divide(b, rules=rules, plan=usual(rules=rules, own_bp=commission_bp))
    parts = (
        shares.merchant_minor,
        shares.courier_minor,
        shares.platform_minor,
        shares.tax_minor,
    )
    assert min(parts) >= 0
    assert sum(parts) == b.total_minor
    assert shares.courier_minor >= tip_minor, "a tip is the courier's alone"
    assert shares.merchant_minor <= b.subtotal_minor


@given(baskets, distances, distances, cities)
def test_going_further_never_costs_less(
    lines: list[PricedLine], near_m: int, further_m: int, rules: CityRules
) -> None:
    near = price(lines, distance_m=near_m, rules=rules, at_local=NOON)
    far = price(lines, distance_m=near_m + further_m, rules=rules, at_local=NOON)
    assert far.delivery_fee_minor >= near.delivery_fee_minor
    assert far.total_minor >= near.total_minor


def test_an_order_by_hand() -> None:
    rules = CityRules(service_fee_bp=400, delivery_included_m=1_500, most_delivery_distance_m=5_000)
    b = price([line(1_250, 2)], distance_m=2_803, rules=rules, at_local=NOON, tip_minor=200)
    assert b.subtotal_minor == 2_500
    assert b.delivery_fee_minor == 500 + 195  # 1.303 km at 1.50: 195.45
    assert b.service_fee_minor == 100
    assert b.small_order_fee_minor == 300
    assert b.tax_minor == 180  # 5 % of 35.95: 179.75
    assert b.total_minor == 3_975
    assert divide(b, rules=rules, plan=usual(rules=rules, own_bp=None)) == Shares(
        merchant_minor=2_000,
        courier_minor=556 + 200,  # 80 % of 6.95
        platform_minor=500 + 139 + 100 + 300,
        tax_minor=180,
        commission_minor=500,
    )


def test_an_order_that_is_not_small_pays_no_fee_for_being_so() -> None:
    rules = CityRules(small_order_minor=3_000, small_order_fee_minor=300)
    assert (
        price([line(2_999)], distance_m=0, rules=rules, at_local=NOON).small_order_fee_minor == 300
    )
    assert price([line(3_000)], distance_m=0, rules=rules, at_local=NOON).small_order_fee_minor == 0


discounts = st.builds(
    lambda merchant, platform, kind: Discount(
        promotion_id=NOBODY,
        amount_minor=merchant + platform,
        merchant_minor=merchant,
        kind=kind,
    ),
    minors,
    minors,
    st.sampled_from(DiscountKind),
)


@given(baskets, distances, cities, minors, st.lists(discounts, max_size=3))
def test_discounts_take_off_no_more_than_there_is_and_are_borne_by_whom_they_say(
    lines: list[PricedLine],
    distance_m: int,
    rules: CityRules,
    tip_minor: int,
    given_: list[Discount],
) -> None:
    full = price(lines, distance_m=distance_m, rules=rules, at_local=NOON, tip_minor=tip_minor)
    less = price(
        lines,
        distance_m=distance_m,
        rules=rules,
        at_local=NOON,
        tip_minor=tip_minor,
        discounts=given_,
    )
    off = {
        kind: sum(d.amount_minor for d in less.discounts if d.kind is kind) for kind in DiscountKind
    }
    assert off[DiscountKind.ITEMS] <= full.subtotal_minor
    assert off[DiscountKind.DELIVERY] <= full.delivery_fee_minor
    assert less.discount_minor == sum(off.values())
    before, after = (
        divide(b, rules=rules, plan=usual(rules=rules, own_bp=None)) for b in (full, less)
    )
    borne = sum(d.merchant_minor for d in less.discounts)
    assert 0 <= before.merchant_minor - after.merchant_minor <= borne
    assert after.merchant_minor >= 0
    assert after.courier_minor == before.courier_minor
    assert after.total_minor == less.total_minor


def quote(**fields: object) -> Quote:
    breakdown = price([line(1_000)], distance_m=1_000, rules=CityRules(), at_local=NOON)
    return Quote(
        **{
            "id": NOBODY,
            "tenant_id": NOBODY,
            "city_id": NOBODY,
            "customer_id": NOBODY,
            "merchant_id": NOBODY,
            "currency": "AED",
            "lines": (line(1_000),),
            "breakdown": breakdown,
            "shares": divide(
                breakdown, rules=CityRules(), plan=usual(rules=CityRules(), own_bp=None)
            ),
            "pickup": Place(24.1, 53.1),
            "dropoff": Place(24.1, 53.11),
            "address": "Corniche 12",
            "instructions": "",
            "distance_m": 1_000,
            "commission_bp": 2_000,
            "prep_time_s": 900,
            "issued_at": NOON,
            "expires_at": NOON + model.BINDING_FOR,
            **fields,
        }
    )


@given(st.integers(0, 3_600))
def test_a_quote_is_taken_once_while_it_binds(after_s: int) -> None:
    now = NOON + timedelta(seconds=after_s)
    taken = model.take(quote(), now=now)
    assert isinstance(taken, Accepted) is (after_s < 900)
    if isinstance(taken, Refusal):
        assert taken.code == "quote.expired"
        return
    assert taken.state.deadline is None
    again = model.take(taken.state, now=now)
    assert isinstance(again, Refusal)
    assert (again.code, again.detail["legal"]) == ("quote.taken", [])
    assert isinstance(model.expire(taken.state), Refusal)


def test_an_expired_quote_cannot_be_taken_even_if_the_clock_says_so() -> None:
    refusal = model.take(quote(status=QuoteStatus.EXPIRED), now=NOON)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "quote.expired"


def test_an_issued_quote_wakes_somebody_when_it_ends() -> None:
    deadline = quote().deadline
    assert deadline is not None
    assert deadline.at == NOON + timedelta(minutes=15)


@given(distances)
def test_what_is_too_far_is_refused_with_the_limit(distance_m: int) -> None:
    refusal = model.check_distance(distance_m, rules=CityRules(most_delivery_distance_m=8_000))
    assert (refusal is None) is (distance_m <= 8_000)
    if refusal is not None:
        assert refusal.detail["limit_m"] == 8_000


def test_events_carry_nothing_personal() -> None:
    issued = model.issue(replace(quote(), address="Secret street", instructions="Ring twice"))
    assert isinstance(issued, Accepted)
    assert "Secret" not in str(issued.events)
    assert "Ring" not in str(issued.events)
