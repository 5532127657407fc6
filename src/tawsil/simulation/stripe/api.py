"""The endpoints by method and path, with idempotency and `expand` around them."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final, cast

import msgspec
from msgspec import Struct

from tawsil.simulation.stripe.balances import Balances
from tawsil.simulation.stripe.connect import Connect
from tawsil.simulation.stripe.disputes import Disputes
from tawsil.simulation.stripe.errors import ApiError
from tawsil.simulation.stripe.forms import Params, only
from tawsil.simulation.stripe.intents import Intents
from tawsil.simulation.stripe.refunds import Refunds
from tawsil.simulation.stripe.world import Kept, Thing, World, shown

KEYS_LAST: Final = timedelta(hours=24)
LONGEST_KEY: Final = 255
DEEPEST: Final = 4

Endpoint = Callable[..., Thing]
"""Takes the ids in its path, then the parameters; `ON_BEHALF` ones then the account."""


class Request(Struct, frozen=True):
    """One call as it came."""

    method: str
    path: str
    params: Params
    key: str | None
    account: str | None
    request_id: str


class Answer(Struct, frozen=True):
    """What it is answered with; `replayed` when an earlier request was."""

    status: int
    body: Thing
    replayed: bool = False


class Api:
    """Answers calls one at a time, and remembers the answer of each idempotency key."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._under_way: set[str] = set()
        disputes = Disputes(world)
        self.intents = Intents(world, disputes)
        self.balances = Balances(world)
        self._endpoints = _endpoints(
            world, self.intents, Refunds(world), disputes, Connect(world), self.balances
        )

    def answer(self, request: Request) -> Answer:
        """Execute, or give the answer that was given to the same key."""
        if request.key is None or request.method != "POST":
            return self._execute(request)
        key = f"{request.account or ''}:{request.key}"
        asked = msgspec.json.encode([request.method, request.path, request.params]).decode()
        if len(request.key) > LONGEST_KEY:
            raise ApiError("Idempotency keys can be at most 255 characters long.")
        kept = self._world.answers.get(key)
        if kept is not None and kept.at_s < self._world.now_s - KEYS_LAST.total_seconds():
            kept = None
        if kept is None:
            if key in self._under_way:
                raise in_use(request.key)
            answer = self._execute(request)
            if answer.status < HTTPStatus.BAD_REQUEST or answer.body["error"].pop("_begun"):
                self.keep(request, answer)
            return answer
        if kept.request != asked:
            raise ApiError(
                "Keys for idempotent requests can only be used with the same parameters they "
                f"were first used with. Try using a key other than '{request.key}' if you meant "
                "to execute a different request.",
                kind="idempotency_error",
            )
        if key in self._under_way:
            raise in_use(request.key)
        return Answer(kept.status, kept.body, replayed=True)

    def keep(self, request: Request, answer: Answer) -> None:
        """Remember an answer under its key."""
        asked = msgspec.json.encode([request.method, request.path, request.params]).decode()
        kept = Kept(asked, answer.status, answer.body, request.request_id, self._world.now_s)
        self._world.remember(f"{request.account or ''}:{request.key}", kept)

    def begin(self, request: Request) -> None:
        """Its answer takes a while: until `end`, its key is in use."""
        self._under_way.add(f"{request.account or ''}:{request.key}")

    def end(self, request: Request) -> None:
        self._under_way.discard(f"{request.account or ''}:{request.key}")

    def _execute(self, request: Request) -> Answer:
        try:
            endpoint, ids = self._find(request.method, request.path)
            behalf = (request.account,) if endpoint.__name__ in ON_BEHALF else ()
            body = endpoint(*ids, request.params, *behalf)
            self._expand(body, request.params.get("expand", []))
        except ApiError as error:
            begun = {"_begun": error.begun} if request.method == "POST" and request.key else {}
            return Answer(error.status, {"error": {**error.body, **begun}})
        return Answer(HTTPStatus.OK, body)

    def _find(self, method: str, path: str) -> tuple[Endpoint, list[str]]:
        parts = path.strip("/").split("/")
        for (wanted, pattern), endpoint in self._endpoints.items():
            names = pattern.split("/")
            if wanted == method and len(names) == len(parts):
                fits = [n in {p, "*"} for n, p in zip(names, parts, strict=True)]
                if all(fits):
                    return endpoint, [p for n, p in zip(names, parts, strict=True) if n == "*"]
        raise ApiError(
            f"Unrecognized request URL ({method}: /v1/{path}).", status=HTTPStatus.NOT_FOUND
        )

    def _expand(self, body: Thing, paths: list[str]) -> None:
        for path in paths:
            names = path.split(".")
            if len(names) > DEEPEST:
                raise ApiError("You cannot expand more than 4 levels.", param="expand")
            self._expand_one(body, names)

    def _expand_one(self, at: Any, names: list[str]) -> None:
        if not names:
            return
        if isinstance(at, list):
            for one in cast("list[Any]", at):
                self._expand_one(one, names)
            return
        name, *rest = names
        if not isinstance(at, dict) or name not in at:
            raise ApiError(f"This property cannot be expanded ({name}).", param="expand")
        fields = cast("Thing", at)
        value = fields[name]
        if isinstance(value, str) and (found := self._world.find(value)) is not None:
            fields[name] = value = shown(found)
        if value is not None:
            self._expand_one(value, rest)


