"""Disputes: what the provider says is taken in and booked; answers are kept, and sent by a job."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar
from uuid import UUID, uuid5

from msgspec import Struct
from msgspec.structs import replace

from tawsil.kernel.db import Job, Tx
from tawsil.kernel.deadlines import Due, still_due
from tawsil.kernel.decisions import Accepted, By, Command, Decision, Refusal, refuse
from tawsil.payments.events import AccountKind, AccountRef, Provider
from tawsil.payments.model import dispute as model
from tawsil.payments.model.dispute import Dispute, Evidence, Found
from tawsil.payments.model.ledger import Transfer, TransferKind
from tawsil.payments.model.payment import Payment, net
from tawsil.payments.service import booking
from tawsil.payments.store import disputes as store
from tawsil.payments.store import payments

LOOK_AT: Final = "payments.look_at_dispute"
ANSWER: Final = "payments.answer_dispute"
MERCHANTS_FAULT: Final = frozenset({"product_unacceptable"})
"""Reasons for which the merchant bears a loss, unless an operator decides otherwise."""


class DisputeLook(Struct, frozen=True):
    """The payload of a look at a dispute, known to us or not."""

    provider: Provider
    provider_dispute_id: str


class DisputeJob(Struct, frozen=True):
    """The payload of the job that sends an answer."""

    dispute_id: UUID


class AnswerDispute(Command, frozen=True, kw_only=True):
    """Send evidence; without any, accept the loss."""

    dispute_id: UUID
    evidence: Evidence | None


class BearDispute(Command, frozen=True, kw_only=True):
    """Choose whose loss it is: the platform's, or the merchant's who was paid."""

    dispute_id: UUID
    bearer: AccountKind


C = TypeVar("C", AnswerDispute, BearDispute)


async def hear(tx: Tx, *, provider: Provider, found: Found) -> Dispute | None:
    """Take in what a provider says of a dispute; None when its charge is not ours."""
    payment = await payments.find_charge(tx, charge_id=found.charge_id)
    if payment is None:
        return None
    known = await store.lock_known(tx, provider=provider, provider_dispute_id=found.id)
    if known is None:
        decision = _opened(tx, payment, provider, found)
        if await store.add(tx, decision.state):
            await _follow(tx, _story(decision.state), None, decision)
            return decision.state
        known = await store.lock_known(tx, provider=provider, provider_dispute_id=found.id)
        assert known is not None, "whoever added it has committed"
    return await _decided(tx, _story(known), known, model.observe(known, found, at=tx.now))


async def answered(tx: Tx, *, dispute_id: UUID, found: Found) -> None:
    """The provider has the answer, which need not be kept any more."""
    dispute = (await store.lock(tx, dispute_ids=[dispute_id]))[dispute_id]
    await store.touch(tx, replace(dispute, evidence=None))
    await hear(tx, provider=dispute.provider, found=found)


async def answer_refused(tx: Tx, *, dispute_id: UUID, code: str) -> None:
    dispute = (await store.lock(tx, dispute_ids=[dispute_id]))[dispute_id]
    decision = model.answer_refused(dispute, code=code)
    await _decided(tx, _story(dispute), dispute, decision)


async def answer(tx: Tx, commands: Sequence[AnswerDispute]) -> list[Dispute | Refusal]:
    async def decide(dispute: Dispute, command: AnswerDispute) -> Decision[Dispute]:
        return model.answer(dispute, evidence=command.evidence, at=tx.now)

    outcomes = [await _command(tx, command, decide) for command in commands]
    sent = [outcome for outcome in outcomes if isinstance(outcome, Dispute)]
    await tx.enqueue(*[Job(name=ANSWER, payload=DisputeJob(dispute_id=d.id)) for d in sent])
    return outcomes


async def bear(tx: Tx, commands: Sequence[BearDispute]) -> list[Dispute | Refusal]:
    async def decide(dispute: Dispute, command: BearDispute) -> Decision[Dispute]:
        payment = await payments.find(tx, payment_id=dispute.payment_id)
        assert payment is not None, "a dispute is about a payment"
        bearer = _account(payment, command.bearer)
        if bearer is None:
            return refuse("dispute.no_merchant", status=422)
        return model.bear(dispute, borne_by=bearer)

    return [await _command(tx, command, decide) for command in commands]


async def on_due(tx: Tx, due: Sequence[Due]) -> None:
    """Call somebody to what is due soon; look at what nobody has told us of for a day."""
    disputes = await store.lock(tx, dispute_ids=[d.subject_id for d in due])
    for dispute in still_due(due, disputes, now=tx.now):
        assert dispute.deadline is not None, "what is due has a deadline"
        if dispute.deadline.kind == "evidence_due":
            decision = model.due(dispute, at=tx.now)
            await _decided(tx, _story(dispute), dispute, decision)
        else:
            await _look_again(tx, dispute)


async def _look_again(tx: Tx, dispute: Dispute) -> None:
    look = DisputeLook(dispute.provider, dispute.provider_dispute_id)
    await tx.enqueue(Job(name=LOOK_AT, payload=look))
    await _touch(tx, replace(dispute, looked_at=tx.now))


async def _command(
    tx: Tx, command: C, decide: Callable[[Dispute, C], Awaitable[Decision[Dispute]]]
) -> Dispute | Refusal:
    dispute = (await store.lock(tx, dispute_ids=[command.dispute_id])).get(command.dispute_id)
    if dispute is None or dispute.tenant_id != command.by.tenant_id:
        return refuse("request.not_found", status=404)
    decision = await decide(dispute, command)
    if isinstance(decision, Refusal):
        return decision
    return await _decided(tx, command.by, dispute, decision)


async def _decided(tx: Tx, by: By, before: Dispute, decision: Accepted[Dispute]) -> Dispute:
    if decision.events:
        await store.save(tx, [decision])
        await _follow(tx, by, before, decision)
    else:
        await _touch(tx, decision.state)
    return decision.state


async def _touch(tx: Tx, dispute: Dispute) -> None:
    await store.touch(tx, dispute)
    await tx.await_again([dispute])


async def _follow(tx: Tx, by: By, before: Dispute | None, decision: Accepted[Dispute]) -> None:
    """Book what moved, and record what happened."""
    after = decision.state
    postings = net(model.holding(after), *(model.holding(before) if before else ()))
    if postings:
        taken_minor = after.withdrawn_minor - (before.withdrawn_minor if before else 0)
        kind = TransferKind.DISPUTE if taken_minor > 0 else TransferKind.DISPUTE_WON
        transfer = Transfer(
            by=by,
            id=uuid5(after.id, str(after.version)),
            kind=kind if taken_minor else TransferKind.DISPUTE_LOST,
            reference_id=after.reference_id,
            currency=after.currency,
            postings=postings,
        )
        await booking.transfer(tx, [transfer])
    await tx.record([(by, decision)])


def _opened(tx: Tx, payment: Payment, provider: Provider, found: Found) -> Accepted[Dispute]:
    faulty = AccountKind.MERCHANT if found.reason in MERCHANTS_FAULT else AccountKind.PLATFORM
    return model.opened(
        found,
        dispute_id=tx.ids(),
        tenant_id=payment.tenant_id,
        city_id=payment.city_id,
        payment_id=payment.id,
        reference_id=payment.reference_id,
        provider=provider,
        borne_by=_account(payment, faulty) or AccountRef(AccountKind.PLATFORM),
        at=tx.now,
    )


def _account(payment: Payment, kind: AccountKind) -> AccountRef | None:
    """The platform, or the merchant who has a share of the payment."""
    if kind is AccountKind.PLATFORM:
        return AccountRef(kind)
    paid = [share.account for share in payment.shares if share.account.kind is kind]
    return paid[0] if paid else None


def _story(dispute: Dispute) -> By:
    """On nobody's behalf, and part of the story of what was paid for."""
    return By(tenant_id=dispute.tenant_id, correlation_id=dispute.reference_id)
