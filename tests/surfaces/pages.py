"""Every page there is: its name, where it is, and who looks at it. A new page is entered here.

`{order}`, `{merchant}`, `{courier}`, `{city}` and `{city_id}` in an address are of an order that a
courier has; its customer, merchant and courier are those who look. `{token}` is of a link to it,
`{decision}` why that courier has it, `{product}` a dish of its merchant, `{brought}` an order that
was delivered. `ready` is what must be there before a page is judged.
"""

from typing import Final, NamedTuple

SERVED: Final = "customer served"
"""A customer to whom something was brought: in a young city one has to wait for the first."""


class Page(NamedTuple):
    name: str
    address: str
    who: str | None = None
    """operator, customer, customer served (to whom `{brought}` was), merchant, courier, admin,
    manager; None: somebody unknown."""
    ready: str = "main"


PAGES: Final = (
    Page("shop", "/"),
    Page("shop_near", "/?open_now=true&sort=rating", "customer"),
    Page("shop_search", "/search?q=shwarma"),
    Page("shop_address", "/address?q=corniche", ready="[data-pin-map] canvas, main"),
    Page("shop_menu", "/merchants/{merchant}", "customer"),
    Page("shop_dish", "/merchants/{merchant}/dishes/{product}", "customer"),
    Page("shop_register", "/register"),
    Page("design", "/design"),
    Page("sign_in", "/sign-in"),
    Page("forgot_password", "/forgot-password"),
    Page("reset_password", "/reset-password?token=mailed"),
    Page("verify_email", "/verify-email?token=mailed"),
    Page("not_found", "/city/orders/00000000-0000-7000-8000-000000000000", "operator"),
    Page("account", "/account", "operator"),
    Page("city", "/city", "operator", "#map-fit"),
    Page("city_order", "/city/orders/{order}", "operator"),
    Page("dispatch", "/city/dispatch", "operator"),
    Page("city_courier", "/city/couriers/{courier}", "operator"),
    Page("zones", "/city/zones?city={city}", "operator"),
    Page("zone_new", "/city/zones?city={city}&zone=new", "operator"),
    Page("decision", "/city/decisions/{decision}", "operator"),
    Page("tickets", "/tickets", "operator"),
    Page("refunds", "/refunds?status=all", "operator"),
    Page("policies", "/policies", "operator"),
    Page("experiments", "/experiments", "operator"),
    Page("money", "/money", "operator"),
    Page("money_month", "/money/months/2026-01", "operator"),
    Page("courier", "/courier", "courier", ".top"),
    Page("courier_money", "/courier#money", "courier", ".payouts"),
    Page("courier_standing", "/courier#standing", "courier", ".money .breakdown"),
    Page("admin", "/admin", "admin"),
    Page("admin_cities", "/admin/cities", "admin"),
    Page("admin_city", "/admin/cities/{city_id}", "admin"),
    Page("admin_fees", "/admin/cities/{city_id}/fees", "admin"),
    Page("admin_areas", "/admin/areas", "admin"),
    Page("admin_users", "/admin/users", "admin"),
    Page("admin_user_new", "/admin/users/new", "admin"),
    Page("admin_merchants", "/admin/merchants", "admin"),
    Page("admin_merchant", "/admin/merchants/{merchant}", "admin"),
    Page("admin_couriers", "/admin/couriers", "admin"),
    Page("admin_courier_new", "/admin/couriers/new", "admin"),
    Page("admin_promotions", "/admin/promotions", "admin"),
    Page("admin_promotion_new", "/admin/promotions/new", "admin"),
    Page("admin_flags", "/admin/flags", "admin"),
    Page("admin_modules", "/admin/modules", "admin"),
    Page("admin_plugins", "/admin/plugins", "admin"),
    Page("admin_health", "/admin/health", "admin"),
    Page("admin_tenants", "/admin/tenants", "admin"),
    Page("merchant_menu", "/merchant/menu", "merchant"),
    Page("merchant_dish", "/merchant/menu/dishes/new", "merchant"),
    Page("merchant_hours", "/merchant/hours", "merchant"),
    Page("merchant_reports", "/merchant/reports", "merchant"),
    Page("merchant_payouts", "/merchant/payouts", "merchant"),
    Page("merchant_destination", "/merchant/payouts/destination", "merchant"),
    Page("cart", "/cart", "customer"),
    Page("orders", "/orders", "customer"),
    Page("wallet", "/wallet", "customer"),
    Page("order", "/orders/{order}", "customer"),
    Page("receipt", "/orders/{order}/receipt", "customer"),
    Page("checkout", "/checkout", "customer", "#checkout"),
    Page("addresses", "/address", "customer", "#kept"),
    Page("track", "/track/{token}"),
    Page("order_delivered", "/orders/{brought}", SERVED, "#rate"),
    Page("nowhere", "/no/such/page"),
    Page("board", "/merchant", "merchant", ".board-columns"),
    Page("messages", "/orders/{order}/messages", "customer"),
)

WEIGHED: Final = (
    "sign_in",
    "shop",
    "shop_search",
    "shop_menu",
    "checkout",
    "addresses",
    "order",
    "track",
    "order_delivered",
)
"""Pages of customers: their weight and their speed are measured (`make vitals`)."""
