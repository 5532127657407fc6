"""Whatever couriers, customers and clocks do: one courier a delivery, and each freed once."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tawsil.dispatch import model
from tawsil.dispatch.events import Cause, OfferPayload, Stop
from tawsil.dispatch.model import (
    DOUBTS,
    MOVES,
    OFFER_MOVES,
    TO_COLLECT,
    WITH_COURIER,
    WITHOUT_COURIER,
    Delivery,
    Etas,
    Offer,
    OfferState,
    Sight,
    State,
)
from tawsil.kernel.decisions import Accepted, Decision, Refusal
from tawsil.kernel.places import Place
from tawsil.tracking.events import StopKind

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HERE, THERE = Place(25.20, 55.27), Place(25.21, 55.28)
COURIERS = [UUID(int=100 + n) for n in range(3)]
SIGHTS = st.none() | st.tuples(st.integers(0, 300), st.floats(0, 9_000))
"""How long ago, and how many metres from the pick-up, the courier was seen."""
DOUBTED = st.sampled_from(sorted(DOUBTS))
MINUTES = st.integers(0, 40).map(lambda m: timedelta(minutes=m))


def waiting(n: int = 1, *, ready_in: timedelta = timedelta(0)) -> Delivery:
    return Delivery(
        id=UUID(int=n),
        tenant_id=UUID(int=1000),
        city_id=UUID(int=1001),
        correlation_id=UUID(int=1002),
        reference_id=UUID(int=2000 + n),
        site_id=UUID(int=1003),
        pickup=HERE,
        dropoff=THERE,
        ready_at=NOON + ready_in,
        requested_at=NOON,
        searched_since_at=NOON,
        earning_minor=500,
        currency="AED",
    )


def offer_of(
    id_: UUID,
    courier_id: UUID,
    deliveries: list[Delivery],
    *,
    now: datetime,
    round_id: UUID | None = None,
) -> Offer:
    doors = [
        Stop(kind=StopKind.DROPOFF, delivery_ids=(d.id,), place=d.dropoff, at=now + MINUTE * 9)
        for d in deliveries
    ]
    pickup = Stop(
        kind=StopKind.PICKUP,
        delivery_ids=tuple(d.id for d in deliveries),
        place=HERE,
        at=now + MINUTE * 4,
    )
    return Offer(
        id=id_,
        tenant_id=UUID(int=1000),
        city_id=UUID(int=1001),
        correlation_id=UUID(int=1002),
        round_id=round_id or id_,
        courier_id=courier_id,
        delivery_ids=tuple(d.id for d in deliveries),
        reference_ids=tuple(d.reference_id for d in deliveries),
        arrival_at=now + MINUTE * 3,
        payload=OfferPayload(
            earning_minor=500, currency="AED", distance_m=1000, stops=(pickup, *doors)
        ),
        made_at=now,
        expires_at=now + MINUTE / 2,
    )


MINUTE = timedelta(minutes=1)


def stands(decision: Decision[Delivery]) -> Delivery:
    assert isinstance(decision, Accepted), decision
    return decision.state


@given(MINUTES)
def test_whoever_has_no_courier_has_a_deadline_and_it_never_goes_back(ready_in: timedelta):
    delivery, last = waiting(ready_in=ready_in), NOON
    for _ in model.DEFAULT_RULES.ladder:
        assert delivery.deadline is not None
        assert delivery.deadline.kind == "escalate"
        assert delivery.deadline.at > last
        last = delivery.deadline.at
        delivery = stands(model.escalate(delivery, reason="nobody_yet"))
    assert delivery.deadline is not None
    assert delivery.deadline.kind == "give_up"
    assert delivery.deadline.at == delivery.urgent_at + timedelta(
        seconds=model.DEFAULT_RULES.give_up_after_s
    )
    assert stands(model.give_up(delivery, now=last)).deadline is None


@given(MINUTES)
def test_urgent_is_not_before_it_was_asked_for_nor_much_before_it_is_ready(ready_in: timedelta):
    delivery = waiting(ready_in=ready_in)
    assert delivery.urgent_at >= delivery.requested_at
    assert delivery.urgent_at >= delivery.ready_at - model.COMMIT_AHEAD


def test_a_raise_waits_until_what_was_offered_is_offered_anew():
    delivery = waiting()
    raised = stands(model.escalate(delivery, reason="nobody_yet"))
    assert raised.incentive_minor == 75
    made = offer_of(UUID(int=1), COURIERS[0], [raised], now=NOON)
    offered = stands(model.offer(raised, offers=[made], now=NOON))
    higher = stands(model.escalate(offered, reason="nobody_yet"))
    assert higher.incentive_minor == 75
    left = stands(model.fall_through(higher, offer=made, reason="expired", declined_by=set()))
    assert left.incentive_minor == 150


def test_every_state_stands_in_the_tables():
    assert set(MOVES) == set(State)
    assert set(OFFER_MOVES) == set(OfferState)
    assert all(to in MOVES for legal in MOVES.values() for to in legal)
    assert WITHOUT_COURIER.isdisjoint(WITH_COURIER)


@given(st.sampled_from([s for s in OfferState if s is not OfferState.PENDING]))
def test_an_answer_too_late_hears_how_it_ended(state: OfferState):
    made = offer_of(UUID(int=1), COURIERS[0], [waiting()], now=NOON)
    over = Offer(**{f: getattr(made, f) for f in made.__struct_fields__} | {"state": state})
    for answer in (
        model.accept_offer(over, now=NOON),
        model.reject_offer(over, reason=None, now=NOON),
    ):
        assert isinstance(answer, Refusal)
        assert (answer.status, answer.code) == (409, f"dispatch.offer_{state}")


def test_an_offer_past_its_time_is_over_before_its_timer_rings():
    made = offer_of(UUID(int=1), COURIERS[0], [waiting()], now=NOON)
    late = model.accept_offer(made, now=made.expires_at)
    assert isinstance(late, Refusal)
    assert late.code == "dispatch.offer_expired"
    assert isinstance(model.accept_offer(made, now=made.expires_at - MINUTE / 60), Accepted)


class Street(RuleBasedStateMachine):
    """Three deliveries, three couriers, and everything that may happen, in any order."""

    @initialize()
    def begin(self) -> None:
        self.now = NOON
        self.deliveries = {d.id: d for d in map(waiting, range(3))}
        self.offers: dict[UUID, Offer] = {}
        self.offered_minor: dict[UUID, int] = {}
        self.assigned = self.freed = 0

    def take(self, decision: Decision[Delivery]) -> bool:
        if isinstance(decision, Refusal):
            return False
        self.deliveries[decision.state.id] = decision.state
        return True

    def pending(self) -> list[Offer]:
        return [o for o in self.offers.values() if o.pending]

    def pending_in(self, round_id: UUID) -> list[Offer]:
        return [o for o in self.pending() if o.round_id == round_id]

    def close(self, decision: Decision[Offer]) -> None:
        """The deliveries wait again when nobody else of the round is left to answer."""
        if isinstance(decision, Refusal):
            return
        over = decision.state
        self.offers[over.id] = over
        if self.pending_in(over.round_id):
            return
        said_no = {
            o.courier_id for o in self.offers.values() if o.round_id == over.round_id and o.declined
        }
        for id_ in over.delivery_ids:
            left = model.fall_through(
                self.deliveries[id_], offer=over, reason="left", declined_by=said_no
            )
            assert self.take(left)
            assert self.deliveries[id_].declined_by >= said_no

    @rule(couriers=st.sets(st.sampled_from(COURIERS), min_size=1), count=st.integers(1, 3))
    def offer(self, couriers: set[UUID], count: int) -> None:
        open_ = [d for d in self.deliveries.values() if d.state is State.WAITING][:count]
        asked = sorted(couriers - {o.courier_id for o in self.pending()})
        if not open_ or not asked:
            return
        first = 9000 + len(self.offers)
        made = [
            offer_of(UUID(int=first + n), courier, open_, now=self.now, round_id=UUID(int=first))
            for n, courier in enumerate(asked)
        ]
        self.offers |= {o.id: o for o in made}
        for delivery in open_:
            assert self.take(model.offer(delivery, offers=made, now=self.now))
            self.offered_minor[delivery.id] = delivery.pay_minor

    @precondition(lambda self: self.offers)
    @rule(data=st.data())
    def accept(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sampled_from(list(self.offers.values())))
        decision = model.accept_offer(chosen, now=self.now)
        if isinstance(decision, Refusal):
            return
        self.offers[chosen.id] = decision.state
        for other in self.pending_in(chosen.round_id):
            gone = model.withdraw_offer(other, reason=model.TAKEN)
            assert isinstance(gone, Accepted)
            self.offers[other.id] = gone.state
        etas = chosen.etas()
        for id_ in chosen.delivery_ids:
            assert self.take(
                model.assign(
                    self.deliveries[id_],
                    courier_id=chosen.courier_id,
                    etas=etas[id_],
                    now=self.now,
                )
            )
            assert self.deliveries[id_].pay_minor == self.offered_minor[id_]
            self.assigned += 1

    @rule(n=st.integers(0, 2))
    def escalate(self, n: int) -> None:
        delivery = self.deliveries[UUID(int=n)]
        if self.take(model.escalate(delivery, reason="nobody_yet")):
            higher = self.deliveries[delivery.id]
            assert delivery.pay_minor <= higher.pay_minor
            assert higher.declined_by == higher.lost_by

    @precondition(lambda self: self.pending())
    @rule(data=st.data(), how=st.sampled_from(["reject", "expire", "withdraw"]))
    def leave(self, data: st.DataObject, how: str) -> None:
        chosen = data.draw(st.sampled_from(self.pending()))
        match how:
            case "reject":
                decision = model.reject_offer(chosen, reason=None, now=self.now)
            case "expire":
                decision = model.expire_offer(chosen)
            case _:
                decision = model.withdraw_offer(chosen, reason="changed")
        self.close(decision)

    @rule(n=st.integers(0, 2), who=st.sampled_from(COURIERS))
    def step(self, n: int, who: UUID) -> None:
        delivery = self.deliveries[UUID(int=n)]
        steps = {
            State.ASSIGNED: lambda: model.pick_up(delivery, courier_id=who, now=self.now),
            State.AT_PICKUP: lambda: model.pick_up(delivery, courier_id=who, now=self.now),
            State.PICKED_UP: lambda: model.fail(delivery, courier_id=who, now=self.now),
            State.AT_DROPOFF: lambda: model.deliver(delivery, courier_id=who, now=self.now),
            State.FAILED: lambda: model.bring_back(delivery, courier_id=who, now=self.now),
        }
        if delivery.state in steps and self.take(steps[delivery.state]()):
            assert who == delivery.courier_id
            self.freed += self.deliveries[delivery.id].state in {State.DONE, State.RETURNED}

    @rule(n=st.integers(0, 2), kind=st.sampled_from(StopKind))
    def arrive(self, n: int, kind: StopKind) -> None:
        assert self.take(model.arrive(self.deliveries[UUID(int=n)], kind=kind, now=self.now))

    @rule(n=st.integers(0, 2))
    def unassign(self, n: int) -> None:
        delivery = self.deliveries[UUID(int=n)]
        taken = self.take(model.unassign(delivery, cause=Cause.BY_HAND, now=self.now))
        assert taken == (delivery.state in TO_COLLECT)
        self.freed += taken

    def doubt(self, n: int, decision: Decision[Delivery]) -> None:
        """What may cost the courier what they have not collected, and nothing else."""
        before = self.deliveries[UUID(int=n)]
        assert self.take(decision)
        after = self.deliveries[UUID(int=n)]
        lost = after.courier_id is None
        assert not lost or before.state in TO_COLLECT
        assert not lost or before.courier_id in after.lost_by & after.declined_by
        assert lost or after.courier_id == before.courier_id
        doubted = {before.risk.cause} if before.risk is not None else set[Cause]()
        assert before.stranded - doubted <= after.stranded
        self.freed += lost

    @rule(n=st.integers(0, 2), seen=SIGHTS, heading=st.booleans())
    def look(self, n: int, seen: tuple[int, float] | None, *, heading: bool) -> None:
        delivery = self.deliveries[UUID(int=n)]
        if delivery.state not in WITH_COURIER:
            return
        sight = None
        if seen is not None:
            at = self.now - timedelta(seconds=seen[0])
            sight = Sight(at=at, distance_m=seen[1], travel_s=seen[1] / 5)
        self.doubt(n, model.look(delivery, sight=sight, heading=heading, now=self.now))
        looked = self.deliveries[UUID(int=n)]
        assert looked.deadline is not None
        assert looked.deadline.at > self.now or looked.state is State.WAITING

    @rule(n=st.integers(0, 2), cause=DOUBTED)
    def endanger(self, n: int, cause: Cause) -> None:
        delivery = self.deliveries[UUID(int=n)]
        if delivery.state in WITH_COURIER:
            self.doubt(n, model.endanger(delivery, cause=cause, now=self.now))

    @rule(n=st.integers(0, 2), cause=st.sampled_from(Cause))
    def recover(self, n: int, cause: Cause) -> None:
        delivery = self.deliveries[UUID(int=n)]
        assert self.take(model.recover(delivery, cause=cause, now=self.now))
        was = delivery.risk is not None and delivery.risk.cause is not cause
        assert (self.deliveries[delivery.id].risk is not None) == was

    @rule(n=st.integers(0, 2))
    def carry_on(self, n: int) -> None:
        delivery = self.deliveries[UUID(int=n)]
        assert self.take(model.carry_on(delivery, now=self.now)) == (delivery.risk is not None)
        assert self.deliveries[delivery.id].risk is None

    @rule(n=st.integers(0, 2), who=st.sampled_from(COURIERS))
    def hand_over(self, n: int, who: UUID) -> None:
        delivery = self.deliveries[UUID(int=n)]
        etas = Etas(arrival_at=self.now, pickup_at=self.now, dropoff_at=self.now + MINUTE)
        taken = self.take(
            model.hand_over(delivery, courier_id=who, etas=etas, place=None, now=self.now)
        )
        on_board = delivery.state in WITH_COURIER - TO_COLLECT
        assert taken == (on_board and who != delivery.courier_id)

    @rule(n=st.integers(0, 2))
    def withdraw(self, n: int) -> None:
        delivery = self.deliveries[UUID(int=n)]
        if delivery.round_id is not None and delivery.state is State.OFFERED:
            for offer in self.pending_in(delivery.round_id):
                self.close(model.withdraw_offer(offer, reason="gone"))
        before = self.deliveries[delivery.id]
        if self.take(model.withdraw(before, reason="cancelled", now=self.now)):
            self.freed += before.state in TO_COLLECT

    @rule(n=st.integers(0, 2), by=MINUTES)
    def move_ready_time(self, n: int, by: timedelta) -> None:
        delivery = self.deliveries[UUID(int=n)]
        self.take(model.move_ready_time(delivery, ready_at=delivery.ready_at + by))

    @rule(seconds=st.integers(1, 45))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @invariant()
    def one_courier_each_and_each_freed_once(self) -> None:
        carried = [d for d in self.deliveries.values() if d.state in WITH_COURIER]
        assert self.assigned - self.freed == len(carried)

    @invariant()
    def pending_offers_speak_for_their_deliveries(self) -> None:
        offered = {d.id: d.round_id for d in self.deliveries.values() if d.state is State.OFFERED}
        claimed = {(id_, o.round_id) for o in self.pending() for id_ in o.delivery_ids}
        assert set(offered.items()) == claimed

    @invariant()
    def a_round_has_one_winner(self) -> None:
        won = [o.round_id for o in self.offers.values() if o.state is OfferState.ACCEPTED]
        assert len(won) == len(set(won))

    @invariant()
    def who_waits_is_woken(self) -> None:
        for delivery in self.deliveries.values():
            woken = delivery.state in WITHOUT_COURIER | WITH_COURIER
            assert (delivery.deadline is not None) == woken

    @invariant()
    def a_grace_is_over_once(self) -> None:
        for delivery in self.deliveries.values():
            told = delivery.risk is not None and delivery.risk.cause in delivery.stranded
            running = delivery.risk is not None and not told
            assert (delivery.grace_ends_at is not None) == running
            assert not told or delivery.state not in TO_COLLECT

    @invariant()
    def times_are_in_order(self) -> None:
        for delivery in self.deliveries.values():
            etas: Etas | None = delivery.etas
            if etas is not None:
                assert etas.arrival_at <= etas.pickup_at <= etas.dropoff_at


TestStreet = Street.TestCase
TestStreet.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
