"""Use cases of a merchant's own people: what is said about it, and when it is open."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.catalog import model, store
from tawsil.catalog.hours import Timetable
from tawsil.catalog.model import Merchant, Profile
from tawsil.catalog.service import MerchantCommand, decide
from tawsil.geography import public as geography
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Decision, Refusal


class Introduce(MerchantCommand, frozen=True, kw_only=True):
    to: Profile
    edition: int


class OpenAt(MerchantCommand, frozen=True, kw_only=True):
    to: Timetable
    edition: int


class Own(Struct, frozen=True):
    """A merchant, and the clocks it lives by."""

    merchant: Merchant
    timezone: str


async def own(tx: Tx, *, tenant_id: UUID, merchant_id: UUID) -> Own | None:
    merchant = (await store.merchants(tx, ids=[merchant_id])).get(merchant_id)
    if merchant is None or merchant.tenant_id != tenant_id:
        return None
    cities = await geography.cities_by_id(tx, ids=[merchant.city_id])
    return Own(merchant, cities[merchant.city_id].timezone)


async def introduce(tx: Tx, commands: Sequence[Introduce]) -> list[Merchant | Refusal]:
    return await decide(tx, commands, lambda m, c: model.introduce(m, to=c.to, edition=c.edition))


async def open_at(tx: Tx, commands: Sequence[OpenAt]) -> list[Merchant | Refusal]:
    """Special days that are over are forgotten."""
    today = tx.now.date()

    def decide_hours(merchant: Merchant, command: OpenAt) -> Decision[Merchant]:
        # A day is not over everywhere before the next one is in UTC.
        to_come = [s for s in command.to.special_days if (today - s.day).days <= 1]
        days = tuple(sorted(to_come, key=lambda special: special.day))
        return model.open_at(
            merchant, to=replace(command.to, special_days=days), edition=command.edition
        )

    return await decide(tx, commands, decide_hours)
