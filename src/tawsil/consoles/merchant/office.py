"""The merchant's office: menu, hours, reports, payouts."""

from typing import Final

from tawsil.consoles.merchant import (
    destination_pages,
    dish_pages,
    hours_pages,
    menu_pages,
    payout_pages,
    report_pages,
)

pages: Final = [
    *menu_pages.pages,
    *dish_pages.pages,
    *hours_pages.pages,
    *report_pages.pages,
    *payout_pages.pages,
    *destination_pages.pages,
]
