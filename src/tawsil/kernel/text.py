"""Text that people type: any language, either direction, and nothing that deceives the reader.

Refused are characters that do not show or that turn around what stands beside them: controls, bidi
embeddings, overrides and isolates, zero-width spaces and fillers, tags. Arabic needs none of them.
Its joiners (ZWJ, ZWNJ) and marks (LRM, RLM, ALM) are welcome.
"""

import re
from typing import Annotated, Any, Final, cast

from msgspec import Meta

_DECEPTIVE: Final = (
    r"\x7f-\x9f\xad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2028-\u202e\u2060-\u206f"
    r"\u3164\ufeff\uffa0\ufff9-\ufffc\ufffe\uffff"
)
_CONTROLS: Final = r"\x00-\x1f"
_CONTROLS_BUT_LINES: Final = r"\x00-\x08\x0b\x0c\x0e-\x1f"
_TAGS: Final = "\U000e0000-\U000e007f"  # no pattern for JSON Schema can name these everywhere


def _says_something(refused: str) -> str:
    return rf"^([^{refused}]*[^\s{refused}][^{refused}]*)?$"


OneLine = Annotated[str, Meta(pattern=_says_something(_CONTROLS + _DECEPTIVE) + r"(?!\n)")]
"""A name, a title, an address: one line, and not of spaces alone."""

Prose = Annotated[str, Meta(pattern=_says_something(_CONTROLS_BUT_LINES + _DECEPTIVE))]
"""A note, a reason: lines of text."""

ANY_TEXT: Final = rf"^[^{_CONTROLS_BUT_LINES}{_DECEPTIVE}]*$"
"""What any string of a request must look like, tags aside."""

_FOUND: Final = re.compile(f"[{_CONTROLS_BUT_LINES}{_DECEPTIVE}{_TAGS}]")


def deceptive(text: str) -> str | None:
    """The first character that is refused, by its number, such as `U+202E`."""
    found = _FOUND.search(text)
    return f"U+{ord(found.group()):04X}" if found else None


def deceptive_field(value: Any, *, at: str = "") -> tuple[str, str] | None:
    """Where in a decoded JSON value such a character stands, and which."""
    if isinstance(value, str):
        found = deceptive(value)
        return (at, found) if found else None
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        if found := deceptive("".join(fields)):
            return (at, found)
        inner = [(f"{at}.{name}" if at else name, item) for name, item in fields.items()]
    elif isinstance(value, list):
        inner = [(f"{at}[{n}]", item) for n, item in enumerate(cast("list[Any]", value))]
    else:
        return None
    return next(filter(None, (deceptive_field(item, at=where) for where, item in inner)), None)
