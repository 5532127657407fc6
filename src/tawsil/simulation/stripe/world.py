"""All objects of one account at the sandbox, what is due of them, and the events they made."""

import heapq
import operator
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from datetime import datetime, timedelta
from random import Random
from string import ascii_letters, digits
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from tawsil.simulation.stripe.errors import ApiError, missing
from tawsil.simulation.stripe.forms import Params, integer

Thing = dict[str, Any]
LETTERS: Final = ascii_letters + digits
API_VERSION: Final = "2026-10-28.endive"
MOST_LISTED: Final = 100
COMPARISONS: Final[Mapping[str, Callable[[int, int], bool]]] = MappingProxyType(
    {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}
)


class Due(Struct, frozen=True, order=True):
    """Something that happens to an object by itself."""

    at_s: float
    action: str
    thing_id: str


class Line(Struct, frozen=True, omit_defaults=True):
    """What the journal keeps: an object as it is now, a timer, one that went off, or an answer."""

    thing: Thing | None = None
    due: Due | None = None
    done: Due | None = None
    key: str | None = None
    answer: "Kept | None" = None


class Kept(Struct, frozen=True):
    """The answer to the first request with an idempotency key."""

    request: str
    status: int
    body: Thing
    request_id: str
    at_s: float


class World:
    """Not thread-safe; every method returns at once.

    `record` is told of each change, so that `restore` can make the same world of a journal.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        rng: Random,
        search_lag_s: float,
        record: Callable[[Line], None] = lambda _: None,
        tell: Callable[[Thing], None] = lambda _: None,
    ) -> None:
        self.now = now
        self.url = ""
        self.answers: dict[str, Kept] = {}
        self.balances: dict[tuple[str | None, str], int] = {}
        self._rng = rng
        self._search_lag = timedelta(seconds=search_lag_s)
        self.record = record
        self._tell = tell
        self._things: dict[str, dict[str, Thing]] = {}
        self._due: list[Due] = []
        self._actions: dict[str, Callable[[Thing], None]] = {}

    @property
    def now_s(self) -> int:
        return int(self.now().timestamp())

    def restore(self, lines: Iterable[Line]) -> None:
        pending: set[Due] = set()
        for line in lines:
            if line.thing is not None:
                self._keep(line.thing)
            if line.due is not None:
                pending.add(line.due)
            if line.done is not None:
                pending.discard(line.done)
            if line.key is not None and line.answer is not None:
                self.answers[line.key] = line.answer
        self._due = sorted(pending)

    def on(self, action: str, happen: Callable[[Thing], None]) -> None:
        """What is done to an object when its timer goes off."""
        self._actions[action] = happen

    def new_id(self, prefix: str) -> str:
        return f"{prefix}_{''.join(self._rng.choices(LETTERS, k=24))}"

    def new(self, kind: str, prefix: str, **fields: Any) -> Thing:
        thing: Thing = {
            "id": self.new_id(prefix),
            "object": kind,
            "created": self.now_s,
            "livemode": False,
            **fields,
        }
        return self.change(thing)

    def change(self, thing: Thing, **fields: Any) -> Thing:
        """The object with new values of some fields, kept."""
        thing.update(fields)
        self.record(Line(thing=thing))
        self._keep(thing)
        return thing

    def get(self, kind: str, thing_id: str, *, account: str | None = None) -> Thing:
        found = self._things.get(kind, {}).get(thing_id)
        if found is None or found.get("_account") != account:
            raise missing(kind, thing_id)
        return found

    def find(self, thing_id: str) -> Thing | None:
        """An object of whatever kind."""
        return next((of[thing_id] for of in self._things.values() if thing_id in of), None)

    def all(self, kind: str, **where: Any) -> list[Thing]:
        """Newest first."""
        found = reversed(self._things.get(kind, {}).values())
        return [t for t in found if all(t.get(name) == value for name, value in where.items())]

    def listed(
        self, kind: str, params: Params, url: str, *, account: str | None = None, **where: Any
    ) -> Thing:
        """A page: `limit`, `starting_after`, `ending_before`, and `created[gte]` and so on."""
        limit = integer(params, "limit", 10)
        if not 1 <= limit <= MOST_LISTED:
            raise ApiError("Invalid limit: must be 1 to 100", param="limit")
        found = [t for t in self.all(kind, _account=account, **where) if _created(t, params)]
        ids = [thing["id"] for thing in found]
        if after := params.get("starting_after"):
            self.get(kind, after, account=account)
            found = found[ids.index(after) + 1 :] if after in ids else []
        if before := params.get("ending_before"):
            self.get(kind, before, account=account)
            found = found[: ids.index(before)][-limit:] if before in ids else []
        return {
            "object": "list",
            "url": url,
            "has_more": len(found) > limit,
            "data": [shown(thing) for thing in found[:limit]],
        }

    def searchable(self, thing: Thing) -> bool:
        """A search finds an object a while after it was made."""
        return thing["created"] + self._search_lag.total_seconds() <= self.now().timestamp()

    def later(self, action: str, thing: Thing, *, after_s: float) -> None:
        due = Due(self.now().timestamp() + after_s, action, thing["id"])
        self.record(Line(due=due))
        heapq.heappush(self._due, due)

    def advance(self) -> None:
        """Let happen what is due by now."""
        while self._due and self._due[0].at_s <= self.now().timestamp():
            due = heapq.heappop(self._due)
            thing = self.find(due.thing_id)
            assert thing is not None, "only what exists has a timer"
            self._actions[due.action](thing)
            self.record(Line(done=due))

    def remember(self, key: str, answer: Kept) -> None:
        self.record(Line(key=key, answer=answer))
        self.answers[key] = answer

    def happened(self, kind: str, thing: Thing) -> None:
        """Make an event of what became of an object, and tell those who want to hear."""
        account = thing.get("_account")
        event = self.new(
            "event",
            "evt",
            type=kind,
            api_version=API_VERSION,
            data={"object": shown(thing)},
            pending_webhooks=1,
            request={"id": None, "idempotency_key": None},
            _account=account,
            **({"account": account} if account else {}),
        )
        self._tell(event)

    def book(
        self,
        *,
        amount: int,
        fee: int = 0,
        currency: str,
        kind: str,
        category: str,
        source: Thing,
        account: str | None = None,
    ) -> Thing:
        """A movement of the balance, of which `fee` is Stripe's."""
        details = [
            {
                "amount": fee,
                "application": None,
                "currency": currency,
                "description": "Stripe processing fees",
                "type": "stripe_fee",
            }
        ]
        return self.new(
            "balance_transaction",
            "txn",
            amount=amount,
            fee=fee,
            net=amount - fee,
            currency=currency,
            type=kind,
            reporting_category=category,
            source=source["id"],
            description=None,
            exchange_rate=None,
            fee_details=details if fee else [],
            available_on=self.now_s,
            balance_type="payments",
            status="available",
            _account=account,
        )

    def balance_minor(self, currency: str, account: str | None = None) -> int:
        return self.balances.get((account, currency), 0)

    def _keep(self, thing: Thing) -> None:
        kind, thing_id = thing["object"], thing["id"]
        if kind == "balance_transaction" and thing_id not in self._things.get(kind, {}):
            place = thing["_account"], thing["currency"]
            self.balances[place] = self.balances.get(place, 0) + thing["net"]
        self._things.setdefault(kind, {})[thing_id] = thing


def shown(thing: Mapping[str, Any]) -> Thing:
    """The object as others see it."""
    return deepcopy({name: value for name, value in thing.items() if not name.startswith("_")})


def _created(thing: Thing, params: Params) -> bool:
    asked = params.get("created")
    if asked is None:
        return True
    if isinstance(asked, str):
        return thing["created"] == integer(params, "created")
    at = thing["created"]
    return all(COMPARISONS[name](at, integer(asked, name)) for name in asked)
