"""Webhooks are believed only when signed, and people see only their own money."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.jobs import HeldJobs
from tawsil.payments import public
from tawsil.payments.events import AccountKind, AccountRef, Method, Posting
from tawsil.payments.model.payment import Payment
from tawsil.payments.routes import routes
from tawsil.payments.routes.webhooks import signed
from tawsil.simulation.psp.model import SIGNATURE_HEADER, sign

SECRET = "whsec"
PATH = "/v4/webhooks/psp"
MERCHANT, COURIER, PAYER = UUID(int=21), UUID(int=22), UUID(int=23)


async def paid_in_cash(database: Database, by: By) -> Payment:
    reference_id = database.ids()
    command = public.Authorise(
        by=by,
        reference_id=reference_id,
        city_id=UUID(int=3),
        payer_id=PAYER,
        method=Method.CASH,
        amount_minor=1_000,
        currency="QAR",
    )
    capture = public.Capture(
        by=by,
        reference_id=reference_id,
        postings=(
            Posting(AccountRef(AccountKind.MERCHANT, MERCHANT), 900),
            Posting(AccountRef(AccountKind.COURIER, COURIER), 100),
        ),
        collected_by=COURIER,
    )
    async with database.transaction() as tx:
        await public.authorise(tx, [command])
        (payment,) = await public.capture(tx, [capture])
    assert isinstance(payment, Payment)
    return payment


def webhook(reference: str, event_id: str = "evt_1") -> bytes:
    return msgspec.json.encode({"id": event_id, "data": {"charge": {"reference": reference}}})


def headers(body: bytes, at: datetime, secret: str = SECRET) -> dict[str, str]:
    return {SIGNATURE_HEADER: sign(secret=secret, body=body, at=at)}


async def test_a_webhook_is_heard_once_and_only_causes_a_look(
    serve: Any, database: Database, by: By, clock: VirtualClock, jobs: HeldJobs
) -> None:
    payment = await paid_in_cash(database, by)
    client = await serve(routes, psp_webhook_secrets=[SECRET])
    body = webhook(str(payment.id))
    for duplicate in (False, True):
        answer = await client.post(PATH, content=body, headers=headers(body, clock()))
        assert answer.status_code == 200
        assert answer.json()["data"] == {"duplicate": duplicate}
    assert [job.name for job in jobs.waiting] == ["payments.reconcile"]


@pytest.mark.parametrize("reference", ["not ours", "01900000-0000-7000-8000-00000000ffff"])
async def test_a_webhook_about_a_strangers_charge_is_noted_and_left(
    serve: Any, clock: VirtualClock, jobs: HeldJobs, reference: str
) -> None:
    client = await serve(routes, psp_webhook_secrets=[SECRET])
    body = webhook(reference)
    answer = await client.post(PATH, content=body, headers=headers(body, clock()))
    assert answer.status_code == 200
    assert not jobs.waiting


async def test_a_webhook_that_is_not_signed_by_the_acquirer_is_refused(
    serve: Any, database: Database, clock: VirtualClock
) -> None:
    client = await serve(routes, psp_webhook_secrets=[SECRET])
    body = webhook("any")
    forged = [
        {},
        {SIGNATURE_HEADER: ""},
        {SIGNATURE_HEADER: "t=x,v1=y"},
        headers(body, clock(), secret="another"),
        headers(body + b" ", clock()),
        headers(body, clock() - timedelta(seconds=301)),
        headers(body, clock() + timedelta(seconds=301)),
    ]
    for forgery in forged:
        answer = await client.post(PATH, content=body, headers=forgery)
        assert answer.status_code == 401
        assert answer.json()["errors"][0]["code"] == "payment.signature_invalid"
    assert await database.pool.fetchval("select count(*) from payments.webhook") == 0


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"id": 1}', b"\xff"])
async def test_a_signed_webhook_that_makes_no_sense_is_a_bad_request(
    serve: Any, clock: VirtualClock, body: bytes
) -> None:
    client = await serve(routes, psp_webhook_secrets=[SECRET])
    answer = await client.post(PATH, content=body, headers=headers(body, clock()))
    assert answer.status_code == 400


@given(signature=st.text(max_size=60), body=st.binary(max_size=60))
def test_no_made_up_signature_passes_or_breaks(signature: str, body: bytes) -> None:
    now = datetime.fromisoformat("2026-11-20T12:00:00+00:00")
    for text in (signature, f"t={int(now.timestamp())},v1={signature}", f"t={signature},v1=a"):
        assert not signed(secrets=[SECRET], signature=text, body=body, now=now)


@given(body=st.binary(max_size=60), late_s=st.integers(-300, 300))
def test_a_true_signature_passes_for_five_minutes(body: bytes, late_s: int) -> None:
    at = datetime.fromisoformat("2026-11-20T12:00:00+00:00")
    signature = sign(secret=SECRET, body=body, at=at)
    now = at + timedelta(seconds=late_s)
    assert signed(secrets=[SECRET], signature=f"v1=old,{signature}", body=body, now=now)


@pytest.mark.parametrize("signs_with", ["old", "new"])
async def test_two_secrets_are_valid_while_one_takes_the_others_place(
    serve: Any, clock: VirtualClock, signs_with: str
) -> None:
    client = await serve(routes, psp_webhook_secrets=["new", "old"])
    body = webhook("evt_1", "any")
    for secret, status in ((signs_with, 200), ("older", 401)):
        answer = await client.post(
            PATH, content=body, headers=headers(body, clock(), secret=secret)
        )
        assert answer.status_code == status


async def test_a_payment_is_shown_to_its_payer_and_to_those_who_may_see_all(
    serve: Any, callers: Any, database: Database, by: By, ids: Ids
) -> None:
    payment = await paid_in_cash(database, by)
    client = await serve(routes, psp_webhook_secrets=[SECRET])
    own, all_ = "payment:read:own", "payment:*"
    seen = {
        callers.token("customer", own, user_id=PAYER): 200,
        callers.token("admin", all_): 200,
        callers.token("customer", own): 404,
        callers.token("admin", all_, tenant_id=ids()): 404,
        callers.token("customer", "order:read:own", user_id=PAYER): 403,
        "nobody": 401,
    }
    path = f"/v4/payments/{payment.reference_id}"
    for token, status in seen.items():
        answer = await client.get(path, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status
        if status == 200:
            assert answer.json()["data"]["captured_minor"] == 1_000
    assert (await client.get(path)).status_code == 401


async def test_a_statement_comes_in_pages_newest_first(
    serve: Any, callers: Any, database: Database, by: By, clock: VirtualClock
) -> None:
    payments: list[Payment] = []
    for _ in range(3):
        payments.append(await paid_in_cash(database, by))
        clock.advance(timedelta(minutes=1))
    client = await serve(routes, psp_webhook_secrets=[SECRET])
    merchant = callers.token("merchant", "payment:read:own", location_id=MERCHANT)
    answer = await client.get(
        "/v4/accounts/me?limit=2", headers={"Authorization": f"Bearer {merchant}"}
    )
    data = answer.json()["data"]
    assert data["balances"] == [
        {
            "account": "merchant",
            "balance_minor": 2_700,
            "currency": "QAR",
            "pending_minor": 0,
            "available_minor": 2_700,
        }
    ]
    newest = [str(payment.reference_id) for payment in reversed(payments)]
    assert [line["reference_id"] for line in data["lines"]] == newest[:2]
    assert answer.json()["meta"]["pagination"]["total"] == 3
    courier = callers.token("delivery_partner", "payment:read:own", user_id=COURIER)
    answer = await client.get("/v4/accounts/me", headers={"Authorization": f"Bearer {courier}"})
    held = {b["account"]: b["balance_minor"] for b in answer.json()["data"]["balances"]}
    assert held == {"courier": 300, "courier_cash": -3_000}
    stranger = callers.token("delivery_partner", "payment:read:own")
    answer = await client.get("/v4/accounts/me", headers={"Authorization": f"Bearer {stranger}"})
    assert answer.json()["data"] == {"balances": [], "lines": []}
