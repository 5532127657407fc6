"""Lists of rows: which, in which order, from where on. A store says it as data, not as code.

What may be filtered and sorted by stands in SQL fragments of ours; what a caller sends is only ever
a parameter. Long lists are read by cursor: it names the last row that was seen, so that rows which
come or go meanwhile shift nothing, and the thousandth page costs what the first does.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Annotated, Any, Final, Generic, TypeVar, cast
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from tawsil.kernel.db import Tx
from tawsil.kernel.reach import Reach

T = TypeVar("T")
U = TypeVar("U")

MOST_KEYS: Final = 4  # a list is not sorted by more than this
_SENT: Final[Mapping[Any, Any]] = {datetime: Annotated[datetime, Meta(tz=True)]}
_MARK_BYTES: Final = 9  # twelve characters of base64


class UnlistableError(ValueError):
    """What was asked of a list cannot be: `code` names the sentence, `detail` fills it."""

    def __init__(self, code: str, **detail: Any) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


class Key(Struct, frozen=True):
    """Something to sort by: an expression that is never null, and what it gives."""

    sql: str
    type: Any


class Ordered(Struct, frozen=True):
    key: Key
    descending: bool


class Take(Struct, frozen=True, kw_only=True):
    """What to take of a list: how it is ordered, and where to begin. Made by `Sorts.take`."""

    order: tuple[Ordered, ...]
    limit: int
    offset: int = 0
    after: tuple[Any, ...] | None = None
    mark: str = ""

    def from_cursor(self, cursor: str) -> "Take":
        """The same list from a cursor on.

        Raises:
            UnlistableError: the cursor is none of ours, or of another list.
        """
        kinds = [_SENT.get(o.key.type, o.key.type) for o in self.order]
        shape: Any = tuple.__class_getitem__((str, *kinds))
        try:
            raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
            mark, *after = map(_in_utc, msgspec.json.decode(raw, type=shape))
        except (ValueError, OverflowError) as error:
            raise UnlistableError("request.cursor_invalid") from error
        if mark != self.mark:
            raise UnlistableError("request.cursor_invalid")
        return replace(self, offset=0, after=tuple(after))

    def cursor_at(self, values: Sequence[Any]) -> str:
        return urlsafe_b64encode(msgspec.json.encode((self.mark, *values))).decode().rstrip("=")


def _in_utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value


class Sorts(Struct, frozen=True, kw_only=True):
    """What a list may be sorted by. `unique` is the column that tells equals apart."""

    keys: Mapping[str, Key]
    default: str
    unique: Key = Key("id", UUID)

    def __post_init__(self) -> None:
        self.ordered(self.default)

    def ordered(self, sort: str) -> tuple[Ordered, ...]:
        """`-placed_at,total`: by the newest, then by the total; what is still equal, by id.

        Raises:
            UnlistableError: a key is unknown or named twice, or there are too many.
        """
        asked = [(part.removeprefix("-"), part.startswith("-")) for part in sort.split(",")]
        names = [name for name, _ in asked]
        if len(set(names)) < len(names) or not self.keys.keys() >= set(names):
            raise UnlistableError("request.sort_unknown", sort=sort, known=sorted(self.keys))
        if len(names) > MOST_KEYS:
            raise UnlistableError("request.sort_too_long", most=MOST_KEYS)
        ordered = [Ordered(self.keys[name], descending) for name, descending in asked]
        return (*ordered, Ordered(self.unique, ordered[-1].descending))

    def take(
        self,
        which: Struct,
        *,
        sort: str | None = None,
        limit: int,
        offset: int = 0,
        cursor: str | None = None,
    ) -> Take:
        """Some of the list that `which` filters; a cursor goes on with the same list alone.

        Raises:
            UnlistableError: the sort or the cursor is not one of this list.
        """
        sort = sort or self.default
        asked = msgspec.json.encode((type(which).__qualname__, sort, which), order="deterministic")
        mark = urlsafe_b64encode(blake2b(asked, digest_size=_MARK_BYTES).digest()).decode()
        take = Take(order=self.ordered(sort), limit=limit, offset=offset, mark=mark)
        return take if cursor is None else take.from_cursor(cursor)


class Slice(Struct, Generic[T], frozen=True, kw_only=True):
    """Some of a list, with a cursor behind each item.

    `total` is how many there are in all, unless the list was begun inside, by cursor.
    """

    items: Sequence[T]
    cursors: Sequence[str] = ()
    total: int | None = None
    next_cursor: str | None = None

    def map(self, view: Callable[[T], U]) -> "Slice[U]":
        return Slice(
            items=[view(item) for item in self.items],
            cursors=self.cursors,
            total=self.total,
            next_cursor=self.next_cursor,
        )


class Where:
    """Conditions that all hold, and their parameters."""

    def __init__(self) -> None:
        self._conditions: list[str] = []
        self.args: list[object] = []

    def __str__(self) -> str:
        return " and ".join(self._conditions) or "true"

    def parameter(self, value: object) -> str:
        """A place in the statement for a value."""
        many = isinstance(value, AbstractSet | tuple)
        self.args.append(list(cast("Iterable[object]", value)) if many else value)
        return f"${len(self.args)}"

    def add(self, fragment: str, *values: object) -> "Where":
        """In the fragment `{}` stands for the next value; `{0}` for the first, wherever it is."""
        self._conditions.append(fragment.format(*[self.parameter(value) for value in values]))
        return self

    def matching(
        self,
        which: Struct,
        fragments: Mapping[str, str],
        *,
        besides: AbstractSet[str] = frozenset(),
    ) -> "Where":
        """A condition for every field of a filter that is set.

        Each field has a fragment, or is seen to otherwise (`besides`).
        """
        fields = set(which.__struct_fields__)
        assert fragments.keys() | besides == fields, "a filter that does nothing lies"
        for field, fragment in fragments.items():
            value = getattr(which, field)
            if value is not None:
                self.add(fragment, value)
        return self

    def within(self, reach: Reach, fragments: Mapping[str, str]) -> "Where":
        """What the caller reaches of its tenant: any of what the reach names, or nothing."""
        self.add("tenant_id = {}", reach.tenant_id)
        if reach.everything:
            return self
        reached = [
            fragment.format(self.parameter(value))
            for field, fragment in fragments.items()
            if (value := getattr(reach, field))
        ]
        self._conditions.append(f"({' or '.join(reached)})" if reached else "false")
        return self


async def rows(
    tx: Tx, *, columns: str, source: str, where: Where, take: Take
) -> Slice[dict[str, Any]]:
    """The rows that are asked for, with the total unless they are asked for by cursor."""
    counting = f"select count(*) from {source} where {where}", *where.args  # noqa: S608 - fragments of ours
    if take.after is not None:
        where.add(_beyond(take.order), *take.after)
    keys = {f"key_{n}": ordered for n, ordered in enumerate(take.order)}
    limit, offset = where.parameter(take.limit + 1), where.parameter(take.offset)
    found = await tx.rows(
        f"""
        select {columns}, {", ".join(f"{o.key.sql} as {name}" for name, o in keys.items())}
        from {source} where {where}
        order by {", ".join(f"{o.key.sql}{' desc' if o.descending else ''}" for o in take.order)}
        limit {limit} offset {offset}
        """,  # noqa: S608 - fragments of ours
        *where.args,
    )
    shown, more = found[: take.limit], len(found) > take.limit
    total = None
    if take.after is None:
        seen_all = not more and (shown or not take.offset)
        total = take.offset + len(shown) if seen_all else await tx.value(*counting)
    cursors = [take.cursor_at([row[name] for name in keys]) for row in shown]
    return Slice(
        items=[{name: row[name] for name in row.keys() - keys.keys()} for row in shown],
        cursors=cursors,
        total=total,
        next_cursor=cursors[-1] if more else None,
    )


def _beyond(order: Sequence[Ordered], first: int = 0) -> str:
    """Behind the row of the given keys: as rows compare, if all keys run the same way."""
    signs = ["<" if o.descending else ">" for o in order]
    if len(set(signs)) == 1:
        places = ", ".join(f"{{{first + n}}}" for n in range(len(order)))
        return f"({', '.join(o.key.sql for o in order)}) {signs[0]} ({places})"
    key, place = order[0].key.sql, f"{{{first}}}"
    rest = _beyond(order[1:], first + 1)
    return f"({key} {signs[0]} {place} or ({key} = {place} and {rest}))"


def starting(words: str) -> str:
    """A pattern for what begins with some words, whatever they are made of."""
    return f"{_literal(words)}%"


def holding(words: str) -> str:
    """A pattern for what has some words anywhere in it."""
    return f"%{_literal(words)}%"


def _literal(words: str) -> str:
    return words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
