"""What customers have had so far, and which promotions the baskets they ask about get."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.catalog import public as catalog
from tawsil.experiments import public as experiments
from tawsil.experiments.public import Module
from tawsil.geography import public as geography
from tawsil.identity import public as identity
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Refusal, refuse
from tawsil.pricing.model.discounts import Basket, Candidate, Chosen, choose
from tawsil.pricing.model.promotions import Audience, Promotion, normal_code
from tawsil.pricing.model.redemptions import (
    Account,
    Past,
    Place,
    midnight,
    not_for,
    unavailable,
    unmet,
)
from tawsil.pricing.store import promotions as store
from tawsil.pricing.store import quotes, redemptions

NOTHING: Final = Chosen(())


class Asked(Struct, frozen=True, kw_only=True):
    """Somebody's basket, and the codes they gave."""

    tenant_id: UUID
    customer_id: UUID
    place: Place
    basket: Basket
    codes: tuple[str, ...] = ()


async def discounts(tx: Tx, asked: Sequence[Asked]) -> list[Chosen | Refusal]:
    """The best combination for each, or why a code that was given is of no use."""
    off = await experiments.modules_off(tx, tenant_ids={one.tenant_id for one in asked})
    without = {tenant_id for tenant_id, modules in off.items() if Module.PROMOTIONS in modules}
    tenant_ids = {one.tenant_id for one in asked} - without
    automatic = await store.automatic(tx, tenant_ids=tenant_ids, at=tx.now)
    coded = await store.of_codes(
        tx, wanted=[(one.tenant_id, normal_code(code)) for one in asked for code in one.codes]
    )
    found = [
        _found(one, automatic, coded) if one.tenant_id in tenant_ids else _done_without(one)
        for one in asked
    ]
    wanted = [
        (candidate.promotion, one.tenant_id, one.customer_id, one.place)
        for one, candidates in zip(asked, found, strict=True)
        if not isinstance(candidates, Refusal)
        for candidate in candidates
        if unavailable(candidate.promotion, one.place, at=tx.now) is None
    ]
    pasts = await pasts_of(tx, wanted)
    return [
        candidates
        if isinstance(candidates, Refusal)
        else _chosen(tx, one, candidates, pasts.get(one.customer_id, Past()))
        for one, candidates in zip(asked, found, strict=True)
    ]


def _done_without(asked: Asked) -> list[Candidate] | Refusal:
    """What a tenant gets that does without promotions."""
    if asked.codes:
        return refuse("promotion.code_unknown", status=422, given=asked.codes[0])
    return []


def _found(
    asked: Asked,
    automatic: Sequence[Promotion],
    coded: Mapping[tuple[UUID, str], store.Coded],
) -> list[Candidate] | Refusal:
    candidates = [Candidate(promotion=p) for p in automatic if p.tenant_id == asked.tenant_id]
    opened: set[UUID] = set()
    for text in asked.codes:
        known = coded.get((asked.tenant_id, normal_code(text)))
        if known is None:
            return refuse("promotion.code_unknown", status=422, given=text)
        if known.used:
            return refuse("promotion.code_used", given=text)
        if known.promotion.id not in opened:
            candidates.append(Candidate(promotion=known.promotion, code=known.code))
        opened.add(known.promotion.id)
    return candidates


def _chosen(tx: Tx, asked: Asked, candidates: Sequence[Candidate], past: Past) -> Chosen | Refusal:
    applicable: list[Candidate] = []
    for candidate in candidates:
        promotion = candidate.promotion
        refused = (
            unavailable(promotion, asked.place, at=tx.now)
            or unmet(promotion, asked.basket.lines)
            or not_for(promotion, past, now=tx.now)
        )
        if refused is None:
            applicable.append(candidate)
        elif candidate.code is not None:
            return replace(refused, detail={**refused.detail, "given": candidate.code})
    with_enough = [c for c in applicable if _affordable(c, asked.basket)]
    for candidate in applicable:
        if candidate.code is not None and candidate not in with_enough:
            return refuse(
                "promotion.exhausted", promotion_id=candidate.promotion.id, given=candidate.code
            )
    return choose(with_enough, asked.basket)


