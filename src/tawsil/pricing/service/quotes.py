"""Issuing quotes, and taking them when an order is placed."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from tawsil.catalog import public as catalog
from tawsil.catalog.public import Line, Merchant, PricedLine
from tawsil.experiments import public as experiments
from tawsil.experiments.public import Module
from tawsil.geography import public as geography
from tawsil.geography.public import City, LoyaltyRules
from tawsil.kernel.db import Tx
from tawsil.kernel.deadlines import Due, still_due
from tawsil.kernel.decisions import (
    Accepted,
    By,
    Command,
    Decision,
    Refusal,
    accepted,
    refuse,
)
from tawsil.kernel.money import share
from tawsil.kernel.places import Place
from tawsil.pricing.model import quote as model
from tawsil.pricing.model.amounts import Breakdown, Discount, divide, price
from tawsil.pricing.model.commission import Agreed
from tawsil.pricing.model.conditions import CALM, Terms
from tawsil.pricing.model.discounts import Basket, Chosen
from tawsil.pricing.model.fees import delivery_fee_parts
from tawsil.pricing.model.funds import Wish, fund
from tawsil.pricing.model.quote import BINDING_FOR, Quote
from tawsil.pricing.model.redemptions import Signals
from tawsil.pricing.service import climate, commission, promoting, redeeming
from tawsil.pricing.store import quotes as store

NOT_FOUND: Final = refuse("request.not_found", status=404)


class IssueQuote(Command, frozen=True, kw_only=True):
    customer_id: UUID
    merchant_id: UUID
    lines: tuple[Line, ...]
    dropoff: Place
    address: str
    instructions: str = ""
    tip_minor: int = 0
    tip_bp: int = 0
    """Of the subtotal, instead of an amount."""
    codes: tuple[str, ...] = ()
    wish: Wish = Wish()
    scheduled_for: datetime | None = None


class TakeQuote(Command, frozen=True, kw_only=True):
    """`in_cash`: it is to be paid at the door, as far as the city allows."""

    quote_id: UUID
    customer_id: UUID
    signals: Signals | None = None
    in_cash: bool = False


Agree = Callable[[Tx, Sequence[tuple[int, Quote]]], Awaitable[Sequence[object]]]
"""Asked about quotes that may be taken, each with its place in the batch: answers in order."""


class _Sellers:
    """The merchants that a batch is about, and their cities."""

    def __init__(self, merchants: Mapping[UUID, Merchant], cities: Mapping[UUID, City]) -> None:
        self._merchants = merchants
        self._cities = cities

    @classmethod
    async def load(cls, tx: Tx, ids: Sequence[tuple[UUID, UUID]]) -> "_Sellers":
        """From pairs of tenant and merchant."""
        merchants: dict[UUID, Merchant] = {}
        for tenant_id in {tenant_id for tenant_id, _ in ids}:
            wanted = list({merchant_id for tenant, merchant_id in ids if tenant == tenant_id})
            merchants |= await catalog.merchants(tx, tenant_id=tenant_id, ids=wanted)
        city_ids = list({m.city_id for m in merchants.values()})
        cities = await geography.cities_by_id(tx, ids=city_ids)
        off = await experiments.modules_off(tx, tenant_ids={c.tenant_id for c in cities.values()})
        without = {tenant for tenant, modules in off.items() if Module.LOYALTY in modules}
        return cls(
            merchants,
            {
                id_: geography.without_loyalty(city) if city.tenant_id in without else city
                for id_, city in cities.items()
            },
        )

    def all(self) -> list[tuple[Merchant, City]]:
        return [(m, self._cities[m.city_id]) for m in self._merchants.values()]

    def of(self, merchant_id: UUID, *, tenant_id: UUID) -> tuple[Merchant, City] | None:
        merchant = self._merchants.get(merchant_id)
        if merchant is None or merchant.tenant_id != tenant_id:
            return None
        return merchant, self._cities[merchant.city_id]

    def place(self, quote: Quote) -> redeeming.Place:
        """Where a quote is of, whose merchant is known."""
        return redeeming.Place(
            city_id=quote.city_id,
            timezone=self._cities[quote.city_id].timezone,
            merchant_id=quote.merchant_id,
            currency=quote.currency,
        )


async def issue(tx: Tx, commands: Sequence[IssueQuote]) -> list[Quote | Refusal]:
    """Bind the platform to a price for a quarter of an hour."""
    sellers = await _Sellers.load(tx, [(c.by.tenant_id, c.merchant_id) for c in commands])
    baskets = await _baskets(tx, commands)
    terms = await _terms(tx, commands, sellers)
    agreed = await commission.agreed(tx, sellers=sellers.all())

    def decide(index: int, promised: Chosen) -> Decision[Quote]:
        known = (sellers, baskets[index], terms[index], agreed)
        return _decide_issue(tx, commands[index], *known, promised)

    plain = [decide(index, promoting.NOTHING) for index in range(len(commands))]
    promised = await _promised(tx, commands, sellers, plain)
    decisions = [
        decide(index, chosen) if isinstance(chosen, Chosen) else chosen or plain[index]
        for index, chosen in enumerate(promised)
    ]
    await store.insert(tx, [d.state for d in accepted(decisions)])
    return await _record(tx, commands, decisions)


async def _baskets(tx: Tx, commands: Sequence[IssueQuote]) -> list[list[PricedLine] | Refusal]:
    """What lines cost, if they are to be had at the instant that each is for."""
    priced: dict[int, list[PricedLine] | Refusal] = {}
    for at in {c.scheduled_for or tx.now for c in commands}:
        then = [n for n, c in enumerate(commands) if (c.scheduled_for or tx.now) == at]
        baskets = [
            catalog.Basket(merchant_id=commands[n].merchant_id, lines=commands[n].lines)
            for n in then
        ]
        found = await catalog.price_baskets(tx, baskets=baskets, at=at)
        priced.update(zip(then, found, strict=True))
    return [priced[n] for n in range(len(commands))]


async def _promised(
    tx: Tx,
    commands: Sequence[IssueQuote],
    sellers: _Sellers,
    plain: Sequence[Decision[Quote]],
) -> list[Chosen | Refusal | None]:
    """What promotions take off quotes that could be issued without; None where there are none."""
    asked = {
        index: promoting.Asked(
            tenant_id=quote.tenant_id,
            customer_id=quote.customer_id,
            place=sellers.place(quote),
            basket=Basket(
                merchant_id=quote.merchant_id,
                lines=quote.lines,
                delivery_fee_minor=quote.breakdown.delivery_fee_minor,
            ),
            codes=commands[index].codes,
        )
        for index, decision in enumerate(plain)
        if isinstance(decision, Accepted)
        for quote in [decision.state]
    }
    answers = await promoting.discounts(tx, list(asked.values()))
    found = dict(zip(asked, answers, strict=True))
    wanted = [found.get(index) for index in range(len(commands))]
    return [None if chosen == promoting.NOTHING else chosen for chosen in wanted]


class _Terms(Struct, frozen=True):
    """What is so now where a command is about, and the zone it wants something brought to."""

    terms: Terms
    zone_id: UUID | None


async def _terms(tx: Tx, commands: Sequence[IssueQuote], sellers: _Sellers) -> list[_Terms]:
    found = [sellers.of(c.merchant_id, tenant_id=c.by.tenant_id) for c in commands]
    cities = {seller[1].id: seller[1] for seller in found if seller}
    now = await climate.conditions(tx, city_ids=cities)
    terms = {city_id: now[city_id].terms if city_id in now else CALM for city_id in cities}
    zones: dict[tuple[UUID, Place], UUID | None] = {}
    for city in cities.values():
        if not (terms[city.id].paused_zone_ids or city.rules.delivery_zones):
            continue
        places = [
            c.dropoff
            for c, seller in zip(commands, found, strict=True)
            if seller and seller[1].id == city.id
        ]
        of_places = await geography.zones_of(tx, city_id=city.id, places=places)
        zones |= {
            (city.id, place): zone.id if zone else None
            for place, zone in zip(places, of_places, strict=True)
        }
    return [  # what is so now says nothing of what is for later
        _Terms(
            CALM if command.scheduled_for else terms[seller[1].id],
            zones.get((seller[1].id, command.dropoff)),
        )
        if seller
        else _Terms(CALM, None)
        for command, seller in zip(commands, found, strict=True)
    ]


def _tip_twice(command: IssueQuote) -> Refusal | None:
    both = command.tip_minor and command.tip_bp
    return refuse("quote.tip_twice", status=422) if both else None


def _untimely(
    tx: Tx, later: datetime | None, seller: tuple[Merchant, City], *, lead: timedelta
) -> Refusal | None:
    """Why the merchant does not take it for now, or for then."""
    merchant, city = seller
    if later is None:
        return catalog.accepting(merchant, at=tx.now, timezone=city.timezone)
    return model.check_later(
        merchant, scheduled_for=later, lead=lead, now=tx.now, timezone=city.timezone
    )


def _refused(
    command: IssueQuote,
    city: City,
    lines: list[PricedLine] | Refusal,
    *,
    distance_m: int,
    now: _Terms,
    untimely: Refusal | None,
) -> Refusal | None:
    """Why there is no price for it, the weightiest reason first."""
    return (
        untimely
        or _tip_twice(command)
        or (lines if isinstance(lines, Refusal) else None)
        or model.check_distance(distance_m, rules=city.rules)
        or model.check_conditions(distance_m, zone_id=now.zone_id, terms=now.terms)
    )


def _decide_issue(
    tx: Tx,
    command: IssueQuote,
    sellers: _Sellers,
    lines: list[PricedLine] | Refusal,
    now: _Terms,
    commissions: Mapping[UUID, Agreed],
    promised: Chosen,
) -> Decision[Quote]:
    seller = sellers.of(command.merchant_id, tenant_id=command.by.tenant_id)
    if seller is None:
        return NOT_FOUND
    merchant, city = seller
    agreed = commissions[merchant.id]
    later = command.scheduled_for
    distance_m = round(
        geography.road_distance_m(merchant.place, command.dropoff, city.rules.detour_factor)
    )
    prep_s = _prep_s(merchant, lines, later=later is not None)
    lead = timedelta(seconds=prep_s + round(distance_m / city.rules.courier_speed_mps))
    untimely = _untimely(tx, later, seller, lead=lead)
    if refused := _refused(command, city, lines, distance_m=distance_m, now=now, untimely=untimely):
        return refused
    assert not isinstance(lines, Refusal), "it would have been refused"
    breakdown = _price(
        command,
        lines,
        distance_m=distance_m,
        city=city,
        now=now,
        at=later or tx.now,
        discounts=[one.discount for one in promised.applied],
    )
    return _funded(
        Quote(
            id=tx.ids(),
            tenant_id=merchant.tenant_id,
            city_id=city.id,
            customer_id=command.customer_id,
            merchant_id=merchant.id,
            currency=merchant.currency,
            lines=tuple(lines),
            breakdown=breakdown,
            shares=divide(
                breakdown,
                rules=city.rules,
                plan=agreed.plan,
                turnover_minor=agreed.turnover_minor,
            ),
            suggested_tips_bp=city.rules.suggested_tips_bp,
            commission_plan_id=agreed.plan_id,
            commission_bp=agreed.rate_bp,
            pickup=merchant.place,
            dropoff=command.dropoff,
            address=command.address,
            instructions=command.instructions,
            distance_m=distance_m,
            prep_time_s=prep_s,
            surge_minor=breakdown.delivery_fee_parts.surge_minor,
            extra_wait_s=now.terms.extra_wait_s,
            promotions=promised.applied,
            not_applied=promised.not_applied,
            scheduled_for=later,
            begins_at=later - lead if later else None,
            issued_at=tx.now,
            expires_at=tx.now + BINDING_FOR,
        ),
        wish=command.wish,
        rules=city.rules.loyalty,
    )


def _prep_s(merchant: Merchant, lines: list[PricedLine] | Refusal, *, later: bool) -> int:
    """How long cooking takes; how busy a kitchen is now says nothing about later."""
    dishes_s = () if isinstance(lines, Refusal) else [line.prep_time_s for line in lines]
    return merchant.usual_prep_s(dishes_s) + (0 if later else merchant.busy_extra_s)


def _price(
    command: IssueQuote,
    lines: Sequence[PricedLine],
    *,
    distance_m: int,
    city: City,
    now: _Terms,
    at: datetime,
    discounts: Sequence[Discount],
) -> Breakdown:
    """By the city's clock and its zones, with what is added because couriers are short."""
    at_local = at.astimezone(ZoneInfo(city.timezone))
    usual = delivery_fee_parts(distance_m, rules=city.rules, zone_id=now.zone_id, at_local=at_local)
    of_subtotal = share(sum(line.total_minor for line in lines), basis_points=command.tip_bp)
    return price(
        lines,
        distance_m=distance_m,
        rules=city.rules,
        tip_minor=command.tip_minor or of_subtotal,
        surge_minor=share(usual.full_minor, basis_points=now.terms.surge_bp),
        zone_id=now.zone_id,
        at_local=at_local,
        discounts=discounts,
    )


