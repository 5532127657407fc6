"""Stripe calls: signatures, rotation, and a storm of webhooks, each of which has one effect."""

import time
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
import stripe

from payments.stripe_shop import MERCHANT, NEW, OLD, PATH, Shop
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.http.bodies import MOST_BODY_BYTES
from tawsil.payments import public
from tawsil.payments.jobs.books import check_books
from tawsil.payments.model.payment import PaymentState
from tawsil.payments.routes import routes
from tawsil.payments.routes.webhooks import STRIPE_SIGNATURE_HEADER


def event(event_id: str = "evt_1", reference: str = "x") -> bytes:
    about = {"id": "pi_1", "object": "payment_intent", "metadata": {"reference": reference}}
    return msgspec.json.encode({"id": event_id, "object": "event", "data": {"object": about}})


def headers(body: bytes, clock: VirtualClock, *, secret: str = NEW, late_s: int = 0) -> Any:
    """Signed as Stripe's own SDK signs."""
    second = int(clock().timestamp()) + late_s
    header = stripe.WebhookSignature.generate_signature_header(body.decode(), secret, second)
    return {STRIPE_SIGNATURE_HEADER: header}


@pytest.fixture
async def client(serve: Any) -> httpx.AsyncClient:
    return await serve(routes, stripe_webhook_secrets=[NEW, OLD], psp_webhook_secrets=["other"])


@pytest.mark.parametrize("late_s", [-300, -299, 0, 299, 300])
@pytest.mark.parametrize("secret", [NEW, OLD])
async def test_what_stripe_signed_in_time_is_heard_once(
    client: httpx.AsyncClient, clock: VirtualClock, secret: str, late_s: int
) -> None:
    body = event()
    signed = headers(body, clock, secret=secret, late_s=late_s)
    for duplicate in (False, True):
        answer = await client.post(PATH, content=body, headers=signed)
        assert answer.json()["data"] == {"duplicate": duplicate}


async def test_what_is_not_signed_by_stripe_or_not_now_is_refused(
    client: httpx.AsyncClient, clock: VirtualClock, database: Database
) -> None:
    body = event()
    good = headers(body, clock)[STRIPE_SIGNATURE_HEADER]
    forged: list[tuple[bytes, dict[str, str]]] = [
        (body, {}),
        (body, headers(body, clock, secret="whsec_retired")),
        (body, headers(body, clock, secret="other")),
        (body, headers(body, clock, late_s=-301)),
        (body, headers(body, clock, late_s=301)),
        (body, {STRIPE_SIGNATURE_HEADER: good.replace("v1=", "v0=")}),
        (body, {STRIPE_SIGNATURE_HEADER: good.split(",")[0]}),
    ]
    flips = Random(1).sample(range(len(body) * 8), 60)
    for bit in flips:
        flipped = bytearray(body)
        flipped[bit // 8] ^= 1 << bit % 8
        forged.append((bytes(flipped), {STRIPE_SIGNATURE_HEADER: good}))
    digest_at = good.index("v1=") + 3
    for at in range(digest_at, len(good)):
        wrong = "0" if good[at] != "0" else "1"
        changed = good[:at] + wrong + good[at + 1 :]
        forged.append((body, {STRIPE_SIGNATURE_HEADER: changed}))
    for content, signed in forged:
        answer = await client.post(PATH, content=content, headers=signed)
        assert answer.status_code == 401
        assert answer.json()["errors"][0]["code"] == "payment.signature_invalid"
    assert await database.pool.fetchval("select count(*) from payments.webhook") == 0


async def test_a_huge_body_is_not_read(client: httpx.AsyncClient, clock: VirtualClock) -> None:
    body = b" " * (MOST_BODY_BYTES + 1)
    answer = await client.post(PATH, content=body, headers=headers(body, clock))
    assert answer.status_code == 413


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"id": 1}'])
async def test_a_signed_event_that_makes_no_sense_is_a_bad_request(
    client: httpx.AsyncClient, clock: VirtualClock, body: bytes
) -> None:
    answer = await client.post(PATH, content=body, headers=headers(body, clock))
    assert answer.status_code == 400


async def storm(shop: Shop, by: By, count: int) -> float:
    """Each webhook of so many payments three times, shuffled, some before the answer."""
    began_s = time.monotonic()
    references = [shop.database.ids() for _ in range(count)]
    await shop.misfortune(seed=3, copies=3, late=0.2, unordered=0.4, lost=0.02, slow=0.2)
    for start in range(0, count, 50):
        await shop.begin(by, references[start : start + 50])
        await shop.work()
    await shop.all_heard()
    for _ in range(10):
        if all(p.state is PaymentState.AUTHORISED for p in await shop.payments(references)):
            break
        await shop.wait()
    for start in range(0, count, 50):
        await shop.capture(by, references[start : start + 50])
        await shop.work()
    await shop.all_heard()
    for _ in range(10):
        if all(p.state is PaymentState.CAPTURED for p in await shop.payments(references)):
            break
        await shop.wait()
    took_s = time.monotonic() - began_s
    paid = await shop.payments(references)
    assert {p.state for p in paid} == {PaymentState.CAPTURED}
    assert {p.captured_minor for p in paid} == {1_000}
    assert not await check_books(shop.database)
    transfers = await shop.database.pool.fetchval(
        "select count(*) from payments.transfer where kind = 'capture'"
    )
    assert transfers == count
    async with shop.database.transaction() as tx:
        (merchant,) = await public.balances(tx, tenant_id=by.tenant_id, accounts=[MERCHANT])
    assert merchant.posted_minor == count * 1_000
    heard = await shop.database.pool.fetch("select event_id from payments.webhook")
    assert {row["event_id"] for row in heard} == set(await events_of(shop))
    return took_s


