"""The acquirer itself: no I/O, and its clock, ids and seed come from outside.

The same `Acquirer` runs inside the seeded simulation under virtual time and behind HTTP.
"""

import heapq
import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tawsil.simulation.psp import charges
from tawsil.simulation.psp.charges import Changed, Charge, ChargeState, Problem, Refusal
from tawsil.simulation.psp.tokens import (
    CARDS,
    DUPLICATE_S,
    HELD_S,
    LATE_S,
    LOST_S,
    SLOW_S,
    Chaos,
    Posting,
    Reply,
)

SIGNATURE_HEADER: Final = "Tawsil-Psp-Signature"


class Event(Struct, frozen=True):
    """What a webhook carries; `type` is `charge.` and the state, any refund `charge.refunded`."""

    id: str
    type: str
    created_at: datetime
    data: Changed


class Webhook(Struct, frozen=True):
    """An event to post to the platform, so many seconds after the request that caused it."""

    event: Event
    after_s: float


class Answer(Struct, frozen=True):
    """What the caller hears `after_s` seconds later.

    A `lost` answer is never heard, so it says nothing of the charge: give the caller a timeout.
    """

    status: int
    charge: Charge | None = None
    error: Problem | None = None
    after_s: float = 0.0
    lost: bool = False
    webhooks: tuple[Webhook, ...] = ()


class Change(Struct, frozen=True):
    """One change of state with the answer it gave: all a journal needs to keep."""

    event: Event
    key: str | None = None
    request: str = ""
    status: int = 200
    error: Problem | None = None

    @property
    def answer(self) -> Answer:
        return Answer(status=self.status, charge=self.event.data.charge, error=self.error)


_OUTAGE: Final = Answer(
    status=503,
    error=Problem(code="acquirer_unavailable", message="nothing was done; try again later"),
)
_LOST: Final = Answer(
    status=504,
    error=Problem(code="outcome_unknown", message="look the charge up by its reference"),
    after_s=LOST_S,
    lost=True,
)


def sign(*, secret: str, body: bytes, at: datetime) -> str:
    """The value of `Tawsil-Psp-Signature`: HMAC-SHA256 over the Unix second, a dot, the body."""
    second = int(at.timestamp())
    digest = hmac.new(secret.encode(), b"%d." % second + body, sha256).hexdigest()
    return f"t={second},v1={digest}"


