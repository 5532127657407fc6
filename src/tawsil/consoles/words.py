"""What is said in words: statuses, times, and the sentence for each event of an order's story."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, Final, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from babel.dates import format_date, get_day_names

from tawsil.consoles.picture import (
    Conditions,
)
from tawsil.consoles.story import (
    Entry,
)
from tawsil.kernel.db import event_type
from tawsil.kernel.decisions import Event
from tawsil.kernel.events import Recorded
from tawsil.kernel.http.envelope import request_context
from tawsil.kernel.i18n import DEFAULT, catalogues, current_locale, text
from tawsil.kernel.money import major
from tawsil.ordering.public import Status

_BROWSERS: Final = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
MINUS: Final = "\u2212"
_WITHOUT_NAME: Final = "—"
CODED: Final = frozenset({"reason", "cause", "proof", "code", "waiting_for"})
"""Fields of events that hold a code with a word of its own."""


CONTEXT: Final = "console."


def say(code: str, *, n: int | None = None, **params: Any) -> str:
    """A sentence of this context in the request's language."""
    return text(f"{CONTEXT}{code}", params=params, n=n)


@cache
def _words_under(prefixes: tuple[str, ...], locale: str) -> dict[str, str | dict[str, str]]:
    return {
        code.removeprefix(CONTEXT): sentence
        for name in (DEFAULT, locale)
        for prefix in prefixes
        for code, sentence in catalogues[name].under(f"{CONTEXT}{prefix}").items()
    }


def words_of(*prefixes: str) -> dict[str, str | dict[str, str]]:
    """The sentences of this context for a script of the page, by the beginnings of their codes."""
    return _words_under(prefixes, current_locale.get())


def statuses() -> dict[str, str]:
    """The word for each status of an order."""
    return {status.value: word("status", status.value.lower()) for status in Status}


def isolated(name: str) -> str:
    """A name that keeps its own direction inside a sentence (Unicode FSI … PDI)."""
    return f"\u2068{name}\u2069"


def clock_time(at: datetime, timezone: str) -> str:
    """The time of day on the city's clocks."""
    return at.astimezone(ZoneInfo(timezone)).strftime("%H:%M")


def clock_time_s(at: datetime, timezone: str) -> str:
    return at.astimezone(ZoneInfo(timezone)).strftime("%H:%M:%S")


def moment(at: datetime) -> str:
    """A day and a time on its own clock: in UTC for those of whom no city is known."""
    day = format_date(at, "d MMM yyyy", locale=current_locale.get())
    return say("account.moment", day=day, time=f"{at:%H:%M}")


def weekday(number: int) -> str:
    """`Monday` for 0, in the words of the language."""
    return get_day_names("wide", locale=current_locale.get())[number]


def day_time(at: datetime, timezone: str) -> str:
    """The time on the city's clocks, with the day where that is not today."""
    local, now = (t.astimezone(ZoneInfo(timezone)) for t in (at, request_context.get().at))
    if local.date() == now.date():
        return f"{local:%H:%M}"
    return say("day_time", day=weekday(local.weekday()), time=f"{local:%H:%M}")


def wall(minute: int) -> str:
    """A minute of the day as clocks show it."""
    return f"{minute // 60:02}:{minute % 60:02}"


def day_and_time(at: datetime, timezone: str) -> str:
    """A day and a time on the city's clocks."""
    local = at.astimezone(ZoneInfo(timezone))
    day = format_date(local, "EEE d MMM", locale=current_locale.get())
    return f"{day}، {local:%H:%M}" if current_locale.get() == "ar" else f"{day}, {local:%H:%M}"


def month_name(first: date) -> str:
    """`November 2026`, in the words of the language."""
    return format_date(first, "LLLL yyyy", locale=current_locale.get())


def device_name(user_agent: str | None) -> str:
    """A browser and what it runs on, as far as it says so; what is unknown stays as it came."""
    said = user_agent or ""
    browser = next((name for mark, name in _BROWSERS if mark in said), None)
    system = next((name for mark, name in _SYSTEMS if mark in said), None)
    named = " · ".join(name for name in (browser, system) if name)
    return named or said[:60] or say("account.device_unknown")


def countdown(until: datetime, now: datetime) -> str:
    """Minutes and seconds, `4:05`; what is overdue has a minus sign before it."""
    seconds = round((until - now).total_seconds())
    whole, rest = divmod(abs(seconds), 60)
    return f"{'−' if seconds < 0 else ''}{whole}:{rest:02}"  # noqa: RUF001 - a minus, not a hyphen


