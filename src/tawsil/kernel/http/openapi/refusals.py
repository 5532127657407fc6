"""What a route may refuse: the codes that the functions it leads to can answer with.

Read from the source: from a handler on, every function of ours that is named is followed. What is
decided elsewhere (by a job, by another process) is not part of the answer and so not found.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from inspect import getsource
from sys import modules
from types import FunctionType, ModuleType
from typing import Any, Final, cast

from tawsil.kernel.decisions import Refusal, refuse
from tawsil.kernel.http.errors import Problem, not_found

OURS: Final = "tawsil."
Codes = dict[int, set[str]]
"""By status."""


def refusals_of(handler: Any) -> Codes:
    """The codes a handler may refuse with, by status."""
    codes: Codes = {}
    seen: set[Any] = set()
    waiting = [handler]
    while waiting:
        function = waiting.pop()
        if function in seen:
            continue
        seen.add(function)
        own, named = _read(function)
        for status, found in own.items():
            codes.setdefault(status, set()).update(found)
        waiting += named
    return codes


@cache
def _read(function: Any) -> tuple[Codes, tuple[Any, ...]]:
    """What a function refuses with by itself, and the functions of ours that it names."""
    codes: Codes = {}
    named: list[Any] = []
    node = _definitions(function.__module__).get(function.__qualname__)
    for part in ast.walk(node) if node is not None else ():
        found = _resolved(part, function.__globals__)
        if isinstance(found, Refusal):
            codes.setdefault(found.status, set()).add(found.code)
        if found is not_found:
            codes.setdefault(404, set()).add("request.not_found")
        named += _functions(found)
        if isinstance(part, ast.Call) and (named_code := _code(part, function.__globals__)):
            status, code = named_code
            codes.setdefault(status, set()).add(code)
    return codes, tuple(named)


@cache
def _definitions(module: str) -> Mapping[str, ast.AST]:
    """The functions of a module, and of its classes, by their qualified names."""
    found: dict[str, ast.AST] = {}

    def collect(body: Iterable[ast.AST], within: str) -> None:
        for node in body:
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    found[within + name] = node
                case ast.ClassDef(name=name, body=inner):
                    collect(inner, f"{within}{name}.")
                case _:
                    pass

    collect(ast.parse(getsource(modules[module])).body, "")
    return found


def _resolved(node: ast.AST, names: Mapping[str, Any]) -> Any:
    """What a name, or a name in a module or a class, stands for; None for what is local."""
    match node:
        case ast.Name(id=name):
            return names.get(name)
        case ast.Attribute(value=within, attr=attribute):
            holder = _resolved(within, names)
            held = isinstance(holder, ModuleType | type)
            return getattr(holder, attribute, None) if held else None
        case _:
            return None


def _functions(found: Any) -> Iterator[Any]:
    match found:
        case FunctionType() if found.__module__.startswith(OURS):
            yield found
        case dict():
            for value in cast("dict[Any, Any]", found).values():
                yield from _functions(value)
        case _:
            pass


def _code(call: ast.Call, names: Mapping[str, Any]) -> tuple[int, str] | None:
    """The status and the code of `refuse("code", status=…)` or `Problem(status, "code")`."""
    called = _resolved(call.func, names)
    match call.args:
        case [ast.Constant(value=str(code)), *_] if called is refuse:
            given = [k.value for k in call.keywords if k.arg == "status"]
            return _number(given[0] if given else ast.Constant(409)), code
        case [ast.Constant(value=int(status)), ast.Constant(value=str(code)), *_] if (
            called is Problem
        ):
            return status, code
        case _:
            return None


def _number(node: ast.expr) -> int:
    match node:
        case ast.Constant(value=int(number)):
            return number
        case _:
            raise TypeError(f"a status that is not written out: {ast.unparse(node)}")
