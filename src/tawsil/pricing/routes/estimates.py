"""Delivery estimates over HTTP: open to everybody, as menus are."""

from typing import Annotated, Any, Final
from uuid import UUID

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Struct

from tawsil.kernel.db import Database
from tawsil.kernel.http import PUBLIC, SEARCH, Envelope, envelope
from tawsil.kernel.i18n import text
from tawsil.kernel.places import Place
from tawsil.pricing.model.fees import DeliveryFeeParts
from tawsil.pricing.service import estimates
from tawsil.pricing.service.estimates import Estimate

MOST: Final = 100


class EstimateView(Struct, frozen=True, kw_only=True):
    """Half of all deliveries are there after `usual_s`, nine of ten by `latest_s`, as it looks now.

    Where nothing can be brought there, `refused` is the code of the reason and `because` says it.
    """

    merchant_id: UUID
    delivers: bool
    refused: str | None
    because: str | None
    distance_m: int
    currency: str
    delivery_fee_minor: int
    delivery_fee_parts: DeliveryFeeParts
    free_from_minor: int | None
    """From this subtotal on the delivery costs nothing, where the city has it so."""
    usual_s: int
    latest_s: int

    @classmethod
    def of(cls, found: Estimate) -> "EstimateView":
        refusal = found.refusal
        return cls(
            merchant_id=found.merchant_id,
            delivers=refusal is None,
            refused=refusal.code if refusal else None,
            because=text(refusal.code, params=refusal.detail) if refusal else None,
            distance_m=found.distance_m,
            currency=found.currency,
            delivery_fee_minor=found.fee.fee_minor,
            delivery_fee_parts=found.fee,
            free_from_minor=found.free_from_minor,
            usual_s=found.usual_s,
            latest_s=found.latest_s,
        )


@get(
    "/v4/delivery-estimates",
    opt={"rule": PUBLIC, "limit": SEARCH},
    tags=["Quotes"],
    summary="What a delivery would cost and take",
)
async def show_estimates(
    merchant_ids: Annotated[list[UUID], QueryParameter(min_items=1, max_items=MOST)],
    latitude: Annotated[float, QueryParameter(ge=-90, le=90)],
    longitude: Annotated[float, QueryParameter(ge=-180, le=180)],
    database: NamedDependency[Database],
) -> Envelope[list[EstimateView]]:
    """For up to a hundred merchants and one address, in order; those that do not exist are left
    out. Nothing is promised: a quote of your basket binds.
    """
    async with database.transaction() as tx:
        found = await estimates.estimate(
            tx, merchant_ids=merchant_ids, to=Place(latitude, longitude)
        )
    return envelope([EstimateView.of(one) for one in found])


routes: Final[list[Any]] = [show_estimates]
