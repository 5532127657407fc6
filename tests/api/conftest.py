"""The whole application's document, as it is served."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.served import Platform, serving
from tawsil.apps import document as written
from tawsil.kernel.postgres import EmbeddedPostgres
from tawsil.migrations import migrate

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    return written.document()


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("served")
    data = Path(os.environ.get("TAWSIL_TEST_DATA", ".tawsil/test-postgres")) / f"served-{worker_id}"
    with EmbeddedPostgres(data=data, settings={"fsync": "off"}) as server:
        name = f"tawsil_served_{os.getpid()}"
        server.create_database(name)
        try:
            migrate(server.url(name))
            with serving(server.url(name), folder) as platform:
                yield platform
        finally:
            server.drop_database(name)


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every operation, called like `GET /v4/orders`."""
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]
