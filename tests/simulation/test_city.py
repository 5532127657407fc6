from datetime import UTC, datetime
from hashlib import sha256
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tawsil.kernel.places import Place, distance_m
from tawsil.simulation.city import City, CitySize, build_city, demo_accounts
from tawsil.simulation.city.dice import pick, random_for
from tawsil.simulation.city.ground import AreaKind
from tawsil.simulation.city.residents import Address, Vehicle
from tawsil.simulation.city.words import Words

SMALL = CitySize(merchants=15, customers=30, couriers=10)
SEEDS = st.integers(min_value=0, max_value=2**31)


@pytest.fixture(scope="module")
def city():
    return build_city(7)


def digest(city: City) -> str:
    return sha256(msgspec.json.encode(city)).hexdigest()


def doors(city: City) -> list[Address]:
    homes = [c.home for c in (*city.customers, *city.couriers)]
    works = [c.work for c in city.customers if c.work]
    return [*homes, *works, *(m.address for m in city.merchants)]


def every_words(thing: object) -> list[Words]:
    """All the pairs of English and Arabic in a structure."""
    if isinstance(thing, Words):
        return [thing]
    if isinstance(thing, msgspec.Struct):
        return [w for name in thing.__struct_fields__ for w in every_words(getattr(thing, name))]
    if isinstance(thing, tuple):
        return [w for part in thing for w in every_words(part)]
    return []


def is_arabic(text: str) -> bool:
    return any("\u0621" <= letter <= "\u064a" for letter in text)


def test_a_seed_makes_the_same_city_on_every_machine(city):
    assert digest(city) == digest(build_city(7))
    assert digest(build_city(2026, size=SMALL)) == (
        "f1ab58ad14098b48f916b6edb4bd7ec209169e682fe49c679e5a56a7f62612ea"
    )


def test_another_seed_makes_another_city(city):
    other = build_city(8)
    assert other.ground.crossings != city.ground.crossings
    assert [c.name for c in other.customers] != [c.name for c in city.customers]


def test_a_bigger_city_keeps_everybody_it_had(city):
    bigger = build_city(7, size=CitySize(merchants=90, customers=500, couriers=60))
    assert bigger.merchants[:40] == city.merchants
    assert bigger.customers[:400] == city.customers
    assert bigger.couriers[:40] == city.couriers
    assert len({m.name.en for m in bigger.merchants}) == 90


@pytest.mark.parametrize("size", [CitySize(merchants=0), CitySize(couriers=1_000_000)])
def test_an_absurd_size_is_refused(size):
    with pytest.raises(ValueError, match="between 1 and 999,999"):
        build_city(1, size=size)


def test_everything_is_said_in_both_languages(city):
    for words in every_words(city):
        assert is_arabic(words.ar), words
        assert not is_arabic(words.en), words
        assert words.en.strip() == words.en
        assert words.ar.strip() == words.ar


def test_names_and_ways_to_reach_people_are_their_own(city):
    people = [*city.merchants, *city.customers, *city.couriers]
    for field in ("key", "phone", "email"):
        assert len({getattr(person, field) for person in people}) == len(people)
    for language in ("en", "ar"):
        assert len({getattr(m.name, language) for m in city.merchants}) == len(city.merchants)
    assert all(p.email.endswith("example.com") and p.email.isascii() for p in people)
    assert all(p.phone.startswith("+9715") and len(p.phone) == 13 for p in people)


def test_every_cuisine_is_sold_somewhere(city):
    assert {m.cuisine for m in city.merchants} == {
        "shawarma", "mandi", "pizza", "burgers", "koshari", "falafel", "bakery", "sweets",
        "sushi", "indian", "lebanese", "pharmacy", "grocery",
    }  # fmt: skip


def test_menus_read_like_menus(city):
    for merchant in city.merchants:
        products = merchant.menu.products
        assert len(merchant.menu.categories) >= 3
        assert all(category.products for category in merchant.menu.categories)
        assert len({product.key for product in products}) == len(products) >= 5
        for product in products:
            assert 300 <= product.price_minor <= 20_000
            assert product.price_minor % 50 == 0
            for group in product.options:
                assert 0 <= group.least <= group.most <= len(group.choices)
                assert all(0 <= choice.extra_minor <= 10_000 for choice in group.choices)


def test_opening_hours_and_shifts_are_possible(city):
    spans_of = [m.hours for m in city.merchants] + [c.shifts for c in city.couriers]
    for spans in spans_of:
        for span in spans:
            assert 0 <= span.weekday <= 6
            assert 0 <= span.start_min < span.end_min <= 24 * 60 + 8 * 60
        for a, b in pairwise(sorted(spans, key=lambda s: (s.weekday, s.start_min))):
            assert a.weekday < b.weekday or a.end_min <= b.start_min
    assert all({span.weekday for span in m.hours} == set(range(7)) for m in city.merchants)


