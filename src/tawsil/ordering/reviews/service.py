"""Giving reviews, and telling catalog and couriers how they are rated."""

from collections.abc import Sequence
from uuid import UUID

from tawsil.catalog import public as catalog
from tawsil.couriers import public as couriers
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted, Command, Refusal
from tawsil.ordering import store as orders
from tawsil.ordering.reviews import model, store
from tawsil.ordering.reviews.model import Opinion, Review
from tawsil.ordering.steps import NOT_FOUND, Acting, concerns


class GiveReview(Command, frozen=True, kw_only=True):
    order_id: UUID
    acting: Acting
    opinion: Opinion


async def give(tx: Tx, commands: Sequence[GiveReview]) -> list[Review | Refusal]:
    """Under the lock of the order, so that each is reviewed once and counted once."""
    known = await orders.lock(tx, [c.order_id for c in commands])
    reviews = await store.of_orders(tx, list(known))
    first = {order_id: review.opinion for order_id, review in reviews.items()}
    outcomes: list[Review | Refusal] = []
    decided: list[tuple[GiveReview, Accepted[Review]]] = []
    for command in commands:
        order = known.get(command.order_id)
        seen = order is not None and concerns(
            order, tenant_id=command.by.tenant_id, acting=command.acting
        )
        if order is None or not seen:
            outcomes.append(NOT_FOUND)
            continue
        before = reviews.get(order.id)
        decision = model.give(order, command.opinion, before=before, now=tx.now)
        if isinstance(decision, Refusal):
            outcomes.append(decision)
            continue
        outcomes.append(decision.state)
        if decision.events:
            reviews[order.id] = decision.state
            decided.append((command, decision))
    changed = {decision.state.id: reviews[decision.state.id] for _, decision in decided}
    await store.save(tx, list(changed.values()))
    await tx.record([(c.by.about(d.state.id), d) for c, d in decided])
    await _rate(tx, list(changed.values()), first)
    return outcomes


async def _rate(tx: Tx, reviews: Sequence[Review], before: dict[UUID, Opinion]) -> None:
    """By how much each average moves: what was said before no longer counts."""
    nothing = Opinion()
    of_merchants: list[catalog.Rated] = []
    of_couriers: list[couriers.Rated] = []
    for review in reviews:
        was, now = before.get(review.id, nothing), review.opinion
        of_merchants.append(
            catalog.Rated(
                merchant_id=review.merchant_id,
                ratings=_count(now.merchant_rating) - _count(was.merchant_rating),
                points=(now.merchant_rating or 0) - (was.merchant_rating or 0),
            )
        )
        if review.courier_id is not None:
            of_couriers.append(
                couriers.Rated(
                    courier_id=review.courier_id,
                    ratings=_count(now.courier_rating) - _count(was.courier_rating),
                    points=(now.courier_rating or 0) - (was.courier_rating or 0),
                )
            )
    await catalog.rate(tx, rated=of_merchants)
    await couriers.rate(tx, rated=of_couriers)


def _count(rating: int | None) -> int:
    return int(rating is not None)
