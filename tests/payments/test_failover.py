"""An acquirer that does not answer is given up for another, and nobody is charged twice."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.deadlines import Deadlines
from tawsil.kernel.decisions import By, Refusal
from tawsil.kernel.jobs import HeldJobs
from tawsil.payments import public
from tawsil.payments.events import AccountKind, AccountRef, Method, Posting, Provider
from tawsil.payments.jobs.cards import CardJobs, NotHeardError
from tawsil.payments.model.breaker import Circuit
from tawsil.payments.model.payment import CardToken, Payment, PaymentState
from tawsil.payments.model.psp import Absent, Refused, Unheard, Word
from tawsil.payments.providers.known import Budget, Providers
from tawsil.payments.service import circuits, strays
from tawsil.payments.service import paying as service
from tawsil.payments.store import breakers
from tawsil.simulation.psp.in_process import charge_of
from tawsil.simulation.psp.model import Acquirer, Answer

CARDS = (CardToken(Provider.STRIPE, "tok_visa"), CardToken(Provider.DIRECT, "tok_visa"))
MERCHANT = AccountRef(AccountKind.MERCHANT, UUID(int=21))
REFERENCE = UUID(int=31)
BUDGET = Budget(authorise_s=0.05, other_s=0.05, queue_s=0.01)


class Faulty:
    """An acquirer that may not hear what it is asked, or not be heard, or do it much later."""

    def __init__(self, *, clock: VirtualClock, seed: int) -> None:
        self.acquirer = Acquirer(ids=Ids(clock, Random(seed)))
        self.fate = "well"
        self.asked = 0
        self.hanging = 0
        self.most_hanging = 0
        self._clock = clock
        self._late: list[Callable[[], Answer]] = []

    async def authorise(
        self, *, key: str, reference: str, card_token: str, amount_minor: int, currency: str
    ) -> Word:
        return await self._do(
            lambda: self.acquirer.authorise(
                idempotency_key=key,
                token=card_token,
                amount_minor=amount_minor,
                currency=currency,
                reference=reference,
                at=self._clock(),
            )
        )

    async def capture(self, *, key: str, charge_id: str, amount_minor: int) -> Word:
        return await self._do(
            lambda: self.acquirer.capture(
                idempotency_key=key,
                charge_id=charge_id,
                amount_minor=amount_minor,
                at=self._clock(),
            )
        )

    async def void(self, *, key: str, charge_id: str) -> Word:
        return await self._do(
            lambda: self.acquirer.void(idempotency_key=key, charge_id=charge_id, at=self._clock())
        )

    async def refund(self, *, key: str, charge_id: str, amount_minor: int) -> Word:
        return await self._do(
            lambda: self.acquirer.refund(
                idempotency_key=key,
                charge_id=charge_id,
                amount_minor=amount_minor,
                at=self._clock(),
            )
        )

    async def retrieve(self, *, reference: str, charge_id: str | None) -> Word:
        del charge_id
        self.asked += 1
        if self.fate == "hangs":
            await asyncio.sleep(60)
        if self.fate != "well":
            return Unheard("lost")
        found = self.acquirer.find(reference=reference, at=self._clock())
        return charge_of(found[-1]) if found else Absent()

    def mend(self) -> None:
        """What was asked while it was down is done now."""
        self.fate = "well"
        for do in self._late:
            do()
        self._late.clear()

    async def _do(self, do: Callable[[], Answer]) -> Word:
        self.asked += 1
        match self.fate:
            case "hangs":
                self.hanging += 1
                self.most_hanging = max(self.most_hanging, self.hanging)
                try:
                    await asyncio.sleep(60)
                finally:
                    self.hanging -= 1
                raise AssertionError("nobody waits so long")
            case "lost before":
                return Unheard("lost")
            case "late":
                self._late.append(do)
                return Unheard("lost")
            case _:
                answer = do()
        if self.fate == "lost after":
            return Unheard("lost")
        if answer.charge is not None:
            return charge_of(answer.charge)
        assert answer.error is not None
        return Refused(answer.error.code)


class Shop(Struct):
    """Two acquirers, and a worker who asks them."""

    clock: VirtualClock
    database: Database
    jobs: HeldJobs
    first: Faulty
    second: Faulty
    cards: CardJobs

    async def work(self) -> None:
        """Do what is enqueued until nothing is; a job that fails is not run again."""
        handlers: dict[str, Callable[[Any], Awaitable[None]]] = {
            "payments.authorise": self.cards.authorise,
            "payments.capture": self.cards.capture,
            "payments.void": self.cards.void,
            "payments.refund": self.cards.refund,
            "payments.reconcile": self.cards.reconcile,
            strays.LOOK: self.cards.look_for_stray,
            circuits.PROBE: self.cards.probe,
            circuits.CATCH_UP: self.cards.catch_up,
        }
        while self.jobs.waiting:
            job = self.jobs.waiting.popleft()
            try:
                await handlers[job.name](job.payload)
            except NotHeardError:
                continue

    async def wait(self) -> bool:
        """Let the next deadline pass, and do what follows; False if there is none."""
        async with self.database.transaction() as tx:
            due_at = await tx.value("select min(due_at) from kernel.deadline")
        if due_at is None:
            return False
        self.clock.set(max(self.clock(), due_at))
        owners = {
            "payment": public.on_due,
            "payment_stray": strays.on_due,
            "provider": circuits.on_due,
        }
        await Deadlines(owners).fire(self.database)
        await self.work()
        return True

    async def do(self, handle: Any, *commands: Any) -> list[Any]:
        async with self.database.transaction() as tx:
            return await handle(tx, list(commands))

    async def payment(self, reference_id: UUID = REFERENCE) -> Payment:
        async with self.database.transaction() as tx:
            found = await public.of_references(tx, reference_ids=[reference_id])
        return found[reference_id]

    async def circuit(self, provider: Provider, by: By) -> Circuit:
        async with self.database.transaction() as tx:
            found = (await breakers.of_tenants(tx, tenant_ids=[by.tenant_id]))[by.tenant_id]
        return found[provider].circuit if provider in found else Circuit.CLOSED

    def charges(self, payment: Payment) -> list[Any]:
        reference, at = str(payment.id), self.clock()
        return [
            charge
            for one in (self.first, self.second)
            for charge in one.acquirer.find(reference=reference, at=at)
        ]


def asking(by: By, reference_id: UUID = REFERENCE, **changes: Any) -> public.Authorise:
    fields: dict[str, Any] = {
        "by": by,
        "reference_id": reference_id,
        "city_id": UUID(int=3),
        "payer_id": UUID(int=4),
        "method": Method.CARD,
        "card_tokens": CARDS,
        "amount_minor": 1_000,
        "currency": "QAR",
    }
    return public.Authorise(**fields | changes)


def capturing(by: By, reference_id: UUID = REFERENCE) -> public.Capture:
    return public.Capture(by=by, reference_id=reference_id, postings=(Posting(MERCHANT, 1_000),))


def opened(database: Database, clock: VirtualClock, jobs: HeldJobs) -> Shop:
    first, second = Faulty(clock=clock, seed=1), Faulty(clock=clock, seed=2)
    providers = Providers({Provider.STRIPE: first, Provider.DIRECT: second}, lines=2, budget=BUDGET)
    return Shop(
        clock=clock,
        database=database,
        jobs=jobs,
        first=first,
        second=second,
        cards=CardJobs(database=database, providers=providers),
    )


@pytest.fixture
async def shop(database: Database, clock: VirtualClock, jobs: HeldJobs) -> Shop:
    return opened(database, clock, jobs)


@pytest.mark.parametrize("fate", ["hangs", "lost before", "lost after", "late"])
async def test_what_the_first_does_not_answer_the_second_authorises(
    shop: Shop, by: By, fate: str
) -> None:
    shop.first.fate = fate
    await shop.do(public.authorise, asking(by))
    await shop.work()
    paid = await shop.payment()
    assert (paid.state, paid.provider) == (PaymentState.AUTHORISED, Provider.DIRECT)
    assert paid.tried == (Provider.STRIPE,)
    await shop.do(public.capture, capturing(by))
    await shop.work()
    shop.first.mend()
    for _ in range(12):
        await shop.wait()
    captured = [c for c in shop.charges(paid) if c.captured_minor]
    assert [c.captured_minor for c in captured] == [1_000]
    left = [c.state.value for c in shop.charges(paid) if not c.captured_minor]
    assert left == (["voided"] if fate in {"lost after", "late"} else [])
    assert not await shop.wait(), "nobody waits for anything any longer"


async def test_a_late_answer_of_the_first_is_voided_there(shop: Shop, by: By) -> None:
    shop.first.fate = "late"
    await shop.do(public.authorise, asking(by))
    await shop.work()
    paid = await shop.payment()
    shop.first.mend()
    webhook = {"event_id": "evt_1", "reference": str(paid.id), "provider": Provider.STRIPE}
    async with shop.database.transaction() as tx:
        assert await public.hear_webhook(tx, **webhook)
    await shop.work()
    assert [
        c.state.value for c in shop.first.acquirer.find(reference=str(paid.id), at=shop.clock())
    ] == ["voided"]
    assert await shop.payment() == paid


async def test_who_stays_silent_is_not_asked_again_until_a_probe_is_answered(
    shop: Shop, by: By
) -> None:
    shop.first.fate = "lost before"
    references = [UUID(int=100 + n) for n in range(8)]
    for reference in references[:4]:
        await shop.do(public.authorise, asking(by, reference))
        await shop.work()
    assert await shop.circuit(Provider.STRIPE, by) is Circuit.OPEN
    asked = shop.first.asked
    await shop.do(public.authorise, *[asking(by, r) for r in references[4:6]])
    await shop.work()
    assert shop.first.asked == asked
    fresh = await shop.payment(references[4])
    assert (fresh.provider, fresh.tried) == (Provider.DIRECT, ())
    shop.first.mend()
    while await shop.circuit(Provider.STRIPE, by) is Circuit.OPEN:
        await shop.wait()
    await shop.do(public.authorise, asking(by, references[6]))
    await shop.work()
    assert (await shop.payment(references[6])).provider is Provider.STRIPE
    assert await shop.circuit(Provider.STRIPE, by) is Circuit.CLOSED


async def test_captures_wait_for_the_payments_own_provider(shop: Shop, by: By) -> None:
    await shop.do(public.authorise, asking(by))
    await shop.work()
    shop.first.fate = "lost before"
    await shop.do(public.capture, capturing(by))
    await shop.work()
    for _ in range(8):
        await shop.wait()
    waiting = await shop.payment()
    assert (waiting.state, waiting.provider) == (PaymentState.CAPTURING, Provider.STRIPE)
    assert waiting.deadline is not None
    assert shop.second.asked == 0
    shop.first.mend()
    while (await shop.payment()).state is PaymentState.CAPTURING:
        await shop.wait()
    assert (await shop.payment()).captured_minor == 1_000


async def test_with_nobody_left_it_is_unknown_and_goes_on_by_hand(shop: Shop, by: By) -> None:
    shop.first.fate, shop.second.fate = "late", "lost before"
    await shop.do(public.authorise, asking(by))
    await shop.work()
    assert (await shop.payment()).state is PaymentState.UNKNOWN
    switch = service.Switch(
        by=by, reference_id=REFERENCE, method=Method.LATER, reason="provider_down"
    )
    (later,) = await shop.do(service.switch, switch)
    assert (later.state, later.provider) == (PaymentState.AUTHORISED, None)
    assert await shop.do(service.switch, switch) == [later]
    other = service.Switch(by=by, reference_id=REFERENCE, method=Method.CASH, reason="no")
    (refused,) = await shop.do(service.switch, other)
    assert isinstance(refused, Refusal)
    (paid,) = await shop.do(public.capture, capturing(by))
    assert paid.outstanding_minor == 1_000
    shop.first.mend()
    shop.second.mend()
    for _ in range(14):
        await shop.wait()
    assert [c.state.value for c in shop.charges(paid)] == ["voided"]
    owed = AccountRef(AccountKind.RECEIVABLE, paid.payer_id)
    async with shop.database.transaction() as tx:
        (debt,) = await public.balances(tx, tenant_id=by.tenant_id, accounts=[owed])
    assert debt.posted_minor == -1_000
    settle = service.SettleLater(by=by, reference_id=REFERENCE, how="bank")
    for _ in range(2):
        (settled,) = await shop.do(service.settle_later, settle)
        assert (settled.settled_minor, settled.outstanding_minor) == (1_000, 0)
    async with shop.database.transaction() as tx:
        (debt,) = await public.balances(tx, tenant_id=by.tenant_id, accounts=[owed])
        assert debt.posted_minor == 0
        assert set((await public.imbalance(tx)).values()) == {0}


async def test_one_that_hangs_keeps_nobody_else_waiting(shop: Shop, by: By) -> None:
    """As many as may hang on the first; the others are asked of the second at once."""
    shop.first.fate = "hangs"
    references = [UUID(int=200 + n) for n in range(12)]
    await shop.do(public.authorise, *[asking(by, r) for r in references])
    asked = [shop.jobs.waiting.popleft().payload for _ in references]
    await asyncio.gather(*[shop.cards.authorise(job) for job in asked])
    assert shop.first.most_hanging == 2
    await shop.work()
    states = {(await shop.payment(r)).state for r in references}
    assert states == {PaymentState.AUTHORISED}


FATES = st.sampled_from(["well", "lost before", "lost after", "late"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["first", "second"]), FATES),
        st.tuples(
            st.sampled_from(["ask", "capture", "release", "wait", "work", "cash"]),
            st.integers(0, 2),
        ),
    ),
    max_size=25,
)


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
async def test_at_most_one_charge_is_live_and_captured_once_all_is_quiet(
    database: Database,
    clock: VirtualClock,
    jobs: HeldJobs,
    by: By,
    steps: Sequence[tuple[str, Any]],
) -> None:
    shop = opened(database, clock, jobs)
    jobs.waiting.clear()
    await database.pool.execute(
        "truncate payments.payment, payments.stray, payments.breaker, kernel.deadline, kernel.event"
        " cascade"
    )
    references = [database.ids() for _ in range(3)]
    await shop.do(public.authorise, *[asking(by, r) for r in references])
    for step, what in steps:
        match step:
            case "first" | "second":
                acquirer = getattr(shop, step)
                acquirer.fate = what
                if what == "well":
                    acquirer.mend()
            case "capture":
                await shop.do(public.capture, capturing(by, references[what]))
            case "release":
                release = public.Release(by=by, reference_id=references[what], reason="gone")
                await shop.do(public.release, release)
            case "cash":
                switch = service.Switch(
                    by=by, reference_id=references[what], method=Method.CASH, reason="down"
                )
                await shop.do(service.switch, switch)
            case "wait":
                await shop.wait()
            case _:
                await shop.work()
    shop.first.mend()
    shop.second.mend()
    await shop.work()
    for _ in range(60):
        if not await shop.wait():
            break
    for reference in references:
        payment = await shop.payment(reference)
        charges = shop.charges(payment)
        live = [c for c in charges if c.state.value == "authorised"]
        taken = [c.captured_minor - c.refunded_minor for c in charges]
        assert len(live) <= 1
        assert bool(live) == (payment.state is PaymentState.AUTHORISED and payment.has_psp)
        through_psp = payment.captured_minor - payment.refunded_minor if payment.has_psp else 0
        assert sum(taken) == through_psp
        assert sum(c.captured_minor > 0 for c in charges) <= 1
    async with database.transaction() as tx:
        assert set((await public.imbalance(tx)).values()) <= {0}
