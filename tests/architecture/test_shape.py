"""Size, names and words."""

import ast
import re
from pathlib import Path

from architecture.sources import CONTEXTS, ROOT, SOURCE, modules
from tawsil.kernel.i18n import LOCALES, catalogues

LONGEST_FILE = 500
LONGEST_FUNCTION = 70
EMPTY_NAMES = re.compile(
    r"(^|_)(utils?|helpers?|manager|common|misc)($|_)|(^|_)base$|Abstract|Manager$"
)


def test_files_stay_readable():
    long = {
        str(path.relative_to(ROOT)): lines
        for folder in (SOURCE, ROOT / "tests")
        for path in folder.rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > LONGEST_FILE
    }
    assert long == {}


def test_functions_stay_readable():
    long = {
        f"{name}.{node.name}": length
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > LONGEST_FUNCTION
        and not name.startswith("migrations.versions")  # a migration is one statement list
    }
    assert long == {}


def test_names_say_something():
    empty = [
        name
        for name, tree in modules().items()
        for said in [
            *name.split("."),
            *(n.name for n in ast.walk(tree) if isinstance(n, ast.ClassDef)),
        ]
        if EMPTY_NAMES.search(said)
    ]
    assert empty == []


def test_every_context_says_what_it_is():
    silent = [
        context for context in sorted(CONTEXTS) if not (SOURCE / context / "README.md").exists()
    ]
    assert silent == []


def _codes() -> set[str]:
    """Every literal code that a refusal or a problem names."""
    return {
        argument.value
        for tree in modules().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"refuse", "Problem", "text"}
        for argument in node.args[:2]
        if isinstance(argument, ast.Constant)
        and isinstance(argument.value, str)
        and "." in argument.value
    }


def test_every_code_has_a_sentence_in_every_language():
    missing = [
        f"{code} in {locale}"
        for locale in LOCALES
        for code in sorted(_codes())
        if not catalogues[locale].has(code)
    ]
    assert missing == []


def test_both_languages_say_the_same_things():
    english, arabic = (set(catalogues[locale]._sentences) for locale in LOCALES)
    assert english ^ arabic == set()


def test_no_file_knows_this_machine():
    paths = (f"{ROOT}/", f"{Path.home()}/")
    found = [
        str(path.relative_to(ROOT))
        for pattern in ("src/**/*", "tests/**/*", "docs/**/*", "*.*", "Makefile")
        for path in ROOT.glob(pattern)
        if path.is_file() and path.suffix not in {".pyc", ".png"}
        if any(known in path.read_text(errors="ignore") for known in paths)
    ]
    assert found == []


def test_what_is_locked_names_no_host():
    locked = [
        *ROOT.glob("requirements/*"),
        *ROOT.glob("clients/*/package-lock.json"),
        *ROOT.glob("frontend/package-lock.json"),
    ]
    assert len(locked) > 4
    assert [path.name for path in locked if "://" in path.read_text()] == []
