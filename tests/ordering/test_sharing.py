"""Links: for whoever has one, until some hours after the order, and until taken back."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from ordering.conftest import Street
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Refusal
from tawsil.ordering.events import Status
from tawsil.ordering.moves import Party
from tawsil.ordering.sharing import model, service
from tawsil.ordering.sharing.model import Share
from tawsil.ordering.steps import Acting


@pytest.fixture(autouse=True)
async def opened(tx: Tx, street: Street) -> None:
    await street.open(tx)


async def test_a_link_leads_to_the_order_until_it_is_taken_back(tx: Tx, street: Street) -> None:
    order = await street.carried(tx)
    mine = Acting(Party.CUSTOMER, order.customer_id)
    sharing = service.ShareOrder(
        by=street.by, order_id=order.id, acting=mine, token_hash=service.hash_of("a token")
    )
    (made,) = await service.share(tx, [sharing])
    assert isinstance(made, Share)
    assert b"a token" not in made.token_hash
    found = await service.followed(tx, "a token")
    assert found is not None
    assert found[1].id == order.id
    assert await service.followed(tx, "another token") is None
    assert await service.revoke(tx, [sharing]) == [None]
    assert await service.followed(tx, "a token") is None


async def test_nobody_shares_somebody_elses_order(tx: Tx, street: Street) -> None:
    order = await street.carried(tx)
    for acting in (Acting(Party.CUSTOMER, street.ids()), Acting(Party.MERCHANT, street.ids())):
        command = service.ShareOrder(by=street.by, order_id=order.id, acting=acting)
        for handle in (service.share, service.revoke):
            (hidden,) = await handle(tx, [command])
            assert isinstance(hidden, Refusal)
            assert hidden.status == 404


async def test_a_link_ends_with_the_order_and_there_are_not_many(tx: Tx, street: Street) -> None:
    order = await street.carried(tx)
    made = model.share(order, token_hash=b"1", before=0, now=tx.now)
    assert isinstance(made, Share)
    assert model.works(made, order, now=tx.now)
    ended = replace(order, status=Status.DELIVERED, ended_at=tx.now)
    assert model.works(made, ended, now=tx.now + model.AFTER_THE_END)
    assert not model.works(made, ended, now=tx.now + model.AFTER_THE_END + timedelta(seconds=1))
    assert not model.works(made, order, now=made.until_at)
    enough = model.share(order, token_hash=b"2", before=model.MOST_LINKS, now=tx.now)
    assert isinstance(enough, Refusal)
    over = model.share(ended, token_hash=b"3", before=0, now=tx.now + timedelta(days=1))
    assert isinstance(over, Refusal)
