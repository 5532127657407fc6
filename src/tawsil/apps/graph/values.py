"""What things of the graph are made of: ids, words, amounts and their parts."""

from typing import Final, NewType
from uuid import UUID

import strawberry
from graphql import GraphQLError

from tawsil.kernel.i18n import current_locale
from tawsil.pricing import public as pricing

_SAFE: Final = 2**53
MinorUnits = NewType("MinorUnits", int)


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -_SAFE < value < _SAFE:
        raise GraphQLError("Long holds whole numbers of up to 53 bits")
    return value


LONG: Final = strawberry.scalar(
    name="Long",
    description="A whole number of up to 53 bits, as every JSON reader keeps it.",
    serialize=int,
    parse_value=_whole,
)


def as_id(id_: UUID) -> strawberry.ID:
    return strawberry.ID(str(id_))


def localised(en: str, ar: str) -> str:
    return ar if current_locale.get() == "ar" else en


@strawberry.type(description="An amount in minor units (fils, cents) of an ISO 4217 currency.")
class Money:
    minor: MinorUnits
    currency: str


def money(minor: int, currency: str) -> Money:
    return Money(minor=MinorUnits(minor), currency=currency)


@strawberry.type(description="One rate of tax, what it was charged on, and what came of it.")
class TaxLine:
    name: str
    rate_bp: int
    base: Money
    tax: Money

    @classmethod
    def of(cls, line: pricing.TaxLine, *, currency: str) -> "TaxLine":
        return cls(
            name=localised(line.name, line.name_ar),
            rate_bp=line.rate_bp,
            base=money(line.base_minor, currency),
            tax=money(line.tax_minor, currency),
        )


@strawberry.type(description="What a delivery fee is made of, less what is waived.")
class DeliveryFeeParts:
    base: Money
    distance: Money
    zone: Money
    time: Money
    surge: Money
    waived: Money

    @classmethod
    def of(cls, parts: pricing.DeliveryFeeParts, *, currency: str) -> "DeliveryFeeParts":
        return cls(
            base=money(parts.base_minor, currency),
            distance=money(parts.distance_minor, currency),
            zone=money(parts.zone_minor, currency),
            time=money(parts.time_minor, currency),
            surge=money(parts.surge_minor, currency),
            waived=money(parts.waived_minor, currency),
        )
