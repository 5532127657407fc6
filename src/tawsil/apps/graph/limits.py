"""How much one operation may ask for. It is measured before anything is validated or run.

The cost of an operation is the number of objects it may bring: each object field costs a point,
and what lies below a list counts as often as the list may be long. Scalars are free, and so are
value objects (`Money`, `PageInfo`, edges), which need no reading of their own.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NullValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    StringValueNode,
    VariableNode,
    Visitor,
    build_schema,
    get_named_type,
    visit,
)
from graphql.language import Node
from msgspec import Struct
from strawberry.extensions import SchemaExtension
from strawberry.schema.base import BaseSchema

from tawsil.apps.graph.asked import Asked
from tawsil.kernel.http import Problem
from tawsil.kernel.text import deceptive

MOST_TOKENS: Final = 1_000
MOST_DEPTH: Final = 8
MOST_COST: Final = 1_000
MOST_ALIASES: Final = 15
MOST_FIELDS: Final = 250
MOST_PER_PAGE: Final = 100
USUAL_PER_PAGE: Final = 20
USUAL_LIST: Final = 10
"""What a list without pages is taken to hold, such as the items of an order."""
COST_OF_MUTATION: Final = 10
FREE: Final = frozenset({"PageInfo", "Money", "Coordinates"})
INTROSPECTION: Final = frozenset({"__schema", "__type"})

Composite = GraphQLObjectType | GraphQLInterfaceType


class Size(Struct, frozen=True):
    """How deep a selection goes, and how many objects it may bring."""

    depth: int = 0
    cost: int = 0


class _Measure:
    """Measures selections; each fragment once, however often it is spread."""

    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]
    ) -> None:
        self._schema = schema
        self._variables = variables
        self._fragments = {
            d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)
        }
        self._known: dict[str, Size] = {}
        self._inside: set[str] = set()

    def of(self, selected: SelectionSetNode, on: GraphQLNamedType | None, *, level: int) -> Size:
        if level > 4 * MOST_DEPTH:  # fragments within fragments: no honest query goes as far
            raise Problem(400, "graph.too_deep", depth=level, most=MOST_DEPTH)
        depth, cost = 0, 0
        for node in selected.selections:
            size = self._of_one(node, on, level=level)
            depth, cost = max(depth, size.depth), cost + size.cost
        return Size(depth, cost)

    def _of_one(self, node: Node, on: GraphQLNamedType | None, *, level: int) -> Size:
        match node:
            case FieldNode():
                return self._of_field(node, on, level=level)
            case InlineFragmentNode():
                to = (
                    self._schema.get_type(node.type_condition.name.value)
                    if (node.type_condition)
                    else on
                )
                return self.of(node.selection_set, to, level=level + 1)
            case FragmentSpreadNode():
                return self._of_fragment(node.name.value, level=level)
            case _:
                raise AssertionError(f"a selection cannot be {node.kind}")

    def _of_fragment(self, name: str, *, level: int) -> Size:
        if name in self._known:
            return self._known[name]
        fragment = self._fragments.get(name)
        if fragment is None or name in self._inside:
            return Size()  # validation says that it is unknown, or goes round in a circle
        self._inside.add(name)
        on = self._schema.get_type(fragment.type_condition.name.value)
        size = self.of(fragment.selection_set, on, level=level + 1)
        self._inside.discard(name)
        self._known[name] = size
        return size

    def _of_field(self, node: FieldNode, on: GraphQLNamedType | None, *, level: int) -> Size:
        name = node.name.value
        if node.selection_set is None or name in INTROSPECTION:
            return Size(depth=1)  # introspection has limits of its own
        known = on.fields.get(name) if isinstance(on, Composite) else None
        below = self.of(node.selection_set, _named(known) if known else None, level=level + 1)
        if known is None:
            return Size(below.depth + 1, below.cost + 1)  # validation says that there is none
        times = self._times(node, known, on)
        return Size(below.depth + 1, self._own(known, on, times) + times * below.cost)

    def _own(self, known: GraphQLField, on: GraphQLNamedType | None, times: int) -> int:
        name = _named(known).name
        if name in FREE or name.endswith("Edge"):
            return 0
        if on is self._schema.mutation_type:
            return COST_OF_MUTATION
        return 1 if name.endswith("Connection") else times

    def _times(self, node: FieldNode, known: GraphQLField, on: GraphQLNamedType | None) -> int:
        """How often what lies below a field may come."""
        if "first" in known.args:
            return self._page_size(node)
        within_page = on is not None and on.name.endswith("Connection")
        return USUAL_LIST if _is_list(known) and not within_page else 1

    def _page_size(self, node: FieldNode) -> int:
        given = next((a.value for a in node.arguments or () if a.name.value == "first"), None)
        match given:
            case IntValueNode():
                size = int(given.value)
            case VariableNode():
                size = self._variables.get(given.name.value, USUAL_PER_PAGE)
            case _:
                size = USUAL_PER_PAGE
        if not isinstance(size, int):
            return USUAL_PER_PAGE  # null, or what the variable's type refuses
        if not 1 <= size <= MOST_PER_PAGE:
            raise Problem(400, "graph.page_size", first=size, most=MOST_PER_PAGE)
        return size


def _named(field: GraphQLField) -> GraphQLNamedType:
    return cast("GraphQLNamedType", get_named_type(cast("Any", field).type))


def _is_list(field: GraphQLField) -> bool:
    written: str = str(cast("Any", field).type)
    return "[" in written


def _fields(document: DocumentNode) -> Iterator[FieldNode]:
    """Every field as it is written, wherever it stands."""
    left: list[Any] = list(document.definitions)
    while left:
        node = left.pop()
        if isinstance(node, FieldNode):
            yield node
        selected: SelectionSetNode | None = getattr(node, "selection_set", None)
        if selected is not None:
            left.extend(selected.selections)


def check(
    schema: GraphQLSchema,
    document: DocumentNode,
    variables: Mapping[str, Any],
    *,
    introspection: bool,
    name: str | None = None,
) -> Size:
    """The size of the largest operation of a document, of which `name` is asked for.

    Raises:
        Problem: it asks for too much.
    """
    fields = list(_fields(document))
    _most("graph.too_many_fields", len(fields), MOST_FIELDS)
    _most("graph.too_many_aliases", sum(f.alias is not None for f in fields), MOST_ALIASES)
    if not introspection and any(f.name.value in INTROSPECTION for f in fields):
        raise Problem(403, "graph.introspection_closed")
    visit(document, _Texts())
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    if len(operations) > 1 and name is None:
        raise Problem(400, "graph.operation_unnamed", count=len(operations))
    largest = Size()
    for operation in operations:
        given = {**_defaults(operation), **variables}
        root = schema.get_root_type(operation.operation)
        size = _Measure(schema, document, given).of(operation.selection_set, root, level=0)
        largest = Size(max(largest.depth, size.depth), max(largest.cost, size.cost))
        if operation.operation is OperationType.MUTATION:
            _one_at_a_time(operation)
    if largest.depth > MOST_DEPTH:
        raise Problem(400, "graph.too_deep", depth=largest.depth, most=MOST_DEPTH)
    if largest.cost > MOST_COST:
        raise Problem(400, "graph.too_costly", cost=largest.cost, most=MOST_COST)
    return largest


def _most(code: str, count: int, most: int) -> None:
    if count > most:
        raise Problem(400, code, count=count, most=most)


def _defaults(operation: OperationDefinitionNode) -> dict[str, Any]:
    """The variables that have a number, or nothing, if they are not given."""
    return {
        v.variable.name.value: int(v.default_value.value)
        if isinstance(v.default_value, IntValueNode)
        else None
        for v in operation.variable_definitions or ()
        if isinstance(v.default_value, IntValueNode | NullValueNode)
    }


def _one_at_a_time(operation: OperationDefinitionNode) -> None:
    """A mutation is one command: one transaction, one Idempotency-Key, one answer."""
    selections = operation.selection_set.selections
    plain = [s for s in selections if isinstance(s, FieldNode)]
    changing = [s for s in plain if s.name.value != "__typename"]
    if len(plain) != len(selections) or len(changing) > 1:
        raise Problem(400, "graph.one_mutation")


class _Texts(Visitor):
    """What JSON would not let through may not come in by GraphQL's own way to write it."""

    def enter_string_value(self, node: StringValueNode, *_: object) -> None:
        if found := deceptive(node.value):
            why = f"a text in the document holds {found}, a character that deceives the reader"
            raise Problem(400, "request.invalid", why=why)


@lru_cache(1)
def _as_published(schema: BaseSchema) -> GraphQLSchema:
    """What clients know of it, which is all that measuring needs."""
    return build_schema(schema.as_str())


class Limits(SchemaExtension):
    """Refuses what is too much before it is validated, and says what the rest costs."""

    def on_operation(self) -> Iterator[None]:
        self.execution_context.parse_options["max_tokens"] = MOST_TOKENS
        yield

    def on_validate(self) -> Iterator[None]:
        given = self.execution_context
        asked: Asked = given.context
        assert given.graphql_document is not None, "it is parsed by now"
        name, asked.operation = asked.operation, given.operation_name
        try:
            size = check(
                _as_published(given.schema),
                given.graphql_document,
                given.variables or {},
                introspection=asked.introspection,
                name=name,
            )
            asked.cost = size.cost
        except Problem as problem:
            given.pre_execution_errors = [GraphQLError(problem.code, original_error=problem)]
        yield

    def get_results(self) -> dict[str, Any]:
        asked: Asked = self.execution_context.context
        return {"cost": {"requested": asked.cost, "limit": MOST_COST}}
