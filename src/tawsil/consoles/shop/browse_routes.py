"""Merchants near me, and looking for something in particular."""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from litestar import Response, get
from litestar.params import FromQuery, QueryParameter
from litestar.response import Redirect
from msgspec import Struct

from tawsil.consoles.access import May
from tawsil.consoles.assets import Asked
from tawsil.consoles.navigation import navigation
from tawsil.consoles.shop import merchants
from tawsil.consoles.shop.frame import Visit, caller_of, shop_page, taken_up_again, visit_of
from tawsil.consoles.shop.merchants import City, Merchant, Shown
from tawsil.kernel.http import PUBLIC, Caller

COURIER: Final = "/courier"
PAGE_SIZE: Final = 48
MOST_AT_ONCE: Final = 100
DISTANCES_M: Final = (1_000, 2_000, 5_000)
RATINGS: Final = (4.0, 4.5)
PRICES: Final = (1, 2, 3)
SORTS: Final = ("best", "time", "fee", "rating", "price")
_BY_API: Final = {"rating": "rating", "price": "price"}
_ESTIMATED: Final[dict[str, Callable[[Shown], int]]] = {
    "time": lambda shown: shown.estimate.usual_s if shown.estimate else 0,
    "fee": lambda shown: shown.estimate.delivery_fee_minor if shown.estimate else 0,
}


class Narrowing(Struct, frozen=True, kw_only=True):
    """The filters, as the address of the page says them."""

    open_now: bool
    within_m: int | None
    rating: float | None
    price: tuple[int, ...]
    cuisine: str | None
    sort: str
    page: int

    @property
    def narrows(self) -> bool:
        wide = not self.open_now and self.within_m is None and self.rating is None
        return not (wide and not self.price and self.cuisine is None)

    def asked(self) -> dict[str, Any]:
        return {
            "open_now": self.open_now or None,
            "open_first": True,
            "min_rating": self.rating,
            "price": list(self.price) or None,
            "cuisine": self.cuisine,
            "sort": _BY_API.get(self.sort),
        }

    def address(self, **changed: Any) -> str:
        """Where the same is shown with something changed; from the first page on."""
        values = {
            "open_now": "true" if self.open_now else None,
            "within_m": self.within_m,
            "rating": self.rating,
            "price": list(self.price) or None,
            "cuisine": self.cuisine,
            "sort": None if self.sort == SORTS[0] else self.sort,
            **changed,
        }
        said = {name: value for name, value in values.items() if value is not None}
        return f"/?{urlencode(said, doseq=True)}" if said else "/"


def home_of(caller: Caller) -> str | None:
    """Where somebody works: the first of their places. A customer is at home in the shop."""
    may = May.of(caller)
    places = navigation(may, here="/")
    if places:
        return places[0][1][0].address
    return COURIER if may.courier else None


@get("/", opt={"rule": PUBLIC}, include_in_schema=False)
async def show_home(
    request: Asked,
    open_now: FromQuery[bool] = False,  # noqa: FBT002 - a query parameter has a name
    within_m: Annotated[int | None, QueryParameter(ge=1, le=100_000)] = None,
    rating: Annotated[float | None, QueryParameter(ge=1, le=5)] = None,
    price: Annotated[list[int] | None, QueryParameter(max_items=3)] = None,
    cuisine: Annotated[str | None, QueryParameter(max_length=40)] = None,
    sort: Annotated[str, QueryParameter(max_length=10)] = SORTS[0],
    page: Annotated[int, QueryParameter(ge=1, le=1_000)] = 1,
) -> Response[Any]:
    """To work, for those who work here; for everybody else what can be had around them."""
    if again := taken_up_again(request):
        return again
    caller = caller_of(request)
    if caller is not None and (home := home_of(caller)):
        return Redirect(home, status_code=303)
    narrowing = Narrowing(
        open_now=open_now,
        within_m=within_m,
        rating=rating,
        price=tuple(level for level in sorted(set(price or ())) if level in PRICES),
        cuisine=cuisine or None,
        sort=sort if sort in SORTS else SORTS[0],
        page=page,
    )
    visit = await visit_of(request)
    known = await merchants.cities(request, visit)
    city = merchants.city_of(visit.address, known) if visit.address else next(iter(known), None)
    around = await _around(request, visit, city, narrowing) if city else _Around()
    return shop_page(
        request,
        visit,
        "shop/home.html",
        narrowing=narrowing,
        city=city,
        cities=known,
        around=around,
        distances=DISTANCES_M,
        ratings=RATINGS,
        prices=PRICES,
        sorts=SORTS if visit.address else ("best", "rating", "price"),
    )


class _Around(Struct, frozen=True, kw_only=True):
    """What is around, as narrowed; `opens_first` where nothing takes orders now."""

    shown: Sequence[Shown] = ()
    too_far: int = 0
    more: bool = False
    cuisines: Sequence[str] = ()
    opens_first: Merchant | None = None


async def _around(request: Asked, visit: Visit, city: City, narrowing: Narrowing) -> _Around:
    by_estimate = _ESTIMATED.get(narrowing.sort)
    reach_m = city.most_delivery_distance_m if visit.address else None
    wide: dict[str, Any] = {
        "city_id": None if visit.address else city.id,
        "max_distance_m": min(filter(None, (reach_m, narrowing.within_m))) if reach_m else None,
        "limit": MOST_AT_ONCE if by_estimate else PAGE_SIZE,
        "page": narrowing.page,
    }
    found = await merchants.merchants(request, visit, **wide, **narrowing.asked())
    every = found
    if narrowing.cuisine is not None or narrowing.page > 1:
        asked = {**wide, **narrowing.asked(), "cuisine": None, "page": 1, "limit": MOST_AT_ONCE}
        every = await merchants.merchants(request, visit, **asked)
    shown = await merchants.with_estimates(request, visit, found)
    near = [one for one in shown if one.delivers]
    if by_estimate is not None:
        near.sort(key=lambda one: (not one.merchant.open, by_estimate(one)))
    opening = [(m.opens_at, m.name, m) for m in (one.merchant for one in near) if m.opens_at]
    return _Around(
        shown=near,
        too_far=len(shown) - len(near),
        more=len(found) == wide["limit"],
        cuisines=sorted({merchant.cuisine for merchant in every}),
        opens_first=min(opening, key=itemgetter(0, 1))[2]
        if opening and not any(one.merchant.open for one in near)
        else None,
    )


@get("/search", opt={"rule": PUBLIC}, include_in_schema=False)
async def show_search(
    request: Asked, q: Annotated[str, QueryParameter(max_length=100)] = ""
) -> Response[Any]:
    """Merchants and dishes, in either language, also mistyped."""
    if again := taken_up_again(request):
        return again
    visit = await visit_of(request)
    sought = q.strip()
    answer = await merchants.search(request, visit, q=sought, limit=40) if sought else None
    every = [*answer.merchants, *[dish.merchant for dish in answer.dishes]] if answer else []
    estimated = await merchants.with_estimates(request, visit, every)
    by_id = {shown.merchant.id: shown for shown in estimated}
    return shop_page(
        request,
        visit,
        "shop/search.html",
        sought=sought,
        answer=answer,
        by_id=by_id,
    )


pages: Final = [show_home, show_search]
