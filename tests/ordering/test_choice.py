"""The customer's choice when no courier comes, and its races with a courier who does."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest

from ordering.conftest import CITY, KITCHEN, TENANT, Street
from tawsil.apps import wiring
from tawsil.apps.live import TRANSLATIONS
from tawsil.couriers import public as couriers
from tawsil.dispatch import public as dispatch
from tawsil.dispatch.events import DeliveryEscalated
from tawsil.geography import public as geography
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.deadlines import Deadlines
from tawsil.kernel.decisions import Refusal
from tawsil.kernel.events import story
from tawsil.kernel.http import Caller
from tawsil.kernel.reach import Reach
from tawsil.ordering import journey, public, routes
from tawsil.ordering.events import ChoiceOffered, Status
from tawsil.ordering.model import CHOICE_LASTS, Choice, Order
from tawsil.ordering.moves import Party
from tawsil.ordering.steps import Acting
from tawsil.payments import public as payments
from tawsil.tracking import public as tracking


async def searching(tx: Tx, street: Street) -> Order:
    """An order that the kitchen took and no courier has."""
    order = await street.offered(tx)
    (taken,) = await journey.accept_order(tx, [street.accepting(order)])
    assert isinstance(taken, Order), taken
    return taken


async def ask(tx: Tx, street: Street, order: Order, *actions: str) -> Order:
    """Dispatch climbs a rung with these actions, as ordering hears it."""
    escalated = DeliveryEscalated(
        delivery_id=order.id, reference_id=order.id, level=3, reason="nobody", actions=actions
    )
    heard: Any = _Heard(escalated, street)
    await journey.nobody_takes_it(tx, [heard])
    return (await public.get_many(tx, tenant_id=TENANT, ids=[order.id]))[order.id]


class _Heard:
    """As much of a recorded event as a handler reads."""

    def __init__(self, event: DeliveryEscalated, street: Street) -> None:
        self.event, self.by = event, street.by


def choosing(street: Street, order: Order, choice: Choice, **acting: Any) -> journey.Choose:
    party, id_ = acting.get("party", Party.CUSTOMER), acting.get("id_", street.customer_id)
    return journey.Choose(by=street.by, order_id=order.id, acting=Acting(party, id_), choice=choice)


async def types(tx: Tx, order: Order) -> list[str]:
    return [r.type for r in await story(tx, wiring.REGISTRY, correlation_id=order.id)]


async def earned_minor(tx: Tx, owner_id: UUID) -> int:
    return await tx.value(
        """
        select coalesce(sum(e.amount_minor), 0)::bigint from payments.entry e
        join payments.account a on a.id = e.account_id where a.owner_id = $1
        """,
        owner_id,
    )


@pytest.fixture
async def opened(tx: Tx, street: Street) -> Street:
    await street.open(tx)
    return street


async def test_a_rung_that_asks_for_it_offers_the_choice_once(tx: Tx, opened: Street) -> None:
    order = await searching(tx, opened)
    assert (await ask(tx, opened, order, "ticket", "alert")).choice_until_at is None
    assert (await ask(tx, opened, order, "offer_choice")).choice_until_at == tx.now + CHOICE_LASTS
    tx.now += timedelta(minutes=1)
    asked_again = await ask(tx, opened, order, "offer_choice")
    assert asked_again.choice_until_at == tx.now - timedelta(minutes=1) + CHOICE_LASTS
    assert (await types(tx, order)).count("order.choice_offered.v1") == 1


async def test_calling_off_is_free_and_the_kitchen_is_paid(tx: Tx, opened: Street) -> None:
    order = await ask(tx, opened, await searching(tx, opened), "offer_choice")
    (ended,) = await journey.choose(tx, [choosing(opened, order, Choice.CANCEL)])
    assert isinstance(ended, Order), ended
    assert (ended.status, ended.ended_because) == (Status.CANCELLED, "gave_up_waiting")
    recorded = await types(tx, order)
    for once in ("order.choice_closed.v1", "order.cancelled.v1", "delivery.withdrawn.v1"):
        assert recorded.count(once) == 1, recorded
    paid = (await payments.of_references(tx, reference_ids=[order.id]))[order.id]
    assert paid.captured_minor == 0
    assert await earned_minor(tx, opened.merchant_id) == order.amounts.merchant_minor
    assert set((await payments.imbalance(tx)).values()) <= {0}
    assert await public.without_deadline(tx) == 0


async def test_waiting_on_closes_the_choice_and_nothing_else(tx: Tx, opened: Street) -> None:
    order = await ask(tx, opened, await searching(tx, opened), "offer_choice")
    keep, again, late = await journey.choose(
        tx,
        [
            choosing(opened, order, Choice.KEEP_WAITING),
            choosing(opened, order, Choice.KEEP_WAITING),
            choosing(opened, order, Choice.CANCEL),
        ],
    )
    assert isinstance(keep, Order)
    assert keep.choice_until_at is None
    assert keep.status is order.status
    for refusal in (again, late):
        assert isinstance(refusal, Refusal)
        assert refusal.code == "order.no_choice_open"
    later = await ask(tx, opened, keep, "offer_choice")
    assert later.choice_until_at is not None, "the next search may ask again"


async def test_the_choice_is_the_customers(tx: Tx, opened: Street) -> None:
    order = await ask(tx, opened, await searching(tx, opened), "offer_choice")
    (kitchen,) = await journey.choose(
        tx,
        [choosing(opened, order, Choice.CANCEL, party=Party.MERCHANT, id_=opened.merchant_id)],
    )
    assert isinstance(kitchen, Refusal)
    assert (kitchen.code, kitchen.status) == ("order.choice_not_yours", 403)
    (stranger,) = await journey.choose(tx, [choosing(opened, order, Choice.CANCEL, id_=tx.ids())])
    assert isinstance(stranger, Refusal)
    assert stranger.status == 404


async def test_no_answer_is_to_wait_on(
    database: Database, street: Street, clock: VirtualClock
) -> None:
    async with database.transaction() as tx:
        await street.open(tx)
        order = await searching(tx, street)
        order = await ask(tx, street, order, "offer_choice")
    deadlines = Deadlines({"order": journey.on_due})
    for _ in range(4):  # the kitchen's own deadlines come and go meanwhile
        clock.advance(timedelta(minutes=5))
        while await deadlines.fire(database):
            pass
    async with database.transaction() as tx:
        after = (await public.get_many(tx, tenant_id=TENANT, ids=[order.id]))[order.id]
        assert after.live
        assert after.choice_until_at is None
        assert (await types(tx, order)).count("order.choice_closed.v1") == 1
        assert await public.without_deadline(tx) == 0
        (refused,) = await journey.choose(tx, [choosing(street, order, Choice.CANCEL)])
    assert isinstance(refused, Refusal)


async def on_duty(tx: Tx, street: Street) -> UUID:
    """A courier near the kitchen."""
    courier_id = tx.ids()
    newcomer = couriers.NewCourier(
        by=street.by, courier_id=courier_id, city_id=CITY, vehicle=couriers.Vehicle.MOTORBIKE
    )
    await couriers.create_couriers(tx, couriers=[newcomer])
    await couriers.start_shift(tx, [couriers.StartShift(by=street.by, courier_id=courier_id)])
    ping = tracking.Ping(place=KITCHEN, at=tx.now, accuracy_m=5.0)
    await tracking.record(
        tx, [tracking.RecordPositions(by=street.by, courier_id=courier_id, pings=[ping])]
    )
    return courier_id


async def asked(tx: Tx, street: Street) -> dispatch.Answer:
    """The one offer of a tick, taken."""
    tick = await dispatch.tick(
        tx, tenant_id=TENANT, city_id=CITY, travel=dispatch.OnMap(geography.GreatCircle())
    )
    (offer,) = tick.offers
    return dispatch.Answer(by=street.by, offer_id=offer.id, courier_id=offer.courier_id)


async def caught_up(database: Database) -> None:
    """Every listener has heard everything."""
    listeners = wiring.subscriptions()
    while any([await listener.advance(database) for listener in listeners]):
        pass


@pytest.mark.parametrize("seed", range(8))
async def test_a_courier_and_the_customer_at_once(
    database: Database, street: Street, clock: VirtualClock, seed: int
) -> None:
    """Whoever is first wins; nobody ever carries an order that was called off."""
    async with database.transaction() as tx:
        await street.open(tx)
        courier_id = await on_duty(tx, street)
        order = await searching(tx, street)
        (order,) = [o for o in await ready(tx, street, order) if isinstance(o, Order)]
        order = await ask(tx, street, order, "offer_choice")
        answer = await asked(tx, street)

    async def take() -> object:
        async with database.transaction() as tx:
            return (await dispatch.accept(tx, [answer]))[0]

    async def call_off() -> object:
        async with database.transaction() as tx:
            return (await journey.choose(tx, [choosing(street, order, Choice.CANCEL)]))[0]

    acts = [take, call_off]
    Random(seed).shuffle(acts)
    done = await asyncio.gather(*[act() for act in acts])
    taken, ended = done if acts[0] is take else reversed(done)
    assert isinstance(taken, Refusal) != isinstance(ended, Refusal), "exactly one of them wins"
    clock.advance(timedelta(seconds=1))
    await caught_up(database)
    async with database.transaction() as tx:
        after = (await public.get_many(tx, tenant_id=TENANT, ids=[order.id]))[order.id]
        delivery = (await dispatch.of_references(tx, reference_ids=[order.id]))[order.id]
        courier = (await couriers.get_many(tx, ids=[courier_id]))[courier_id]
        assert after.choice_until_at is None, "either way nothing is left to choose"
        if isinstance(ended, Refusal):
            assert ended.code in {"dispatch.courier_found", "order.no_choice_open"}
            assert (after.live, after.courier_id) == (True, courier_id)
            assert delivery.courier_id == courier_id
            assert courier.availability is couriers.Availability.ON_JOB
            assert await earned_minor(tx, street.merchant_id) == 0
        else:
            assert (after.status, after.courier_id) == (Status.CANCELLED, None)
            assert delivery.courier_id is None
            assert courier.availability is couriers.Availability.AVAILABLE
            assert await earned_minor(tx, street.merchant_id) == after.amounts.merchant_minor


async def ready(tx: Tx, street: Street, order: Order) -> Sequence[object]:
    acting = Acting(Party.MERCHANT, street.merchant_id)
    return await journey.mark_ready(
        tx, [journey.MoveOrder(by=street.by, order_id=order.id, acting=acting)]
    )


async def test_a_courier_who_was_found_ends_the_choice_before_the_order_hears(
    database: Database, street: Street
) -> None:
    """Dispatch knows first: what it has given to a courier, it does not let go."""
    async with database.transaction() as tx:
        await street.open(tx)
        await on_duty(tx, street)
        order = await searching(tx, street)
        await ready(tx, street, order)
        order = await ask(tx, street, order, "offer_choice")
        await dispatch.accept(tx, [await asked(tx, street)])
    async with database.transaction() as tx:
        (refused,) = await journey.choose(tx, [choosing(street, order, Choice.CANCEL)])
        assert isinstance(refused, Refusal)
        assert refused.code == "dispatch.courier_found"
    await caught_up(database)
    async with database.transaction() as tx:
        after = (await public.get_many(tx, tenant_id=TENANT, ids=[order.id]))[order.id]
        assert after.choice_until_at is None
        assert after.courier_id is not None
        recorded = await types(tx, order)
    assert recorded.index("order.choice_closed.v1") < recorded.index("order.courier_assigned.v1")


async def test_the_customer_is_asked_and_answers_over_http(
    database: Database, street: Street, serve: Any, callers: Any
) -> None:
    async with database.transaction() as tx:
        await street.open(tx)
        order = await ask(tx, street, await searching(tx, street), "offer_choice")
    customer = ("order:read:own", "order:cancel:own", "order:update:own")
    merchant = ("order:read:assigned", "order:update:assigned")
    tokens = {
        "customer": callers.token("customer", *customer, user_id=street.customer_id),
        "stranger": callers.token("customer", *customer),
        "merchant": callers.token("merchant", *merchant, location_id=street.merchant_id),
    }
    client = await serve(routes.routes, registry=wiring.REGISTRY)

    async def answer(who: str, choice: str) -> Any:
        return await client.post(
            f"/v4/orders/{order.id}/choice",
            headers={"Authorization": f"Bearer {tokens[who]}"},
            json={"choice": choice},
        )

    shown = await client.get(
        f"/v4/orders/{order.id}", headers={"Authorization": f"Bearer {tokens['customer']}"}
    )
    assert shown.json()["data"]["choice_until_at"] is not None
    assert (await answer("stranger", "cancel")).status_code == 404
    assert (await answer("merchant", "cancel")).status_code == 403
    assert (await answer("customer", "complain")).status_code == 400
    done = await answer("customer", "cancel")
    assert done.status_code == 200, done.text
    assert done.json()["data"]["status"] == "CANCELLED"
    again = await answer("customer", "keep_waiting")
    assert (again.status_code, again.json()["errors"][0]["code"]) == (409, "order.no_choice_open")


async def test_the_customer_hears_of_the_choice_live(tx: Tx, opened: Street) -> None:
    order = await ask(tx, opened, await searching(tx, opened), "offer_choice")
    recorded = await story(tx, wiring.REGISTRY, correlation_id=order.id)
    (offered,) = [r for r in recorded if isinstance(r.event, ChoiceOffered)]
    told = {m.event: m for m in TRANSLATIONS[ChoiceOffered](offered)}
    assert told["order_choice_updated"].data["until"] == order.choice_until_at
    customer = Caller(
        user_id=opened.customer_id,
        tenant_id=TENANT,
        session_id=tx.ids(),
        roles=("customer",),
        permissions=frozenset({"order:read:own"}),
    )
    reach = Reach(tenant_id=TENANT, user_id=customer.user_id)
    assert told["order_choice_updated"].audience.includes(customer, reach)
