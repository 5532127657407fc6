"""Whatever a city decides, a price is the sum of its parts and is shared out to the unit."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pricing.test_model import NOBODY, NOON, basis_points, discounts, line, minors
from tawsil.catalog.public import PricedLine
from tawsil.geography.public import (
    VAT,
    CityRules,
    DistanceBand,
    TaxClass,
    Taxed,
    TaxRate,
    TaxRules,
    Window,
    ZoneFee,
)
from tawsil.pricing.model.amounts import Breakdown, Discount, DiscountKind, divide, price
from tawsil.pricing.model.commission import CommissionPlan, Tier
from tawsil.pricing.model.fees import DeliveryFeeParts, delivery_fee_parts
from tawsil.pricing.model.taxes import levy

MARINA, HILLS = UUID(int=1), UUID(int=2)
DUBAI = ZoneInfo("Asia/Dubai")
classes = st.sampled_from(TaxClass)
baskets = st.lists(
    st.builds(
        lambda unit, quantity, tax_class: replace(line(unit, quantity), tax_class=tax_class),
        minors,
        st.integers(1, 99),
        classes,
    ),
    min_size=1,
    max_size=6,
)
metres = st.integers(0, 30_000)
hours = st.integers(0, 366 * 24 * 60).map(
    lambda minutes: datetime(2026, 1, 1, tzinfo=DUBAI) + timedelta(minutes=minutes)
)


@st.composite
def tax_rules(draw: st.DrawFn) -> TaxRules:
    """Every component is named by one rate, or by none."""
    names = draw(st.lists(st.sampled_from("ABC"), min_size=1, max_size=3, unique=True))
    taxed = {what: draw(st.sampled_from([*names, ""])) for what in Taxed}
    return TaxRules(
        included=draw(st.booleans()),
        rates=tuple(
            TaxRate(
                name=name,
                name_ar=name,
                rate_bp=draw(basis_points),
                applies_to=tuple(what for what, by in taxed.items() if by == name),
            )
            for name in names
        ),
    )


@st.composite
def city_rules(draw: st.DrawFn) -> CityRules:
    fees = sorted(draw(st.lists(minors, max_size=4)))
    ends = sorted(draw(st.sets(st.integers(1, 30_000), min_size=len(fees), max_size=len(fees))))
    bands = [DistanceBand(up_to_m=end, fee_minor=fee) for end, fee in zip(ends, fees, strict=True)]
    least = draw(minors)
    return CityRules(
        taxes=draw(tax_rules()),
        service_fee_bp=draw(basis_points),
        service_fee_least_minor=least,
        service_fee_most_minor=draw(st.none() | minors.map(lambda more: least + more)),
        small_order_minor=draw(minors),
        small_order_fee_minor=draw(minors),
        small_order_topped_up=draw(st.booleans()),
        delivery_base_minor=draw(minors),
        delivery_per_km_minor=draw(minors),
        delivery_included_m=draw(metres),
        delivery_bands=tuple(bands),
        delivery_zones=(
            ZoneFee(zone_id=MARINA, surcharge_minor=draw(minors)),
            ZoneFee(zone_id=HILLS, fee_minor=draw(minors), surcharge_minor=draw(minors)),
        ),
        delivery_windows=(
            Window(
                starts_min=22 * 60,
                ends_min=5 * 60,
                surcharge_minor=draw(minors),
                surcharge_bp=draw(st.integers(0, 30_000)),
            ),
        ),
        free_delivery_from_minor=draw(st.none() | minors),
        courier_share_bp=draw(basis_points),
    )


@st.composite
def plans(draw: st.DrawFn) -> CommissionPlan:
    least = draw(minors)
    steps = sorted(draw(st.sets(st.integers(1, 10**9), max_size=4)))
    return CommissionPlan(
        rate_bp=draw(basis_points),
        tiers=tuple(Tier(from_minor=step, rate_bp=draw(basis_points)) for step in steps),
        fixed_minor=draw(minors),
        least_minor=least,
        most_minor=draw(st.none() | minors.map(lambda more: least + more)),
    )


zones = st.sampled_from([None, MARINA, HILLS])
Basket = list[PricedLine]


@given(baskets, metres, city_rules(), minors, minors, zones, hours, st.lists(discounts, max_size=3))
def test_a_price_is_the_sum_of_its_parts_whatever_the_rules(
    lines: Basket,
    distance_m: int,
    rules: CityRules,
    tip_minor: int,
    surge_minor: int,
    zone_id: UUID | None,
    at_local: datetime,
    given_: list[Discount],
) -> None:
    def priced() -> Breakdown:
        return price(
            lines,
            distance_m=distance_m,
            rules=rules,
            tip_minor=tip_minor,
            surge_minor=surge_minor,
            zone_id=zone_id,
            at_local=at_local,
            discounts=given_,
        )

    b = priced()
    assert b == priced(), "the same asked is the same answered"
    parts = (
        b.subtotal_minor,
        b.delivery_fee_minor,
        b.service_fee_minor,
        b.small_order_fee_minor,
        b.discount_minor,
        b.tax_minor,
        b.tip_minor,
        b.total_minor,
        b.delivery_tax_minor,
    )
    assert min(parts) >= 0
    added = 0 if rules.taxes.included else b.tax_minor
    assert b.total_minor == sum(parts[:4]) - b.discount_minor + added + tip_minor
    assert b.tax_minor == sum(taxed.tax_minor for taxed in b.taxes)
    assert sum(charge.discount_minor for charge in b.lines) == sum(
        d.amount_minor for d in b.discounts if d.kind is DiscountKind.ITEMS
    )
    for sold, charge in zip(lines, b.lines, strict=True):
        assert 0 <= charge.discount_minor <= sold.total_minor
        assert 0 <= charge.tax_minor <= sold.total_minor - charge.discount_minor
        if sold.tax_class is TaxClass.EXEMPT:
            assert charge.tax_minor == 0
    for taxed in b.taxes:
        exact = Fraction(taxed.base_minor * taxed.rate_bp, 10_000)
        assert abs(taxed.tax_minor - exact) <= 1, "base and tax belong together"


@given(
    baskets,
    metres,
    city_rules(),
    minors,
    zones,
    hours,
    st.lists(discounts, max_size=3),
    plans(),
    st.integers(0, 10**10),
)
def test_a_total_is_shared_out_to_the_unit_and_nobody_owes_anything(
    lines: Basket,
    distance_m: int,
    rules: CityRules,
    tip_minor: int,
    zone_id: UUID | None,
    at_local: datetime,
    given_: list[Discount],
    plan: CommissionPlan,
    turnover_minor: int,
) -> None:
    b = price(
        lines,
        distance_m=distance_m,
        rules=rules,
        tip_minor=tip_minor,
        zone_id=zone_id,
        at_local=at_local,
        discounts=given_,
    )
    shares = divide(b, rules=rules, plan=plan, turnover_minor=turnover_minor)
    assert shares.total_minor == b.total_minor
    assert shares.tax_minor == b.tax_minor
    assert shares.merchant_minor >= 0
    assert shares.courier_minor >= tip_minor, "a tip is the courier's alone"
    assert 0 <= shares.commission_minor <= b.subtotal_minor
    given_away = b.discount_minor + b.delivery_fee_parts.waived_minor
    assert shares.platform_minor >= -given_away, "beside what it gives away it owes nothing"
    if not given_away:
        assert shares.platform_minor >= shares.commission_minor


@given(baskets, metres, metres, city_rules(), zones, hours, st.lists(discounts, max_size=2))
def test_within_a_zone_and_an_hour_going_further_never_costs_less(
    lines: Basket,
    near_m: int,
    further_m: int,
    rules: CityRules,
    zone_id: UUID | None,
    at_local: datetime,
    given_: list[Discount],
) -> None:
    near, far = (
        price(
            lines,
            distance_m=distance_m,
            rules=rules,
            zone_id=zone_id,
            at_local=at_local,
            discounts=given_,
        )
        for distance_m in (near_m, near_m + further_m)
    )
    assert far.delivery_fee_minor >= near.delivery_fee_minor
    assert far.total_minor >= near.total_minor


@given(tax_rules(), st.lists(st.tuples(st.sampled_from(Taxed), minors), max_size=8))
def test_tax_is_split_to_within_a_unit_of_what_each_amount_bears(
    rules: TaxRules, amounts: list[tuple[Taxed, int]]
) -> None:
    levied = levy(amounts, rules=rules)
    rates = {what: rate.rate_bp for rate in rules.rates for what in rate.applies_to}
    for (what, amount), part in zip(amounts, levied.on_each, strict=True):
        rate = rates.get(what, 0)
        exact = Fraction(amount * rate, 10_000 + (rate if rules.included else 0))
        assert abs(part - exact) < Fraction(3, 2), "half by rounding the whole, one by the split"
        assert 0 <= part <= amount


def test_prices_with_tax_in_them_by_hand() -> None:
    """Bread at 0 %, juice at 15 %; 20.00 off both; the shown prices are what is paid."""
    sales = TaxRate(
        name="VAT",
        name_ar="ضريبة القيمة المضافة",
        rate_bp=1_500,
        applies_to=(Taxed.STANDARD, Taxed.DELIVERY, Taxed.SERVICE),
    )
    zero = TaxRate(name="Zero", name_ar="صفر", rate_bp=0, applies_to=(Taxed.ZERO,))
    rules = CityRules(
        taxes=TaxRules(included=True, rates=(sales, zero)),
        service_fee_bp=0,
        service_fee_least_minor=230,
        delivery_base_minor=1_150,
        courier_share_bp=8_000,
    )
    bread = replace(line(6_000), tax_class=TaxClass.ZERO)
    juice = line(4_600)
    off = Discount(promotion_id=NOBODY, amount_minor=2_000, merchant_minor=500)
    b = price(
        [bread, juice], distance_m=900, rules=rules, at_local=NOON, tip_minor=100, discounts=[off]
    )
    assert [charge.discount_minor for charge in b.lines] == [1_132, 868]  # 60 : 46
    assert b.total_minor == 10_600 + 1_150 + 230 - 2_000 + 100
    (at_15, at_0) = b.taxes
    assert (at_15.base_minor, at_15.tax_minor) == (4_445, 667)  # of 37.32 + 11.50 + 2.30
    assert (at_0.base_minor, at_0.tax_minor) == (4_868, 0)
    assert [charge.tax_minor for charge in b.lines] == [0, 487]
    assert b.delivery_tax_minor == 150
    shares = divide(b, rules=rules, plan=CommissionPlan(rate_bp=1_000))
    sold = 10_600 - 487 - 500
    assert shares.commission_minor == 961
    assert shares.merchant_minor == sold - 961
    assert shares.courier_minor == 800 + 100  # 80 % of 10.00, and the tip
    assert shares.platform_minor == 961 + 200 + 200 - 1_500


def test_a_delivery_fee_says_what_it_is_made_of() -> None:
    rules = CityRules(
        delivery_bands=(
            DistanceBand(up_to_m=2_000, fee_minor=600),
            DistanceBand(up_to_m=5_000, fee_minor=900),
            DistanceBand(up_to_m=10_000, fee_minor=1_500),
        ),
        delivery_zones=(
            ZoneFee(zone_id=MARINA, surcharge_minor=200),
            ZoneFee(zone_id=HILLS, fee_minor=2_500),
        ),
        delivery_windows=(Window(starts_min=1_320, ends_min=300, surcharge_bp=2_000),),
        free_delivery_from_minor=20_000,
    )
    night = datetime(2026, 11, 20, 23, 0, tzinfo=DUBAI)

    def parts(distance_m: int, zone_id: UUID | None, at: datetime, **more: int) -> DeliveryFeeParts:
        return delivery_fee_parts(distance_m, rules=rules, zone_id=zone_id, at_local=at, **more)

    noon = night.replace(hour=12)
    assert parts(2_000, None, noon) == DeliveryFeeParts(base_minor=600)
    assert parts(2_001, None, noon) == DeliveryFeeParts(base_minor=600, distance_minor=300)
    assert parts(3_000, MARINA, night, surge_minor=150) == DeliveryFeeParts(
        base_minor=600, distance_minor=300, zone_minor=200, time_minor=220, surge_minor=150
    )
    assert parts(9_000, HILLS, noon) == DeliveryFeeParts(base_minor=2_500)
    free = parts(3_000, MARINA, night, surge_minor=150, subtotal_minor=20_000)
    assert (free.full_minor, free.waived_minor, free.fee_minor) == (1_470, 1_470, 0)
    assert parts(3_000, None, noon, subtotal_minor=19_999).waived_minor == 0


def test_a_courier_earns_as_much_when_the_delivery_is_free() -> None:
    rules = CityRules(free_delivery_from_minor=5_000, courier_share_bp=8_000)
    b = price([line(5_000)], distance_m=1_000, rules=rules, at_local=NOON)
    assert b.delivery_fee_minor == 0
    shares = divide(b, rules=rules, plan=CommissionPlan(rate_bp=0))
    assert shares.courier_minor == 400
    assert shares.platform_minor == b.service_fee_minor - 400


def test_a_window_goes_by_the_citys_clock_over_midnight_and_by_the_day_it_begins() -> None:
    weekend = Window(days=(4, 5), starts_min=1_320, ends_min=300)  # Friday and Saturday
    covered = {
        (day, hour)
        for day in range(7)
        for hour in range(24)
        if weekend.covers(datetime(2026, 11, 16 + day, hour, 30, tzinfo=DUBAI))  # from a Monday
    }
    nights = {(4, 22), (4, 23), (5, 22), (5, 23)}
    mornings = {(day, hour) for day in (5, 6) for hour in range(5)}
    assert covered == nights | mornings
    at = datetime(2026, 11, 20, 18, 30, tzinfo=UTC)  # half past ten at night there
    assert weekend.covers(at.astimezone(DUBAI))
    assert not weekend.covers(at)


def test_a_window_that_begins_and_ends_at_one_time_is_a_whole_day() -> None:
    sunday = Window(days=(6,), starts_min=360, ends_min=360)
    begins = datetime(2026, 11, 22, 6, 0, tzinfo=DUBAI)
    assert sunday.covers(begins)
    assert sunday.covers(begins + timedelta(hours=23, minutes=59))
    assert not sunday.covers(begins + timedelta(hours=24))
    assert not sunday.covers(begins - timedelta(minutes=1))


def test_service_and_small_order_fees_have_their_limits() -> None:
    rules = CityRules(
        service_fee_bp=500,
        service_fee_least_minor=100,
        service_fee_most_minor=1_000,
        small_order_minor=3_000,
        small_order_topped_up=True,
    )

    def fees(subtotal_minor: int) -> tuple[int, int]:
        b = price([line(subtotal_minor)], distance_m=0, rules=rules, at_local=NOON)
        return b.service_fee_minor, b.small_order_fee_minor

    assert fees(1_000) == (100, 2_000)
    assert fees(2_999) == (150, 1)
    assert fees(3_000) == (150, 0)
    assert fees(50_000) == (1_000, 0)


def test_what_a_city_leaves_out_is_taxed_as_ever() -> None:
    rules = CityRules()
    b = price([line(3_595)], distance_m=0, rules=rules, at_local=NOON)
    assert [taxed.name for taxed in b.taxes] == [VAT.name]
    assert b.taxes[0].base_minor == b.discounted_minor
    assert not b.tax_included
