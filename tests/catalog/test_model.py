from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tawsil.catalog import model
from tawsil.catalog.hours import (
    DAY,
    Opening,
    SpecialDay,
    Timetable,
    end_of_business_day,
    is_open,
    next_open_at,
    overlapping,
)
from tawsil.catalog.menu import (
    Availability,
    Line,
    Option,
    OptionGroup,
    PricedLine,
    Product,
    price_line,
    set_availability,
)
from tawsil.catalog.model import FOREVER, Merchant, accepting, search_text
from tawsil.kernel.decisions import Accepted, Refusal
from tawsil.kernel.places import Place

NOBODY = UUID(int=0)
FRIDAY_NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CLOSED: tuple[Opening, ...] = ()
zones = st.sampled_from(
    ["UTC", "Asia/Dubai", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu"]
)
instants = st.datetimes(
    min_value=datetime(2026, 1, 1),  # noqa: DTZ001  hypothesis adds the zone
    max_value=datetime(2027, 12, 31),  # noqa: DTZ001  as above
    timezones=st.just(UTC),
)
openings = st.builds(Opening, st.integers(0, DAY - 1), st.integers(0, DAY))
weeks = st.tuples(*[st.lists(openings, max_size=2).map(tuple)] * 7)
special_days = st.lists(
    st.builds(
        SpecialDay,
        st.dates(min_value=date(2026, 1, 1), max_value=date(2027, 12, 31)),
        st.lists(openings, max_size=2).map(tuple),
    ),
    max_size=3,
    unique_by=lambda special: special.day,
).map(tuple)


def merchant(**fields: object) -> Merchant:
    return Merchant(
        **{
            "id": NOBODY,
            "tenant_id": NOBODY,
            "city_id": NOBODY,
            "name_en": "Layali",
            "name_ar": "ليالي",
            "cuisine": "grill",
            "address_en": "",
            "address_ar": "",
            "place": Place(24.1, 53.1),
            "phone": "",
            "currency": "AED",
            "hours": ((Opening(0, DAY),),) * 7,
            "prep_time_s": 900,
            **fields,
        }
    )


# Hours


def test_an_evening_runs_past_midnight_on_the_clock_of_the_city() -> None:
    evening = (Opening(18 * 60, 2 * 60),)
    thursday_night = Timetable((CLOSED, CLOSED, CLOSED, evening, CLOSED, CLOSED, CLOSED))
    dubai = ZoneInfo("Asia/Dubai")
    for day, hour, open_ in [(19, 17, False), (19, 18, True), (20, 1, True), (20, 2, False)]:
        at = datetime(2026, 11, day, hour, tzinfo=dubai).astimezone(UTC)
        assert is_open(thursday_night, at=at, timezone="Asia/Dubai") is open_
    opens_at = next_open_at(thursday_night, at=FRIDAY_NOON, timezone="Asia/Dubai")
    assert opens_at == datetime(2026, 11, 26, 18, tzinfo=dubai)


def test_hours_keep_to_the_wall_clock_when_summer_time_ends() -> None:
    week = Timetable(((Opening(9 * 60, 17 * 60),),) * 7)
    berlin = ZoneInfo("Europe/Berlin")
    for day in (24, 25):  # the clocks go back on 25 October 2026
        nine = datetime(2026, 10, day, 9, tzinfo=berlin).astimezone(UTC)
        assert is_open(week, at=nine, timezone="Europe/Berlin")
        assert not is_open(week, at=nine - timedelta(minutes=1), timezone="Europe/Berlin")


@given(weeks, special_days, instants, zones)
def test_it_opens_next_at_an_instant_when_it_is_open_and_not_before(
    week: tuple[tuple[Opening, ...], ...],
    special: tuple[SpecialDay, ...],
    at: datetime,
    zone: str,
) -> None:
    timetable = Timetable(week, special)
    opens_at = next_open_at(timetable, at=at, timezone=zone)
    if opens_at is None:
        assert not any(week)
        return
    assert at <= opens_at
    assert opens_at <= at + timedelta(days=8 + 7 * len(special)) or not any(week)
    assert is_open(timetable, at=opens_at, timezone=zone)
    assert is_open(timetable, at=at, timezone=zone) == (opens_at == at)
    if opens_at > at:
        assert not is_open(timetable, at=opens_at - timedelta(microseconds=1), timezone=zone)


def test_a_special_day_has_hours_of_its_own_and_leaves_the_evening_before_alone() -> None:
    dubai = ZoneInfo("Asia/Dubai")
    evenings = ((Opening(18 * 60, 2 * 60),),) * 7
    holiday = (
        SpecialDay(date(2026, 12, 2)),
        SpecialDay(date(2026, 12, 3), (Opening(10 * 60, 12 * 60),)),
    )
    timetable = Timetable(evenings, holiday)
    for day, hour, open_ in [
        (2, 1, True),  # still the evening of the first
        (2, 19, False),
        (3, 1, False),
        (3, 11, True),
        (3, 19, False),
        (4, 19, True),
    ]:
        at = datetime(2026, 12, day, hour, tzinfo=dubai).astimezone(UTC)
        assert is_open(timetable, at=at, timezone="Asia/Dubai") is open_
    asked = datetime(2026, 12, 2, 12, tzinfo=dubai).astimezone(UTC)
    opens_at = next_open_at(timetable, at=asked, timezone="Asia/Dubai")
    assert opens_at == datetime(2026, 12, 3, 10, tzinfo=dubai)


def test_who_opens_once_a_week_and_is_away_opens_the_week_after() -> None:
    mondays = ((Opening(9 * 60, 17 * 60),), *[CLOSED] * 6)
    away = tuple(SpecialDay(date(2026, 11, 23) + timedelta(weeks=n)) for n in range(3))
    opens_at = next_open_at(Timetable(mondays, away), at=FRIDAY_NOON, timezone="UTC")
    assert opens_at == datetime(2026, 12, 14, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("openings", "next_day", "wrong"),
    [
        (((600, 720), (720, 900)), (), False),
        (((600, 721), (720, 900)), (), True),
        (((1080, 120),), ((120, 600),), False),
        (((1080, 120),), ((119, 600),), True),
        (((0, 1440),), ((0, 60),), False),
    ],
)
def test_openings_do_not_overlap(
    openings: tuple[tuple[int, int], ...], next_day: tuple[tuple[int, int], ...], *, wrong: bool
) -> None:
    def day(*spans: tuple[int, int]) -> tuple[Opening, ...]:
        return tuple(Opening(opens, closes) for opens, closes in spans)

    week = Timetable((*[CLOSED] * 5, day(*openings), day(*next_day)))
    assert overlapping(week) is wrong
    round_the_corner = Timetable((day(*next_day), *[CLOSED] * 5, day(*openings)))
    assert overlapping(round_the_corner) is wrong, "Sunday night runs into Monday"


@given(instants, zones)
def test_the_business_day_ends_at_five_within_a_day(at: datetime, zone: str) -> None:
    end = end_of_business_day(at=at, timezone=zone)
    assert at < end <= at + timedelta(hours=25)
    assert end.astimezone(ZoneInfo(zone)).hour == 5


# Pausing


@given(st.integers(1, 10_000), weeks, zones)
def test_a_pause_ends_when_it_says_or_when_the_doors_open_after_it(
    minutes: int, week: tuple[tuple[Opening, ...], ...], zone: str
) -> None:
    until = FRIDAY_NOON + timedelta(minutes=minutes)
    paused = model.pause(merchant(hours=week), until=until, now=FRIDAY_NOON)
    assert isinstance(paused, Accepted)
    assert paused.state.deadline is not None
    assert paused.state.deadline.at == until
    refusal = accepting(paused.state, at=FRIDAY_NOON, timezone=zone)
    assert refusal is not None
    if any(week):
        assert refusal.code == "merchant.paused"
        opens_at = refusal.detail["opens_at"]
        assert opens_at >= until
        assert accepting(paused.state, at=opens_at, timezone=zone) is None


def test_a_pause_without_an_end_waits_for_somebody() -> None:
    paused = model.pause(merchant(), until=None, now=FRIDAY_NOON)
    assert isinstance(paused, Accepted)
    assert paused.state.deadline is None
    refusal = accepting(paused.state, at=FRIDAY_NOON, timezone="UTC")
    assert refusal is not None
    assert refusal.code == "merchant.paused_indefinitely"
    resumed = model.resume(paused.state)
    assert isinstance(resumed, Accepted)
    assert accepting(resumed.state, at=FRIDAY_NOON, timezone="UTC") is None


def test_what_cannot_be_done_names_what_can() -> None:
    refusal = model.resume(merchant())
    assert isinstance(refusal, Refusal)
    assert refusal.detail["legal"] == ["pause"]
    past = model.pause(merchant(), until=FRIDAY_NOON, now=FRIDAY_NOON)
    assert isinstance(past, Refusal)
    assert past.code == "merchant.pause_in_past"


def test_saying_the_same_again_changes_nothing() -> None:
    for decision in (
        model.set_busy(merchant(), extra=timedelta()),
        model.set_prep_time(merchant(), prep_time=timedelta(seconds=900)),
        set_availability(product(), to=Availability.AVAILABLE, now=FRIDAY_NOON, timezone="UTC"),
    ):
        assert isinstance(decision, Accepted)
        assert decision.events == ()


def test_a_closed_merchant_says_when_it_opens_with_the_date_when_that_is_not_today() -> None:
    evening = merchant(hours=((Opening(18 * 60, 20 * 60),),) * 7)
    today = accepting(evening, at=FRIDAY_NOON, timezone="UTC")
    tomorrow = accepting(evening, at=FRIDAY_NOON + timedelta(hours=9), timezone="UTC")
    assert today is not None
    assert tomorrow is not None
    assert (today.detail["opens"], tomorrow.detail["opens"]) == ("18:00", "2026-11-21 18:00")
    never = accepting(merchant(hours=(CLOSED,) * 7), at=FRIDAY_NOON, timezone="UTC")
    assert never is not None
    assert never.code == "merchant.never_open"


# Products


def options(*prices: int) -> tuple[Option, ...]:
    return tuple(
        Option(id=UUID(int=n), name_en=f"o{n}", name_ar=f"خ{n}", price_delta_minor=price)
        for n, price in enumerate(prices, start=1)
    )


def product(**fields: object) -> Product:
    group = OptionGroup(
        id=NOBODY,
        name_en="Extras",
        name_ar="إضافات",
        min_choices=1,
        max_choices=2,
        options=options(100, 200, 300),
    )
    return Product(
        **{
            "id": NOBODY,
            "tenant_id": NOBODY,
            "city_id": NOBODY,
            "merchant_id": NOBODY,
            "category_id": NOBODY,
            "currency": "AED",
            "name_en": "Wrap",
            "name_ar": "لفافة",
            "price_minor": 1_000,
            "option_groups": (group,),
            **fields,
        }
    )


@given(st.integers(-1, 101), st.lists(st.integers(1, 4).map(lambda n: UUID(int=n)), max_size=4))
def test_a_line_costs_its_unit_price_times_its_quantity_or_is_refused(
    quantity: int, option_ids: list[UUID]
) -> None:
    line = Line(product_id=NOBODY, quantity=quantity, option_ids=tuple(option_ids))
    priced = price_line(line, product(), at=FRIDAY_NOON)
    legal = (
        1 <= quantity <= 99
        and len(set(option_ids)) == len(option_ids)
        and UUID(int=4) not in option_ids
        and 1 <= len(option_ids) <= 2
    )
    assert isinstance(priced, PricedLine) is legal
    if isinstance(priced, PricedLine):
        assert priced.unit_price_minor == 1_000 + sum(100 * o.int for o in option_ids)
        assert priced.total_minor == priced.unit_price_minor * quantity


@pytest.mark.parametrize(
    ("to", "gone_for"),
    [
        (Availability.OUT_FOR_4_HOURS, timedelta(hours=4)),
        (Availability.OUT_TODAY, timedelta(hours=13)),  # noon in UTC is 16:00 in Dubai
        (Availability.OUT_INDEFINITELY, FOREVER - FRIDAY_NOON),
    ],
)
def test_a_product_that_is_out_cannot_be_had_until_it_is_back(
    to: Availability, gone_for: timedelta
) -> None:
    out = set_availability(product(), to=to, now=FRIDAY_NOON, timezone="Asia/Dubai")
    assert isinstance(out, Accepted)
    back_at = FRIDAY_NOON + gone_for
    assert not out.state.available(at=back_at - timedelta(seconds=1))
    assert out.state.available(at=back_at)
    line = Line(product_id=NOBODY, quantity=1, option_ids=(UUID(int=1),))
    refusal = price_line(line, out.state, at=FRIDAY_NOON)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "product.unavailable"
    back = set_availability(
        out.state, to=Availability.AVAILABLE, now=FRIDAY_NOON, timezone="Asia/Dubai"
    )
    assert isinstance(back, Accepted)
    assert replace(back.state, version=0) == product()


@pytest.mark.parametrize(
    ("written", "looked_for"),
    [("مَخْبَزُ الأصيلة", "مخبز الاصيله"), ("مقهى آسيا", "مقهي اسيا"), ("Café  DÉLI", "cafe deli")],
)
def test_words_are_found_however_they_are_written(written: str, looked_for: str) -> None:
    assert search_text(written) == search_text(looked_for)
