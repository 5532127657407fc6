"""States as rows: columns from a state, whole sets at a time."""

from collections.abc import Callable, Sequence
from typing import Any

import asyncpg

from tawsil.kernel.db import Tx

Column = tuple[str, str, Callable[[Any], object]]
"""A column's name, its type, and what of the state it holds; arrays travel as text."""


def array(items: Sequence[object] | frozenset[object]) -> str:
    """Of ids or codes; a set in the order of its items, so that equal sets are written alike."""
    texts = map(str, items)
    return "{" + ",".join(sorted(texts) if isinstance(items, frozenset) else texts) + "}"


async def page(
    tx: Tx, statement: str, *args: object, limit: int, offset: int
) -> tuple[list[asyncpg.Record], int]:
    """A page, and how many there are in all, which each row of the statement says as `total`.

    The statement takes limit and offset as its last two parameters.
    """
    rows = await tx.rows(statement, *args, limit, offset)
    counted = rows or (await tx.rows(statement, *args, 1, 0) if offset else [])
    return rows, counted[0]["total"] if counted else 0
