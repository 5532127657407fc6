"""What the parts of an order were paid for, to the unit, and who bears what is given back. Pure.

An order is cut into units: each piece of each line, and each fee. A unit has a net price, after its
part of the discount, and its part of the tax. All units together are the total, so that giving them
back one after another, in whatever order, comes to exactly what was paid.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, Protocol

from msgspec import Struct

from tawsil.kernel.decisions import Refusal, refuse
from tawsil.kernel.money import split
from tawsil.ordering.amounts import Amounts

WHOLE_BP: Final = 10_000


class Fee(StrEnum):
    DELIVERY = "delivery"
    SERVICE = "service"
    SMALL_ORDER = "small_order"
    TIP = "tip"


class Scope(StrEnum):
    WHOLE = "whole"
    ITEMS = "items"
    AMOUNT = "amount"


class Unit(Struct, frozen=True):
    """The least that can be given back of an order."""

    net_minor: int
    tax_minor: int


class Parts(Struct, frozen=True, kw_only=True):
    """An order in units: `lines` by position, then piece by piece; fees that were charged."""

    lines: tuple[tuple[Unit, ...], ...]
    fees: Mapping[Fee, Unit]


class Sold(Protocol):
    """A line as it was sold: the price of all its pieces before its discount, and its tax."""

    @property
    def total_minor(self) -> int: ...
    @property
    def discount_minor(self) -> int: ...
    @property
    def tax_minor(self) -> int: ...
    @property
    def quantity(self) -> int: ...


class Pieces(Struct, frozen=True):
    """So many of the line at a position, counted from 0 as the order lists them."""

    position: int
    quantity: int


class Ask(Struct, frozen=True, kw_only=True):
    """What is asked back: everything that is left, some pieces and fees, or an amount."""

    scope: Scope
    pieces: tuple[Pieces, ...] = ()
    fees: tuple[Fee, ...] = ()
    amount_minor: int = 0


class Back(Struct, frozen=True, kw_only=True):
    """What is given back: `amount_minor` holds the tax, `items_minor` what is for items of it."""

    amount_minor: int = 0
    tax_minor: int = 0
    items_minor: int = 0
    pieces: tuple[Pieces, ...] = ()
    fees: tuple[Fee, ...] = ()

    def __post_init__(self) -> None:
        assert 0 <= self.tax_minor <= self.amount_minor
        assert 0 <= self.items_minor <= self.net_minor

    @property
    def net_minor(self) -> int:
        return self.amount_minor - self.tax_minor


class Bearers(Struct, frozen=True, kw_only=True):
    """Who bears how much of what is given back, in parts of ten thousand."""

    merchant_bp: int = 0
    courier_bp: int = 0
    platform_bp: int = 0

    @property
    def whole(self) -> bool:
        parts = (self.merchant_bp, self.courier_bp, self.platform_bp)
        return min(parts) >= 0 and sum(parts) == WHOLE_BP


class Borne(Struct, frozen=True, kw_only=True):
    """The same as amounts. The state gives back its tax, the platform its commission."""

    merchant_minor: int = 0
    courier_minor: int = 0
    platform_minor: int = 0
    tax_minor: int = 0

    @property
    def total_minor(self) -> int:
        return self.merchant_minor + self.courier_minor + self.platform_minor + self.tax_minor


def parts_of(amounts: Amounts, lines: Sequence[Sold]) -> Parts:
    """An order's units. Tax that is in the prices is taken out of them."""
    taxes, fee_taxes = _taxes(amounts, lines)
    taken = taxes if amounts.tax_included else [0] * len(lines)
    nets = [
        line.total_minor - line.discount_minor - in_it
        for line, in_it in zip(lines, taken, strict=True)
    ]
    fees = {
        Fee.DELIVERY: amounts.delivery_fee_minor - _off_delivery(amounts, lines),
        Fee.SERVICE: amounts.service_fee_minor,
        Fee.SMALL_ORDER: amounts.small_order_fee_minor,
    }
    parts = Parts(
        lines=tuple(
            tuple(map(Unit, _even(net, line.quantity), _even(tax, line.quantity)))
            for net, tax, line in zip(nets, taxes, lines, strict=True)
        ),
        fees={
            **{
                fee: Unit(minor - (fee_taxes[fee] if amounts.tax_included else 0), fee_taxes[fee])
                for fee, minor in fees.items()
            },
            Fee.TIP: Unit(amounts.tip_minor, 0),
        },
    )
    assert _sum(parts) == amounts.total_minor, "the units are the whole order"
    return parts


