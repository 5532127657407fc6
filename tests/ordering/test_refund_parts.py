"""What an order's parts were paid for, and who bears what is given back: to the unit."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tawsil.kernel.decisions import Refusal
from tawsil.kernel.money import share
from tawsil.ordering.model import Amounts
from tawsil.ordering.refunds.parts import (
    WHOLE_BP,
    Ask,
    Back,
    Bearers,
    Fee,
    Parts,
    Pieces,
    Scope,
    borne,
    give_back,
    parts_of,
)

Lines = Sequence[tuple[int, int]]
minor = st.integers(0, 5_000)
lines_of = st.lists(st.tuples(minor, st.integers(1, 5)), min_size=1, max_size=5)
bearers = st.tuples(st.integers(0, WHOLE_BP), st.integers(0, WHOLE_BP)).map(
    lambda cuts: Bearers(
        merchant_bp=min(cuts),
        courier_bp=max(cuts) - min(cuts),
        platform_bp=WHOLE_BP - max(cuts),
    )
)


@st.composite
def orders(draw: Any) -> tuple[Amounts, Lines]:
    """Any order that a quote may have made: a discount is not more than what it is on."""
    lines = draw(lines_of)
    subtotal = sum(price for price, _ in lines)
    delivery, service, small, tip = (draw(minor) for _ in range(4))
    discount = draw(st.integers(0, subtotal + delivery))
    taxable = subtotal + delivery + service + small - discount
    tax = share(taxable, basis_points=draw(st.integers(0, 2_000)))
    total = taxable + tax + tip
    merchant = subtotal - share(subtotal, basis_points=draw(st.integers(0, 5_000)))
    amounts = Amounts(
        currency="AED",
        subtotal_minor=subtotal,
        delivery_fee_minor=delivery,
        service_fee_minor=service,
        small_order_fee_minor=small,
        discount_minor=discount,
        tax_minor=tax,
        tip_minor=tip,
        total_minor=total,
        merchant_minor=merchant,
        courier_minor=tip,
        platform_minor=total - tax - merchant - tip,
    )
    return amounts, lines


@st.composite
def asks(draw: Any, lines: Lines) -> Ask:
    scope = draw(st.sampled_from([Scope.ITEMS, Scope.ITEMS, Scope.AMOUNT, Scope.WHOLE]))
    pieces = st.builds(
        Pieces,
        st.integers(0, len(lines)),
        st.integers(1, 4),
    )
    return Ask(
        scope=scope,
        pieces=tuple(draw(st.lists(pieces, max_size=3))),
        fees=tuple(draw(st.lists(st.sampled_from(Fee), max_size=2))),
        amount_minor=draw(st.integers(-5, 9_000)),
    )


def every_piece(parts: Parts) -> list[Ask]:
    """Each piece by itself, and each fee."""
    pieces = [
        Ask(scope=Scope.ITEMS, pieces=(Pieces(position, 1),))
        for position, line in enumerate(parts.lines)
        for _ in line
    ]
    return [*pieces, *(Ask(scope=Scope.ITEMS, fees=(fee,)) for fee in parts.fees)]


@given(order=orders(), at_random=st.randoms(use_true_random=False))
def test_all_pieces_one_after_another_are_the_whole(
    order: tuple[Amounts, Lines], at_random: Any
) -> None:
    amounts, lines = order
    parts = parts_of(amounts, lines)
    each = every_piece(parts)
    at_random.shuffle(each)
    back: list[Back] = []
    for ask in each:
        one = give_back(ask, amounts, parts, given=back)
        if isinstance(one, Refusal):  # it cost nothing
            assert one.code in {"refund.amount_exceeded", "refund.fee_gone"}
            continue
        back.append(one)
    assert sum(one.amount_minor for one in back) == amounts.total_minor
    assert sum(one.tax_minor for one in back) == amounts.tax_minor


@settings(max_examples=300)
@given(order=orders(), data=st.data())
def test_never_more_than_was_paid_whatever_is_asked(
    order: tuple[Amounts, Lines], data: st.DataObject
) -> None:
    amounts, lines = order
    parts = parts_of(amounts, lines)
    back: list[Back] = []
    for ask in data.draw(st.lists(asks(lines), max_size=8)):
        one = give_back(ask, amounts, parts, given=back)
        if isinstance(one, Refusal):
            continue
        assert one.amount_minor > 0
        back.append(one)
        assert sum(b.amount_minor for b in back) <= amounts.total_minor
        assert sum(b.tax_minor for b in back) <= amounts.tax_minor
        for position, line in enumerate(parts.lines):
            gone = sum(p.quantity for b in back for p in b.pieces if p.position == position)
            assert gone <= len(line)
    rest = give_back(Ask(scope=Scope.WHOLE), amounts, parts, given=back)
    if isinstance(rest, Back):
        back.append(rest)
    assert sum(b.amount_minor for b in back) == amounts.total_minor
    assert sum(b.tax_minor for b in back) == amounts.tax_minor


@given(order=orders(), by=bearers, data=st.data())
def test_somebody_bears_every_unit_and_the_state_its_tax(
    order: tuple[Amounts, Lines], by: Bearers, data: st.DataObject
) -> None:
    amounts, lines = order
    back = give_back(data.draw(asks(lines)), amounts, parts_of(amounts, lines), given=[])
    if isinstance(back, Refusal):
        return
    shared = borne(back, amounts, by=by)
    assert shared.total_minor == back.amount_minor
    assert shared.tax_minor == back.tax_minor
    assert min(shared.merchant_minor, shared.courier_minor, shared.platform_minor) >= 0
    assert shared.courier_minor <= share(back.net_minor, basis_points=by.courier_bp) + 1


PLAIN = Amounts(
    currency="AED",
    subtotal_minor=5_000,
    delivery_fee_minor=500,
    service_fee_minor=250,
    small_order_fee_minor=0,
    discount_minor=1_000,
    tax_minor=238,
    tip_minor=300,
    total_minor=5_288,
    merchant_minor=4_000,
    courier_minor=700,
    platform_minor=350,
)


def test_an_item_goes_back_less_its_discount_with_its_tax() -> None:
    parts = parts_of(PLAIN, [(3_000, 2), (2_000, 1)])
    one = give_back(Ask(scope=Scope.ITEMS, pieces=(Pieces(0, 1),)), PLAIN, parts, given=[])
    assert isinstance(one, Back)
    assert one.net_minor == 1_200  # half of 3,000 less 3/5 of the discount
    assert one.tax_minor == 60  # half of 120.3, the part of 238 on 2,400 of 4,750
    assert one.items_minor == 1_200


def test_a_merchant_gives_back_what_it_got_and_the_platform_its_commission() -> None:
    back = Back(amount_minor=1_260, tax_minor=60, items_minor=1_200)
    shared = borne(back, PLAIN, by=Bearers(merchant_bp=WHOLE_BP))
    assert (shared.merchant_minor, shared.platform_minor) == (960, 240)
    assert (shared.courier_minor, shared.tax_minor) == (0, 60)


def test_what_is_gone_is_named() -> None:
    parts = parts_of(PLAIN, [(3_000, 2), (2_000, 1)])
    both = Ask(scope=Scope.ITEMS, pieces=(Pieces(0, 1), Pieces(0, 1)))
    first = give_back(both, PLAIN, parts, given=[])
    assert isinstance(first, Back)
    assert first.pieces == (Pieces(0, 2),)
    again = give_back(both, PLAIN, parts, given=[first])
    assert isinstance(again, Refusal)
    assert (again.code, again.detail["left"]) == ("refund.items_gone", 0)
