"""The whole application's document, as it is served."""

from typing import Any, cast

import pytest

from tawsil.apps import wiring
from tawsil.apps.about import ABOUT
from tawsil.kernel.clock import Ids, system_now
from tawsil.kernel.db import Database
from tawsil.kernel.http import openapi
from tawsil.kernel.http.app import create_app
from tawsil.kernel.jobs import HeldJobs

METHODS = ("get", "post", "put", "patch", "delete")


async def nobody(token: str) -> Any:
    raise AssertionError(token)


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    database = Database(cast("Any", None), now=system_now, ids=Ids(system_now), jobs=HeldJobs())
    app = create_app(routes=wiring.ROUTES, database=database, authenticate=nobody)
    return openapi.document(app.routes, ABOUT)


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every operation, called like `GET /v4/orders`."""
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]
