"""Who may import what, beyond what import-linter's layers say."""

import ast

import pytest

from architecture.sources import CONTEXTS, imports, modules

OPEN_TO_NEIGHBOURS = {"public", "events"}
PURE_ENGINES = {("dispatch", "planning")}  # no I/O, no state: the replays call it as it is
WIRES_EVERYTHING = {"apps"}


def _reaches_past(importer: str, imported: str) -> bool:
    parts = imported.split(".")
    if len(parts) < 3 or parts[0] != "tawsil" or parts[1] not in CONTEXTS:
        return False
    home = importer.split(".", maxsplit=1)[0]
    if (parts[1], parts[2]) in PURE_ENGINES:
        return False
    return home != parts[1] and home not in WIRES_EVERYTHING and parts[2] not in OPEN_TO_NEIGHBOURS


def test_nobody_reaches_past_a_neighbours_public_and_events():
    past = [
        f"{name} imports {imported}"
        for name, tree in modules().items()
        for imported in imports(tree)
        if _reaches_past(name, imported)
    ]
    assert past == []


def test_routes_and_jobs_are_mounted_only_by_apps():
    mounted = [
        f"{name} imports {imported}"
        for name, tree in modules().items()
        for imported in imports(tree)
        if imported.startswith("tawsil.")
        and imported.split(".")[1] in CONTEXTS
        and imported.split(".")[2:3] in (["routes"], ["jobs"])
        and name.split(".")[0] not in {imported.split(".")[1], "apps"}
    ]
    assert mounted == []


FORBIDDEN_CALLS = {
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("time", "time"),
    ("uuid", "uuid4"),
    ("random", "random"),
    ("random", "choice"),
}


@pytest.mark.parametrize("context", sorted(CONTEXTS | {"simulation"}))
def test_clock_ids_and_randomness_come_from_outside(context: str):
    found = [
        f"{name}:{node.lineno} calls {node.func.value.id}.{node.func.attr}"
        for name, tree in modules().items()
        if name.split(".")[0] == context
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and (node.func.value.id, node.func.attr) in FORBIDDEN_CALLS
    ]
    assert found == []


def test_sql_stands_in_stores_and_migrations_alone():
    verbs = ("select ", "insert into ", "update ", "delete from ")
    allowed = ("store", "migrations", "kernel", "simulation")
    found = [
        f"{name}:{node.lineno}"
        for name, tree in modules().items()
        if not any(part.endswith(allowed) for part in name.split("."))
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.strip().lower().startswith(verbs)
        and (" from " in node.value or " set " in node.value or "values" in node.value)
    ]
    assert found == []


@pytest.mark.parametrize("context", sorted(CONTEXTS))
def test_contexts_reach_the_database_only_through_transactions(context: str):
    """The pool itself knows no tenant."""
    found = [
        f"{name}:{node.lineno}"
        for name, tree in modules().items()
        if name.split(".")[0] == context
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "pool"
    ]
    assert found == []
