"""Opening hours: minutes of the week on the wall clock of the merchant's city."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

DAY: Final = 1440
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


def is_open(hours: Hours, *, at: datetime, timezone: str) -> bool:
    return any(start <= at < end for start, end in _intervals(hours, at=at, timezone=timezone))


def next_open_at(hours: Hours, *, at: datetime, timezone: str) -> datetime | None:
    """The first instant from `at` on at which the doors are open; None if they never are."""
    return min(
        (max(start, at) for start, end in _intervals(hours, at=at, timezone=timezone) if at < end),
        default=None,
    )


def end_of_business_day(*, at: datetime, timezone: str) -> datetime:
    """Five in the morning, local time, after `at`."""
    zone = ZoneInfo(timezone)
    local = at.astimezone(zone)
    days = (datetime.combine(local.date() + timedelta(days=n), BUSINESS_DAY_ENDS) for n in (0, 1))
    ends = [day.replace(tzinfo=zone).astimezone(UTC) for day in days]
    return next(end for end in ends if end > at)


def _intervals(hours: Hours, *, at: datetime, timezone: str) -> Iterator[tuple[datetime, datetime]]:
    """Every opening from yesterday to this day next week, in UTC."""
    zone = ZoneInfo(timezone)
    today = at.astimezone(zone).date()
    for offset in range(-1, 8):
        day = today + timedelta(days=offset)
        for opening in hours[day.weekday()]:
            yield _utc(day, opening.opens, zone), _utc(day, opening.ends, zone)


def _utc(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """The instant the wall clock shows a minute, counted from the midnight that starts `day`."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minute)
    return wall.replace(tzinfo=zone).astimezone(UTC)
