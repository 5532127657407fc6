from datetime import UTC, datetime, timedelta
from statistics import fmean, median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tawsil.kernel.places import Place, distance_m
from tawsil.simulation import habits as h
from tawsil.simulation.city import build_city
from tawsil.simulation.city.dice import random_for

SUNDAY_MIDNIGHT_AT = datetime(2026, 11, 1, 20, tzinfo=UTC)  # Monday begins in the city
SEEDS = st.integers(min_value=0, max_value=2**31)


@pytest.fixture(scope="module")
def city():
    return build_city(7)


def a_day(city, *, seed, rate_per_hour, hours=24.0):
    return h.arrivals(
        city,
        start_at=SUNDAY_MIDNIGHT_AT,
        hours=hours,
        rate_per_hour=rate_per_hour,
        rng=random_for(seed, "arrivals"),
    )


def wishes(city, *, seed=1, rate_per_hour=100):
    chances = [random_for(seed, "customer habits", c.index) for c in city.customers]
    found = [
        h.wish(city, city.customers[a.customer], at=a.at, rng=chances[a.customer])
        for a in a_day(city, seed=seed, rate_per_hour=rate_per_hour)
    ]
    return [wish for wish in found if wish is not None]


def test_the_mean_of_a_day_is_the_rate_asked_for(city):
    assert len(a_day(city, seed=3, rate_per_hour=400)) == pytest.approx(24 * 400, rel=0.04)


def test_lunch_and_dinner_are_peaks(city):
    by_hour = [0] * 24
    for arrival in a_day(city, seed=3, rate_per_hour=400):
        by_hour[city.local(arrival.at).hour] += 1
    assert max(range(24), key=by_hour.__getitem__) in {19, 20}
    assert max(range(8, 17), key=by_hour.__getitem__) in {12, 13}
    assert by_hour[16] < by_hour[13] / 1.5
    assert by_hour[4] < by_hour[20] / 20


@pytest.mark.parametrize("rate_per_hour", [0, -1])
def test_nobody_orders_at_no_rate(city, rate_per_hour):
    assert a_day(city, seed=1, rate_per_hour=rate_per_hour) == []


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, hours=st.floats(min_value=0.1, max_value=12))
def test_arrivals_come_in_order_within_the_hours(city, seed, hours):
    found = a_day(city, seed=seed, rate_per_hour=30, hours=hours)
    assert found == a_day(city, seed=seed, rate_per_hour=30, hours=hours)
    assert [a.at for a in found] == sorted(a.at for a in found)
    end_at = SUNDAY_MIDNIGHT_AT + timedelta(hours=hours)
    assert all(SUNDAY_MIDNIGHT_AT <= a.at < end_at for a in found)
    assert all(0 <= a.customer < len(city.customers) for a in found)


def test_demand_has_a_mean_of_one_and_never_stops(city):
    local = city.local(SUNDAY_MIDNIGHT_AT)
    minutes = [h.demand(local + timedelta(minutes=m)) for m in range(24 * 60)]
    assert fmean(minutes) == pytest.approx(1, abs=0.01)
    assert min(minutes) > 0


def test_one_actor_does_not_disturb_another():
    first = random_for(5, "courier habits", 0)
    alone = [random_for(5, "courier habits", 1).random()]
    for _ in range(10):
        h.answer_offer(distance_m=2000, pay_minor=900, rng=first)
    assert [random_for(5, "courier habits", 1).random()] == alone
    assert first.random() != random_for(5, "customer habits", 0).random()


def test_nearly_everybody_finds_an_open_merchant_in_reach(city):
    wanted = len(a_day(city, seed=1, rate_per_hour=100))
    assert len(wishes(city)) >= 0.98 * wanted


def test_a_cart_can_be_ordered_from_the_menu(city):
    for wish in wishes(city):
        products = {p.key: p for p in wish.merchant.menu.products}
        assert 1 <= len(wish.lines) == len({line.product for line in wish.lines}) <= 8
        for line in wish.lines:
            product = products[line.product]
            assert line.quantity >= 1
            extra_minor = 0
            for group in product.options:
                taken = [choice for key, choice in line.choices if key == group.key]
                assert group.least <= len(set(taken)) == len(taken) <= group.most
                extra_minor += sum(c.extra_minor for c in group.choices if c.key in taken)
            assert line.unit_minor == product.price_minor + extra_minor
    totals = [wish.subtotal_minor for wish in wishes(city)]
    assert 3000 <= median(totals) <= 9000


def test_customers_order_from_open_merchants_in_reach(city):
    for arrival in a_day(city, seed=9, rate_per_hour=30):
        customer = city.customers[arrival.customer]
        wish = h.wish(city, customer, at=arrival.at, rng=random_for(9, "wish", customer.index))
        if wish is None:
            continue
        assert wish.merchant.open_at(city.local(arrival.at))
        reach_m = distance_m(wish.address.place, wish.merchant.address.place)
        assert reach_m <= h.DEFAULT_HABITS.reach_m
        assert wish.address in {customer.home, customer.work}


def test_no_merchant_in_reach_means_no_wish(city):
    lazy = h.Habits(reach_m=0)
    assert (
        h.wish(
            city,
            city.customers[0],
            at=SUNDAY_MIDNIGHT_AT,
            rng=random_for(1, "wish"),
            habits=lazy,
        )
        is None
    )


