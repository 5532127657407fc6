"""The world of the matrix, built once."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import structlog
from asyncpg import Pool, Record

from authorisation.world import World
from conftest import empty
from tawsil.apps.about import ABOUT
from tawsil.kernel.http import openapi
from tawsil.kernel.logs import configure_logs
from tawsil.kernel.settings import Settings


@pytest.fixture(scope="session", autouse=True)
def _quiet() -> Iterator[None]:
    """Thousands of requests are asked, many of them in vain."""
    configure_logs(Settings(log_level="ERROR"), service="tawsil-tests", version="0")
    structlog.configure(cache_logger_on_first_use=False)
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="module")
async def world(pool: "Pool[Record]") -> AsyncIterator[World]:
    try:
        yield await World(pool).stand()
    finally:
        await empty(pool)


@pytest.fixture(scope="module")
def examples(world: World) -> dict[str, Any]:
    """The example of each operation's body, as the document gives it."""
    document = openapi.document(world.app.routes, ABOUT)
    return {
        f"{method.upper()} {path}": _example(operation["requestBody"])
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if isinstance(operation, dict) and "requestBody" in operation
    }


def _example(body: dict[str, Any]) -> Any:
    (content,) = body["content"].values()
    return content.get("example", content["schema"].get("examples", [None])[0])
