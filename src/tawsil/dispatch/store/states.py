"""Deliveries and offers, written whole sets at a time."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from tawsil.dispatch.model import Delivery, Offer
from tawsil.dispatch.store import delivery_rows, offer_rows
from tawsil.dispatch.store.rows import Column
from tawsil.kernel.db import Tx

_COLUMNS: Final[Mapping[str, Sequence[Column]]] = {
    "delivery": delivery_rows.COLUMNS,
    "offer": offer_rows.COLUMNS,
}


def _unnest(columns: Sequence[Column]) -> str:
    return ", ".join(
        f"${n}::{'text' if type_.endswith('[]') else type_}[]"
        for n, (_, type_, _) in enumerate(columns, start=1)
    )


def _names(columns: Sequence[Column]) -> str:
    return ", ".join(name for name, _, _ in columns)


def _insert_sql(table: str) -> str:
    columns = _COLUMNS[table]
    values = ", ".join(f"u.{name}::{type_}" for name, type_, _ in columns)
    return (
        f"insert into dispatch.{table} ({_names(columns)}) select {values} "  # noqa: S608 - constants
        f"from unnest({_unnest(columns)}) u ({_names(columns)}) order by u.id "
        "on conflict do nothing returning id"
    )


def _update_sql(table: str) -> str:
    columns = _COLUMNS[table]
    changes = ", ".join(f"{name} = u.{name}::{type_}" for name, type_, _ in columns[1:])
    return (
        f"update dispatch.{table} t set {changes} "  # noqa: S608 - constants
        f"from unnest({_unnest(columns)}, ${len(columns) + 1}::int[]) "
        f"u ({_names(columns)}, expected) where t.id = u.id and t.version = u.expected"
    )


_INSERT: Final = {table: _insert_sql(table) for table in _COLUMNS}
_UPDATE: Final = {table: _update_sql(table) for table in _COLUMNS}


def _values(states: Sequence[Delivery | Offer]) -> list[list[object]]:
    columns = _COLUMNS[states[0].stream]
    return [[value(state) for state in states] for _, _, value in columns]


async def add(tx: Tx, states: Sequence[Delivery | Offer]) -> set[UUID]:
    """Insert new ones; the ids of those that did not stand in the way of others."""
    if not states:
        return set()
    rows = await tx.rows(_INSERT[states[0].stream], *_values(states))
    return {row["id"] for row in rows}


async def save(tx: Tx, states: Sequence[Delivery | Offer], *, expected: Mapping[UUID, int]) -> None:
    """Store states whose rows still have the version they were loaded with."""
    if not states:
        return
    saved = await tx.execute(
        _UPDATE[states[0].stream], *_values(states), [expected[s.id] for s in states]
    )
    assert saved == len(states), f"a {states[0].stream} changed under its lock"
