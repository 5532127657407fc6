"""The life of a promotion: drafted, begun, paused, topped up, ended; and its codes."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

from msgspec.structs import replace

from tawsil.catalog import public as catalog
from tawsil.geography import public as geography
from tawsil.kernel.db import Tx
from tawsil.kernel.deadlines import Due, still_due
from tawsil.kernel.decisions import Accepted, By, Command, Decision, Refusal, accept, refuse
from tawsil.pricing import events
from tawsil.pricing.model import promotions as model
from tawsil.pricing.model.promotions import MOST_CODES, WHOLE_BP, Promotion, PromotionTerms, Sharer
from tawsil.pricing.model.redemptions import Review, Verdict
from tawsil.pricing.store import promotions as store
from tawsil.pricing.store import redemptions

NOT_FOUND: Final = refuse("request.not_found", status=404)
_LETTERS: Final = "ABCDEFGHJKMNPQRSTVWXYZ23456789"  # none that is read as another
_CODE_LENGTH: Final = 10


class Draft(Command, frozen=True, kw_only=True):
    """`merchant_id`: a merchant makes it for itself, and bears all of it. It gets an id when it
    brings none.
    """

    id: UUID | None = None
    merchant_id: UUID | None
    currency: str
    terms: PromotionTerms
    budget_minor: int | None = None
    codes: tuple[str, ...] = ()


class PromotionCommand(Command, frozen=True, kw_only=True):
    """`merchant_id`: whose own it must be; None for those who run the platform."""

    promotion_id: UUID
    merchant_id: UUID | None


class Change(PromotionCommand, frozen=True, kw_only=True):
    terms: PromotionTerms
    budget_minor: int | None


class Activate(PromotionCommand, frozen=True, kw_only=True):
    pass


class Pause(PromotionCommand, frozen=True, kw_only=True):
    pass


class End(PromotionCommand, frozen=True, kw_only=True):
    pass


class RaiseBudget(PromotionCommand, frozen=True, kw_only=True):
    by_minor: int


class MakeCodes(PromotionCommand, frozen=True, kw_only=True):
    count: int


class Judge(Command, frozen=True, kw_only=True):
    """Whether what looked like an abuse was one."""

    review_id: UUID
    verdict: Verdict


C = TypeVar("C", bound=PromotionCommand)


class CodeTakenMeanwhileError(Exception):
    """Another transaction wrote the same code first; who asks again is told so."""


async def draft(tx: Tx, commands: Sequence[Draft]) -> list[Promotion | Refusal]:
    return [await _draft(tx, command) for command in commands]


async def _draft(tx: Tx, command: Draft) -> Promotion | Refusal:
    terms = await _settled(
        tx, command.by, command.terms, owner=command.merchant_id, currency=command.currency
    )
    if isinstance(terms, Refusal):
        return terms
    decision = model.draft(
        Promotion(
            id=command.id or tx.ids(),
            tenant_id=command.by.tenant_id,
            merchant_id=command.merchant_id,
            currency=command.currency,
            terms=terms,
            budget_minor=command.budget_minor,
            created_at=tx.now,
        )
    )
    if isinstance(decision, Refusal):
        return decision
    codes = sorted({model.normal_code(code) for code in command.codes})
    taken = await store.of_codes(tx, wanted=[(command.by.tenant_id, code) for code in codes])
    if taken:
        return refuse("promotion.code_taken", codes=sorted(code for _, code in taken))
    await store.insert(tx, [decision.state])
    added = await store.add_codes(tx, promotion=decision.state, codes=codes, single_use=False)
    if len(added) < len(codes):
        raise CodeTakenMeanwhileError
    await tx.record([(command, decision)])
    return decision.state


async def _settled(
    tx: Tx, by: By, terms: PromotionTerms, *, owner: UUID | None, currency: str
) -> PromotionTerms | Refusal:
    """The terms with everything in them that is the tenant's; a merchant speaks for itself only."""
    if owner is not None and any(m.merchant_id != owner for m in terms.merchants):
        return NOT_FOUND
    named = {m.merchant_id for m in terms.merchants} | ({owner} if owner else set[UUID]())
    merchants = await catalog.merchants(tx, tenant_id=by.tenant_id, ids=list(named))
    if named - merchants.keys():
        return NOT_FOUND
    if any(m.currency != currency for m in merchants.values()):
        return refuse("promotion.terms_invalid", status=422, field="merchants")
    cities = await geography.cities_by_id(tx, ids=list(terms.city_ids))
    ours = {id_ for id_, city in cities.items() if city.tenant_id == by.tenant_id}
    if set(terms.city_ids) - ours:
        return NOT_FOUND
    if owner is None:
        return terms
    return replace(
        terms,
        merchants=(Sharer(merchant_id=owner, merchant_bp=WHOLE_BP),),
        city_ids=(merchants[owner].city_id,),
    )


async def change(tx: Tx, commands: Sequence[Change]) -> list[Promotion | Refusal]:
    promotions = await store.lock(tx, ids=[c.promotion_id for c in commands])
    return [await _change(tx, command, promotions) for command in commands]


