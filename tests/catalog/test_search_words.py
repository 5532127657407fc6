"""However a word is written or mistyped, it is compared as the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tawsil.catalog.search_words import (
    MOST_LETTERS,
    compared,
    edits,
    edits_allowed,
    edits_made,
    folded,
    meant,
    near,
    shortened,
    stem,
)

LETTERS = "abcdefghijklmnopqrstuvwxyzابتثجحخدذرزسشصضطظعغفقكلمنهوي"
WORDS = st.text(alphabet=LETTERS, min_size=3, max_size=MOST_LETTERS)
ANYTHING = st.text(max_size=60)


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("أَرُزٌّ بِالدَّجاج", "ارز دجاج"),
        ("شاورمـــا", "شاورما"),
        ("كُنَافَة", "كنافه"),
        ("مشاوي على الفحم", "مشاوى علي فحم"),
        ("إيبوبروفين ٢٠٠ ملغ", "ايبوبروفين 200 ملغ"),
        ("کباب", "كباب"),
        ("آيس كريم", "ايس كريم"),
        ("Crème brûlée", "creme BRULEE"),
        ("Burgers & fries", "burger fry's fries"),
        ("M'semen", "msemen"),
        ("شواء", "شوا"),
    ],
)
def test_forms_of_a_word_are_one(written: str, typed: str) -> None:
    assert set(compared(written)) <= set(compared(typed))


@given(ANYTHING)
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert folded(folded(text)) == folded(text)
    assert compared(" ".join(compared(text))) is not None


@given(ANYTHING, ANYTHING)
def test_words_of_two_texts_are_those_of_both(one: str, other: str) -> None:
    assert compared(one, other) == tuple(dict.fromkeys((*compared(one), *compared(other))))
    assert all(word and " " not in word and len(word) <= MOST_LETTERS for word in compared(one))


@st.composite
def mistyped(draw: st.DrawFn) -> tuple[str, str]:
    """A word, and the same with as many mistakes as it may be written with."""
    word = draw(WORDS)
    typed = word
    for _ in range(draw(st.integers(0, edits_allowed(word)))):
        at = draw(st.integers(0, len(typed) - 1))
        letter = draw(st.sampled_from(LETTERS))
        how = draw(st.sampled_from(("missing", "added", "exchanged", "swapped")))
        if how == "missing" and len(typed) > 1:
            typed = typed[:at] + typed[at + 1 :]
        elif how == "added":
            typed = typed[:at] + letter + typed[at:]
        elif how == "exchanged":
            typed = typed[:at] + letter + typed[at + 1 :]
        else:
            typed = typed[:at] + typed[at : at + 2][::-1] + typed[at + 2 :]
    return word, typed


@given(mistyped())
def test_what_is_mistyped_is_found_by_the_letters_that_are_left(pair: tuple[str, str]) -> None:
    word, typed = pair
    if edits(typed, word) <= edits_allowed(word):
        assert set(near(word)) & shortened(typed, edits_made(typed))
        assert word in meant(typed, [word, "q" * len(word)]) or typed == "q" * len(word)


@given(WORDS, WORDS)
def test_edits_are_a_distance(one: str, other: str) -> None:
    assert edits(one, other) == edits(other, one)
    assert (edits(one, other) == 0) == (one == other)
    assert edits(one, other) <= max(len(one), len(other))


def test_a_number_is_never_another() -> None:
    assert meant("500", ["5000", "300"]) == []
    assert near("500") == ("500",)


def test_the_nearest_alone_are_meant() -> None:
    assert meant("piza", ["pizza", "pita", "plaza", "koshari"]) == ["pita", "pizza"]
    assert meant("shwarma", ["shawarma", "harissa"]) == ["shawarma"]
    assert meant("فلافيل", ["فلافل", "فلفل"]) == ["فلافل"]


@pytest.mark.parametrize(("word", "kept"), [("swiss", "swiss"), ("gas", "gas"), ("الم", "الم")])
def test_short_words_keep_their_ends(word: str, kept: str) -> None:
    assert stem(word) == kept
