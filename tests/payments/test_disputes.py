"""Disputes, from the webhook to the books: through the real SDK against the sandbox."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.stripe_shop import MERCHANT, Shop
from tawsil.apps import wiring
from tawsil.kernel.clock import Ids
from tawsil.kernel.decisions import By, Refusal
from tawsil.payments import public
from tawsil.payments.dispute_events import DisputeState
from tawsil.payments.events import AccountKind, AccountRef, Posting, Provider
from tawsil.payments.jobs.books import check_books
from tawsil.payments.jobs.cards import NotHeardError
from tawsil.payments.model import dispute as model
from tawsil.payments.model.dispute import Dispute, Evidence, Found
from tawsil.payments.model.payment import clearing, net
from tawsil.payments.service import disputes

PLATFORM = AccountRef(AccountKind.PLATFORM)
DISPUTED = AccountRef(AccountKind.DISPUTED)
AT_STRIPE = clearing(Provider.STRIPE)
SHOWN = ("platform", "disputed", "merchant", "psp_clearing")


async def stand(shop: Shop, by: By) -> dict[AccountKind, int]:
    async with shop.database.transaction() as tx:
        found = await public.balances(
            tx, tenant_id=by.tenant_id, accounts=[PLATFORM, DISPUTED, AT_STRIPE, MERCHANT]
        )
    return {one.account.kind: one.posted_minor for one in found}


async def disputed(shop: Shop, by: By, card: str = "pm_card_createDispute") -> dict[str, Any]:
    """A payment is captured and then disputed, which the platform hears by webhook."""
    reference = shop.database.ids()
    await shop.begin(by, [reference], card=card)
    await shop.work()
    await shop.capture(by, [reference])
    await shop.work()
    shop.clock.advance(timedelta(seconds=2))
    await shop.all_heard()
    return await only_one(shop)


async def only_one(shop: Shop) -> dict[str, Any]:
    (row,) = await shop.database.pool.fetch("select * from payments.dispute")
    return dict(row)


def staff(callers: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {callers.token('admin', 'payment:*')}"}


@pytest.mark.parametrize(
    ("words", "outcome"), [("winning_evidence", "won"), ("losing_evidence", "lost")]
)
async def test_evidence_decides_and_the_books_follow(
    shop: Shop, by: By, callers: Any, words: str, outcome: str
) -> None:
    found = await disputed(shop, by)
    assert (found["state"], found["withdrawn_minor"]) == ("needs_response", 1_000)
    assert await stand(shop, by) == {
        AccountKind.MERCHANT: 1_000,
        AccountKind.PSP_CLEARING: 0,
        AccountKind.DISPUTED: -1_000,
    }
    path = f"/v4/disputes/{found['id']}"
    answer = await shop.platform.post(
        f"{path}/evidence",
        json={"explanation": words, "delivered_on": "2026-11-20"},
        headers=staff(callers),
    )
    assert answer.json()["data"]["answered_at"] is not None
    await shop.work()
    assert (await only_one(shop))["evidence"] is None  # sent, and not kept
    shop.clock.advance(timedelta(seconds=31))
    await shop.all_heard()
    shown = await shop.platform.get(path, headers=staff(callers))
    assert shown.json()["data"]["state"] == outcome
    lost_minor = 1_000 if outcome == "lost" else 0
    books = await stand(shop, by)
    assert books[AccountKind.DISPUTED] == 0
    assert books.get(AccountKind.PLATFORM, 0) == -lost_minor
    assert books[AccountKind.PSP_CLEARING] == lost_minor - 1_000
    assert not await check_books(shop.database)
    again = await shop.platform.post(f"{path}/accept", headers=staff(callers))
    assert (again.status_code, again.json()["errors"][0]["code"]) == (
        409,
        "dispute.not_answerable",
    )


async def test_a_loss_is_borne_by_whom_an_operator_chooses(
    shop: Shop, by: By, callers: Any
) -> None:
    found = await disputed(shop, by)
    path = f"/v4/disputes/{found['id']}"
    await shop.platform.post(f"{path}/accept", headers=staff(callers))
    await shop.work()
    await shop.all_heard()
    assert (await only_one(shop))["state"] == "lost"
    assert (await stand(shop, by))[AccountKind.PLATFORM] == -1_000
    for bearer, expected in (("merchant", (0, 0)), ("platform", (-1_000, 1_000))):
        answer = await shop.platform.post(
            f"{path}/bearer", json={"bearer": bearer}, headers=staff(callers)
        )
        assert answer.json()["data"]["borne_by"] == bearer
        books = await stand(shop, by)
        assert (books[AccountKind.PLATFORM], books[AccountKind.MERCHANT]) == expected
    assert not await check_books(shop.database)


async def test_an_inquiry_takes_no_money(shop: Shop, by: By) -> None:
    found = await disputed(shop, by, card="pm_card_createDisputeInquiry")
    assert (found["state"], found["withdrawn_minor"]) == ("inquiry", 0)
    assert (await stand(shop, by)).get(AccountKind.DISPUTED, 0) == 0


async def test_somebody_is_called_before_evidence_is_due_and_what_nobody_tells_is_seen(
    shop: Shop, by: By
) -> None:
    found = await disputed(shop, by)
    await shop.sandbox.post("/sandbox/secrets", json={"secrets": ["whsec_lost"]})
    types: set[str] = set()
    while (await only_one(shop))["state"] == "needs_response":
        await shop.wait()
        rows = await shop.database.pool.fetch(
            "select type, at from kernel.event where stream = 'dispute'"
        )
        types = {row["type"] for row in rows}
    assert (await only_one(shop))["state"] == "lost"  # found by the daily look, without a webhook
    assert "dispute.evidence_due.v1" in types
    warned_at = next(row["at"] for row in rows if row["type"] == "dispute.evidence_due.v1")
    assert found["due_at"] - warned_at == model.WARNED_BEFORE
    (support,) = [one for one in wiring.subscriptions() if one.name == "support"]
    while await support.advance(shop.database):
        pass
    (ticket,) = await shop.database.pool.fetch(
        "select t.subject_id, t.priority, n.cause from support.ticket t, support.note n"
    )
    assert tuple(ticket) == (found["reference_id"], "high", "dispute_due")


async def test_an_answer_waits_out_an_outage(shop: Shop, by: By, callers: Any) -> None:
    found = await disputed(shop, by)
    await shop.platform.post(
        f"/v4/disputes/{found['id']}/evidence",
        json={"explanation": "winning_evidence"},
        headers=staff(callers),
    )
    (job,) = [job.payload for job in shop.jobs.waiting if job.name == disputes.ANSWER]
    await shop.sandbox.post("/sandbox/outage", json={"seconds": 60})
    with pytest.raises(NotHeardError):
        await shop.disputes.answer(job)
    await shop.sandbox.post("/sandbox/outage", json={"seconds": 0})
    await shop.disputes.answer(job)
    await shop.work()
    assert (await only_one(shop))["state"] == "under_review"
    listed = (await shop.sandbox.get("/v1/disputes")).json()["data"]
    assert [one["evidence_details"]["submission_count"] for one in listed] == [1]


async def test_disputes_are_for_those_who_may_see_all(shop: Shop, by: By, callers: Any) -> None:
    found = await disputed(shop, by)
    mine = callers.token("customer", "payment:read:own", user_id=UUID(int=4))
    for path in ("/v4/disputes", f"/v4/disputes/{found['id']}"):
        shown = await shop.platform.get(path, headers=staff(callers))
        assert shown.status_code == 200
        hidden = await shop.platform.get(path, headers={"Authorization": f"Bearer {mine}"})
        assert hidden.status_code == 403
        stranger = callers.token("admin", "payment:*", tenant_id=shop.database.ids())
        elsewhere = await shop.platform.get(path, headers={"Authorization": f"Bearer {stranger}"})
        assert elsewhere.status_code == 404 or elsewhere.json()["data"] == []


# The model: whatever is heard, in whatever order, the books stand as the last word says.

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
FOUND = Found(
    id="du_1",
    charge_id="pi_1",
    state=DisputeState.NEEDS_RESPONSE,
    reason="fraudulent",
    amount_minor=1_000,
    withdrawn_minor=1_000,
    currency="QAR",
    due_at=NOON + timedelta(days=7),
)
words = st.builds(
    lambda state, gone: model.replace(FOUND, state=state, withdrawn_minor=gone),
    st.sampled_from(DisputeState),
    st.sampled_from([0, 400, 1_000]),
)


def begun(found: Found) -> Dispute:
    return model.opened(
        found,
        dispute_id=UUID(int=1),
        tenant_id=UUID(int=2),
        city_id=UUID(int=3),
        payment_id=UUID(int=4),
        reference_id=UUID(int=5),
        provider=Provider.STRIPE,
        borne_by=PLATFORM,
        at=NOON,
    ).state


@given(heard=st.lists(words, min_size=1, max_size=12), bearers=st.lists(st.booleans(), max_size=4))
def test_the_books_follow_whatever_is_heard(heard: list[Found], bearers: list[bool]) -> None:
    dispute = begun(heard[0])
    booked = model.holding(dispute)
    for found in [*heard[1:], heard[-1]]:
        before = dispute
        dispute = model.observe(dispute, found, at=NOON).state
        booked = net((*booked, *model.holding(dispute)), *model.holding(before))
        assert model.observe(dispute, found, at=NOON).events == ()
    for to_merchant in bearers:
        chosen = model.bear(dispute, borne_by=MERCHANT if to_merchant else PLATFORM)
        if not isinstance(chosen, Refusal):
            booked = net((*booked, *model.holding(chosen.state)), *model.holding(dispute))
            dispute = chosen.state
    assert set(booked) == set(model.holding(dispute))
    gone = heard[-1].withdrawn_minor
    assert sum(posting.amount_minor for posting in booked) == 0
    assert (Posting(AT_STRIPE, gone) in booked) == (gone > 0)


def test_an_answer_is_given_once_in_time_and_says_something(ids: Ids) -> None:
    del ids
    dispute = begun(FOUND)
    said = Evidence(explanation="It was delivered.")
    for evidence, at, code in (
        (Evidence(), NOON, "dispute.evidence_empty"),
        (said, NOON + timedelta(days=7), "dispute.too_late"),
    ):
        refused = model.answer(dispute, evidence=evidence, at=at)
        assert isinstance(refused, Refusal)
        assert refused.code == code
    answered = model.answer(dispute, evidence=said, at=NOON)
    assert not isinstance(answered, Refusal)
    assert isinstance(model.answer(answered.state, evidence=None, at=NOON), Refusal)
    anew = model.answer_refused(answered.state, code="dispute_not_open").state
    second = model.answer(anew, evidence=None, at=NOON)
    assert not isinstance(second, Refusal)
    assert second.state.key != answered.state.key
