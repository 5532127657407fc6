"""Why money is given back, and what follows from it: pure."""

from collections.abc import Mapping
from typing import Annotated, Final

from msgspec import Meta, Struct

from tawsil.ordering.refunds.parts import WHOLE_BP, Bearers, Fee

Code = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,63}$(?!\n)", examples=["missing_item"])]


class Reason(Struct, frozen=True, kw_only=True):
    """Who bears what is given back for it, and which fees go back with it.

    `self_service`: within limits a customer gets it at once.
    """

    code: Code
    by: Bearers
    fees: tuple[Fee, ...] = ()
    self_service: bool = False
    active: bool = True


_MERCHANT: Final = Bearers(merchant_bp=WHOLE_BP)
_COURIER: Final = Bearers(courier_bp=WHOLE_BP)
_PLATFORM: Final = Bearers(platform_bp=WHOLE_BP)
_ALL_FEES: Final = tuple(Fee)

OTHER: Final = Reason(code="other", by=_PLATFORM, fees=_ALL_FEES)
DEFAULTS: Final[Mapping[str, Reason]] = {
    reason.code: reason
    for reason in (
        Reason(code="missing_item", by=_MERCHANT, self_service=True),
        Reason(code="wrong_item", by=_MERCHANT),
        Reason(code="quality", by=_MERCHANT),
        Reason(code="late", by=_PLATFORM, fees=(Fee.DELIVERY,)),
        Reason(code="never_arrived", by=_PLATFORM, fees=_ALL_FEES),
        Reason(code="damaged", by=_COURIER, fees=(Fee.DELIVERY,)),
        Reason(code="overcharged", by=_PLATFORM, fees=(Fee.DELIVERY, Fee.SERVICE, Fee.SMALL_ORDER)),
        Reason(code="goodwill", by=_PLATFORM, fees=_ALL_FEES),
        Reason(code="fraud", by=_PLATFORM, fees=_ALL_FEES),
        OTHER,
    )
}
"""What a tenant has that decided nothing else."""
