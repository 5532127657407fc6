"""The whole story of an order, told through the pages by five people at once."""

from typing import Any

import pytest
from playwright.async_api import Browser

from surfaces.five import five_people
from surfaces.living import Living
from surfaces.story import tell

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

HEARD_WITHIN_S = 2.0


async def test_an_order_is_told_by_five_people(
    browser: Browser, there: Living, record_property: Any
) -> None:
    """Nothing gets lost, nothing is late, and no browser has anything to complain of."""
    async with five_people(browser, there) as five:
        heard_s = await tell(five)
        assert five.complaints == {}
    record_property("heard_s", heard_s)
    assert heard_s <= HEARD_WITHIN_S
