"""Taking promotions when an order is placed, and what becomes of that: spent, or given back.

Nothing is written before everybody has agreed. Locks are taken in one order: quotes, customers of
first orders, promotions by id; an order's is held before any of them, a payment's comes after.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted, By, Command, Refusal, refuse
from tawsil.pricing.model import promotions as model
from tawsil.pricing.model.discounts import AppliedPromotion
from tawsil.pricing.model.promotions import Audience, Promotion, Signal, Use
from tawsil.pricing.model.quote import Quote
from tawsil.pricing.model.redemptions import (
    Outcome,
    Past,
    Place,
    Redemption,
    Review,
    Seen,
    Signals,
    Verdict,
    door,
    not_for,
    suspect,
)
from tawsil.pricing.service.promoting import pasts_of
from tawsil.pricing.store import promotions as store
from tawsil.pricing.store import quotes, redemptions

NOBODY: Final = Past()
Digests = Mapping[Signal, Sequence[bytes]]


class Taker(Struct, frozen=True, kw_only=True):
    """A quote that an order is to be placed on, and what is seen of who places it."""

    by: By
    quote: Quote
    place: Place
    signals: Signals | None = None

    @property
    def digests(self) -> Digests:
        if self.signals is None:
            return {}
        quote = self.quote
        return self.signals.digests(
            address=door(quote.dropoff.latitude, quote.dropoff.longitude, quote.address)
        )


class _Reserved(Struct, frozen=True):
    by: By
    redemptions: Sequence[Redemption]
    traces: Sequence[tuple[Redemption, Mapping[Signal, bytes]]]


class Till:
    """The promotions of a batch under lock: what is reserved is decided in memory, then written."""

    def __init__(
        self,
        tx: Tx,
        *,
        promotions: Mapping[UUID, Promotion],
        pasts: dict[UUID, Past],
        traces: Sequence[redemptions.Trace],
        cleared: set[tuple[UUID, UUID]],
        codes: Mapping[tuple[UUID, str], store.Coded],
        digests: Mapping[UUID, Digests],
    ) -> None:
        self._tx = tx
        self._locked = promotions
        self._now = dict(promotions)
        self._pasts = pasts
        self._traces = list(traces)
        self._cleared = cleared
        self._used_codes = {key for key, coded in codes.items() if coded.used}
        self._once = {key for key, coded in codes.items() if coded.single_use}
        self._digests = digests
        self._reserved: dict[UUID, _Reserved] = {}
        self._reviews: list[Review] = []

    @classmethod
    async def open(cls, tx: Tx, takers: Sequence[Taker]) -> "Till":
        """Lock what the quotes hold discounts of, and read what it takes to decide."""
        promoted = [t for t in takers if t.quote.promotions]
        wanted = {one.promotion_id for t in promoted for one in t.quote.promotions}
        first = {
            t.quote.customer_id for t in promoted for one in t.quote.promotions if one.first_order
        }
        if first:
            await redemptions.lock_customers(tx, first)
        promotions = await store.lock(tx, ids=wanted) if wanted else {}
        pairs = [(promotions[o.promotion_id], t) for t in promoted for o in t.quote.promotions]
        pasts = await pasts_of(
            tx, [(p, t.quote.tenant_id, t.quote.customer_id, t.place) for p, t in pairs]
        )
        watched = [(p, t) for p, t in pairs if p.terms.watches]
        digests = {t.quote.id: t.digests for _, t in watched}
        codes = {
            (t.quote.tenant_id, one.code)
            for t in promoted
            for one in t.quote.promotions
            if one.code
        }
        known_codes = await store.of_codes(tx, wanted=codes)
        return cls(
            tx,
            promotions=promotions,
            pasts=pasts,
            traces=await _traces(tx, watched, digests),
            cleared=await _cleared(tx, watched),
            codes=known_codes,
            digests=digests,
        )

    def reserve(self, taker: Taker) -> Refusal | None:
        """All that the quote holds, or nothing of it and the reason."""
        quote = taker.quote
        if not quote.promotions:
            return None
        after = dict(self._now)
        taken: list[Redemption] = []
        for applied in sorted(quote.promotions, key=lambda one: one.promotion_id):
            promotion = after[applied.promotion_id]
            if refused := self._refused(taker, promotion, applied):
                return refused
            decision = model.take(promotion, _use(applied))
            if isinstance(decision, Refusal):
                return decision
            after[promotion.id] = decision.state
            taken.append(_redemption(quote, applied))
        self._now = after
        self._note(taker, taken)
        return None

    def put_back(self, quote_id: UUID) -> None:
        """Somebody else did not agree: nothing of this quote's is taken."""
        self._reserved.pop(quote_id, None)

    async def close(self) -> None:
        """Write what stands."""
        await redemptions.add_reviews(self._tx, self._reviews)
        if not self._reserved:
            return
        kept = [r for reserved in self._reserved.values() for r in reserved.redemptions]
        states: dict[UUID, Promotion] = {}
        decided: list[tuple[By, Accepted[Promotion]]] = []
        for reserved in self._reserved.values():
            for one in reserved.redemptions:
                before = states.get(one.promotion_id, self._locked[one.promotion_id])
                decision = model.take(before, one.use)
                assert isinstance(decision, Accepted), "what was reserved is there"
                states[one.promotion_id] = decision.state
                decided.append((reserved.by, decision))
        await store.save(self._tx, list(states.values()))
        await redemptions.insert(self._tx, kept)
        await redemptions.leave_traces(
            self._tx, [trace for reserved in self._reserved.values() for trace in reserved.traces]
        )
        await self._tx.record(decided)

    def _refused(
        self, taker: Taker, promotion: Promotion, applied: AppliedPromotion
    ) -> Refusal | None:
        quote = taker.quote
        past = self._pasts.get(quote.customer_id, NOBODY)
        if refused := not_for(promotion, past, now=self._tx.now):
            return refused
        if applied.code is not None and (quote.tenant_id, applied.code) in self._used_codes:
            return refuse("promotion.code_used", given=applied.code)
        if (promotion.id, quote.customer_id) in self._cleared:
            return None
        suspicion = suspect(promotion, self._seen(quote, promotion))
        if suspicion is None:
            return None
        self._reviews.append(
            Review(
                id=self._tx.ids(),
                tenant_id=quote.tenant_id,
                promotion_id=promotion.id,
                customer_id=quote.customer_id,
                quote_id=quote.id,
                signals=suspicion.signals,
                refused=suspicion.refused,
                at=self._tx.now,
            )
        )
        if not suspicion.refused:
            return None
        return refuse("promotion.suspected", status=403, promotion_id=promotion.id)

    def _seen(self, quote: Quote, promotion: Promotion) -> list[Seen]:
        any_first = promotion.terms.audience is Audience.FIRST_ORDER
        return [
            Seen(
                signal,
                {
                    trace.customer_id
                    for trace in self._traces
                    if trace.digest in digests
                    and trace.customer_id != quote.customer_id
                    and (trace.promotion_id == promotion.id or (any_first and trace.first_order))
                },
            )
            for signal, digests in self._digests.get(quote.id, {}).items()
        ]

    def _note(self, taker: Taker, taken: Sequence[Redemption]) -> None:
        """What the next of the batch is to see."""
        quote = taker.quote
        past = self._pasts.get(quote.customer_id, NOBODY)
        for one in taken:
            past = replace(
                past,
                used={**past.used, one.promotion_id: past.used.get(one.promotion_id, 0) + 1},
                used_today={
                    **past.used_today,
                    one.promotion_id: past.used_today.get(one.promotion_id, 0) + 1,
                },
            )
            if (quote.tenant_id, one.code) in self._once:
                self._used_codes.add((quote.tenant_id, one.code or ""))
        self._pasts[quote.customer_id] = replace(past, has_ordered=True)
        mine = {signal: of[0] for signal, of in self._digests.get(quote.id, {}).items()}
        traces = [(r, mine) for r in taken if self._locked[r.promotion_id].terms.watches and mine]
        self._traces += [
            redemptions.Trace(
                promotion_id=r.promotion_id,
                customer_id=r.customer_id,
                signal=signal,
                digest=digest,
                first_order=r.first_order,
            )
            for r, of in traces
            for signal, digest in of.items()
        ]
        self._reserved[quote.id] = _Reserved(taker.by, taken, traces)


