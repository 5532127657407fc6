from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from surfaces.living import Living, living
from surfaces.looking import chromium


@pytest.fixture(scope="session")
async def there() -> AsyncIterator[Living]:
    """One city for all pages."""
    async with living() as found:
        yield found


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as found:
        yield found