def _taxes(amounts: Amounts, lines: Sequence[Sold]) -> tuple[list[int], dict[Fee, int]]:
    """The tax on each line and each fee; what an older order does not say is in proportion."""
    on_lines = [line.tax_minor for line in lines]
    on_fees = amounts.tax_minor - sum(on_lines) - amounts.delivery_tax_minor
    other = [amounts.service_fee_minor, amounts.small_order_fee_minor]
    known = any(on_lines) or amounts.delivery_tax_minor
    if known or not on_fees or not lines:
        service, small = _in_parts(on_fees, other)
        delivery = amounts.delivery_tax_minor
    else:
        prices = [line.total_minor - line.discount_minor for line in lines]
        way = amounts.delivery_fee_minor - _off_delivery(amounts, lines)
        *on_lines, delivery, service, small = _in_parts(on_fees, [*prices, way, *other])
    return on_lines, {Fee.DELIVERY: delivery, Fee.SERVICE: service, Fee.SMALL_ORDER: small}


def _off_delivery(amounts: Amounts, lines: Sequence[Sold]) -> int:
    return amounts.discount_minor - sum(line.discount_minor for line in lines)


def give_back(ask: Ask, amounts: Amounts, parts: Parts, *, given: Sequence[Back]) -> Back | Refusal:
    """What an ask comes to, after what was given back before."""
    left = _left(amounts, parts, given)
    match ask.scope:
        case Scope.WHOLE:
            found = left
        case Scope.ITEMS:
            found = _chosen(ask, parts, left=left)
        case Scope.AMOUNT:
            found = _in_proportion(ask.amount_minor, left)
    if isinstance(found, Refusal):
        return found
    if not 0 < found.amount_minor <= left.amount_minor:
        return refuse(
            "refund.amount_exceeded",
            status=409,
            amount_minor=found.amount_minor,
            most_minor=left.amount_minor,
        )
    return _within(found, left)


def borne(back: Back, amounts: Amounts, parts: Parts, *, by: Bearers) -> Borne:
    """Divide what is given back among those who bear it.

    A merchant gives back what it got for an item, at most what the customer paid for it: the rest
    is the platform's to return, which kept it as its commission.
    """
    assert by.whole, "somebody bears every part"
    net_minor = back.net_minor
    merchant, courier, platform = split(net_minor, [by.merchant_bp, by.courier_bp, by.platform_bp])
    commission = 0
    whole_minor = sold_minor(parts)
    if merchant and whole_minor:
        of_items = min(merchant, round_half_up(merchant * back.items_minor, net_minor))
        got = round_half_up(of_items * max(0, amounts.merchant_minor), whole_minor)
        commission = of_items - min(of_items, got)
    shared = Borne(
        merchant_minor=merchant - commission,
        courier_minor=courier,
        platform_minor=platform + commission,
        tax_minor=back.tax_minor,
    )
    assert shared.total_minor == back.amount_minor, "somebody bears every unit"
    return shared


def round_half_up(numerator: int, denominator: int) -> int:
    """Of amounts that are not negative."""
    return (2 * numerator + denominator) // (2 * denominator)


