"""The source tree, parsed once for every rule."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "tawsil"
CONTEXTS = frozenset(path.name for path in SOURCE.iterdir() if (path / "public.py").exists())


@cache
def modules() -> dict[str, ast.Module]:
    """Every module by its dotted name below `tawsil`."""
    return {
        ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): (
            ast.parse(path.read_text(), str(path))
        )
        for path in sorted(SOURCE.rglob("*.py"))
    }


def imports(tree: ast.Module) -> Iterator[str]:
    """What a module imports, as dotted names; `from a import b` gives `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