@pytest.mark.parametrize("weekday", range(7))
def test_somebody_cooks_and_somebody_rides_at_any_hour_of_the_day(city, weekday):
    monday = city.local(datetime(2026, 11, 2, tzinfo=UTC))
    for hour in range(24):
        local = monday.replace(day=2 + weekday, hour=hour)
        assert any(m.open_at(local) for m in city.merchants)
        riders = sum(c.on_shift(local) for c in city.couriers)
        assert riders >= (15 if hour in {12, 13, 19, 20, 21} else 1)


def test_everybody_lives_beside_a_street_in_the_district_their_address_names(city):
    districts = {district.key: district for district in city.districts}
    for address in doors(city):
        to_street_m = city.route(address.place, address.place).length_m / 2
        assert to_street_m <= 32
        assert districts[address.district].holds(address.place)
        assert districts[address.district].name.en in address.line.en
        assert districts[address.district].name.ar in address.line.ar


def test_nobody_lives_in_the_water(city):
    water = [area for area in city.areas if area.kind is not AreaKind.PARK]
    assert {area.kind for area in water} == {AreaKind.SEA, AreaKind.CREEK}
    for address in doors(city):
        assert not any(area.holds(address.place) for area in water)


def test_the_map_is_small_enough_for_a_browser(city):
    encoded = msgspec.json.encode(city.geojson())
    assert len(encoded) < 150_000
    features = msgspec.json.decode(encoded)["features"]
    kinds = {feature["properties"]["kind"] for feature in features}
    assert kinds == {
        "sea", "creek", "park", "district", "street", "avenue", "corniche", "ring"
    }  # fmt: skip
    for feature in features:
        if feature["geometry"]["type"] == "Polygon":
            (ring,) = feature["geometry"]["coordinates"]
            assert ring[0] == ring[-1]
            assert len(ring) >= 4


@settings(max_examples=6, deadline=None)
@given(seed=SEEDS)
def test_every_city_hangs_together(seed):
    city = build_city(seed, size=SMALL)
    ground = city.ground
    reached, found = {0}, [0]
    beside: dict[int, list[int]] = {}
    for edge in ground.edges:
        beside.setdefault(edge.start, []).append(edge.end)
        beside.setdefault(edge.end, []).append(edge.start)
    while found:
        for there in beside[found.pop()]:
            if there not in reached:
                reached.add(there)
                found.append(there)
    assert len(reached) == len(ground.crossings)
    assert 400 < len(ground.crossings) < 700
    assert all(
        distance_m(ground.crossings[e.start], ground.crossings[e.end]) < 1000 for e in ground.edges
    )
    assert all(distance_m(city.centre, place) < 6_000 for place in ground.crossings)


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS)
def test_a_route_leads_from_door_to_door_and_is_no_shortcut(seed):
    city = build_city(seed % 4, size=SMALL)
    rng = random_for(seed, "routes")
    for _ in range(20):
        a, b = pick(rng, doors(city)).place, pick(rng, doors(city)).place
        route = city.route(a, b)
        assert (route.line[0], route.line[-1]) == (a, b)
        assert route.length_m >= distance_m(a, b) - 1e-6
        assert route.length_m <= 4 * distance_m(a, b) + 2500
        assert all(later > earlier for earlier, later in pairwise(route.marks_m)) or a == b
        back = city.route(b, a)
        assert back.length_m == pytest.approx(route.length_m, rel=1e-9)


def test_a_route_can_be_walked_metre_by_metre(city):
    route = city.route(city.merchants[0].address.place, city.customers[0].home.place)
    steps = [route.at(along_m=route.length_m * i / 200) for i in range(201)]
    assert (steps[0], steps[-1]) == (route.line[0], route.line[-1])
    step_m = route.length_m / 200
    assert all(distance_m(a, b) <= step_m + 0.01 for a, b in pairwise(steps))
    assert route.at(along_m=-5) == route.line[0]
    assert route.at(along_m=route.length_m + 5) == route.line[-1]


def test_a_place_out_of_town_still_finds_its_way(city):
    far = Place(city.centre.latitude - 0.08, city.centre.longitude)
    route = city.route(far, city.customers[0].home.place)
    assert route.length_m >= distance_m(far, city.customers[0].home.place)


def test_the_demonstration_names_people_of_the_city(city):
    accounts = demo_accounts(city)
    assert accounts.customer in city.customers
    assert accounts.merchant in city.merchants
    assert accounts.courier in city.couriers
    assert accounts.courier.vehicle is Vehicle.MOTORBIKE
    taken = {p.email for p in (*city.customers, *city.merchants, *city.couriers)}
    assert accounts.operator.email not in taken
