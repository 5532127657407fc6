"""Which arm runs in which unit and block: balanced, random, and the same for ever from one seed.

Blocks of a unit are tossed for eight at a time: two neighbouring blocks of a day, on two days, in
two weeks. Of each two that differ in one of these alone, one runs either arm. So the arms share
every pair of blocks, every hour of day over two days, and every hour of every weekday over two
weeks. Units are paired as well: of the two, one runs the opposite of the other at any time.

There is no generator of random numbers in it, only SHA-256, so anybody can draw the table again.
Days and weeks are counted from the start of the experiment.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from msgspec import Struct

DAY_MIN: Final = 24 * 60
BLOCK_LENGTHS_MIN: Final = tuple(n for n in range(10, 361) if DAY_MIN % n == 0)


class Cell(Struct, frozen=True):
    """One block of one unit: its arm (0 is the control) is its coin's side, or the other side."""

    unit_id: UUID
    block: int
    arm: int
    coin: int
    flipped: bool


def lay_out(*, units: Sequence[UUID], blocks: int, block_min: int, seed: int) -> list[Cell]:
    """The arms of every unit in every block, unit by unit in the order of time."""
    assert block_min in BLOCK_LENGTHS_MIN, "blocks divide a day, so that hours come round"
    assert len(set(units)) == len(units), "a unit stands in the table once"
    paired = sorted(units, key=lambda unit: _hash(seed, "unit", unit))
    spots = list(_spots(blocks, per_day=DAY_MIN // block_min))
    coins = 1 + max((coin for coin, _ in spots), default=-1)
    pairs = (len(paired) + 1) // 2
    sides = [_hash(seed, "coin", coin)[0] & 1 for coin in range(pairs * coins)]
    cells: list[Cell] = []
    for position, unit in enumerate(paired):
        for block, (spot, mirrored) in enumerate(spots):
            coin = position // 2 * coins + spot
            flipped = mirrored ^ bool(position % 2)
            cells.append(Cell(unit, block, sides[coin] ^ flipped, coin, flipped))
    return cells


def as_csv(
    cells: Sequence[Cell], *, arms: tuple[str, str], starts_at: datetime, block_min: int
) -> str:
    """The table as text, ordered by block and unit; what is hashed when it is fixed."""
    ordered = sorted(cells, key=lambda cell: (cell.block, cell.unit_id))
    lines = [
        f"{cell.unit_id},{_instant(starts_at + timedelta(minutes=cell.block * block_min))},"
        f"{arms[cell.arm]}\n"
        for cell in ordered
    ]
    return "unit_id,starts_at,arm\n" + "".join(lines)


def fingerprint(table: str) -> str:
    return sha256(table.encode()).hexdigest()


def _spots(blocks: int, *, per_day: int) -> Iterator[tuple[int, bool]]:
    """For each block in the order of time: its coin, and whether it runs the opposite side.

    The seventh day of a week has no partner but the one in the next week, nor has the last of an
    odd number of blocks in a day but the one of the next day.
    """
    pairs_of_blocks = (per_day + 1) // 2
    for block in range(blocks):
        day, slot = divmod(block, per_day)
        week, weekday = divmod(day, 7)
        coin = (week // 2 * 4 + weekday // 2) * pairs_of_blocks + slot // 2
        yield coin, bool((slot + weekday + week) % 2)


def _hash(seed: int, what: str, which: object) -> bytes:
    return sha256(f"{seed}:{what}:{which}".encode()).digest()


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
