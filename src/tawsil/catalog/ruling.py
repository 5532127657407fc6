"""What operations does about merchants: listing, changing, verifying, suspending."""

from collections.abc import Sequence
from uuid import UUID

from tawsil.catalog import model, store
from tawsil.catalog.events import SuspendedBecause
from tawsil.catalog.listing import NewMerchant, list_merchant
from tawsil.catalog.model import Merchant, Particulars
from tawsil.catalog.service import MerchantCommand, decide
from tawsil.geography import public as geography
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted, Command, Refusal, refuse


class ListMerchant(Command, frozen=True, kw_only=True):
    """A merchant without a menu yet, which takes orders once it is verified."""

    city_id: UUID
    particulars: Particulars
    prep_time_s: int


class ChangeMerchant(MerchantCommand, frozen=True, kw_only=True):
    to: Particulars


class Verify(MerchantCommand, frozen=True, kw_only=True):
    pass


class Suspend(MerchantCommand, frozen=True, kw_only=True):
    reason: SuspendedBecause


class Reinstate(MerchantCommand, frozen=True, kw_only=True):
    pass


async def list_new(tx: Tx, commands: Sequence[ListMerchant]) -> list[Merchant | Refusal]:
    cities = await geography.cities_by_id(tx, ids=[c.city_id for c in commands])
    outcomes: list[Merchant | Refusal] = []
    listed: list[tuple[ListMerchant, Accepted[Merchant]]] = []
    for command in commands:
        city = cities.get(command.city_id)
        if city is None or city.tenant_id != command.by.tenant_id:
            outcomes.append(refuse("merchant.city_unknown", status=422))
            continue
        particulars = command.particulars
        decision = list_merchant(
            NewMerchant(
                tenant_id=city.tenant_id,
                city_id=city.id,
                currency=city.currency,
                prep_time_s=command.prep_time_s,
                verified=False,
                **{name: getattr(particulars, name) for name in particulars.__struct_fields__},
            ),
            ids=tx.ids,
        )
        listed.append((command, decision))
        outcomes.append(decision.state)
    await store.insert_merchants(tx, merchants=[d.state for _, d in listed])
    await tx.record(listed)
    return outcomes


async def change(tx: Tx, commands: Sequence[ChangeMerchant]) -> list[Merchant | Refusal]:
    return await decide(tx, commands, lambda merchant, c: model.change(merchant, to=c.to))


async def verify(tx: Tx, commands: Sequence[Verify]) -> list[Merchant | Refusal]:
    return await decide(tx, commands, lambda merchant, _: model.verify(merchant))


async def suspend(tx: Tx, commands: Sequence[Suspend]) -> list[Merchant | Refusal]:
    return await decide(tx, commands, lambda merchant, c: model.suspend(merchant, reason=c.reason))


async def reinstate(tx: Tx, commands: Sequence[Reinstate]) -> list[Merchant | Refusal]:
    return await decide(tx, commands, lambda merchant, _: model.reinstate(merchant))
