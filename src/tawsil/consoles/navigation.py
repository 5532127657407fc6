"""Where one can go from a page: what whoever looks at it may do there, grouped by the work it is.

A page that is ready enters itself here, with the word `console.nav.<name>`, and an icon that is
named in `frontend/icons.json`.
"""

from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

from msgspec import Struct

from tawsil.consoles.access import May


class Place(Struct, frozen=True):
    name: str
    address: str
    icon: str
    open_to: Callable[[May], bool]
    of_city: bool = False
    """Whether it shows one city, the one that is looked at already."""


class Group(Struct, frozen=True):
    name: str
    places: tuple[Place, ...]


class Link(Struct, frozen=True):
    name: str
    address: str
    icon: str
    here: bool


OPERATIONS: Final = (
    Place("city", "/city", "map", lambda may: may.city, of_city=True),
    Place("dispatch", "/city/dispatch", "route", lambda may: may.dispatch, of_city=True),
    Place("zones", "/city/zones", "hexagon", lambda may: may.hold, of_city=True),
    Place("tickets", "/tickets", "headset", lambda may: may.tickets),
    Place("refunds", "/refunds", "rotate-ccw", lambda may: may.refunds),
    Place("policies", "/policies", "sliders-horizontal", lambda may: may.assign),
    Place("experiments", "/experiments", "activity", lambda may: may.studies),
    Place("money", "/money", "scale", lambda may: may.books),
)
MERCHANT: Final = (
    Place("board", "/merchant", "clipboard-list", lambda may: may.merchant),
    Place("menu", "/merchant/menu", "utensils", lambda may: may.merchant),
    Place("hours", "/merchant/hours", "clock", lambda may: may.merchant),
    Place("reports", "/merchant/reports", "chart-column", lambda may: may.merchant),
    Place("payouts", "/merchant/payouts", "banknote", lambda may: may.merchant),
)
ADMIN: Final = (
    Place("admin", "/admin", "layout-grid", lambda may: may.admin),
    Place("admin_cities", "/admin/cities", "map-pin", lambda may: may.admin),
    Place("admin_areas", "/admin/areas", "layers", lambda may: may.admin),
    Place("admin_users", "/admin/users", "users", lambda may: may.admin),
    Place("admin_merchants", "/admin/merchants", "store", lambda may: may.admin),
    Place("admin_couriers", "/admin/couriers", "bike", lambda may: may.admin),
    Place("admin_promotions", "/admin/promotions", "tag", lambda may: may.promotions),
    Place("admin_flags", "/admin/flags", "flag", lambda may: may.admin),
    Place("admin_modules", "/admin/modules", "toggle-left", lambda may: may.admin),
    Place("admin_plugins", "/admin/plugins", "puzzle", lambda may: may.admin),
    Place("admin_health", "/admin/health", "activity", lambda may: may.admin),
    Place("admin_tenants", "/admin/tenants", "building-2", lambda may: may.tenants),
)
GROUPS: Final = (
    Group("operations", OPERATIONS),
    Group("merchant", MERCHANT),
    Group("admin", ADMIN),
)


def navigation(may: May, *, here: str) -> list[tuple[str, list[Link]]]:
    """Groups that have something for them, with the place they are at marked."""
    split = urlsplit(here)
    city = parse_qs(split.query).get("city")
    shown = [
        (group.name, [place for place in group.places if place.open_to(may)]) for group in GROUPS
    ]
    at = max(
        (p.address for _, places in shown for p in places if _within(split.path, p.address)),
        key=len,
        default=None,
    )
    return [
        (
            name,
            [
                Link(
                    name=place.name,
                    address=f"{place.address}?{urlencode({'city': city[0]})}"
                    if city and place.of_city
                    else place.address,
                    icon=place.icon,
                    here=place.address == at,
                )
                for place in places
            ],
        )
        for name, places in shown
        if places
    ]


def _within(path: str, address: str) -> bool:
    return path == address or path.startswith(f"{address}/")