def _funded(quote: Quote, *, wish: Wish, rules: LoyaltyRules) -> Decision[Quote]:
    """With what its customer's points and credit are to pay of it."""
    total_minor = quote.breakdown.total_minor
    funds = fund(total_minor, wish=wish, currency=quote.currency, rules=rules)
    return funds if isinstance(funds, Refusal) else model.issue(replace(quote, funds=funds))


async def take(
    tx: Tx, commands: Sequence[TakeQuote], *, agree: Agree | None = None
) -> list[Quote | Refusal]:
    """Place orders on quotes: each once, by its customer, while the merchant takes orders.

    Quotes and promotions are decided about in memory, under their locks. `agree` is asked about
    those that may be taken; what it refuses is refused, and only what is left is written.
    """
    known = await store.lock(tx, ids=[c.quote_id for c in commands])
    sellers = await _Sellers.load(tx, [(q.tenant_id, q.merchant_id) for q in known.values()])
    takers = {
        c.quote_id: redeeming.Taker(
            by=c.by,
            quote=known[c.quote_id],
            place=sellers.place(known[c.quote_id]),
            signals=c.signals,
        )
        for c in commands
        if isinstance(_decide_take(tx, c, sellers, known.get(c.quote_id)), Accepted)
    }
    till = await redeeming.Till.open(tx, list(takers.values()))
    decisions: list[Decision[Quote]] = []
    for command in commands:
        decision = _decide_take(tx, command, sellers, known.get(command.quote_id))
        if isinstance(decision, Accepted):
            decision = till.reserve(takers[command.quote_id]) or decision
        if isinstance(decision, Accepted):
            known[command.quote_id] = decision.state
        decisions.append(decision)
    taken = [(n, d.state) for n, d in enumerate(decisions) if isinstance(d, Accepted)]
    if agree and taken:
        answers = await agree(tx, taken)
        for (index, quote), answer in zip(taken, answers, strict=True):
            if isinstance(answer, Refusal):
                decisions[index] = answer
                till.put_back(quote.id)
    await store.save(tx, accepted(decisions))
    await till.close()
    return await _record(tx, commands, decisions)


