"""The whole application's document, as it is served."""

from typing import Any

import pytest

from tawsil.apps import document as written

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    return written.document()


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every operation, called like `GET /v4/orders`."""
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]
