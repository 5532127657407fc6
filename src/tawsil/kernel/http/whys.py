"""Why a request could not be read, in the caller's language: what msgspec says, and we."""

import re
from typing import Final

from tawsil.kernel.i18n import text

_KNOWN: Final = tuple(
    (re.compile(pattern, re.DOTALL), f"request.why_{name}")
    for pattern, name in (
        (r"Object missing required field `(?P<name>[^`]*)`", "missing"),
        (r"Object contains unknown field `(?P<name>[^`]*)`", "unknown"),
        (r"Expected `(?P<wanted>[^`]*)`, got `(?P<given>[^`]*)`", "type"),
        (r"Invalid enum value (?P<given>.*)", "enum"),
        (r"Expected `\w+` of length >= (?P<least>\d+)", "too_short"),
        (r"Expected `\w+` of length <= (?P<most>\d+)", "too_long"),
        (r"Expected `\w+` (>=|>) (?P<least>\S+)", "too_small"),
        (r"Expected `\w+` (<=|<) (?P<most>\S+)", "too_large"),
        (r"Expected `str` matching regex (?P<pattern>.*)", "pattern"),
        (r"Invalid UUID", "uuid"),
        (r"Invalid RFC3339 encoded datetime", "datetime"),
        (r"JSON is malformed.*", "malformed"),
        (r"Input data was truncated", "malformed"),
        (r"this field is given twice", "twice"),
        (r"leave it out instead of `null`", "null"),
        (r"it is nested deeper than (?P<most>\d+) levels", "deep"),
        (r"the number (?P<given>\S+) is out of range", "range"),
    )
)


def understood(message: str) -> str:
    """The same in the language of the request; what is not known is left as it is."""
    for pattern, code in _KNOWN:
        if found := pattern.fullmatch(message):
            return text(code, params=found.groupdict())
    return message
