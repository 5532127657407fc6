"""Any language is welcome; what deceives the eye is not."""

import json
import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar.exceptions import ValidationException
from msgspec import Struct

from tawsil.kernel.http.bodies import read_json
from tawsil.kernel.text import OneLine, Prose, deceptive, deceptive_field

WELCOME = {
    "English": "Mona's café – No. 4",
    "Arabic": "مطعم السّلام، شارع الحمرا ٤",
    "Arabic among English": "Shawarma شاورما (2×)",
    "Persian with ZWNJ": "می\u200cخواهم",
    "ZWJ": "ه\u200d",
    "marks": "\u200fABC\u200e \u061c",
    "Hebrew": "שלום",
    "an emoji family": "👩\u200d👩\u200d👧 ☕\ufe0f",
    "Devanagari": "क्‍ष",
}
DECEPTIVE = {
    "an override": "gro.live\u202efdp.exe",
    "an embedding": "\u202babc\u202c",
    "an isolate": "a\u2066b\u2069",
    "a zero-width space": "pay\u200bpal",
    "a word joiner": "pay\u2060pal",
    "a soft hyphen": "pay\xadpal",
    "a byte order mark": "\ufeffpaypal",
    "a filler": "\u3164",
    "NUL": "a\x00b",
    "escape": "\x1b[31m",
    "a bell": "\x07",
    "delete": "a\x7f",
    "a C1 control": "\x9b31m",
    "a line separator": "a\u2028b",
}


class Card(Struct):
    name: OneLine = ""
    note: Prose = ""
    free: str = ""


@pytest.mark.parametrize("field", ["name", "note", "free"])
def test_every_language_passes(field: str) -> None:
    for case, text in WELCOME.items():
        for ascii_only in (True, False):
            body = json.dumps({field: text}, ensure_ascii=ascii_only).encode()
            assert getattr(read_json(body, Card), field) == text, case


@pytest.mark.parametrize("field", ["name", "note", "free"])
def test_what_deceives_is_refused_even_where_no_type_says_so(field: str) -> None:
    tags = {"tags": "hi\U000e0068\U000e0069"} if field == "free" else {}
    for case, text in (DECEPTIVE | tags).items():
        for ascii_only in (True, False):
            body = json.dumps({field: text}, ensure_ascii=ascii_only).encode()
            with pytest.raises(ValidationException) as refused:
                read_json(body, Card)
            assert refused.value.extra[0]["key"] == field, case


def test_a_line_ends_and_prose_goes_on() -> None:
    for text in ("two\nlines", "ends\n", "a\ttab", "from\r\nWindows"):
        assert read_json(json.dumps({"note": text}).encode(), Card).note == text
        with pytest.raises(ValidationException):
            read_json(json.dumps({"name": text}).encode(), Card)


def test_spaces_say_nothing() -> None:
    for text in (" ", "\u00a0\u2003", " \u3000"):
        for field in ("name", "note"):
            with pytest.raises(ValidationException):
                read_json(json.dumps({field: text}).encode(), Card)
    assert read_json(b'{"name": "", "note": ""}', Card) == Card()


def test_it_is_found_wherever_it_stands() -> None:
    value = {"a": [{"b": "fine"}, {"b": ["x", "y\u202ez"]}]}
    assert deceptive_field(value) == ("a[1].b[1]", "U+202E")
    assert deceptive_field({"a": {"k\u200b": 1}}) == ("a", "U+200B")
    assert deceptive_field({"a": [1, None, True, 2.5, "\\u202e"]}) is None


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_the_types_and_the_look_at_everything_agree(text: str) -> None:
    def reads(field: str) -> bool:
        try:
            msgspec.convert({field: text}, Card)
        except msgspec.ValidationError:
            return False
        return True

    tags = any(0xE0000 <= ord(character) <= 0xE007F for character in text)
    if not tags and (text.strip() or not text):
        assert reads("note") == (deceptive(text) is None)
    if reads("name"):
        assert reads("note")
        assert not any(unicodedata.category(character) == "Cc" for character in text)
