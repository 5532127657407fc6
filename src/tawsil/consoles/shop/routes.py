"""The pages of the shop."""

from typing import Any, Final

from tawsil.consoles.shop import (
    address_routes,
    basket_routes,
    browse_routes,
    follow_routes,
    menu_routes,
    message_routes,
    order_routes,
    register_routes,
)

pages: Final[list[Any]] = [
    *browse_routes.pages,
    *menu_routes.pages,
    *address_routes.pages,
    *register_routes.pages,
    *basket_routes.pages,
    *order_routes.pages,
    *message_routes.pages,
    *follow_routes.pages,
]