def _affordable(candidate: Candidate, basket: Basket) -> bool:
    """Whether what is left of a budget is enough for all that it would take off."""
    remaining = candidate.promotion.remaining_minor
    return remaining is None or choose([candidate], basket).total_minor <= remaining


Wanted = tuple[Promotion, UUID, UUID, Place]
"""A promotion that somebody of a tenant might have somewhere."""


async def pasts_of(tx: Tx, wanted: Sequence[Wanted]) -> dict[UUID, Past]:
    """By customer, as far as the promotions ask for it: a question that none asks costs nothing."""
    first = {who for p, _, who, _ in wanted if p.terms.audience is Audience.FIRST_ORDER}
    counted = {
        (p.id, who, midnight(tx.now, timezone=place.timezone))
        for p, _, who, place in wanted
        if p.terms.most_per_user is not None or p.terms.most_per_user_day is not None
    }
    watched = [(p.id, who) for p, _, who, _ in wanted if p.terms.watches]
    ordered = await quotes.customers_who_ordered(tx, customer_ids=first) if first else set[UUID]()
    used = await redemptions.used(tx, wanted=counted)
    barred = await _barred(tx, watched)
    accounts = await _accounts(tx, wanted)
    return {
        who: Past(
            has_ordered=who in ordered,
            used={p: u.total for (p, whose), u in used.items() if whose == who},
            used_today={p: u.since for (p, whose), u in used.items() if whose == who},
            barred=barred.get(who, frozenset()),
            account=accounts.get(who),
        )
        for who in {who for _, _, who, _ in wanted}
    }


async def _barred(tx: Tx, watched: Collection[tuple[UUID, UUID]]) -> dict[UUID, frozenset[UUID]]:
    if not watched:
        return {}
    barred: dict[UUID, set[UUID]] = defaultdict(set)
    for review in await redemptions.reviews_of(
        tx,
        promotion_ids={promotion_id for promotion_id, _ in watched},
        customer_ids={who for _, who in watched},
    ):
        if review.bars:
            barred[review.customer_id].add(review.promotion_id)
    return {who: frozenset(from_) for who, from_ in barred.items()}


async def _accounts(tx: Tx, wanted: Sequence[Wanted]) -> dict[UUID, Account]:
    asking = [(tenant_id, who) for p, tenant_id, who, _ in wanted if p.terms.asks_of_users]
    accounts: dict[UUID, Account] = {}
    for tenant_id in sorted({tenant_id for tenant_id, _ in asking}):
        whose = {who for tenant, who in asking if tenant == tenant_id}
        users = await identity.get_many(tx, tenant_id=tenant_id, ids=whose)
        accounts |= {
            id_: Account(
                created_at=user.created_at, email_verified=user.email_verified_at is not None
            )
            for id_, user in users.items()
        }
    return accounts


async def usable(
    tx: Tx, *, tenant_id: UUID, customer_id: UUID, merchant_id: UUID
) -> list[Promotion] | None:
    """What a customer gets at a merchant without a code; None where there is no such merchant."""
    merchants = await catalog.merchants(tx, tenant_id=tenant_id, ids=[merchant_id])
    if merchant_id not in merchants:
        return None
    merchant = merchants[merchant_id]
    city = (await geography.cities_by_id(tx, ids=[merchant.city_id]))[merchant.city_id]
    place = Place(
        city_id=city.id,
        timezone=city.timezone,
        merchant_id=merchant_id,
        currency=merchant.currency,
    )
    here = [
        promotion
        for promotion in await store.automatic(tx, tenant_ids=[tenant_id], at=tx.now)
        if unavailable(promotion, place, at=tx.now) is None
    ]
    pasts = await pasts_of(tx, [(p, tenant_id, customer_id, place) for p in here])
    past = pasts.get(customer_id, Past())
    return [promotion for promotion in here if not_for(promotion, past, now=tx.now) is None]
