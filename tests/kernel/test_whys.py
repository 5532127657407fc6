"""What cannot be read is explained in the caller's language."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
import pytest
from msgspec import Meta, Struct

from tawsil.kernel.http.whys import understood
from tawsil.kernel.i18n import current_locale


class Size(StrEnum):
    SMALL = "small"


class Body(Struct, forbid_unknown_fields=True):
    id: UUID
    at: datetime | None = None
    size: Size = Size.SMALL
    n: Annotated[int, Meta(ge=1, le=9)] = 1
    words: Annotated[str, Meta(min_length=2, max_length=4, pattern="^[a-z]*$")] = "ab"


ID = "01920000-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        f'{{"id": "{ID}", "more": 1}}',
        '{"id": 1}',
        '{"id": "x"}',
        f'{{"id": "{ID}", "at": "now"}}',
        f'{{"id": "{ID}", "size": "huge"}}',
        f'{{"id": "{ID}", "n": 0}}',
        f'{{"id": "{ID}", "n": 10}}',
        f'{{"id": "{ID}", "words": "a"}}',
        f'{{"id": "{ID}", "words": "abcde"}}',
        f'{{"id": "{ID}", "words": "A1"}}',
        "{",
        "nonsense",
    ],
)
def test_what_is_said_is_said_in_arabic_too(body: str) -> None:
    with pytest.raises(msgspec.DecodeError) as refused:
        msgspec.json.decode(body, type=Body)
    said = str(refused.value).partition(" - at ")[0]
    assert understood(said) != said
    token = current_locale.set("ar")
    try:
        arabic = understood(said)
    finally:
        current_locale.reset(token)
    assert any("\u0600" <= letter <= "\u06ff" for letter in arabic), arabic


def test_what_is_not_known_is_left_as_it_is() -> None:
    assert understood("each step needs more load") == "each step needs more load"
