"""What an order's parts were paid for, and who bears what is given back: to the unit."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from tawsil.kernel.decisions import Refusal
from tawsil.kernel.money import share
from tawsil.ordering.amounts import Amounts
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
from tawsil.pricing.public import TaxLine


class Sold(Struct, frozen=True, kw_only=True):
    total_minor: int
    discount_minor: int
    tax_minor: int
    quantity: int


Lines = Sequence[Sold]
minor = st.integers(0, 5_000)
lines_of = st.lists(st.tuples(minor, st.integers(1, 5)), min_size=1, max_size=5)
bearers = st.tuples(st.integers(0, WHOLE_BP), st.integers(0, WHOLE_BP)).map(
    lambda cuts: Bearers(
        merchant_bp=min(cuts),
        courier_bp=max(cuts) - min(cuts),
        platform_bp=WHOLE_BP - max(cuts),
    )
)


def vat(rate_bp: int, tax_minor: int) -> TaxLine:
    return TaxLine(name="VAT", name_ar="ضريبة", rate_bp=rate_bp, base_minor=0, tax_minor=tax_minor)


@st.composite
def orders(draw: Any) -> tuple[Amounts, list[Sold]]:
    """Any order that a quote may have made, taxed on top or inclusive."""
    sold: list[Sold] = []
    for price, quantity in draw(lines_of):
        off = draw(st.integers(0, price))
        tax = share(price - off, basis_points=draw(st.integers(0, 2_000)))
        sold.append(Sold(total_minor=price, discount_minor=off, tax_minor=tax, quantity=quantity))
    delivery, service, small, tip = (draw(minor) for _ in range(4))
    off_delivery = draw(st.integers(0, delivery))
    rate, included = draw(st.integers(0, 2_000)), draw(st.booleans())
    delivery_tax = share(delivery - off_delivery, basis_points=rate)
    fee_tax = share(service, basis_points=rate) + share(small, basis_points=rate)
    tax = sum(line.tax_minor for line in sold) + delivery_tax + fee_tax
    subtotal = sum(line.total_minor for line in sold)
    discount = sum(line.discount_minor for line in sold) + off_delivery
    total = subtotal + delivery + service + small - discount + tip + (0 if included else tax)
    if not included and draw(st.booleans()):  # as it was before lines told their tax
        sold = [replace(line, tax_minor=0) for line in sold]
        delivery_tax = 0
    merchant = draw(st.integers(0, max(0, total - tax - tip)))
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
        tax_included=included,
        taxes=(vat(rate, tax),),
        delivery_tax_minor=delivery_tax,
    )
    return amounts, sold


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
    parts = parts_of(amounts, lines)
    back = give_back(data.draw(asks(lines)), amounts, parts, given=[])
    if isinstance(back, Refusal):
        return
    shared = borne(back, amounts, parts, by=by)
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
    merchant_minor=3_200,
    courier_minor=700,
    platform_minor=1_150,
    taxes=(vat(500, 238),),
    delivery_tax_minor=25,
)
SOLD = (
    Sold(total_minor=3_000, discount_minor=600, tax_minor=120, quantity=2),
    Sold(total_minor=2_000, discount_minor=400, tax_minor=80, quantity=1),
)
PARTS = parts_of(PLAIN, SOLD)


def test_an_item_goes_back_less_its_discount_with_its_tax() -> None:
    one = give_back(Ask(scope=Scope.ITEMS, pieces=(Pieces(0, 1),)), PLAIN, PARTS, given=[])
    assert isinstance(one, Back)
    assert (one.net_minor, one.tax_minor, one.items_minor) == (1_200, 60, 1_200)


def test_a_merchant_gives_back_what_it_got_and_the_platform_its_commission() -> None:
    back = Back(amount_minor=1_260, tax_minor=60, items_minor=1_200)
    shared = borne(back, PLAIN, PARTS, by=Bearers(merchant_bp=WHOLE_BP))
    assert (shared.merchant_minor, shared.platform_minor) == (960, 240)
    assert (shared.courier_minor, shared.tax_minor) == (0, 60)


def test_a_merchant_gives_back_no_more_than_the_customer_gets() -> None:
    """The platform paid for the discount, so the merchant got more than the customer paid."""
    paid_by_us = replace(PLAIN, merchant_minor=4_500, platform_minor=-150)
    back = Back(amount_minor=1_260, tax_minor=60, items_minor=1_200)
    shared = borne(back, paid_by_us, PARTS, by=Bearers(merchant_bp=WHOLE_BP))
    assert (shared.merchant_minor, shared.platform_minor) == (1_200, 0)


def test_what_is_gone_is_named() -> None:
    both = Ask(scope=Scope.ITEMS, pieces=(Pieces(0, 1), Pieces(0, 1)))
    first = give_back(both, PLAIN, PARTS, given=[])
    assert isinstance(first, Back)
    assert first.pieces == (Pieces(0, 2),)
    again = give_back(both, PLAIN, PARTS, given=[first])
    assert isinstance(again, Refusal)
    assert (again.code, again.detail["left"]) == ("refund.items_gone", 0)
