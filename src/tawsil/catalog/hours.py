"""Opening hours: minutes of the week on the wall clock of the merchant's city."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

DAY: Final = 1440
WEEK: Final = 7 * DAY
MOST_SPANS: Final = 6
_A_DAY: Final = timedelta(days=1)
BUSINESS_DAY_ENDS: Final = time(5)  # what is sold after midnight belongs to the evening before


class Opening(Struct, frozen=True, array_like=True):
    """Open from one minute of the day to another; a close at or before the opening is tomorrow's.

    `Opening(1080, 120)` is six in the evening to two at night; `Opening(0, 1440)` is all day.
    """

    opens: Annotated[int, Meta(ge=0, lt=DAY)]
    closes: Annotated[int, Meta(ge=0, le=DAY)]

    @property
    def ends(self) -> int:
        """The closing minute, counted from the midnight before the opening."""
        return self.closes if self.closes > self.opens else self.closes + DAY


Hours = Annotated[tuple[tuple[Opening, ...], ...], Meta(min_length=7, max_length=7)]
"""Monday to Sunday."""

ALWAYS: Final[Hours] = ((Opening(0, DAY),),) * 7


class SpecialDay(Struct, frozen=True, forbid_unknown_fields=True):
    """A date that has hours of its own; without any, the doors stay shut.

    What opened the evening before and closes after midnight still belongs to that evening.
    """

    day: date
    openings: Annotated[tuple[Opening, ...], Meta(max_length=MOST_SPANS)] = ()


SpecialDays = Annotated[tuple[SpecialDay, ...], Meta(max_length=100)]


class Timetable(Struct, frozen=True):
    """When the doors are open, on the wall clock of a city."""

    hours: Hours
    special_days: SpecialDays = ()

    def of(self, day: date) -> tuple[Opening, ...]:
        for special in self.special_days:
            if special.day == day:
                return special.openings
        return self.hours[day.weekday()]


def is_open(timetable: Timetable, *, at: datetime, timezone: str) -> bool:
    zone = ZoneInfo(timezone)
    today = at.astimezone(zone).date()
    return any(
        start <= at < end
        for day in (today - _A_DAY, today)
        for start, end in _spans(timetable, day, zone)
    )


def next_open_at(timetable: Timetable, *, at: datetime, timezone: str) -> datetime | None:
    """The first instant from `at` on at which the doors are open; None if they never are."""
    zone = ZoneInfo(timezone)
    today = at.astimezone(zone).date()
    weeks = len(timetable.special_days) + 1  # each special day may take one weekday's only hours
    days = {today + timedelta(days=n) for n in range(-1, 7 * weeks + 1)}
    days |= {special.day for special in timetable.special_days if special.day > today}
    for day in sorted(days):
        spans = _spans(timetable, day, zone)
        starts = [max(start, at) for start, end in spans if at < end]
        if starts:
            return min(starts)
    return None


def overlapping(timetable: Timetable) -> bool:
    """Whether two openings of a day overlap, or one runs into the next day's."""
    week = [*timetable.hours, timetable.hours[0]]
    days = [(today, tomorrow) for today, tomorrow in pairwise(week)]
    days += [(special.openings, ()) for special in timetable.special_days]
    for today, tomorrow in days:
        spans = [(o.opens, o.ends) for o in today]
        spans += [(o.opens + DAY, o.ends + DAY) for o in tomorrow]
        if any(end > start for (_, end), (start, _) in pairwise(sorted(spans))):
            return True
    return False


def end_of_business_day(*, at: datetime, timezone: str) -> datetime:
    """Five in the morning, local time, after `at`."""
    zone = ZoneInfo(timezone)
    local = at.astimezone(zone)
    days = (datetime.combine(local.date() + timedelta(days=n), BUSINESS_DAY_ENDS) for n in (0, 1))
    ends = [day.replace(tzinfo=zone).astimezone(UTC) for day in days]
    return next(end for end in ends if end > at)


def _spans(timetable: Timetable, day: date, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """The openings that begin on a day, in UTC."""
    return [
        (_utc(day, opening.opens, zone), _utc(day, opening.ends, zone))
        for opening in timetable.of(day)
    ]


def _utc(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """The instant the wall clock shows a minute, counted from the midnight that starts `day`."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minute)
    return wall.replace(tzinfo=zone).astimezone(UTC)


def minutes_of_week(hours: Hours) -> list[tuple[int, int]]:
    """When it is open: minutes since Monday's midnight on its wall clock, each up to the second."""
    spans: list[tuple[int, int]] = []
    for day, openings in enumerate(hours):
        for opening in openings:
            start, end = day * DAY + opening.opens, day * DAY + opening.ends
            spans.append((start, min(end, WEEK)))
            if end > WEEK:
                spans.append((0, end - WEEK))
    return spans


def minute_of_week(*, at: datetime, timezone: str) -> int:
    local = at.astimezone(ZoneInfo(timezone))
    return local.weekday() * DAY + local.hour * 60 + local.minute
