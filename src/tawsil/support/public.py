"""What others may ask of support."""

from tawsil.kernel.db import Tx
from tawsil.support import store
from tawsil.support.events import (
    Cause,
    Kind,
    OpenedBy,
    Priority,
    Resolution,
    SubjectKind,
    TicketStatus,
)
from tawsil.support.model import Ticket
from tawsil.support.service import on_due
from tawsil.support.store import Filter

__all__ = [
    "Cause",
    "Filter",
    "Kind",
    "OpenedBy",
    "Priority",
    "Resolution",
    "SubjectKind",
    "Ticket",
    "TicketStatus",
    "on_due",
    "open_counts",
    "page",
    "without_deadline",
]


async def page(
    tx: Tx, *, which: Filter, limit: int = 100, offset: int = 0
) -> tuple[list[Ticket], int]:
    """Tickets, newest first, and how many there are in all."""
    return await store.page(tx, which, limit=limit, offset=offset)


async def open_counts(tx: Tx) -> dict[tuple[Kind, Priority], int]:
    """How many tickets nobody has resolved yet: every kind and priority, zeros included."""
    return await store.open_counts(tx)


async def without_deadline(tx: Tx) -> int:
    """How many tickets that are not closed nothing will wake. Always 0."""
    return await store.without_deadline(tx)