def test_most_cards_work_and_some_do_not():
    rng = random_for(1, "cards")
    payments = [h.choose_payment(subtotal_minor=4000, rng=rng) for _ in range(20_000)]
    share = {
        token: sum(p.token == token for p in payments) / len(payments)
        for token in ("tok_visa", "tok_declined", "tok_insufficient_funds", "tok_unknown", None)
    }
    assert sum(share.values()) == pytest.approx(1)
    assert share[None] == pytest.approx(0.12, abs=0.01)
    assert share["tok_visa"] > 0.84
    for token, expected in (
        ("tok_declined", 0.0088),
        ("tok_insufficient_funds", 0.0053),
        ("tok_unknown", 0.0035),
    ):
        assert share[token] == pytest.approx(expected, abs=0.003)
    assert all((p.method is h.PaymentMethod.CASH) == (p.token is None) for p in payments)
    assert all(p.tip_minor >= 0 and p.tip_minor % 50 == 0 for p in payments)
    assert 0.3 < sum(p.tip_minor > 0 for p in payments) / len(payments) < 0.4


def test_almost_every_order_that_is_not_cancelled_can_succeed(city):
    """What habits alone spoil stays well below the half per cent the platform promises."""
    rng = random_for(2, "merchants")
    placed = [w for w in wishes(city, seed=2, rate_per_hour=400) if w.cancels_after_s is None]
    spoiled = sum(
        w.opens_after_s is None or h.react_to_order(rng=rng).reply is not h.Reply.ACCEPT
        for w in placed
    )
    assert len(placed) > 8_000
    assert 0 < spoiled / len(placed) < 0.003


def test_merchants_answer_in_time_for_any_sensible_deadline():
    rng = random_for(3, "merchants")
    reactions = [h.react_to_order(rng=rng) for _ in range(20_000)]
    assert all(1 <= r.after_s <= h.DEFAULT_HABITS.react_at_most_s for r in reactions)
    assert 15 < median(r.after_s for r in reactions) < 30
    refused = [r for r in reactions if r.reply is h.Reply.REFUSE]
    assert 0 < len(refused) < 30
    assert all((r.reason is not None) == (r.reply is h.Reply.REFUSE) for r in reactions)


def test_a_rush_slows_the_kitchen_down(city):
    merchant = city.merchants[0]

    def mean_s(*, in_kitchen, products=2):
        rng = random_for(4, "kitchen")
        return fmean(
            h.prep_s(merchant, products=products, in_kitchen=in_kitchen, rng=rng)
            for _ in range(2_000)
        )

    assert mean_s(in_kitchen=0) == pytest.approx(merchant.prep_mean_s, rel=0.08)
    assert mean_s(in_kitchen=merchant.kitchen + 3) > 1.3 * mean_s(in_kitchen=merchant.kitchen)
    assert mean_s(in_kitchen=0, products=6) > mean_s(in_kitchen=0)


@given(
    trip_m=st.floats(min_value=0, max_value=20_000),
    more_m=st.floats(min_value=0, max_value=5_000),
    pay_minor=st.integers(min_value=0, max_value=5_000),
    less_minor=st.integers(min_value=0, max_value=5_000),
)
def test_longer_ways_and_less_pay_never_tempt(trip_m, more_m, pay_minor, less_minor):
    probability = h.decline_probability(distance_m=trip_m, pay_minor=pay_minor)
    assert 0 <= probability <= h.DEFAULT_HABITS.decline_at_most
    farther = h.decline_probability(distance_m=trip_m + more_m, pay_minor=pay_minor)
    poorer = h.decline_probability(distance_m=trip_m, pay_minor=max(0, pay_minor - less_minor))
    assert farther >= probability - 1e-12
    assert poorer >= probability - 1e-12


def test_couriers_accept_four_of_five_offers_of_the_city(city):
    rng = random_for(5, "offers")
    answers = []
    for i, wish in enumerate(wishes(city, seed=5)):
        courier = city.couriers[i % len(city.couriers)]
        shop, home = wish.merchant.address.place, wish.address.place
        ride_m = city.route(courier.home.place, shop).length_m / 2
        trip_m = ride_m + city.route(shop, home).length_m
        pay_minor = 500 + round(trip_m * 0.15)
        answers.append(h.answer_offer(distance_m=trip_m, pay_minor=pay_minor, rng=rng))
    accepted = sum(answer.reply is h.Reply.ACCEPT for answer in answers) / len(answers)
    assert 0.85 < accepted < 0.98
    assert all(1 <= answer.after_s <= h.DEFAULT_HABITS.think_at_most_s for answer in answers)
    assert {answer.reply for answer in answers} == set(h.Reply)


@settings(max_examples=30)
@given(seed=SEEDS)
def test_dwell_breaks_and_speeds_stay_within_reason(city, seed):
    rng = random_for(seed, "courier habits")
    courier = city.couriers[seed % len(city.couriers)]
    assert 1 <= h.pickup_s(rng=rng) <= 600
    assert 1 <= h.drop_off_s(rng=rng) <= 600
    rest = h.next_break(rng=rng)
    assert rest.after_s >= 1800
    assert 5 <= rest.minutes <= 60
    assert 1.5 <= h.speed_mps(courier, rng=rng) <= 25


def test_a_phone_is_noisy_and_falls_silent_now_and_then():
    here = Place(24.12, 53.1)
    phone = h.Phone(rng=random_for(6, "phone"))
    pings = [
        phone.ping(here, at=SUNDAY_MIDNIGHT_AT + timedelta(seconds=3 * i)) for i in range(5_000)
    ]
    heard = [ping for ping in pings if ping is not None]
    assert 0.85 < len(heard) / len(pings) < 0.97
    errors_m = sorted(distance_m(here, ping.place) for ping in heard)
    assert 5 < median(errors_m) < 10
    assert errors_m[int(len(errors_m) * 0.99)] < 30
    assert errors_m[-1] > 50
    gaps = "".join("." if ping is None else "x" for ping in pings).split("x")
    assert max(map(len, gaps)) >= 8