async def events_of(shop: Shop) -> list[str]:
    """Every event the sandbox made, page after page."""
    found: list[str] = []
    more = True
    while more:
        after = {"starting_after": found[-1]} if found else {}
        page = (await shop.sandbox.get("/v1/events", params={"limit": 100, **after})).json()
        found += [one["id"] for one in page["data"]]
        more = page["has_more"]
    return found


async def test_a_storm_of_webhooks_has_one_effect_each(
    shop: Shop, by: By, record_property: Any
) -> None:
    record_property("seconds", await storm(shop, by, 25))


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_a_thousand_payments_in_a_storm(shop: Shop, by: By, record_property: Any) -> None:
    took_s = await storm(shop, by, 1_000)
    record_property("seconds", took_s)


@pytest.mark.parametrize(
    ("verdict", "state"),
    [("approve", PaymentState.AUTHORISED), ("deny", PaymentState.DECLINED)],
)
async def test_a_payer_answers_the_bank_and_comes_back(
    shop: Shop, by: By, callers: Any, verdict: str, state: PaymentState
) -> None:
    reference = shop.database.ids()
    await shop.begin(by, [reference], card="pm_card_threeDSecure2Required")
    await shop.work()
    payer = callers.token("customer", "payment:read:own", user_id=UUID(int=4))
    staff = callers.token("admin", "payment:*")

    async def seen(token: str) -> dict[str, Any]:
        answer = await shop.platform.get(
            f"/v4/payments/{reference}", headers={"Authorization": f"Bearer {token}"}
        )
        return answer.json()["data"]

    asked = await seen(payer)
    assert asked["state"] == "challenged"
    assert (await seen(staff))["next_action_url"] is None
    answered = await shop.sandbox.post(f"{asked['next_action_url']}/{verdict}")
    back = await shop.platform.get(answered.headers["location"], headers={"Accept-Language": "ar"})
    assert (back.status_code, 'dir="rtl"' in back.text) == (200, True)
    await shop.work()
    (payment,) = await shop.payments([reference])
    assert (payment.state, payment.challenge_url) == (state, None)
    assert (await seen(payer))["next_action_url"] is None


async def test_a_challenge_that_nobody_answers_is_declined_and_taken_back(
    shop: Shop, by: By
) -> None:
    reference = shop.database.ids()
    await shop.begin(by, [reference], card="pm_card_authenticationRequired")
    await shop.work()
    await shop.wait()
    (payment,) = await shop.payments([reference])
    assert (payment.state, payment.decline_code) == (
        PaymentState.VOIDED,
        "authentication_not_completed",
    )
    listed = (await shop.sandbox.get("/v1/payment_intents")).json()["data"]
    assert [intent["status"] for intent in listed] == ["canceled"]


async def test_secrets_change_without_a_webhook_lost(shop: Shop, by: By) -> None:
    for secrets in ([OLD], [OLD, NEW], [NEW]):
        await shop.sandbox.post("/sandbox/secrets", json={"secrets": secrets})
        await shop.begin(by, [shop.database.ids()])
        await shop.work()
        await shop.all_heard()
    assert await shop.database.pool.fetchval("select count(*) from payments.webhook") == 9


async def test_minutes_of_outage_lose_and_double_nothing(shop: Shop, by: By) -> None:
    before = [shop.database.ids() for _ in range(5)]
    await shop.begin(by, before)
    await shop.work()
    await shop.sandbox.post("/sandbox/outage", json={"seconds": 600})
    began_at = shop.clock()
    meanwhile = [shop.database.ids() for _ in range(5)]
    await shop.begin(by, meanwhile)
    await shop.capture(by, before)
    while shop.clock() - began_at < timedelta(minutes=5):
        await shop.work()
        assert {p.state for p in await shop.payments(before)} == {PaymentState.CAPTURING}
        assert {p.state for p in await shop.payments(meanwhile)} == {PaymentState.UNKNOWN}
        await shop.wait()
    await shop.sandbox.post("/sandbox/outage", json={"seconds": 0})
    for _ in range(40):
        if not await shop.database.pool.fetchval("select count(*) from kernel.deadline"):
            break
        await shop.wait()
    await shop.all_heard()
    assert {p.state for p in await shop.payments(before)} == {PaymentState.CAPTURED}
    assert {p.state for p in await shop.payments(meanwhile)} == {PaymentState.DECLINED}
    listed = (await shop.sandbox.get("/v1/payment_intents?limit=100")).json()["data"]
    assert [intent["status"] for intent in listed] == ["succeeded"] * 5
    assert not await check_books(shop.database)
