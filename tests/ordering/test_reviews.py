"""Reviews: once for a delivered order, changed for a while, and counted once."""

from datetime import timedelta
from typing import Any

import pytest

from ordering.conftest import Street
from tawsil.catalog import public as catalog
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted, Refusal
from tawsil.ordering.model import Order
from tawsil.ordering.moves import Party
from tawsil.ordering.reviews import model, service, store
from tawsil.ordering.reviews.model import Opinion, Review
from tawsil.ordering.reviews.views import PublicReviewView
from tawsil.ordering.steps import Acting


@pytest.fixture(autouse=True)
async def opened(tx: Tx, street: Street) -> None:
    await street.open(tx)


def giving(street: Street, order: Order, **opinion: Any) -> service.GiveReview:
    return service.GiveReview(
        by=street.by,
        order_id=order.id,
        acting=Acting(Party.CUSTOMER, order.customer_id),
        opinion=Opinion(**opinion),
    )


async def rating(tx: Tx, street: Street) -> tuple[float | None, int]:
    found = await catalog.merchants(tx, tenant_id=street.by.tenant_id, ids=[street.merchant_id])
    merchant = found[street.merchant_id]
    return merchant.rating, merchant.ratings


async def test_the_merchants_rating_is_the_average_of_what_people_say_now(
    tx: Tx, street: Street
) -> None:
    first, second = await street.settled(tx), await street.settled(tx)
    told = [giving(street, first, merchant_rating=5), giving(street, second, merchant_rating=2)]
    assert all(isinstance(r, Review) for r in await service.give(tx, told))
    assert await rating(tx, street) == (3.5, 2)
    # Thought over: what was said first no longer counts.
    changed = giving(street, second, merchant_rating=4, merchant_words="Warm after all.")
    await service.give(tx, [changed, changed])
    assert await rating(tx, street) == (4.5, 2)
    # Taken back: only the courier is rated now.
    await service.give(tx, [giving(street, second, courier_rating=5)])
    assert await rating(tx, street) == (5, 1)
    kept = await tx.rows("select type from kernel.event where stream = 'review' order by seq")
    assert [row["type"] for row in kept] == [
        "review.given.v1",
        "review.given.v1",
        "review.changed.v1",
        "review.changed.v1",
    ]


async def test_nobody_rates_what_is_not_theirs_or_not_delivered(tx: Tx, street: Street) -> None:
    order = await street.carried(tx)
    (early,) = await service.give(tx, [giving(street, order, merchant_rating=5)])
    assert isinstance(early, Refusal)
    assert early.code == "review.not_delivered"
    stranger = service.GiveReview(
        by=street.by,
        order_id=order.id,
        acting=Acting(Party.CUSTOMER, street.ids()),
        opinion=Opinion(merchant_rating=1),
    )
    (hidden,) = await service.give(tx, [stranger])
    assert isinstance(hidden, Refusal)
    assert hidden.status == 404


async def test_words_do_not_stand_in_the_log(tx: Tx, street: Street) -> None:
    order = await street.settled(tx)
    words = "Cold, said Yusuf."
    await service.give(tx, [giving(street, order, merchant_rating=1, merchant_words=words)])
    assert (await store.of_orders(tx, [order.id]))[order.id].opinion.merchant_words == words
    assert not await tx.value("select count(*) from kernel.event where data::text like '%Yusuf%'")


async def test_a_review_can_be_given_and_changed_for_a_while(tx: Tx, street: Street) -> None:
    order = await street.settled(tx)
    assert order.delivered_at is not None
    late_at = order.delivered_at + model.GIVE_WITHIN + timedelta(seconds=1)
    late = model.give(order, Opinion(merchant_rating=5), before=None, now=late_at)
    assert isinstance(late, Refusal)
    first = model.give(order, Opinion(merchant_rating=5), before=None, now=tx.now)
    assert isinstance(first, Accepted)
    over_at = first.state.changeable_until_at + timedelta(seconds=1)
    again = model.give(order, Opinion(merchant_rating=1), before=first.state, now=over_at)
    assert isinstance(again, Refusal)
    assert again.code == "review.settled"
    for opinion, code in (
        (Opinion(), "review.says_nothing"),
        (Opinion(courier_rating=5, merchant_words="Good"), "review.words_alone"),
    ):
        wrong = model.give(order, opinion, before=None, now=tx.now)
        assert isinstance(wrong, Refusal)
        assert wrong.code == code


async def test_what_people_say_is_listed_without_who_says_it(tx: Tx, street: Street) -> None:
    for stars in (5, 2, 4):
        order = await street.settled(tx)
        await service.give(tx, [giving(street, order, merchant_rating=stars, merchant_words="!")])
    which = store.Filter(merchant_id=street.merchant_id, least=3)
    found = await store.of_merchant(
        tx, which=which, take=store.SORTS.take(which, sort="-rating", limit=9)
    )
    assert [PublicReviewView.of(review).rating for review in found.items] == [5, 4]
    assert not {"customer_id", "order_id"} & set(PublicReviewView.__struct_fields__)
