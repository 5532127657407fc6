"""Beginning payments: decided first, so that others may agree before anything is written."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted, Command, Decision, Refusal, refuse
from tawsil.payments.events import Method, Posting, Provider
from tawsil.payments.model import paying as model
from tawsil.payments.model.breaker import Breaker, choose
from tawsil.payments.model.ledger import Purse
from tawsil.payments.model.payment import (
    CardToken,
    Payment,
    negated,
    net,
)
from tawsil.payments.service.booking import open_purse
from tawsil.payments.service.paying import Decided, follow
from tawsil.payments.store import breakers
from tawsil.payments.store import payments as store


class Authorise(Command, frozen=True, kw_only=True):
    """Reserve an amount; on a card by the first of its tokens, the others being in reserve.

    `amount_minor` goes through card or cash; `funds`, above zero, come out of the payer's own
    credit and points on top of it, and are reserved at once.
    """

    reference_id: UUID
    city_id: UUID
    payer_id: UUID
    method: Method
    amount_minor: int
    currency: str
    card_tokens: tuple[CardToken, ...] = ()
    funds: tuple[Posting, ...] = ()


class Prepared(Struct, frozen=True):
    """Payments that may begin, decided on and not written: what they take is locked meanwhile."""

    commands: Sequence[Authorise]
    known: dict[UUID, Payment]
    started: dict[UUID, Decided]
    refused: dict[int, Refusal]

    @property
    def answers(self) -> list[Payment | Refusal]:
        """What comes of each command if they begin now."""
        payments = {id_: one.decision.state for id_, one in self.started.items()} | self.known
        return [
            self.refused.get(index) or _same(payments[command.reference_id], command)
            for index, command in enumerate(self.commands)
        ]


async def prepare(tx: Tx, commands: Sequence[Authorise]) -> Prepared:
    """Decide which payments may begin; `begin` begins them, in the same transaction.

    Funds that their accounts do not hold are refused with `payment.balance_insufficient`.
    """
    purse = await open_purse(
        tx, [(c.by.tenant_id, c.currency, negated(c.funds)) for c in commands]
    )  # before looking for payments: who waits for the lock finds those made meanwhile
    known = await store.of_references(tx, reference_ids=[c.reference_id for c in commands])
    cards = {c.by.tenant_id for c in commands if c.card_tokens}
    circuits = await breakers.of_tenants(tx, tenant_ids=sorted(cards)) if cards else {}
    started: dict[UUID, Decided] = {}
    refused: dict[int, Refusal] = {}
    for index, command in enumerate(commands):
        if command.reference_id in known or command.reference_id in started:
            continue
        decision = _start(tx, command, circuits.get(command.by.tenant_id, {}))
        if isinstance(decision, Accepted):
            decision = _reserve(purse, decision)
        if isinstance(decision, Refusal):
            refused[index] = decision
        else:
            started[command.reference_id] = Decided(command.by, None, decision)
    return Prepared(commands, known, started, refused)


async def begin(tx: Tx, prepared: Prepared) -> list[Payment | Refusal]:
    """Begin payments that were prepared."""
    started = prepared.started
    new = await store.add(tx, [one.decision.state for one in started.values()])
    await follow(tx, [started[reference_id] for reference_id in started if reference_id in new])
    lost = [reference_id for reference_id in started if reference_id not in new]
    if lost:  # another transaction began them meanwhile
        made = await store.of_references(tx, reference_ids=lost)
        prepared = replace(prepared, known=prepared.known | made)
    return prepared.answers


async def authorise(tx: Tx, commands: Sequence[Authorise]) -> list[Payment | Refusal]:
    """Begin payments, one per reference; the same command again gives the payment there is."""
    return await begin(tx, await prepare(tx, commands))


def _start(tx: Tx, command: Authorise, known: Mapping[Provider, Breaker]) -> Decision[Payment]:
    first = command.card_tokens[0].provider if command.card_tokens else None
    return model.start(
        payment_id=tx.ids(),
        tenant_id=command.by.tenant_id,
        city_id=command.city_id,
        reference_id=command.reference_id,
        payer_id=command.payer_id,
        method=command.method,
        card_tokens=command.card_tokens,
        provider=choose(command.card_tokens, known, at=tx.now) or first,
        amount_minor=command.amount_minor,
        currency=command.currency,
        funds=command.funds,
        at=tx.now,
    )


def _reserve(purse: Purse, begun: Accepted[Payment]) -> Decision[Payment]:
    payment = begun.state
    postings = negated(payment.funds)
    return (
        purse.take(tenant_id=payment.tenant_id, currency=payment.currency, postings=postings)
        or begun
    )


def _same(payment: Payment, command: Authorise) -> Payment | Refusal:
    asked = (
        command.by.tenant_id,
        command.payer_id,
        command.method,
        command.amount_minor,
        command.currency,
        net(command.funds),
    )
    there_is = (
        payment.tenant_id,
        payment.payer_id,
        payment.method,
        payment.amount_minor,
        payment.currency,
        payment.funds,
    )
    return payment if asked == there_is else refuse("payment.reference_taken")
