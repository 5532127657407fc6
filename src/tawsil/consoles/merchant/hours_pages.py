"""When a merchant is open: a week, and dates that have hours of their own."""

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from msgspec import Struct, field

from tawsil.consoles.assets import Asked
from tawsil.consoles.merchant.desk import Form, SlipError, Trouble, back_to, day_name, form_of
from tawsil.consoles.merchant.frame import UPDATE, merchant_id_of, merchant_page
from tawsil.consoles.own_api import answered, ask_as_caller, refusal_of
from tawsil.kernel.http import Caller, allow

HERE: Final = "/merchant/hours"
DAY_MIN: Final = 1_440
MOST_SPANS: Final = 6
MOST_DAYS: Final = 100
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class SpecialDay(Struct, frozen=True):
    day: date
    openings: list[list[int]]


class Profile(Struct, frozen=True, kw_only=True):
    """Of the API's answer, what these pages show."""

    edition: int
    timezone: str
    description_en: str
    description_ar: str
    phone: str
    hours: list[list[list[int]]]
    special_days: list[SpecialDay]


class Span(Struct):
    """From one time of the day to another, as typed."""

    opens: str = ""
    closes: str = ""


class Special(Struct):
    day: str = ""
    spans: list[Span] = field(default_factory=list[Span])


class Week(Struct):
    """The form as it was typed, whether or not it can be read."""

    edition: str
    days: list[list[Span]]
    special: list[Special]

    @classmethod
    def of(cls, profile: Profile) -> "Week":
        return cls(
            edition=str(profile.edition),
            days=[_spans(day) for day in profile.hours],
            special=[Special(str(s.day), _spans(s.openings)) for s in profile.special_days],
        )

    @classmethod
    def sent(cls, form: Form) -> "Week":
        return cls(
            edition=form.get("edition", ""),
            days=[[*_typed(form, f"d{n}")] for n in range(len(WEEKDAYS))],
            special=[
                Special(form[f"x{n}.day"], [*_typed(form, f"x{n}")])
                for n in range(MOST_DAYS)
                if f"x{n}.day" in form
            ],
        )

    def alter(self, how: str) -> bool:
        """`add.d0`, `out.d0.1`, `copy.d0`, `add.x`, `add.x0`, `out.x0.1`, `gone.x0`.

        False: it says something else.
        """
        what, _, rest = how.partition(".")
        name, _, row = rest.partition(".")
        if (what, name) == ("add", "x"):
            self.special.append(Special())
            return True
        kind, number = name[:1], name[1:]
        lists = self.days if kind == "d" else [special.spans for special in self.special]
        if not number.isdecimal() or int(number) >= len(lists):
            return False
        spans = lists[int(number)]
        if what == "copy" and kind == "d":
            self.days = [[Span(s.opens, s.closes) for s in spans] for _ in self.days]
        elif what == "gone" and kind == "x":
            self.special.pop(int(number))
        elif what == "add" and len(spans) < MOST_SPANS:
            spans.append(Span())
        elif what == "out" and row.isdecimal() and int(row) < len(spans):
            spans.pop(int(row))
        else:
            return False
        return True

    def body(self) -> dict[str, Any]:
        """What the API takes.

        Raises:
            SlipError: a time or a date is none.
        """
        return {
            "hours": [_openings(spans) for spans in self.days],
            "special_days": [
                {"day": _date(special.day), "openings": _openings(special.spans)}
                for special in self.special
                if special.day or special.spans
            ],
            "edition": int(self.edition) if self.edition.isdecimal() else 0,
        }


def _spans(openings: list[list[int]]) -> list[Span]:
    return [Span(_clock(opens), _clock(closes)) for opens, closes in openings]


def _typed(form: Form, name: str) -> Iterator[Span]:
    for n in range(MOST_SPANS):
        if f"{name}.{n}.opens" in form:
            yield Span(form[f"{name}.{n}.opens"], form.get(f"{name}.{n}.closes", ""))


def _openings(spans: list[Span]) -> list[list[int]]:
    filled = [span for span in spans if span.opens or span.closes]
    return [[_minute(span.opens), _minute(span.closes)] for span in filled]


def _clock(minute: int) -> str:
    return f"{minute // 60 % 24:02}:{minute % 60:02}"


def _minute(text: str) -> int:
    hours, _, minutes = text.partition(":")
    if not (hours.isdecimal() and minutes.isdecimal() and int(minutes) < 60 and int(hours) < 24):
        raise SlipError("time", typed=text)
    return int(hours) * 60 + int(minutes)


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise SlipError("date", typed=text) from None


@get(HERE, opt={"rule": allow(UPDATE)}, include_in_schema=False)
async def show_hours(
    request: Asked, caller: NamedDependency[Caller], done: FromQuery[str | None] = None
) -> Response[str]:
    profile = await _profile(request, caller)
    return await _hours_page(request, caller, profile, Week.of(profile), done=done == "changed")


@post(HERE, opt={"rule": allow(UPDATE)}, include_in_schema=False)
async def change_hours(request: Asked, caller: NamedDependency[Caller]) -> Response[Any]:
    """Save, or have the form back with a row more or less."""
    form = await form_of(request)
    week, profile = Week.sent(form), await _profile(request, caller)
    if week.alter(form.get("how", "")):
        return await _hours_page(request, caller, profile, week, unsaved=True)
    try:
        body = week.body()
    except SlipError as error:
        return await _hours_page(request, caller, profile, week, trouble=error.slip)
    path = f"/v4/merchants/{merchant_id_of(caller)}/hours"
    answer = await ask_as_caller(request, "PUT", path, json=body)
    if not answer.is_success:
        return await _hours_page(request, caller, profile, week, trouble=refusal_of(answer))
    return back_to(HERE, done="changed")


@post(f"{HERE}/profile", opt={"rule": allow(UPDATE)}, include_in_schema=False)
async def change_profile(request: Asked, caller: NamedDependency[Caller]) -> Response[Any]:
    form = await form_of(request)
    edition = form.get("edition", "")
    body = {name: form.get(name, "") for name in ("description_en", "description_ar", "phone")}
    path = f"/v4/merchants/{merchant_id_of(caller)}/profile"
    answer = await ask_as_caller(
        request, "PUT", path, json={**body, "edition": int(edition) if edition.isdecimal() else 0}
    )
    if answer.is_success:
        return back_to(HERE, done="changed")
    profile = await _profile(request, caller)
    return await _hours_page(
        request, caller, profile, Week.of(profile), trouble=refusal_of(answer), said=body
    )


async def _profile(request: Asked, caller: Caller) -> Profile:
    path = f"/v4/merchants/{merchant_id_of(caller)}/profile"
    return answered(await ask_as_caller(request, "GET", path), Profile)


async def _hours_page(
    request: Asked,
    caller: Caller,
    profile: Profile,
    week: Week,
    *,
    done: bool = False,
    unsaved: bool = False,
    trouble: Trouble | None = None,
    said: dict[str, str] | None = None,
) -> Response[str]:
    words = {n: getattr(profile, n) for n in ("description_en", "description_ar", "phone")}
    return await merchant_page(
        request,
        "merchant/hours.html",
        caller=caller,
        section="hours",
        status=getattr(trouble, "status", 422) if trouble else 200,
        here=HERE,
        profile=profile,
        said=said or words,
        week=week,
        weekdays=WEEKDAYS,
        day_name=day_name,
        most_spans=MOST_SPANS,
        done=done,
        unsaved=unsaved,
        trouble=trouble,
    )


pages: Final = [show_hours, change_hours, change_profile]
