"""Dispatch on the real database: what whoever asks for a courier sees."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from tawsil.couriers import public as couriers
from tawsil.dispatch import public as dispatch
from tawsil.dispatch.public import Delivery, RequestCourier, State, Withdraw
from tawsil.kernel.clock import Ids
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By, Refusal
from tawsil.kernel.places import Place

CITY = UUID("01900000-0000-7000-8000-000000000002")
KITCHEN = Place(25.2000, 55.2700)
HOME = Place(25.2100, 55.2800)


def asked(by: By, ids: Ids, tx: Tx, *, ready_in: timedelta = timedelta(0)) -> RequestCourier:
    return RequestCourier(
        by=by,
        reference_id=ids(),
        city_id=CITY,
        site_id=UUID(int=5),
        pickup=KITCHEN,
        dropoff=HOME,
        ready_at=tx.now + ready_in,
        earning_minor=1200,
        currency="AED",
    )


async def test_a_reference_is_asked_for_once(tx: Tx, by: By, ids: Ids):
    command = asked(by, ids, tx)
    first, again = await dispatch.request(tx, [command]), await dispatch.request(tx, [command])
    assert isinstance(first[0], Delivery)
    assert isinstance(again[0], Refusal)
    assert again[0].code == "dispatch.already_requested"


async def test_a_withdrawn_delivery_waits_no_more(tx: Tx, by: By, ids: Ids):
    command = asked(by, ids, tx)
    await dispatch.request(tx, [command])
    withdrawal = Withdraw(by=by, reference_id=command.reference_id, reason="cancelled")
    (ended,) = await dispatch.withdraw(tx, [withdrawal])
    assert isinstance(ended, Delivery)
    assert ended.state is State.WITHDRAWN
    assert await dispatch.waiting(tx, tenant_id=by.tenant_id, city_id=CITY) == []