def _use(applied: AppliedPromotion) -> Use:
    return Use(amount_minor=applied.amount_minor, borne_minor=applied.platform_minor)


def _redemption(quote: Quote, applied: AppliedPromotion) -> Redemption:
    return Redemption(
        quote_id=quote.id,
        promotion_id=applied.promotion_id,
        tenant_id=quote.tenant_id,
        customer_id=quote.customer_id,
        code=applied.code,
        first_order=applied.first_order,
        amount_minor=applied.amount_minor,
        borne_minor=applied.platform_minor,
    )


async def _traces(
    tx: Tx, watched: Sequence[tuple[Promotion, Taker]], digests: Mapping[UUID, Digests]
) -> list[redemptions.Trace]:
    sought = {d for of in digests.values() for every in of.values() for d in every}
    if not sought:
        return []
    tenant_ids = {taker.quote.tenant_id for _, taker in watched}
    return await redemptions.traces(tx, tenant_ids=tenant_ids, digests=sought)


async def _cleared(tx: Tx, watched: Sequence[tuple[Promotion, Taker]]) -> set[tuple[UUID, UUID]]:
    """Promotions and customers about whom somebody has looked, and found nothing wrong."""
    if not watched:
        return set()
    reviews = await redemptions.reviews_of(
        tx,
        promotion_ids={promotion.id for promotion, _ in watched},
        customer_ids={taker.quote.customer_id for _, taker in watched},
    )
    return {(r.promotion_id, r.customer_id) for r in reviews if r.verdict is Verdict.CLEARED}