def in_use(key: str) -> ApiError:
    return ApiError(
        f"There is currently another in-progress request using this Idempotent Key ({key}).",
        status=HTTPStatus.CONFLICT,
        kind="idempotency_error",
        code="idempotency_key_in_use",
    )


ON_BEHALF: Final = frozenset(
    {
        "pay_out",
        "retrieve_payout",
        "listed_payouts",
        "cancel_payout",
        "show_balance",
        "retrieve_transaction",
        "listed_transactions",
    }
)


def _endpoints(
    world: World,
    intents: Intents,
    refunds: Refunds,
    disputes: Disputes,
    connect: Connect,
    balances: Balances,
) -> Mapping[tuple[str, str], Endpoint]:
    def charge(charge_id: str, params: Params) -> Thing:
        only(params, ())
        return shown(world.get("charge", charge_id))

    def charges(params: Params) -> Thing:
        only(params, ("payment_intent", "limit", "starting_after", "ending_before", "created"))
        names = ("payment_intent",)
        where = {name: params[name] for name in names if name in params}
        return world.listed("charge", params, "/v1/charges", **where)

    def event(event_id: str, params: Params) -> Thing:
        only(params, ())
        return shown(world.get("event", event_id))

    def events(params: Params) -> Thing:
        only(params, ("type", "limit", "starting_after", "ending_before", "created"))
        where = {"type": params["type"]} if "type" in params else {}
        return world.listed("event", params, "/v1/events", **where)

    return MappingProxyType(
        {
            ("POST", "payment_intents"): intents.create,
            ("GET", "payment_intents"): intents.listed,
            ("GET", "payment_intents/search"): intents.search,
            ("GET", "payment_intents/*"): intents.retrieve,
            ("POST", "payment_intents/*"): intents.update,
            ("POST", "payment_intents/*/confirm"): intents.confirm,
            ("POST", "payment_intents/*/capture"): intents.capture,
            ("POST", "payment_intents/*/cancel"): intents.cancel,
            ("GET", "charges"): charges,
            ("GET", "charges/*"): charge,
            ("POST", "refunds"): refunds.create,
            ("GET", "refunds"): refunds.listed,
            ("GET", "refunds/*"): refunds.retrieve,
            ("GET", "disputes"): disputes.listed,
            ("GET", "disputes/*"): disputes.retrieve,
            ("POST", "disputes/*"): disputes.update,
            ("POST", "disputes/*/close"): disputes.close,
            ("GET", "events"): events,
            ("GET", "events/*"): event,
            ("POST", "accounts"): connect.open,
            ("GET", "accounts"): connect.listed,
            ("GET", "accounts/*"): connect.retrieve,
            ("POST", "accounts/*/external_accounts"): connect.attach,
            ("POST", "account_links"): connect.link,
            ("POST", "transfers"): connect.transfer,
            ("GET", "transfers"): connect.listed_transfers,
            ("GET", "transfers/*"): connect.retrieve_transfer,
            ("POST", "transfers/*/reversals"): connect.reverse,
            ("POST", "payouts"): connect.pay_out,
            ("GET", "payouts"): connect.listed_payouts,
            ("GET", "payouts/*"): connect.retrieve_payout,
            ("POST", "payouts/*/cancel"): connect.cancel_payout,
            ("GET", "balance"): balances.show_balance,
            ("GET", "balance_transactions"): balances.listed_transactions,
            ("GET", "balance_transactions/*"): balances.retrieve_transaction,
            ("POST", "reporting/report_runs"): balances.report,
            ("GET", "reporting/report_runs/*"): balances.retrieve_report,
        }
    )