def _decide_take(
    tx: Tx, command: TakeQuote, sellers: _Sellers, quote: Quote | None
) -> Decision[Quote]:
    if (
        quote is None
        or quote.tenant_id != command.by.tenant_id
        or quote.customer_id != command.customer_id
    ):
        return NOT_FOUND
    decision = model.take(quote, now=tx.now)
    if isinstance(decision, Refusal):
        return decision
    seller = sellers.of(quote.merchant_id, tenant_id=quote.tenant_id)
    if seller is None:
        return NOT_FOUND
    merchant, city = seller
    begins_at = quote.begins_at or tx.now
    refused = catalog.accepting(merchant, at=begins_at, timezone=city.timezone)
    if refused is None and command.in_cash:
        refused = model.check_cash(quote, rules=city.rules.cash)
    return refused or decision


async def on_due(tx: Tx, due: Sequence[Due]) -> None:
    """Quotes that nobody took in time expire."""
    known = await store.lock(tx, ids=[d.subject_id for d in due])
    over = still_due(due, known, now=tx.now)
    bys = [By(tenant_id=quote.tenant_id, correlation_id=tx.ids()) for quote in over]
    decisions = [model.expire(quote) for quote in over]
    await store.save(tx, accepted(decisions))
    await tx.record(
        [(by, d) for by, d in zip(bys, decisions, strict=True) if isinstance(d, Accepted)]
    )


async def quote(tx: Tx, *, quote_id: UUID, customer_id: UUID) -> Quote | None:
    """The customer's own quote."""
    found = await store.quote(tx, quote_id=quote_id)
    return found if found is not None and found.customer_id == customer_id else None


async def no_cash(tx: Tx, quote: Quote) -> Refusal | None:
    """Why a quote cannot be paid at the door; None if it can."""
    city = (await geography.cities_by_id(tx, ids=[quote.city_id]))[quote.city_id]
    return model.check_cash(quote, rules=city.rules.cash)


async def _record(
    tx: Tx, commands: Sequence[Command], decisions: Sequence[Decision[Quote]]
) -> list[Quote | Refusal]:
    await tx.record(
        [(c, d) for c, d in zip(commands, decisions, strict=True) if isinstance(d, Accepted)]
    )
    return [d.state if isinstance(d, Accepted) else d for d in decisions]
