"""Every address of the contract is answered under `/v4` and `/v2`, by the same handler."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from litestar.handlers import HTTPRouteHandler

from tawsil.apps import wiring

CONTRACT = (
    "POST /deliveries/{id}/offers",
    "GET /drivers/{id}/offers",
    "POST /drivers/{id}/offers/{id}/accept",
    "POST /drivers/{id}/offers/{id}/reject",
    "POST /drivers/{id}/availability/take-break",
    "POST /drivers/{id}/availability/end-shift",
    "POST /drivers/{id}/availability/resume",
    "GET /admin/unassigned-orders",
    "POST /admin/unassigned-orders/{id}/escalate",
    "POST /admin/assignments/{id}/reassign",
    "GET /admin/deliveries/{id}/audit",
    "GET /admin/audit-logs",
    "GET /orders/{id}/delivery-status",
    "GET /deliveries/{id}/location",
    "GET /admin/analytics/driver-performance",
    "GET /admin/analytics/zone-health",
)


def served() -> Iterator[tuple[str, HTTPRouteHandler]]:
    for handler in wiring.ROUTES:
        if isinstance(handler, HTTPRouteHandler):
            for path in handler.paths:
                for method in handler.http_methods:
                    yield f"{method} {re.sub('{[^}]+}', '{id}', path)}", handler


@pytest.mark.parametrize("operation", CONTRACT)
def test_an_older_client_is_answered_by_the_same_handler(operation: str) -> None:
    by_operation: dict[str, Any] = dict(served())
    method, path = operation.split()
    today, before = (by_operation.get(f"{method} /{v}{path}") for v in ("v4", "v2"))
    assert today is not None
    assert today is before


def test_nothing_is_known_to_older_clients_alone() -> None:
    by_operation = dict(served())
    before = [operation for operation in by_operation if " /v2/" in operation]
    assert len(before) >= len(CONTRACT)
    for operation in before:
        assert by_operation[operation.replace(" /v2/", " /v4/")] is by_operation[operation]