def elapsed(since: datetime, now: datetime) -> str:
    """Minutes and seconds since then, `4:05`."""
    return countdown(max(now, since), since)


def distance(metres: float) -> str:
    """`850 m`, `2.4 km`: as exact as it helps to know."""
    if metres < 950:
        return say("acts.m", n=round(metres / 50) * 50)
    return say("acts.km", km=f"{metres / 1_000:.1f}")


def percent(basis_points: int) -> str:
    return f"{basis_points / 100:g}"


def kilometres(metres: int) -> str:
    return f"{metres / 1_000:g}"


def in_short(conditions: Conditions) -> list[str]:
    """What customers meet, as phrases for one line."""
    locale = current_locale.get()
    said: list[str] = []
    if conditions.extra_wait_s:
        said.append(say("banner.wait", n=round(conditions.extra_wait_s / 60)))
    if conditions.surge_bp:
        said.append(say("banner.surge", percent=percent(conditions.surge_bp)))
    if conditions.reach_m:
        said.append(say("banner.reach", km=kilometres(conditions.reach_m)))
    if conditions.paused:
        zones = [isolated(zone.name.said_in(locale)) for zone in conditions.paused]
        said.append(say("banner.paused", zones=("، " if locale == "ar" else ", ").join(zones)))
    if conditions.held:
        said.append(say("banner.held"))
    return said


def until_promise(promised_at: datetime, now: datetime) -> str:
    """How many minutes are left, or how late it is. 20 s late is a minute late."""
    left = (promised_at - now) // timedelta(minutes=1)
    return say("queue.late_min", n=-left) if left < 0 else say("queue.in_min", n=left)


def amount(minor: int, currency: str) -> str:
    """`23.50 AED`, in digits that both languages read."""
    return isolated(f"{major(minor, currency):f} {currency}")


def bare(minor: int, currency: str) -> str:
    """`1,023.50`, where the currency stands above."""
    return isolated(f"{major(minor, currency):,f}".replace("-", MINUS))


def word(kind: str, value: str) -> str:
    """The word for one of a closed list of codes; an unknown code is shown as words."""
    code = f"console.{kind}.{value}"
    return text(code) if _known(code) else isolated(value.replace("_", " "))


def _known(code: str) -> bool:
    return any(catalogues[name].has(code) for name in (current_locale.get(), DEFAULT))


def entries(
    recorded: Sequence[Recorded[Any]], *, names: Mapping[UUID, str], timezone: str
) -> tuple[Entry, ...]:
    """A story, one line for each event, in the order it was recorded."""
    return tuple(
        Entry(
            at=one.at,
            sentence=sentence(one.event, names=names, timezone=timezone),
            actor=_actor(one, names),
            kind=one.stream,
        )
        for one in recorded
    )


def sentence(event: Event, *, names: Mapping[UUID, str], timezone: str) -> str:
    """What happened, with everything the event says put into words."""
    code = event_code(type(event))
    if not _known(code):
        return say("event.other", name=isolated(event_type(type(event))))
    return text(code, params=_params(event, names=names, timezone=timezone))


def event_code(cls: type[Event]) -> str:
    """The code of an event's sentence: `console.event.order.placed` for `order.placed.v1`."""
    return f"console.event.{event_type(cls).rsplit('.', 1)[0]}"


def _actor(one: Recorded[Any], names: Mapping[UUID, str]) -> str:
    role = word("role", one.actor_role)
    name = names.get(one.actor_id) if one.actor_id else None
    return f"{isolated(name)} · {role}" if name else role


def _params(event: Event, *, names: Mapping[UUID, str], timezone: str) -> dict[str, str]:
    """Every field of an event as words, under its own name."""
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    currency = str(fields.get("currency", ""))
    return {
        name: _shown(name, value, currency=currency, names=names, timezone=timezone)
        for name, value in fields.items()
    }


def _shown(
    name: str, value: Any, *, currency: str, names: Mapping[UUID, str], timezone: str
) -> str:
    match value:
        case UUID():
            shown = isolated(names.get(value, _WITHOUT_NAME))
        case datetime():
            shown = clock_time(value, timezone)
        case Enum():
            shown = word(type(value).__name__.lower(), str(value.value).lower())
        case int() if name.endswith("_minor") and currency:
            shown = amount(value, currency)
        case float():
            shown = str(round(value))
        case str() if name in CODED:
            shown = word(name, value)
        case None:
            shown = _WITHOUT_NAME
        case _:
            shown = isolated(str(cast("object", value)))
    return shown
