"""Sentences for people, by code, in English and Arabic: gettext catalogues beside each context."""

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import BytesIO
from typing import Any, Final

from babel.core import Locale, negotiate_locale
from babel.messages.pofile import read_po
from babel.plural import PluralRule

LOCALES: Final = ("en", "ar")
DEFAULT: Final = "en"
EMPTY: Final[Mapping[str, Any]] = {}

current_locale: ContextVar[str] = ContextVar("current_locale", default=DEFAULT)


class Catalogue:
    """All sentences of one language. A missing one falls back to English, then to its code."""

    def __init__(self, locale: str, sentences: Mapping[str, str | tuple[str, ...]]) -> None:
        self.locale = locale
        self._sentences = sentences
        rule = Locale.parse(locale).plural_form
        self._plural: PluralRule = rule
        self._tags = [tag for tag in _PLURAL_ORDER if tag in {*rule.tags, "other"}]

    def has(self, code: str) -> bool:
        return code in self._sentences

    def under(self, prefix: str) -> dict[str, str | dict[str, str]]:
        """The sentences whose codes begin so; plural forms by the names of CLDR."""
        return {
            code: dict(zip(self._tags, sentence, strict=False))
            if isinstance(sentence, tuple)
            else sentence
            for code, sentence in self._sentences.items()
            if code.startswith(prefix)
        }

    def text(self, code: str, *, n: int | None, params: Mapping[str, Any]) -> str:
        """The sentence for a code with its `{placeholders}` filled; `n` chooses a plural form."""
        sentence = self._sentences[code]
        if isinstance(sentence, tuple):
            form = self._tags.index(self._plural(n if n is not None else 1))
            sentence = sentence[min(form, len(sentence) - 1)]
        return sentence.format_map(_Params(params if n is None else {**params, "n": n}))


class _Params(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return f"{{{key}}}"


_PLURAL_ORDER: Final = ("zero", "one", "two", "few", "many", "other")


def _po_files(root: Traversable, locale: str) -> Iterable[Traversable]:
    for context in sorted(root.iterdir(), key=lambda entry: entry.name):
        if context.is_dir() and (po := context / "locale" / f"{locale}.po").is_file():
            yield po


def _load(locale: str) -> Catalogue:
    sentences: dict[str, str | tuple[str, ...]] = {}
    for po in _po_files(files("tawsil"), locale):
        for message in read_po(BytesIO(po.read_bytes()), locale=locale):
            if not message.id or not message.string:
                continue
            code = message.id[0] if isinstance(message.id, tuple) else message.id
            if code in sentences:
                raise ValueError(f"{po}: {code} is defined twice")
            string = message.string
            sentences[str(code)] = tuple(string) if isinstance(string, tuple) else str(string)
    return Catalogue(locale, sentences)


catalogues: Final[Mapping[str, Catalogue]] = {locale: _load(locale) for locale in LOCALES}


def text(
    code: str,
    *,
    params: Mapping[str, Any] = EMPTY,
    n: int | None = None,
    locale: str | None = None,
) -> str:
    """The sentence for a code in a language (the current request's when none is named).

    `params` fill its `{placeholders}`; `n` chooses the plural form and fills `{n}`.
    """
    for name in (locale or current_locale.get(), DEFAULT):
        catalogue = catalogues[name]
        if catalogue.has(code):
            return catalogue.text(code, n=n, params=params)
    return code


def best_locale(accept_language: str | None) -> str:
    """The language to answer in, from an Accept-Language header."""
    wanted = [_preference(part) for part in (accept_language or "").split(",")]
    ranked = sorted((w for w in wanted if w[0] > 0), key=lambda w: -w[0])
    return negotiate_locale([name for _, name in ranked if name], LOCALES, sep="-") or DEFAULT


def _preference(part: str) -> tuple[float, str]:
    """How much a language is wanted, 0 to 1 (RFC 9110, 12.4.2); a weight that is none counts 0."""
    name, _, weight = part.replace(" ", "").lower().partition(";q=")
    try:
        return float(weight or 1), name
    except ValueError:
        return 0.0, name
