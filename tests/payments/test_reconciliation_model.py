"""Comparing an acquirer's file with the books: nothing is overlooked, nothing is counted twice."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tawsil.payments.events import Provider
from tawsil.payments.model.reconciliation import (
    BookLine,
    Compared,
    FileLine,
    Kind,
    Moved,
    compare,
)

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
moments = st.integers(0, 5).map(lambda hours: NOON + timedelta(hours=hours))
charges = st.sampled_from(["ch_1", "ch_2", "ch_3"])
moved = st.sampled_from([Moved.CHARGE, Moved.REFUND])
amounts = st.integers(-3, 3)
currencies = st.sampled_from(["AED", "JOD"])
file_lines = st.lists(
    st.builds(
        FileLine,
        provider=st.just(Provider.STRIPE),
        id=st.integers(0, 10_000).map(str),
        moved=moved,
        charge_id=st.none() | charges,
        amount_minor=amounts,
        currency=currencies,
        at=moments,
    ),
    max_size=12,
    unique_by=lambda line: line.id,
)
book_lines = st.lists(
    st.builds(
        BookLine,
        provider=st.just(Provider.STRIPE),
        transfer_id=st.uuids(),
        reference_id=st.uuids(),
        moved=moved,
        charge_id=st.none() | charges,
        amount_minor=amounts,
        currency=currencies,
        at=moments,
    ),
    max_size=12,
    unique_by=lambda line: line.transfer_id,
)


def _counted(compared: Compared) -> tuple[list[str], list[UUID]]:
    lines = [pair.line.id for pair in compared.pairs]
    lines += [found.line.id for found in compared.differences if found.line]
    booked = [pair.booked.transfer_id for pair in compared.pairs]
    booked += [found.booked.transfer_id for found in compared.differences if found.booked]
    return sorted(lines), sorted(booked)


@given(lines=file_lines, booked=book_lines, seed=st.integers())
def test_each_line_and_each_transfer_is_found_once_whatever_their_order(
    lines: list[FileLine], booked: list[BookLine], seed: int
):
    compared = compare(lines, booked)
    assert _counted(compared) == (
        sorted(line.id for line in lines),
        sorted(ours.transfer_id for ours in booked),
    )
    assert all(p.line.amount_minor == p.booked.amount_minor for p in compared.pairs)
    assert all(p.line.charge_id == p.booked.charge_id is not None for p in compared.pairs)
    assert _sums(compared) == _sum(lines, booked)
    shuffled = Random(seed)
    again = compare(shuffled.sample(lines, len(lines)), shuffled.sample(booked, len(booked)))
    assert again == compared


def _sums(compared: Compared) -> dict[str, int]:
    sums: dict[str, int] = {}
    for found in compared.differences:
        currency = found.either.currency
        sums[currency] = sums.get(currency, 0) + found.difference_minor
    return {currency: minor for currency, minor in sums.items() if minor}


def _sum(lines: Sequence[FileLine], booked: Sequence[BookLine]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for line in lines:
        sums[line.currency] = sums.get(line.currency, 0) + line.amount_minor
    for ours in booked:
        sums[ours.currency] = sums.get(ours.currency, 0) - ours.amount_minor
    return {currency: minor for currency, minor in sums.items() if minor}


@given(lines=file_lines)
def test_a_file_that_says_what_the_books_say_leaves_no_difference(lines: list[FileLine]):
    about = [line for line in lines if line.charge_id is not None]
    booked = [
        BookLine(
            provider=line.provider,
            transfer_id=UUID(int=number),
            reference_id=UUID(int=number),
            moved=line.moved,
            charge_id=line.charge_id,
            amount_minor=line.amount_minor,
            currency=line.currency,
            at=line.at + timedelta(minutes=number),
        )
        for number, line in enumerate(about)
    ]
    assert compare(about, booked).differences == []


LINE = FileLine(
    provider=Provider.STRIPE,
    id="txn_1",
    moved=Moved.CHARGE,
    charge_id="ch_1",
    amount_minor=1_000,
    currency="AED",
    at=NOON,
)
OURS = BookLine(
    provider=Provider.STRIPE,
    transfer_id=UUID(int=1),
    reference_id=UUID(int=2),
    moved=Moved.CHARGE,
    charge_id="ch_1",
    amount_minor=1_000,
    currency="AED",
    at=NOON,
)


def test_what_stands_alone_is_missing_on_the_other_side():
    assert [found.kind for found in compare([LINE], []).differences] == [Kind.MISSING_HERE]
    assert [found.kind for found in compare([], [OURS]).differences] == [Kind.MISSING_THERE]


def test_another_amount_for_the_same_charge_is_one_difference():
    (found,) = compare([replace(LINE, amount_minor=990)], [OURS]).differences
    assert (found.kind, found.difference_minor) == (Kind.AMOUNT_DIFFERS, -10)


def test_nothing_is_the_same_across_currencies_providers_or_directions():
    for other in (
        replace(OURS, currency="JOD"),
        replace(OURS, provider=Provider.DIRECT),
        replace(OURS, moved=Moved.REFUND),
        replace(OURS, charge_id="ch_2"),
    ):
        kinds = {found.kind for found in compare([LINE], [other]).differences}
        assert kinds == {Kind.MISSING_HERE, Kind.MISSING_THERE}
