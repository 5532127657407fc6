from importlib.resources import files

import pytest
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

from tawsil.kernel.i18n import LOCALES, Catalogue, best_locale, catalogues, current_locale, text

HOURS = ("لا ساعات", "ساعة", "ساعتان", "{n} ساعات", "{n} ساعة", "{n} ساعةٍ")


@pytest.mark.parametrize(
    ("n", "form"),
    [(0, 0), (1, 1), (2, 2), (3, 3), (10, 3), (11, 4), (99, 4), (100, 5), (102, 5), (103, 3)],
)
def test_arabic_has_six_plurals(n: int, form: int) -> None:
    hours = Catalogue("ar", {"hours": HOURS})
    assert hours.text("hours", n=n, params={}) == HOURS[form].format(n=n)


@pytest.mark.parametrize(("n", "said"), [(0, "0 hours"), (1, "1 hour"), (2, "2 hours")])
def test_english_has_two(n: int, said: str) -> None:
    hours = Catalogue("en", {"hours": ("{n} hour", "{n} hours")})
    assert hours.text("hours", n=n, params={}) == said


def test_what_arabic_lacks_is_said_in_english_and_what_english_lacks_by_its_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(catalogues, "ar", Catalogue("ar", {}))
    english = text("request.not_found", locale="en")
    assert text("request.not_found", locale="ar") == english != "request.not_found"
    assert text("nobody.wrote_this", locale="ar") == "nobody.wrote_this"


def test_placeholders_are_filled_and_never_looked_into() -> None:
    said = text("request.forbidden", params={"permission": "{x.__class__} order:read"}, locale="en")
    assert "{x.__class__} order:read" in said
    assert "{permission}" in text("request.forbidden", locale="en"), "better than an error"


def test_the_current_language_is_the_default() -> None:
    token = current_locale.set("ar")
    try:
        assert text("request.not_found") == text("request.not_found", locale="ar")
    finally:
        current_locale.reset(token)


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        (None, "en"),
        ("", "en"),
        ("ar", "ar"),
        ("ar-AE", "ar"),
        ("AR", "ar"),
        ("fr, ar;q=0.5", "ar"),
        ("fr", "en"),
        ("*", "en"),
        ("ar;q=0.5, en;q=0.9", "en"),
        ("en;q=0.5, ar", "ar"),
        ("ar;q=0, en;q=0.1", "en"),
        ("ar; q=0.8 , en-GB;q=0.7", "ar"),
        ("ar;q=soon, en", "en"),
        (";;;,,,q=1", "en"),
    ],
)
def test_the_language_that_is_wanted_most(wanted: str | None, got: str) -> None:
    assert best_locale(wanted) == got


@given(st.text(max_size=60))
def test_any_header_gets_a_language(header: str) -> None:
    assert best_locale(header) in LOCALES


def test_every_sentence_is_there_in_both_languages_with_the_same_placeholders() -> None:
    for context in files("tawsil").iterdir():
        if not (context / "locale").is_dir():
            continue
        known = {}
        for locale in LOCALES:
            with (context / "locale" / f"{locale}.po").open("rb") as po:
                known[locale] = {m.id: m.string for m in read_po(po, locale=locale) if m.id}
        assert known["en"].keys() == known["ar"].keys(), context.name
        assert all(known["en"].values()), context.name
        assert all(known["ar"].values()), context.name