class Acquirer:
    """All charges of one sandbox. Not thread-safe; every method returns at once.

    `record` is told of each change before it takes effect, so that a journal can restore it
    with `apply`. The same key with the same request gives the same answer and no webhooks; with
    another request it is a 400. A refusal changed nothing and is not kept under its key: the
    same request may succeed once the charge has moved on.
    """

    def __init__(
        self,
        *,
        ids: Callable[[], UUID],
        chaos: Chaos | None = None,
        record: Callable[[Change], None] | None = None,
    ) -> None:
        self._ids = ids
        self._record = record
        self._events: list[Event] = []
        self._positions: dict[str, int] = {}
        self._latest: dict[str, Event] = {}
        self._by_reference: dict[str, list[str]] = {}
        self._by_key: dict[str, Change] = {}
        self._expiries: list[tuple[datetime, str]] = []
        self.set_chaos(chaos or Chaos())

    def set_chaos(self, chaos: Chaos) -> None:
        """Draw misfortunes afresh from the profile's seed."""
        self.chaos = chaos
        self._random = Random(chaos.seed)

    def authorise(
        self,
        *,
        idempotency_key: str,
        token: str,
        amount_minor: int,
        currency: str,
        reference: str,
        at: datetime,
    ) -> Answer:
        """Reserve an amount on a card: 201, or 402 declined, 400, 422, 503 outage, 504 unknown."""

        def decide() -> Changed:
            unlucky = self._strikes(self.chaos.decline_rate)
            return charges.authorise(
                charge_id=f"ch_{self._ids().hex}",
                token=token,
                amount_minor=amount_minor,
                currency=currency,
                reference=reference,
                misfortune="card_declined" if unlucky else None,
                at=at,
            )

        return self._do(
            idempotency_key,
            _request("authorise", token, amount_minor, currency, reference),
            CARDS[token].authorise if token in CARDS else Reply.PROMPT,
            decide,
            at=at,
            done=201,
        )

    def confirm(
        self, *, idempotency_key: str, charge_id: str, approve: bool, at: datetime
    ) -> Answer:
        """Answer a 3-D Secure challenge as the cardholder: 200, or 402 denied, 404, 409."""
        return self._do(
            idempotency_key,
            _request("confirm", charge_id, approve),
            Reply.PROMPT,
            lambda: charges.confirm(self._known(charge_id, at), approve=approve, at=at),
            at=at,
        )

    def capture(
        self,
        *,
        idempotency_key: str,
        charge_id: str,
        amount_minor: int | None = None,
        at: datetime,
    ) -> Answer:
        """Take all or part of an authorisation, once: 200, or 400 too much, 404, 409, 504."""
        known = self.retrieve(charge_id=charge_id, at=at)
        return self._do(
            idempotency_key,
            _request("capture", charge_id, amount_minor),
            CARDS[known.token].capture if known else Reply.PROMPT,
            lambda: charges.capture(self._known(charge_id, at), amount_minor=amount_minor, at=at),
            at=at,
        )

    def void(self, *, idempotency_key: str, charge_id: str, at: datetime) -> Answer:
        """Release an authorisation: 200, or 404, 409."""
        return self._do(
            idempotency_key,
            _request("void", charge_id),
            Reply.PROMPT,
            lambda: charges.void(self._known(charge_id, at), at=at),
            at=at,
        )

    def refund(
        self,
        *,
        idempotency_key: str,
        charge_id: str,
        amount_minor: int | None = None,
        at: datetime,
    ) -> Answer:
        """Return part or the rest of a capture: 200, or 400 too much, 404, 409."""

        def decide() -> Changed:
            charge = self._known(charge_id, at)
            return charges.refund(charge, amount_minor=amount_minor, key=idempotency_key, at=at)

        request = _request("refund", charge_id, amount_minor)
        return self._do(idempotency_key, request, Reply.PROMPT, decide, at=at)

    def retrieve(self, *, charge_id: str, at: datetime) -> Charge | None:
        latest = self._latest.get(charge_id)
        return None if latest is None else charges.as_of(latest.data.charge, at=at)

    def find(self, *, reference: str, at: datetime) -> list[Charge]:
        """Every charge made under the caller's reference, oldest first."""
        ids = self._by_reference.get(reference, ())
        return [charges.as_of(self._latest[i].data.charge, at=at) for i in ids]

    def events(self, *, after: str | None = None, limit: int | None = None) -> list[Event]:
        """Events in the order they happened, from the first or after a known one.

        Raises:
            Refusal: when there is no event `after`.
        """
        if after is not None and after not in self._positions:
            raise Refusal(404, "event_not_found", f"there is no event {after}")
        start = 0 if after is None else self._positions[after] + 1
        return self._events[start:] if limit is None else self._events[start : start + limit]

    @staticmethod
    def silent(event: Event) -> bool:
        """Whether the card is one whose webhooks never come."""
        return CARDS[event.data.charge.token].webhooks is Posting.SILENT

    def advance(self, *, at: datetime) -> tuple[Webhook, ...]:
        """Expire what is due, and return the webhooks that say so. Call it now and then."""
        webhooks: list[Webhook] = []
        while self._expiries and self._expiries[0][0] <= at:
            _, charge_id = heapq.heappop(self._expiries)
            charge = self._latest[charge_id].data.charge
            expired = charges.as_of(charge, at=at)
            if expired is not charge:
                changed = Changed(charge=expired, amount_minor=expired.amount_minor)
                webhooks += self._commit(Change(event=self._event(changed)))
        return tuple(webhooks)

    def apply(self, change: Change) -> None:
        """Make a change so: the only place where the state of the acquirer changes."""
        event, charge = change.event, change.event.data.charge
        if charge.id not in self._latest:
            self._by_reference.setdefault(charge.reference, []).append(charge.id)
        self._latest[charge.id] = event
        self._positions[event.id] = len(self._events)
        self._events.append(event)
        if change.key is not None:
            self._by_key[change.key] = change
        if charge.expires_at is not None:
            heapq.heappush(self._expiries, (charge.expires_at, charge.id))

    def _do(
        self,
        key: str,
        request: str,
        reply: Reply,
        decide: Callable[[], Changed],
        *,
        at: datetime,
        done: int = 200,
    ) -> Answer:
        assert at.utcoffset() == timedelta(0), "times are UTC"
        reply = self._fate(reply)
        if reply is Reply.LOST_UNDONE:
            return _LOST
        if reply is Reply.OUTAGE:
            return _OUTAGE
        try:
            made = self._made(key, request)
            changed = None if made else decide()
        except Refusal as refusal:
            return Answer(status=refusal.status, error=refusal.problem)
        if made is not None:
            return _heard(made.answer, reply)
        assert changed is not None, "what was not made before is decided now"
        decline = _decline(changed.charge)
        change = Change(
            event=self._event(changed),
            key=key,
            request=request,
            status=402 if decline else done,
            error=decline,
        )
        webhooks = self._commit(change)
        return replace(_heard(change.answer, reply), webhooks=webhooks)

    def _made(self, key: str, request: str) -> Change | None:
        charges.require_name(key, what="idempotency_key")
        made = self._by_key.get(key)
        if made is not None and made.request != request:
            raise Refusal(400, "idempotency_key_reused", "this key did something else")
        return made

    def _commit(self, change: Change) -> tuple[Webhook, ...]:
        before = self._latest.get(change.event.data.charge.id)
        if self._record is not None:
            self._record(change)
        self.apply(change)
        return self._webhooks(change.event, before)

    def _known(self, charge_id: str, at: datetime) -> Charge:
        charge = self.retrieve(charge_id=charge_id, at=at)
        if charge is None:
            raise Refusal(404, "charge_not_found", f"there is no charge {charge_id}")
        return charge

    def _event(self, changed: Changed) -> Event:
        state = changed.charge.state
        past = "refunded" if state is ChargeState.PARTIALLY_REFUNDED else state.value
        return Event(
            id=f"evt_{self._ids().hex}",
            type=f"charge.{past}",
            created_at=changed.charge.updated_at,
            data=changed,
        )

    def _webhooks(self, event: Event, before: Event | None) -> tuple[Webhook, ...]:
        """When to post an event, and which one again."""
        posting = CARDS[event.data.charge.token].webhooks
        late, twice = self._strikes(self.chaos.late_rate), self._strikes(self.chaos.duplicate_rate)
        if posting is Posting.SILENT:
            return ()
        if posting is Posting.UNORDERED and event.data.charge.version % 2 == 1:
            return (Webhook(event=event, after_s=HELD_S),)
        after_s = LATE_S if late or posting is Posting.LATE else 0.0
        webhooks = [Webhook(event=event, after_s=after_s)]
        if twice or posting is Posting.DUPLICATE:
            webhooks.append(Webhook(event=event, after_s=after_s + DUPLICATE_S))
        if posting is Posting.UNORDERED:
            assert before is not None, "an even change follows an odd one"
            webhooks.append(Webhook(event=before, after_s=after_s + DUPLICATE_S))
        return tuple(webhooks)

    def _fate(self, reply: Reply) -> Reply:
        draw = self._random.random()
        if reply is not Reply.PROMPT:
            return reply
        for rate, misfortune in (
            (self.chaos.outage_rate, Reply.OUTAGE),
            (self.chaos.unknown_lost_rate, Reply.LOST_UNDONE),
            (self.chaos.unknown_rate, Reply.LOST),
            (self.chaos.slow_rate, Reply.SLOW),
        ):
            if draw < rate:
                return misfortune
            draw -= rate
        return Reply.PROMPT

    def _strikes(self, rate: float) -> bool:
        return self._random.random() < rate


def _request(*parts: str | int | bool | None) -> str:
    return msgspec.json.encode(parts).decode()


def _decline(charge: Charge) -> Problem | None:
    if charge.state is not ChargeState.DECLINED:
        return None
    assert charge.decline_code is not None, "a decline has a reason"
    return Problem(code=charge.decline_code, message="the card was declined")


def _heard(answer: Answer, reply: Reply) -> Answer:
    if reply is Reply.LOST:
        return _LOST
    return replace(answer, after_s=SLOW_S if reply is Reply.SLOW else 0.0)