async def _change(
    tx: Tx, command: Change, promotions: dict[UUID, Promotion]
) -> Promotion | Refusal:
    promotion = promotions.get(command.promotion_id)
    if promotion is None or not _theirs(promotion, command):
        return NOT_FOUND
    terms = await _settled(
        tx,
        command.by,
        command.terms,
        owner=promotion.merchant_id,
        currency=promotion.currency,
    )
    if isinstance(terms, Refusal):
        return terms
    decision = model.change(promotion, terms=terms, budget_minor=command.budget_minor)
    if isinstance(decision, Refusal):
        return decision
    promotions[promotion.id] = decision.state
    await store.save(tx, [decision.state])
    await tx.record([(command, decision)])
    return decision.state


async def activate(tx: Tx, commands: Sequence[Activate]) -> list[Promotion | Refusal]:
    coded = await store.has_codes(tx, promotion_ids=[c.promotion_id for c in commands])
    return await _each(
        tx, commands, lambda p, _: model.activate(p, coded=p.id in coded, now=tx.now)
    )


async def pause(tx: Tx, commands: Sequence[Pause]) -> list[Promotion | Refusal]:
    return await _each(tx, commands, lambda p, _: model.pause(p))


async def end(tx: Tx, commands: Sequence[End]) -> list[Promotion | Refusal]:
    return await _each(tx, commands, lambda p, _: model.end(p, now=tx.now))


async def raise_budget(tx: Tx, commands: Sequence[RaiseBudget]) -> list[Promotion | Refusal]:
    return await _each(tx, commands, lambda p, c: model.raise_budget(p, by_minor=c.by_minor))


async def make_codes(tx: Tx, commands: Sequence[MakeCodes]) -> list[Promotion | Refusal]:
    """Codes for a single use each; nobody can guess one from another."""
    outcomes = await _each(tx, commands, lambda p, c: model.made_codes(p, count=c.count))
    for command, outcome in zip(commands, outcomes, strict=True):
        if not isinstance(outcome, Refusal):
            await _add_codes(tx, outcome, command.count)
    return outcomes


async def _add_codes(tx: Tx, promotion: Promotion, count: int) -> None:
    assert count <= MOST_CODES
    missing = count
    while missing:
        codes = {
            "".join(_LETTERS[tx.ids.number(below=len(_LETTERS))] for _ in range(_CODE_LENGTH))
            for _ in range(missing)
        }
        added = await store.add_codes(tx, promotion=promotion, codes=sorted(codes), single_use=True)
        missing -= len(added)


async def judge(tx: Tx, commands: Sequence[Judge]) -> list[Review | Refusal]:
    """An operator says whether a customer that seemed to be another may have a promotion."""
    return [await _judge(tx, command) for command in commands]


async def _judge(tx: Tx, command: Judge) -> Review | Refusal:
    tenant_id = command.by.tenant_id
    review = await redemptions.review(tx, tenant_id=tenant_id, review_id=command.review_id)
    if review is None:
        return NOT_FOUND
    promotion = (await store.lock(tx, ids=[review.promotion_id]))[review.promotion_id]
    judged = replace(review, verdict=command.verdict)
    await redemptions.save_verdict(tx, judged)
    fact = events.PromotionReviewed(
        promotion_id=promotion.id,
        review_id=review.id,
        customer_id=review.customer_id,
        verdict=command.verdict,
    )
    decision = accept(promotion, fact)
    await store.save(tx, [decision.state])
    await tx.record([(command, decision)])
    return judged


async def on_due(tx: Tx, due: Sequence[Due]) -> None:
    """Promotions end when their time is over, and quotes with them bind no more."""
    promotions = await store.lock(tx, ids=[d.subject_id for d in due])
    over = still_due(due, promotions, now=tx.now)
    bys = [By(tenant_id=p.tenant_id, correlation_id=tx.ids()) for p in over]
    decided = [
        (by, decision)
        for by, promotion in zip(bys, over, strict=True)
        if isinstance(decision := model.reach_deadline(promotion, now=tx.now), Accepted)
    ]
    await store.save(tx, [decision.state for _, decision in decided])
    await tx.record(decided)


async def _each(
    tx: Tx, commands: Sequence[C], decide: Callable[[Promotion, C], Decision[Promotion]]
) -> list[Promotion | Refusal]:
    """One after another: a later command of a batch sees what an earlier one decided."""
    promotions = await store.lock(tx, ids=[c.promotion_id for c in commands])
    outcomes: list[Promotion | Refusal] = []
    decided: list[tuple[Any, Accepted[Promotion]]] = []
    for command in commands:
        promotion = promotions.get(command.promotion_id)
        if promotion is None or not _theirs(promotion, command):
            outcomes.append(NOT_FOUND)
            continue
        decision = decide(promotion, command)
        if isinstance(decision, Refusal):
            outcomes.append(decision)
            continue
        promotions[promotion.id] = decision.state
        decided.append((command, decision))
        outcomes.append(decision.state)
    changed = {decision.state.id for _, decision in decided}
    await store.save(tx, [promotions[id_] for id_ in sorted(changed)])
    await tx.record(decided)
    return outcomes


def _theirs(promotion: Promotion, command: PromotionCommand) -> bool:
    if promotion.tenant_id != command.by.tenant_id:
        return False
    return command.merchant_id is None or promotion.merchant_id == command.merchant_id
