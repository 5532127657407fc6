from decimal import Decimal
from fractions import Fraction

import pytest
from babel.numbers import get_currency_precision
from hypothesis import given
from hypothesis import strategies as st

from tawsil.kernel.money import Money, digits, included, major, share, split

amounts = st.integers(-(10**12), 10**12)
weights = st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(any)


@given(total=amounts, weights=weights)
def test_a_split_adds_up_and_nobody_is_off_by_a_whole_unit(total: int, weights: list[int]) -> None:
    parts = split(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < 1
        assert weight or not part, "who has no share gets nothing"


@given(total=st.integers(0, 10**9), count=st.integers(1, 20))
def test_equal_shares_differ_by_one_at_most_and_the_earlier_get_more(
    total: int, count: int
) -> None:
    parts = split(total, [1] * count)
    assert max(parts) - min(parts) <= 1
    assert parts == sorted(parts, reverse=True)


@pytest.mark.parametrize("wrong", [[], [0], [0, 0], [1, -1], [3, -1]])
def test_a_split_needs_somebody_to_split_between(wrong: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        split(100, wrong)


@given(amount=amounts, basis_points=st.integers(0, 10_000))
def test_a_share_is_nearest_and_halves_go_away_from_zero(amount: int, basis_points: int) -> None:
    exact = Fraction(amount * basis_points, 10_000)
    got = share(amount, basis_points=basis_points)
    assert abs(got - exact) <= Fraction(1, 2)
    if abs(got - exact) == Fraction(1, 2):
        assert abs(got) > abs(exact)
    assert share(-amount, basis_points=basis_points) == -got


def test_currencies_do_not_mix() -> None:
    assert Money(2, "AED") + Money(3, "AED") - Money(1, "AED") == Money(4, "AED")
    with pytest.raises(ValueError, match="cannot combine AED with QAR"):
        Money(1, "AED") + Money(1, "QAR")
    for code in ("aed", "AE", "AEDX", "", "ÄED"):
        with pytest.raises(ValueError, match="ISO 4217"):
            Money(1, code)


@given(net=st.integers(0, 10**12), basis_points=st.integers(0, 10_000))
def test_what_was_added_is_found_again(net: int, basis_points: int) -> None:
    tax = share(net, basis_points=basis_points)
    assert included(net + tax, basis_points=basis_points) == tax
    assert included(-net - tax, basis_points=basis_points) == -tax


@given(amount=amounts, basis_points=st.integers(0, 10_000))
def test_what_is_included_is_nearest_and_halves_go_away_from_zero(
    amount: int, basis_points: int
) -> None:
    exact = Fraction(amount * basis_points, 10_000 + basis_points)
    got = included(amount, basis_points=basis_points)
    assert abs(got - exact) <= Fraction(1, 2)
    if abs(got - exact) == Fraction(1, 2):
        assert abs(got) > abs(exact)


def test_an_amount_has_the_digits_of_its_currency() -> None:
    assert major(2_350, "AED") == Decimal("23.50")
    assert major(-1_005, "KWD") == Decimal("-1.005")
    assert f"{major(500, 'JPY'):f}" == "500"
    assert f"{major(-5, 'BHD'):f}" == "-0.005"
    for currency in ("AED", "SAR", "EUR", "JOD", "KWD", "BHD", "OMR", "TND", "JPY", "KRW"):
        assert digits(currency) == get_currency_precision(currency)
    assert digits("IQD") == 3, "the law counts fils, though nobody else does"
