"""Words as they are compared, in English and Arabic, however they are written or mistyped: pure.

A mistyped word is found by what both spellings become when letters are left out: if one turns into
the other by an edit (a letter missing, added, exchanged, or two neighbours swapped), then leaving
out at most one letter of each makes them the same. So the index of near words needs no alphabet,
no locale and no extension of the database.
"""

import re
import unicodedata
from collections.abc import Collection
from functools import lru_cache
from itertools import combinations
from typing import Final

MOST_LETTERS: Final = 20
"""Of a word that is indexed: what comes after them is not compared."""
MOST_WORDS: Final = 8
"""Of a question."""
LEAST_BEGINNING: Final = 2
"""Letters that say enough to be the beginning of a word."""
_TWO_EDITS_FROM: Final = 8
_ONE_EDIT_FROM: Final = 3
_LEAST_STEM: Final = 3

_FOLDED: Final = str.maketrans(
    {
        "\N{ARABIC LETTER ALEF MAKSURA}": "\N{ARABIC LETTER YEH}",
        "\N{ARABIC LETTER FARSI YEH}": "\N{ARABIC LETTER YEH}",
        "\N{ARABIC LETTER TEH MARBUTA}": "\N{ARABIC LETTER HEH}",
        "\N{ARABIC LETTER ALEF WASLA}": "\N{ARABIC LETTER ALEF}",
        "\N{ARABIC LETTER KEHEH}": "\N{ARABIC LETTER KAF}",
        "\N{ARABIC LETTER HAMZA}": None,
        "\N{ARABIC TATWEEL}": None,
        "\N{APOSTROPHE}": None,
        "\N{RIGHT SINGLE QUOTATION MARK}": None,
        **{chr(zero + n): str(n) for zero in (0x0660, 0x06F0) for n in range(10)},
    }
)
_WORD: Final = re.compile(r"[^\W_]+")
_BETWEEN: Final = re.compile(r"[\s/,،.;:()\[\]\u2013\u2014-]+")
_ARTICLE: Final = re.compile(r"^(?:[وبكف]?ال|لل)(?=\w{3})")


def folded(text: str) -> str:
    """No case, no diacritics, one form of alef, ya, kaf, ta marbuta and of each digit."""
    decomposed = unicodedata.normalize("NFKD", text.casefold()).casefold()
    decomposed = unicodedata.normalize("NFKD", decomposed)
    bare = "".join(c for c in decomposed if c.isprintable() and not unicodedata.combining(c))
    return " ".join(bare.translate(_FOLDED).split())


@lru_cache(8_192)
def words(text: str) -> tuple[tuple[str, str], ...]:
    """Each word as it is compared, and as it is shown when it may have been meant."""
    return tuple(
        (stem(bare), _ARTICLE.sub("", written, count=1))
        for written in _BETWEEN.split(text)
        for bare in _WORD.findall(folded(written))
    )


def stem(word: str) -> str:
    """Without the article of Arabic and the plural's ending of English."""
    bare = _ARTICLE.sub("", word, count=1)
    if len(bare) > _LEAST_STEM and bare.isascii() and bare.endswith("s") and bare[-2] != "s":
        bare = bare[:-1]
    return bare[:MOST_LETTERS]


def compared(*texts: str) -> tuple[str, ...]:
    """The different words of some texts, in order."""
    return tuple(dict.fromkeys(word for text in texts for word, _ in words(text)))


def edits_allowed(word: str) -> int:
    """How many mistakes a known word may be written with. A number has none that can be known."""
    if word.isdigit():
        return 0
    return (len(word) >= _ONE_EDIT_FROM) + (len(word) >= _TWO_EDITS_FROM)


def edits_made(typed: str) -> int:
    """How many mistakes may be in what somebody typed: the word may have been a longer one."""
    return 1 + (len(typed) >= _TWO_EDITS_FROM - 2)


def shortened(word: str, by: int) -> set[str]:
    """What is left of a word without any of its letters, up to so many."""
    return {
        "".join(word[n] for n in kept)
        for gone in range(min(by, len(word) - 1) + 1)
        for kept in combinations(range(len(word)), len(word) - gone)
    }


@lru_cache(65_536)
def near(word: str) -> tuple[str, ...]:
    """What a known word is found under when it is mistyped."""
    return tuple(sorted(shortened(word, edits_allowed(word))))


def edits(a: str, b: str) -> int:
    """Letters to add, leave out, exchange, or swap with their neighbour, to make one the other."""
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        row = [i]
        for j, other in enumerate(b, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]


def meant(typed: str, known: Collection[str]) -> list[str]:
    """Those of some known words that may have been meant, the nearest alone."""
    distances = {word: edits(typed, word) for word in known}
    likely = {w: d for w, d in distances.items() if d <= edits_allowed(w)}
    nearest = min(likely.values(), default=0)
    return sorted(word for word, distance in likely.items() if distance == nearest)
