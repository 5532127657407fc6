"""What the pages of the office share: reading forms, and saying what was done."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from babel.dates import format_date
from litestar.response import Redirect
from msgspec import Struct

from tawsil.consoles.assets import Asked
from tawsil.consoles.own_api import Refused
from tawsil.consoles.words import say
from tawsil.kernel.i18n import current_locale
from tawsil.kernel.money import digits, major, minor

Form = Mapping[str, str]
ARABIC_DIGITS: Final = str.maketrans("٠١٢٣٤٥٦٧٨٩\N{ARABIC DECIMAL SEPARATOR}", "0123456789.")
MOST_DIGITS: Final = 12


class Slip(Struct, frozen=True):
    """What of a form could not be read, before the API was asked."""

    message: str


class SlipError(Exception):
    """A field cannot be read; the sentence says which."""

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(code)
        self.slip = Slip(say(f"office.slip.{code}", **params))


Trouble = Refused | Slip
"""Why a form was not taken: either has a `message`."""


async def form_of(request: Asked) -> dict[str, str]:
    """The fields that hold text, without spaces around it."""
    sent = await request.form()
    return {name: value.strip() for name, value in sent.items() if isinstance(value, str)}


def minor_of(text: str, currency: str) -> int:
    """`12.50` as people type it, in either kind of digits.

    Raises:
        SlipError: there is no such price.
    """
    try:
        typed = Decimal(text.translate(ARABIC_DIGITS).replace(",", ".") or "0")
        if not 0 <= typed < 10**MOST_DIGITS:
            raise SlipError("price", typed=text)
        return minor(typed, currency)
    except (InvalidOperation, ValueError):
        raise SlipError("price", typed=text) from None


def typed(minor_: int, currency: str) -> str:
    """A price as it stands in a field."""
    return f"{major(minor_, currency):f}"


def price_step(currency: str) -> str:
    return f"{Decimal(1).scaleb(-digits(currency)):f}"


def whole_of(text: str, field: str) -> int | None:
    """A whole number, or nothing.

    Raises:
        SlipError: it is something else.
    """
    if not text:
        return None
    try:
        return int(text.translate(ARABIC_DIGITS))
    except ValueError:
        raise SlipError("number", field=say(f"office.{field}"), typed=text) from None


def back_to(address: str, *, at: str = "", **done: str) -> Redirect:
    """To a page that says what was done, at a place on it."""
    query = f"?{urlencode(done)}" if done else ""
    return Redirect(f"{address}{query}{f'#{at}' if at else ''}", status_code=303)


def there(at: datetime, timezone: str) -> str:
    """A day and a time on the clocks of the merchant's city."""
    local = at.astimezone(ZoneInfo(timezone))
    day = format_date(local, "d MMM", locale=current_locale.get())
    return say("office.moment", day=day, time=f"{local:%H:%M}")


def day_name(day: date) -> str:
    """`Mon 3 Nov`, in the words of the language."""
    return format_date(day, "EEE d MMM", locale=current_locale.get())
