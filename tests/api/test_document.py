"""The OpenAPI document is valid and complete: every route, schema, error and example."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from litestar.handlers import HTTPRouteHandler
from schemathesis.specs.openapi import definitions

from api.conftest import operations
from tawsil.apps import wiring
from tawsil.kernel.http import Rule
from tawsil.kernel.i18n import DEFAULT, catalogues

JSON = "application/json"
STANDARD = ("POST /v4/auth/token", "POST /v4/graphql", "POST /graphql")
"""Their errors are as RFC 6749 and GraphQL have them."""
Document = dict[str, Any]


def validator(document: Document, schema: Any) -> Any:
    whole = {**schema, "components": document["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def contents(operation: Document) -> Iterator[tuple[str, Document]]:
    """What goes in and comes out: the request's body, and each answer's, by status."""
    yield from (
        ("request", c) for c in operation.get("requestBody", {}).get("content", {}).values()
    )
    for status, answer in operation["responses"].items():
        yield from ((status, content) for content in answer.get("content", {}).values())


def test_it_is_valid_openapi(document: Document) -> None:
    assert document["openapi"].startswith("3.1")
    problems = [e.message for e in definitions.OPENAPI_31_VALIDATOR.iter_errors(document)]
    assert problems == []
    assert not definitions.OPENAPI_31_VALIDATOR.is_valid({**document, "info": {}})
    for name, schema in document["components"]["schemas"].items():
        jsonschema_rs.meta.validate(schema)
        assert re.fullmatch(r"[A-Z][A-Za-z0-9]*", name), name


def test_every_reference_leads_somewhere(document: Document) -> None:
    references = set(re.findall(r'"\$ref": "(#/[^"]*)"', json.dumps(document)))
    assert len(references) > 200
    for reference in references:
        found: Any = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


def test_every_route_is_in_it(document: Document) -> None:
    known = {re.sub("{[^}]*}", "{}", name) for name, _ in operations(document)}
    routes = [
        f"{method} {re.sub('{[^}]*}', '{}', path)}"
        for handler in wiring.ROUTES
        if isinstance(handler, HTTPRouteHandler) and handler.include_in_schema is not False
        for path in handler.paths
        for method in handler.http_methods
    ]
    assert len(routes) > 100
    assert [route for route in routes if route not in known] == []


def test_every_operation_says_what_it_is(document: Document) -> None:
    described = {tag["name"] for tag in document["tags"] if tag["description"] != tag["name"]}
    for name, operation in operations(document):
        assert operation["summary"], name
        assert operation["description"], name
        assert set(operation["tags"]) <= described, (name, operation["tags"])
        assert re.fullmatch(r"[a-z]+[A-Za-z0-9]*", operation["operationId"]), name
        assert bool(operation.get("deprecated")) == (" /v2/" in name), name
    repeated = Counter(operation["operationId"] for _, operation in operations(document))
    assert [one for one, times in repeated.items() if times > 1] == []


def test_every_example_is_valid(document: Document) -> None:
    checked = 0
    for name, operation in operations(document):
        for where, content in contents(operation):
            validate = validator(document, content["schema"])
            shown = [content["example"]] if "example" in content else []
            for one in content.get("examples", {}).values():
                code = one["$ref"].rpartition("/")[2]
                shown.append(document["components"]["examples"][code]["value"])
            assert shown, (name, where)
            for one in shown:
                problems = [
                    f"{error.message} at {error.instance_path}"
                    for error in validate.iter_errors(one)
                ]
                assert problems == [], (name, where)
            checked += len(shown)
    assert checked > 500


def test_bodies_are_of_media_types_that_there_are(document: Document) -> None:
    taken = {
        kind
        for _, operation in operations(document)
        for kind in operation.get("requestBody", {"content": {}})["content"]
    }
    assert taken == {JSON, "application/x-www-form-urlencoded"}
    answered = {
        kind
        for _, operation in operations(document)
        for answer in operation["responses"].values()
        for kind in answer.get("content", {})
    }
    known = {JSON, "image/*", "application/pdf", "text/csv", "text/event-stream", "text/plain"}
    assert answered == {*known, "application/graphql-response+json"}


def test_every_parameter_is_described_by_a_schema(document: Document) -> None:
    for name, operation in operations(document):
        for parameter in operation["parameters"]:
            if "$ref" not in parameter:
                assert parameter["schema"], (name, parameter["name"])
        declared = {p["name"] for p in operation["parameters"] if p.get("in") == "path"}
        assert declared == set(re.findall("{([^}]*)}", name)), name


def _rules() -> dict[str, Rule]:
    return {
        f"{method} {re.sub(r':[a-z]+}', '}', path)}": handler.opt["rule"]
        for handler in wiring.ROUTES
        if isinstance(handler, HTTPRouteHandler)
        for path in handler.paths
        for method in handler.http_methods
    }


def test_every_error_that_can_come_is_named(document: Document) -> None:
    rules = _rules()
    for name, operation in operations(document):
        rule, answers = rules[name], set(operation["responses"])
        assert "503" in answers, name
        assert ("401" in answers) or rule.public, name
        assert ("403" in answers) or rule.permission is None, name
        assert (operation.get("security") == []) == rule.public, name
        assert {"400", "413"} <= answers or "requestBody" not in operation, name
        keyed = {"$ref": "#/components/parameters/IdempotencyKey"} in operation["parameters"]
        assert not keyed or {"409", "422"} <= answers, name
        for status, answer in operation["responses"].items():
            assert "X-Request-ID" in answer["headers"], (name, status)
            if status in {"429", "503"}:
                assert "Retry-After" in answer["headers"], (name, status)
            if int(status) >= 400 and name not in STANDARD:
                assert answer["content"][JSON]["schema"]["$ref"].endswith("/ErrorEnvelope")


@pytest.mark.parametrize("path", ["/v4/promotions", "/v4/loyalty/owed", "/v4/experiments"])
def test_a_part_that_a_company_may_do_without_says_so(document: Document, path: str) -> None:
    refused = document["paths"][path]["get"]["responses"]["404"]
    assert "request.module_off" in refused["content"][JSON]["examples"]


def test_codes_are_found_where_they_are_decided(document: Document) -> None:
    """Through services and models, with the status they leave with."""
    paths = document["paths"]
    expected = {
        ("/v4/orders", "post", "422"): "order.card_token_mismatch",
        ("/v4/orders", "post", "409"): "quote.taken",
        ("/v4/orders/{order_id}/status", "put", "409"): "order.illegal_move",
        ("/v4/orders/{order_id}/steps/{step}", "post", "409"): "order.illegal_move",
        ("/v4/orders/{order_id}", "get", "404"): "request.not_found",
        ("/v4/deliveries/{order_id}/location", "get", "404"): "order.courier_not_in_sight",
    }
    for (path, method, status), code in expected.items():
        assert code in paths[path][method]["responses"][status]["content"][JSON]["examples"], path
    codes = set(document["components"]["examples"])
    assert len(codes) > 80
    assert [code for code in codes if not catalogues[DEFAULT].has(code)] == []


@pytest.mark.parametrize("name", ["PlaceOrderBody", "LoginBody", "PositionsBody"])
def test_bodies_take_nothing_unknown(document: Document, name: str) -> None:
    assert document["components"]["schemas"][name]["additionalProperties"] is False


def test_an_answer_always_has_its_fields(document: Document) -> None:
    order = document["components"]["schemas"]["OrderView"]
    assert set(order["required"]) == set(order["properties"])
    assert order["properties"]["placed_at"] == {"type": "string", "format": "date-time"}
    body = document["components"]["schemas"]["PlaceOrderBody"]
    assert set(body["required"]) == {"quote_id", "payment_method"}
