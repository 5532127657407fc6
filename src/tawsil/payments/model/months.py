"""What a month brought, by account and by kind of transfer, and whether it may be closed: pure."""

from datetime import UTC, date, datetime

from msgspec import Struct

from tawsil.kernel.decisions import Refusal, refuse
from tawsil.payments.events import AccountKind
from tawsil.payments.model.ledger import TransferKind


class AccountTotals(Struct, frozen=True, kw_only=True):
    """All accounts of a kind: how they stood, what came and went, and how they stand.

    Above zero is owed by the platform, below zero is owed to it.
    """

    kind: AccountKind
    currency: str
    opening_minor: int
    in_minor: int
    out_minor: int

    @property
    def closing_minor(self) -> int:
        return self.opening_minor + self.in_minor - self.out_minor


class TransferTotals(Struct, frozen=True, kw_only=True):
    """All transfers of a kind: how many, and how much they moved."""

    kind: TransferKind
    currency: str
    count: int
    moved_minor: int


class MonthReport(Struct, frozen=True, kw_only=True):
    """A calendar month in UTC. What is open are differences with acquirers up to its end."""

    month: date
    accounts: tuple[AccountTotals, ...]
    transfers: tuple[TransferTotals, ...]
    open_differences: int

    def __post_init__(self) -> None:
        for currency in {totals.currency for totals in self.accounts}:
            of_it = [totals for totals in self.accounts if totals.currency == currency]
            assert sum(totals.opening_minor for totals in of_it) == 0, "books add up at the start"
            assert sum(totals.closing_minor for totals in of_it) == 0, "books add up at the end"


def bounds(month: date) -> tuple[datetime, datetime]:
    """From the first instant of a month to the first of the next."""
    assert month.day == 1, "a month is named by its first day"
    after = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return (
        datetime(month.year, month.month, 1, tzinfo=UTC),
        datetime(after.year, after.month, 1, tzinfo=UTC),
    )


def may_close(report: MonthReport, *, now: datetime) -> Refusal | None:
    """A month is closed when it is over and nothing in it is left to explain."""
    ends_at = bounds(report.month)[1]
    if now < ends_at:
        return refuse("books.month_not_over", ends_at=ends_at)
    if report.open_differences:
        return refuse("books.differences_open", count=report.open_differences)
    return None
