"""Making links to orders, taking them back, and finding what one leads to."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Command, Refusal
from tawsil.ordering import store as orders
from tawsil.ordering.model import Order
from tawsil.ordering.sharing import model, store
from tawsil.ordering.sharing.model import Share
from tawsil.ordering.steps import NOT_FOUND, Acting, concerns


class ShareOrder(Command, frozen=True, kw_only=True):
    order_id: UUID
    acting: Acting
    token_hash: bytes = b""


def hash_of(token: str) -> bytes:
    """SHA-256: a token of 192 random bits needs no slow hash."""
    return sha256(token.encode()).digest()


async def share(tx: Tx, commands: Sequence[ShareOrder]) -> list[Share | Refusal]:
    """Under the lock of the order, so that its links are counted one after another."""
    known = await orders.lock(tx, [c.order_id for c in commands])
    outcomes: list[Share | Refusal] = []
    for command in commands:
        order = known.get(command.order_id)
        if order is None or not _theirs(order, command):
            outcomes.append(NOT_FOUND)
            continue
        before = await store.working(tx, order.id)
        made = model.share(order, token_hash=command.token_hash, before=before, now=tx.now)
        if isinstance(made, Share):
            await store.add(tx, made)
        outcomes.append(made)
    return outcomes


async def revoke(tx: Tx, commands: Sequence[ShareOrder]) -> list[Refusal | None]:
    """No link of the order leads anywhere any more."""
    known = await orders.lock(tx, [c.order_id for c in commands])
    outcomes: list[Refusal | None] = []
    for command in commands:
        order = known.get(command.order_id)
        if order is None or not _theirs(order, command):
            outcomes.append(NOT_FOUND)
            continue
        await store.revoke(tx, order.id)
        outcomes.append(None)
    return outcomes


async def followed(tx: Tx, token: str) -> tuple[Share, Order] | None:
    """The order that a working link leads to."""
    share = await store.by_hash(tx, hash_of(token))
    if share is None:
        return None
    order = (await orders.get(tx, [share.order_id]))[share.order_id]
    return (share, order) if model.works(share, order, now=tx.now) else None


def _theirs(order: Order, command: Any) -> bool:
    return concerns(order, tenant_id=command.by.tenant_id, acting=command.acting)
