"""What an acquirer says moved on its side, against what the books say moved on ours: pure.

An amount above zero came into what the acquirer holds for the platform, one below zero left it. A
line of a file and a transfer belong together when they are about the same charge, moved the same
way, in the same currency and by the same amount. What then stays alone is a difference.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol, TypeVar
from uuid import UUID

from msgspec import Struct

from tawsil.payments.events import Provider
from tawsil.payments.model.psp import Unheard


class Moved(StrEnum):
    """Why an amount moved."""

    CHARGE = "charge"
    REFUND = "refund"
    DISPUTE = "dispute"
    DISPUTE_WON = "dispute_won"
    TRANSFER = "transfer"
    TRANSFER_BACK = "transfer_back"
    FEE = "fee"
    SETTLEMENT = "settlement"
    OTHER = "other"


ONLY_THEIRS: Final = frozenset({Moved.FEE, Moved.SETTLEMENT})
"""What only the acquirer knows of: booked because its file says so, so nothing is to be matched."""


class FileLine(Struct, frozen=True, kw_only=True):
    """A line of an acquirer's balance file, about a charge or about none.

    `id` is the acquirer's own. `amount_minor` is gross; `fee_minor` was kept back from it.
    """

    provider: Provider
    id: str
    moved: Moved
    charge_id: str | None
    amount_minor: int
    fee_minor: int = 0
    currency: str
    at: datetime


class BookLine(Struct, frozen=True, kw_only=True):
    """What a transfer of ours moved on an acquirer's clearing account."""

    provider: Provider
    transfer_id: UUID
    reference_id: UUID
    moved: Moved
    charge_id: str | None
    amount_minor: int
    currency: str
    at: datetime


class BalanceFile(Protocol):
    """A provider that says what moved on its side."""

    async def balance(self, *, since_at: datetime, until_at: datetime) -> list[FileLine] | Unheard:
        """Every line from one instant on and before the other."""
        ...


BALANCE_JOB: Final = "payments.balance"


class BalanceJob(Struct, frozen=True, kw_only=True):
    """The payload of `payments.balance`: which part of whose file to read, and for whom."""

    provider: Provider
    since_at: datetime
    until_at: datetime
    tenant_id: UUID
    actor_id: UUID | None = None


class Kind(StrEnum):
    MISSING_HERE = "missing_here"
    MISSING_THERE = "missing_there"
    AMOUNT_DIFFERS = "amount_differs"


class Difference(Struct, frozen=True, kw_only=True):
    """A line or a transfer that stands alone, or one of each that should be the same."""

    kind: Kind
    line: FileLine | None = None
    booked: BookLine | None = None

    def __post_init__(self) -> None:
        alone = {Kind.MISSING_HERE: (True, False), Kind.MISSING_THERE: (False, True)}
        has = (self.line is not None, self.booked is not None)
        assert has == alone.get(self.kind, (True, True)), "a difference is of what it has"

    @property
    def either(self) -> FileLine | BookLine:
        found = self.line or self.booked
        assert found is not None
        return found

    @property
    def difference_minor(self) -> int:
        """By how much the acquirer says more than the books do."""
        there = self.line.amount_minor if self.line else 0
        here = self.booked.amount_minor if self.booked else 0
        return there - here


class Explanation(Struct, frozen=True, kw_only=True):
    """What somebody said of a difference. `booked`: a transfer made the books agree."""

    id: UUID
    tenant_id: UUID
    provider: Provider
    line_id: str | None
    transfer_id: UUID | None
    booked: bool
    difference_minor: int
    currency: str
    words: str
    actor_id: UUID | None
    at: datetime


class Run(Struct, frozen=True, kw_only=True):
    """One reading of a provider's file: how many lines, how many new ones, how many matched.

    Nothing that was booked before `open_since_at` is open any longer.
    """

    id: UUID
    tenant_id: UUID
    provider: Provider
    since_at: datetime
    until_at: datetime
    lines: int
    new_lines: int
    matched: int
    open_since_at: datetime
    actor_id: UUID | None
    at: datetime


class Pair(Struct, frozen=True):
    """A line and the transfer that it is about."""

    line: FileLine
    booked: BookLine


class Compared(Struct, frozen=True):
    """Every line and every transfer is in exactly one pair or difference."""

    pairs: list[Pair]
    differences: list[Difference]


def compare(lines: Iterable[FileLine], booked: Iterable[BookLine]) -> Compared:
    """Pair what is the same, oldest first; of the rest of a charge say that the amount differs."""
    there, here = _grouped(lines), _grouped(booked)
    pairs: list[Pair] = []
    differences: list[Difference] = []
    for group in sorted(there.keys() | here.keys(), key=str):
        same, left, right = _same(there[group], here[group])
        pairs += same
        differing = min(len(left), len(right)) if group[1] is not None else 0
        differences += [
            Difference(kind=Kind.AMOUNT_DIFFERS, line=line, booked=ours)
            for line, ours in zip(left[:differing], right[:differing], strict=True)
        ]
        differences += [Difference(kind=Kind.MISSING_HERE, line=line) for line in left[differing:]]
        differences += [
            Difference(kind=Kind.MISSING_THERE, booked=ours) for ours in right[differing:]
        ]
    return Compared(pairs, sorted(differences, key=_age))


_Group = tuple[Provider, str | None, Moved, str]
L = TypeVar("L", FileLine, BookLine)


def _grouped(lines: Iterable[L]) -> defaultdict[_Group, list[L]]:
    groups: defaultdict[_Group, list[L]] = defaultdict(list)
    for line in lines:
        groups[line.provider, line.charge_id, line.moved, line.currency].append(line)
    return groups


def _same(
    lines: Sequence[FileLine], booked: Sequence[BookLine]
) -> tuple[list[Pair], list[FileLine], list[BookLine]]:
    """The pairs of one group, and what is left of either side, each oldest first."""
    waiting: defaultdict[int, list[BookLine]] = defaultdict(list)
    for ours in sorted(booked, key=lambda b: (b.at, b.transfer_id), reverse=True):
        waiting[ours.amount_minor].append(ours)
    pairs: list[Pair] = []
    alone: list[FileLine] = []
    for line in sorted(lines, key=lambda each: (each.at, each.id)):
        if line.charge_id is not None and waiting[line.amount_minor]:
            pairs.append(Pair(line, waiting[line.amount_minor].pop()))
        else:
            alone.append(line)
    rest = [ours for left in waiting.values() for ours in left]
    return pairs, alone, sorted(rest, key=lambda b: (b.at, b.transfer_id))


def _age(difference: Difference) -> tuple[datetime, str]:
    either = difference.either
    return either.at, either.id if isinstance(either, FileLine) else str(either.transfer_id)