class EndOfOrder(Command, frozen=True, kw_only=True):
    """The order placed on a quote was paid, or will never be."""

    quote_id: UUID


async def give_back(tx: Tx, commands: Sequence[EndOfOrder]) -> None:
    """Orders ended unpaid: others may have what they held, and they count as no orders."""
    if not commands:
        return
    ids = sorted({c.quote_id for c in commands})
    await quotes.end_unpaid(tx, ids=ids)
    promotion_ids = await redemptions.promotions_of(tx, quote_ids=ids)
    if not promotion_ids:
        return
    promotions = await store.lock(tx, ids=promotion_ids)
    ended = await redemptions.end(tx, quote_ids=ids, as_=Outcome.GIVEN_BACK)
    await redemptions.forget_uses(tx, quote_ids=ids)
    by_promotion: dict[UUID, list[Redemption]] = defaultdict(list)
    for one in ended:
        by_promotion[one.promotion_id].append(one)
    bys = {c.quote_id: c.by for c in commands}
    decided: list[tuple[By, Accepted[Promotion]]] = []
    for promotion_id, given in by_promotion.items():
        decision = model.give_back(promotions[promotion_id], [r.use for r in given])
        assert isinstance(decision, Accepted), "what was taken can be given back"
        decided.append((bys[given[0].quote_id], decision))
    await store.save(tx, [d.state for _, d in decided])
    await tx.record(decided)


async def spend(tx: Tx, commands: Sequence[EndOfOrder]) -> None:
    """Orders were paid: what they held is used for good."""
    if commands:
        ids = sorted({c.quote_id for c in commands})
        await redemptions.end(tx, quote_ids=ids, as_=Outcome.SPENT)
