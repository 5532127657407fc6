"""Whether two acquirers and our payments agree, charge by charge and both ways."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import httpx
from msgspec import Struct

from tawsil.apps.bench.reckoning_store import WAITING
from tawsil.payments.public import Payment, PaymentState, Provider

LIVE = frozenset({"requires_capture", "requires_action", "authorised"})


class Held(Struct, frozen=True, kw_only=True):
    """A charge as its acquirer has it."""

    provider: Provider
    id: str
    reference: str
    live: bool
    captured_minor: int


async def at_stripe(client: httpx.AsyncClient) -> list[Held]:
    """Every intent of the account."""
    held: list[Held] = []
    after: dict[str, str] = {}
    while True:
        answer = await client.get("/v1/payment_intents", params={"limit": "100", **after})
        page: dict[str, Any] = answer.raise_for_status().json()
        held += [
            Held(
                provider=Provider.STRIPE,
                id=one["id"],
                reference=one["metadata"].get("reference", ""),
                live=one["status"] in LIVE,
                captured_minor=one["amount_received"],
            )
            for one in page["data"]
        ]
        if not page["has_more"]:
            return held
        after = {"starting_after": page["data"][-1]["id"]}


async def at_direct(client: httpx.AsyncClient) -> list[Held]:
    """Every charge, as its last event left it."""
    latest: dict[str, dict[str, Any]] = {}
    after: dict[str, str] = {}
    while True:
        answer = await client.get("/events", params={"limit": "1000", **after})
        events: list[dict[str, Any]] = answer.raise_for_status().json()["events"]
        latest |= {event["data"]["charge"]["id"]: event["data"]["charge"] for event in events}
        if not events:
            break
        after = {"after": events[-1]["id"]}
    return [
        Held(
            provider=Provider.DIRECT,
            id=one["id"],
            reference=one["reference"],
            live=one["state"] in LIVE,
            captured_minor=one["captured_minor"],
        )
        for one in latest.values()
    ]


def differences(
    payments: Iterable[Payment], held: Sequence[Held], *, orders: Sequence[UUID]
) -> list[str]:
    """What does not agree, in words: nothing, if no money was lost or taken twice.

    Every order that was acknowledged has a payment, whatever became of it; every charge has a
    payment; and what is captured or still reserved anywhere is what the payment says, there.
    """
    by_reference: dict[str, list[Held]] = {}
    for one in held:
        by_reference.setdefault(one.reference, []).append(one)
    known = {str(payment.id): payment for payment in payments}
    paid_for = {payment.reference_id for payment in known.values()}
    return [
        *(f"order {id_} has no payment" for id_ in orders if id_ not in paid_for),
        *(
            f"{one.provider} has {one.id}, of which we know nothing"
            for reference, found in by_reference.items()
            if reference not in known
            for one in found
        ),
        *(
            wrong
            for id_, payment in known.items()
            for wrong in _of(payment, by_reference.get(id_, []))
        ),
    ]


def standing(
    before: Iterable[Payment],
    after: Iterable[Payment],
    held: Sequence[Held],
    *,
    orders: Sequence[UUID],
) -> tuple[str, ...]:
    """Differences of what was held with what was known before it was asked for, and still after.

    Orders go on meanwhile: merchants' time runs out, and what was reserved is let go.
    """
    still = set(differences(after, held, orders=orders))
    return tuple(one for one in differences(before, held, orders=orders) if one in still)


def tally(payments: Iterable[Payment]) -> Mapping[str, int]:
    """How many payments stand how."""
    counts: dict[str, int] = {}
    for payment in payments:
        counts[payment.state.value] = counts.get(payment.state.value, 0) + 1
    return counts


def _of(payment: Payment, held: Sequence[Held]) -> list[str]:
    captured = [one for one in held if one.captured_minor]
    live = [one for one in held if one.live]
    wrong: list[str] = []
    if len(captured) > 1 or len(live) > 1:
        wrong.append(f"payment {payment.id} has {len(captured)} captures and {len(live)} holds")
    taken_minor = sum(one.captured_minor for one in captured)
    if taken_minor != payment.captured_minor:
        wrong.append(f"payment {payment.id}: {payment.captured_minor} here, {taken_minor} there")
    if any(one.provider is not payment.provider for one in (*captured, *live)):
        wrong.append(f"payment {payment.id} has money at a provider that is not its own")
    if live and payment.state not in {*WAITING, PaymentState.AUTHORISED}:
        wrong.append(f"payment {payment.id} is {payment.state}, and its hold is not let go")
    if payment.state is PaymentState.AUTHORISED and payment.has_psp and not live:
        wrong.append(f"payment {payment.id} is authorised, and nothing is held")
    return wrong
