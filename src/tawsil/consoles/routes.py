"""The pages: sign-in, accounts, the live city, an order's story, dispatch, money, the design.

The application's state holds `registry: Registry` and `settings: Settings`, and may hold a
`watch: Watch` to be drawn from instead of the database. Signing in asks the routes of identity, and
the live city listens to those of `kernel.http.live`, of the same application.
"""

from typing import Final

from litestar import Response, Router, get, post
from litestar.response import Redirect

from tawsil.consoles import (
    account_routes,
    admin,
    courier,
    dispatch_routes,
    elsewhere_routes,
    installing,
    mailed_routes,
    maps_routes,
    merchant,
    money_routes,
    sign_in_routes,
)
from tawsil.consoles.assets import Asked, show_asset
from tawsil.consoles.desk.refunds import pages_of_refunds
from tawsil.consoles.desk.tickets import pages_of_tickets
from tawsil.consoles.operations import city_routes, zone_terms, zones
from tawsil.consoles.pages import (
    A_YEAR_S,
    THEME_COOKIE,
    THEMES,
    cookie,
    local_address,
    page,
    show_problem,
)
from tawsil.consoles.shop import routes as shop_routes
from tawsil.consoles.studies.experiments import pages_of_experiments
from tawsil.consoles.studies.policies import pages_of_policies
from tawsil.kernel.http import PUBLIC
from tawsil.kernel.http.errors import as_pages
from tawsil.kernel.http.middleware import LOCALE_COOKIE
from tawsil.kernel.i18n import LOCALES


@post("/preferences", opt={"rule": PUBLIC}, include_in_schema=False, status_code=303)
async def change_preferences(request: Asked) -> Redirect:
    """Remember a language or a theme, and come back."""
    form = await request.form()
    chosen = [
        cookie(request, key, value, max_age=A_YEAR_S)
        for key, field, legal in (
            (LOCALE_COOKIE, "locale", LOCALES),
            (THEME_COOKIE, "theme", THEMES),
        )
        for value in [str(form.get(field, ""))]
        if value in legal
    ]
    after = local_address(str(form.get("next", "")), otherwise="/")
    return Redirect(after, status_code=303, cookies=chosen)


@get("/design", opt={"rule": PUBLIC}, include_in_schema=False, sync_to_thread=False)
def show_design(request: Asked) -> Response[str]:
    """Tokens and components, to look at in both languages and themes."""
    return page(request, "design.html")


_pages: Final = Router(
    path="/",
    route_handlers=[
        *shop_routes.pages,
        *sign_in_routes.pages,
        *elsewhere_routes.pages,
        *mailed_routes.pages,
        *account_routes.pages,
        change_preferences,
        *city_routes.pages,
        *zones.pages,
        *zone_terms.pages,
        *dispatch_routes.pages,
        *money_routes.pages,
        *courier.pages,
        *admin.pages,
        *pages_of_tickets,
        *pages_of_refunds,
        *pages_of_policies,
        *pages_of_experiments,
        *merchant.pages,
        show_design,
    ],
    opt={"own_pages": True},
    exception_handlers=as_pages(show_problem),
)
routes: Final = [
    _pages,
    *city_routes.parts,
    *dispatch_routes.parts,
    *courier.parts,
    *maps_routes.routes,
    *installing.parts,
    show_asset,
]
