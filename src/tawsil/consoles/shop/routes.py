"""The pages of the shop."""

from typing import Any, Final

from tawsil.consoles.shop import (
    address_routes,
    browse_routes,
    menu_routes,
    message_routes,
    register_routes,
)

pages: Final[list[Any]] = [
    *browse_routes.pages,
    *menu_routes.pages,
    *address_routes.pages,
    *register_routes.pages,
    *message_routes.pages,
]
