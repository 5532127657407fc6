"""What the state gets of a price: pure."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from tawsil.geography.public import TaxClass, Taxed, TaxRules
from tawsil.kernel.money import included, share, split


class TaxLine(Struct, frozen=True, kw_only=True):
    """One rate, what it was charged on (net of itself) and what came of it."""

    name: str
    name_ar: str
    rate_bp: Annotated[int, Meta(examples=[500])]
    base_minor: int
    tax_minor: int


class Levy(Struct, frozen=True, kw_only=True):
    """The tax on some amounts: by rate, and on each of them in their order."""

    lines: tuple[TaxLine, ...]
    on_each: tuple[int, ...]

    @property
    def total_minor(self) -> int:
        return sum(self.on_each)


def levy(amounts: Sequence[tuple[TaxClass | Taxed, int]], *, rules: TaxRules) -> Levy:
    """Each rate is applied once to all that it applies to, rounded half away from zero, and what
    comes of it is split over those amounts by largest remainder.
    """
    on_each = [0] * len(amounts)
    lines: list[TaxLine] = []
    for rate in rules.rates:
        concerned = [n for n, (what, _) in enumerate(amounts) if what in rate.applies_to]
        weights = [amounts[n][1] for n in concerned]
        whole = sum(weights)
        if whole == 0:
            continue
        of_whole = included if rules.included else share
        tax = of_whole(whole, basis_points=rate.rate_bp)
        for n, part in zip(concerned, split(tax, weights), strict=True):
            on_each[n] += part
        lines.append(
            TaxLine(
                name=rate.name,
                name_ar=rate.name_ar,
                rate_bp=rate.rate_bp,
                base_minor=whole - tax if rules.included else whole,
                tax_minor=tax,
            )
        )
    levied = Levy(lines=tuple(lines), on_each=tuple(on_each))
    assert levied.total_minor == sum(line.tax_minor for line in lines), "a split adds up"
    return levied
