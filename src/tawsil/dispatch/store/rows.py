"""States as rows: columns from a state, whole sets at a time."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import asyncpg

Column = tuple[str, str, Callable[[Any], object]]
"""A column's name, its type, and what of the state it holds; arrays travel as text."""


def array(ids: Sequence[UUID] | frozenset[UUID]) -> str:
    return (
        "{" + ",".join(sorted(map(str, ids)) if isinstance(ids, frozenset) else map(str, ids)) + "}"
    )


def total(rows: Sequence[asyncpg.Record]) -> int:
    return rows[0]["total"] if rows else 0