def _chosen(ask: Ask, parts: Parts, *, left: Back) -> Back | Refusal:
    units: list[Unit] = []
    items_minor = 0
    left_of = {pieces.position: pieces.quantity for pieces in left.pieces}
    for pieces in _merged(ask.pieces):
        most = left_of.get(pieces.position, 0)
        if pieces.quantity > most:
            return refuse(
                "refund.items_gone",
                status=409,
                position=pieces.position,
                quantity=pieces.quantity,
                left=most,
            )
        line = parts.lines[pieces.position]
        first = len(line) - most
        chosen = line[first : first + pieces.quantity]
        units += chosen
        items_minor += sum(unit.net_minor for unit in chosen)
    for fee in dict.fromkeys(ask.fees):
        if fee not in left.fees:
            return refuse("refund.fee_gone", status=409, fee=fee.value)
        units.append(parts.fees[fee])
    tax_minor = sum(unit.tax_minor for unit in units)
    return Back(
        amount_minor=sum(unit.net_minor for unit in units) + tax_minor,
        tax_minor=tax_minor,
        items_minor=items_minor,
        pieces=_merged(ask.pieces),
        fees=tuple(dict.fromkeys(ask.fees)),
    )


def _left(amounts: Amounts, parts: Parts, given: Sequence[Back]) -> Back:
    gone = _counts([pieces for back in given for pieces in back.pieces])
    for_items_minor = sold_minor(parts)
    amount_minor = amounts.total_minor - sum(back.amount_minor for back in given)
    tax_minor = amounts.tax_minor - sum(back.tax_minor for back in given)
    assert amount_minor >= tax_minor >= 0, "no more was given back than was paid"
    gone_fees = {fee for back in given for fee in back.fees}
    return Back(
        amount_minor=amount_minor,
        tax_minor=tax_minor,
        items_minor=min(
            amount_minor - tax_minor, for_items_minor - sum(back.items_minor for back in given)
        ),
        pieces=tuple(
            Pieces(position, len(line) - gone.get(position, 0))
            for position, line in enumerate(parts.lines)
            if len(line) > gone.get(position, 0)
        ),
        fees=tuple(
            fee for fee, unit in parts.fees.items() if unit.net_minor and fee not in gone_fees
        ),
    )


def _in_proportion(amount_minor: int, left: Back) -> Back:
    """An amount, with as much tax and as much for items in it as in what is left."""
    if not 0 < amount_minor <= left.amount_minor:
        return Back(amount_minor=max(0, amount_minor))
    tax_minor = round_half_up(amount_minor * left.tax_minor, left.amount_minor)
    net_minor = amount_minor - tax_minor
    items_minor = (
        round_half_up(net_minor * left.items_minor, left.net_minor) if left.net_minor else 0
    )
    return Back(amount_minor=amount_minor, tax_minor=tax_minor, items_minor=items_minor)


def _within(back: Back, left: Back) -> Back:
    """An amount may have been given back of a whole before: there is no more tax than is left."""
    tax_minor = max(back.amount_minor - left.net_minor, min(back.tax_minor, left.tax_minor))
    net_minor = back.amount_minor - tax_minor
    return Back(
        amount_minor=back.amount_minor,
        tax_minor=tax_minor,
        items_minor=min(back.items_minor, left.items_minor, net_minor),
        pieces=back.pieces,
        fees=back.fees,
    )


def sold_minor(parts: Parts) -> int:
    """What was paid for all items, before tax."""
    return sum(unit.net_minor for line in parts.lines for unit in line)


def _even(total_minor: int, count: int) -> list[int]:
    return split(total_minor, [1] * count)


def _in_parts(total_minor: int, weights: Sequence[int]) -> list[int]:
    return split(total_minor, weights) if total_minor else [0] * len(weights)


def _merged(pieces: Sequence[Pieces]) -> tuple[Pieces, ...]:
    return tuple(Pieces(position, count) for position, count in _counts(pieces).items())


def _counts(pieces: Sequence[Pieces]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for one in pieces:
        counts[one.position] = counts.get(one.position, 0) + one.quantity
    return counts


def _sum(parts: Parts) -> int:
    units = [unit for line in parts.lines for unit in line] + list(parts.fees.values())
    return sum(unit.net_minor + unit.tax_minor for unit in units)
