"""Keeping addresses, changing what is said of them, and forgetting them."""

from collections.abc import Sequence
from uuid import UUID

from msgspec.structs import replace

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Command, Refusal
from tawsil.kernel.places import Place
from tawsil.ordering.address_book import model, store
from tawsil.ordering.address_book.model import Address
from tawsil.ordering.steps import NOT_FOUND


class KeepAddress(Command, frozen=True, kw_only=True):
    """A new one, or, with an `id`, what is to be said of it from now on."""

    customer_id: UUID
    id: UUID | None = None
    name: str
    address: str
    place: Place
    instructions: str
    is_default: bool


class ForgetAddress(Command, frozen=True, kw_only=True):
    customer_id: UUID
    id: UUID


async def keep(tx: Tx, commands: Sequence[KeepAddress]) -> list[Address | Refusal]:
    await store.lock(tx, [c.customer_id for c in commands])
    return [await _keep(tx, command) for command in commands]


async def _keep(tx: Tx, command: KeepAddress) -> Address | Refusal:
    book = await store.of(tx, customer_id=command.customer_id)
    known = next((one for one in book if one.id == command.id), None)
    if command.id is not None and known is None:
        return NOT_FOUND
    said = Address(
        id=known.id if known else tx.ids(),
        tenant_id=command.by.tenant_id,
        customer_id=command.customer_id,
        name=command.name,
        address=command.address,
        place=command.place,
        instructions=command.instructions,
        is_default=command.is_default or (known is not None and known.is_default),
        kept_at=known.kept_at if known else tx.now,
    )
    kept = said if known else model.keep(book, said)
    if isinstance(kept, Address) and kept not in book:
        await store.put(tx, kept)
    return kept


async def forget(tx: Tx, commands: Sequence[ForgetAddress]) -> list[Address | Refusal]:
    """What was kept of it, so that it can be kept again."""
    await store.lock(tx, [c.customer_id for c in commands])
    return [await _forget(tx, command) for command in commands]


async def _forget(tx: Tx, command: ForgetAddress) -> Address | Refusal:
    book = await store.of(tx, customer_id=command.customer_id)
    gone = next((one for one in book if one.id == command.id), None)
    if gone is None:
        return NOT_FOUND
    await store.forget(tx, gone.id)
    if heir := model.next_default(book, gone):
        await store.put(tx, replace(heir, is_default=True))
    return gone
