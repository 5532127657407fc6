"""Papers as PDF: a Typst source, what it says ready to print, in English or right to left."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any, Final, Literal

import msgspec
from babel import Locale

FONTS: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {
        "en": ("Libertinus Serif", "DejaVu Sans Mono"),
        "ar": ("Noto Naskh Arabic", "Noto Sans Arabic", "DejaVu Sans", "DejaVu Sans Mono"),
    }
)
"""By language, the best that is there. Those that end the lists come with the typesetter."""


def typeset(
    source: bytes,
    said: Mapping[str, Any],
    *,
    locale: str,
    at: datetime,
    as_: Literal["pdf", "png"] = "pdf",
) -> bytes:
    """Set it; the source finds in `data` what is said, and `lang`, `rtl` and `fonts`.

    Takes a tenth of a second and more, so not in an event loop's own thread.
    """
    import typst  # noqa: PLC0415 - only who prints waits for it

    rtl = Locale.parse(locale).text_direction == "rtl"
    data = {**said, "lang": locale, "rtl": rtl, "fonts": FONTS[locale]}
    made = typst.Compiler(source, font_paths=_fonts()).compile(
        format=as_,
        sys_inputs={"data": msgspec.json.encode(data).decode()},
        timestamp=at.replace(microsecond=0),  # typst refuses a part of a second
        ppi=110,
    )
    assert made is not None, "what is not written to a file is given back"
    return made[0] if isinstance(made, list) else made


@cache
def _fonts() -> Any:
    import typst  # noqa: PLC0415 - as above

    return typst.Fonts(include_system_fonts=True)
