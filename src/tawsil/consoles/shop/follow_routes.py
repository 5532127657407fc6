"""Following an order by a link: for people without an account."""

from datetime import datetime
from typing import Final
from uuid import UUID

from litestar import Response, get
from litestar.params import FromPath, FromQuery
from msgspec import Struct

from tawsil.consoles.assets import Asked
from tawsil.consoles.own_api import answered, ask_as_caller
from tawsil.consoles.pages import HTML, fragment, stamp
from tawsil.consoles.shop.frame import shop_page, visit_of
from tawsil.consoles.shop.orders import LIVE, Sighting, Step, steps
from tawsil.kernel.http import PUBLIC, not_found
from tawsil.kernel.i18n import current_locale
from tawsil.kernel.places import Place


class Taken(Struct, frozen=True, kw_only=True):
    placed_at: datetime
    accepted_at: datetime | None
    ready_at: datetime | None
    picked_up_at: datetime | None
    delivered_at: datetime | None


class Followed(Struct, frozen=True, kw_only=True):
    """An order as whoever has a link sees it."""

    number: int
    status: str
    city_id: UUID
    pickup: Place
    timezone: str
    merchant_name_en: str
    merchant_name_ar: str
    steps: Taken
    scheduled_for: datetime | None
    expected_at: datetime | None
    expected_by_at: datetime | None
    courier_name: str | None
    courier: Sighting | None
    until_at: datetime

    @property
    def merchant(self) -> str:
        return self.merchant_name_ar if current_locale.get() == "ar" else self.merchant_name_en

    @property
    def live(self) -> bool:
        return self.status in LIVE

    @property
    def way(self) -> list[Step]:
        return steps(self.steps, self.status)


@get("/track/{token:str}", opt={"rule": PUBLIC}, include_in_schema=False)
async def follow(
    request: Asked, token: FromPath[str], part: FromQuery[str | None] = None
) -> Response[str]:
    """No account is asked for, and nothing is said about whose order it is."""
    answer = await ask_as_caller(request, "GET", f"/v4/track/{token}")
    if answer.status_code in {400, 404}:
        raise not_found()
    followed = answered(answer, Followed)
    if part:
        body = fragment("shop/_followed.html", followed=followed, stamp=stamp)
        return Response(body, media_type=HTML, headers={"Cache-Control": "no-store"})
    visit = await visit_of(request)
    here = f"/track/{token}"
    return shop_page(request, visit, "shop/track.html", here=here, followed=followed, stamp=stamp)


pages: Final = [follow]
