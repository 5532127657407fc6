"""States as rows: columns from a state, whole sets at a time."""

from collections.abc import Callable, Sequence
from typing import Any

import asyncpg

Column = tuple[str, str, Callable[[Any], object]]
"""A column's name, its type, and what of the state it holds; arrays travel as text."""


def array(items: Sequence[object] | frozenset[object]) -> str:
    """Of ids or codes; a set in the order of its items, so that equal sets are written alike."""
    texts = map(str, items)
    return "{" + ",".join(sorted(texts) if isinstance(items, frozenset) else texts) + "}"


def total(rows: Sequence[asyncpg.Record]) -> int:
    return rows[0]["total"] if rows else 0
