"""Promotions over the database: who gets them, what of a budget is left, and who is found out."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from conftest import NOON
from pricing.promoting import Kind, Promotion, Sharer, Stacking, Watch, running, terms
from tawsil.catalog.public import Line
from tawsil.kernel.batches import Batcher
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.deadlines import Deadlines
from tawsil.kernel.decisions import By, Refusal, refuse
from tawsil.kernel.idempotency import Answer
from tawsil.kernel.places import Place
from tawsil.kernel.sealing import Digester
from tawsil.pricing import public
from tawsil.pricing.model.promotions import Audience, Response, Signal, Status, Window
from tawsil.pricing.model.redemptions import Signals, Verdict
from tawsil.pricing.public import EndOfOrder, IssueQuote, Quote, TakeQuote
from tawsil.pricing.service import promotions as service
from tawsil.pricing.store import promotions as store
from tawsil.pricing.store import redemptions

Ask = Callable[..., IssueQuote]


@pytest.fixture
def ask(by: By, ids: Ids) -> Ask:
    """Two pizzas for 50.00, and 5.25 for bringing them."""
    customer_id = ids()

    def make(town: Any, **fields: Any) -> IssueQuote:
        return IssueQuote(
            **{
                "by": by,
                "customer_id": customer_id,
                "merchant_id": town.grill.id,
                "lines": (Line(product_id=town.pizza.id, quantity=2),),
                "dropoff": Place(24.13, 53.1),
                "address": "Corniche 12",
                **fields,
            }
        )

    return make


async def asked(tx: Tx, command: IssueQuote) -> Quote | Refusal:
    (outcome,) = await public.issue(tx, [command])
    return outcome


async def issued(tx: Tx, command: IssueQuote) -> Quote:
    outcome = await asked(tx, command)
    assert isinstance(outcome, Quote), outcome
    return outcome


def taking(quote: Quote, by: By, **fields: Any) -> TakeQuote:
    return TakeQuote(by=by, quote_id=quote.id, customer_id=quote.customer_id, **fields)


async def take(tx: Tx, quote: Quote, by: By, **fields: Any) -> Quote | Refusal:
    (outcome,) = await public.take(tx, [taking(quote, by, **fields)])
    return outcome


async def state(tx: Tx, promotion: Promotion) -> Promotion:
    return (await store.get(tx, ids=[promotion.id]))[promotion.id]


def code_of(outcome: object) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code


async def test_a_code_takes_off_what_it_promises(tx: Tx, town: Any, ask: Ask, by: By) -> None:
    promotion = await running(tx, by, codes=["Summer-20"])
    plain = await issued(tx, ask(town))
    quote = await issued(tx, ask(town, codes=(" summer 20",)))
    assert plain.promotions == ()
    assert quote.breakdown.discount_minor == 1_000
    assert quote.breakdown.total_minor == plain.breakdown.total_minor - 1_000 - 50, "less tax too"
    (applied,) = quote.promotions
    assert (applied.promotion_id, applied.code, applied.merchant_minor) == (
        promotion.id,
        "SUMMER20",
        0,
    )
    own = await public.quote(tx, quote_id=quote.id, customer_id=quote.customer_id)
    assert own == quote, "the row says all of it"


async def test_an_automatic_one_needs_no_code(tx: Tx, town: Any, ask: Ask, by: By) -> None:
    await running(tx, by, kind=Kind.FREE_DELIVERY, value=0, least_subtotal_minor=5_000)
    quote = await issued(tx, ask(town))
    assert quote.breakdown.discount_minor == quote.breakdown.delivery_fee_minor == 525
    small = ask(town, lines=(Line(product_id=town.pizza.id, quantity=1),))
    assert (await issued(tx, small)).promotions == (), "not over the minimum"


async def test_a_merchant_bears_its_part_and_the_rest_comes_from_the_budget(
    tx: Tx, town: Any, ask: Ask, by: By
) -> None:
    named = (Sharer(merchant_id=town.grill.id, merchant_bp=4_000),)
    await running(tx, by, merchants=named)
    plain_merchant_minor = round(5_000 * 0.85)
    quote = await issued(tx, ask(town))
    (applied,) = quote.promotions
    assert (applied.merchant_minor, applied.platform_minor) == (400, 600)
    assert applied.from_budget
    assert quote.shares.merchant_minor == plain_merchant_minor - 340, "less its own commission"
    assert quote.shares.total_minor == quote.breakdown.total_minor


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"from_at": NOON + timedelta(hours=1)}, "promotion.not_now"),
        ({"hours": (Window(weekdays=(0, 1, 2)),)}, "promotion.not_now"),
        ({"least_subtotal_minor": 5_001}, "promotion.subtotal_too_small"),
        ({"product_ids": (UUID(int=1),)}, "promotion.not_for_these_products"),
    ],
)
async def test_a_code_that_is_of_no_use_here_is_refused_with_the_reason(
    tx: Tx, town: Any, ask: Ask, by: By, fields: dict[str, Any], code: str
) -> None:
    await running(tx, by, codes=["FIFTH"], **fields)
    assert code_of(await asked(tx, ask(town, codes=("fifth",)))) == code


async def test_codes_nobody_knows_and_those_of_others_are_alike(
    tx: Tx, town: Any, ask: Ask, ids: Ids
) -> None:
    stranger = By(tenant_id=ids(), correlation_id=ids())
    await running(tx, stranger, codes=["THEIRS"])
    for code in ("THEIRS", "NOBODYS"):
        assert code_of(await asked(tx, ask(town, codes=(code,)))) == "promotion.code_unknown"


async def test_limits_for_each_customer(tx: Tx, town: Any, ask: Ask, by: By, ids: Ids) -> None:
    await running(tx, by, codes=["ONCE"], most_per_user=1)
    await running(tx, by, codes=["DAILY"], most_per_user_day=1)
    for code, refusal in (("ONCE", "used_up_by_you"), ("DAILY", "used_today")):
        quotes = [await issued(tx, ask(town, codes=(code,))) for _ in range(2)]
        outcomes = await public.take(tx, [taking(quote, by) for quote in quotes])
        assert isinstance(outcomes[0], Quote)
        assert code_of(outcomes[1]) == f"promotion.{refusal}", "the second sees the first"
        assert code_of(await asked(tx, ask(town, codes=(code,)))) == f"promotion.{refusal}"
        assert isinstance(await asked(tx, ask(town, codes=(code,), customer_id=ids())), Quote)


async def test_yesterday_counts_no_more(
    database: Database, standing_town: Any, ask: Ask, by: By, clock: VirtualClock
) -> None:
    async with database.transaction() as tx:
        await running(tx, by, codes=["DAILY"], most_per_user_day=1)
        await take(tx, await issued(tx, ask(standing_town, codes=("DAILY",))), by)
    clock.advance(timedelta(hours=12))
    async with database.transaction() as tx:
        clock.advance(timedelta(hours=12))
    async with database.transaction() as tx:
        assert isinstance(await asked(tx, ask(standing_town, codes=("DAILY",))), Quote)


async def test_a_first_order_is_one(tx: Tx, town: Any, ask: Ask, by: By) -> None:
    await running(tx, by, codes=["HELLO"], audience=Audience.FIRST_ORDER)
    await running(tx, by, codes=["WELCOME"], audience=Audience.FIRST_ORDER)
    quotes = [await issued(tx, ask(town, codes=(code,))) for code in ("HELLO", "WELCOME")]
    first, second = await public.take(tx, [taking(quote, by) for quote in quotes])
    assert isinstance(first, Quote)
    assert code_of(second) == "promotion.not_first_order", "of another promotion neither"
    assert code_of(await asked(tx, ask(town, codes=("HELLO",)))) == "promotion.not_first_order"
    await public.give_back(tx, [EndOfOrder(by=by, quote_id=first.id)])
    assert isinstance(await take(tx, quotes[1], by), Quote), "what came to nothing was no order"


async def test_codes_for_a_single_use(tx: Tx, town: Any, ask: Ask, by: By, ids: Ids) -> None:
    promotion = await running(tx, by, codes=["FOREVERYBODY"])
    make = service.MakeCodes(by=by, promotion_id=promotion.id, merchant_id=None, count=25)
    await service.make_codes(tx, [make])
    made = [c for c in await store.codes(tx, promotion_id=promotion.id) if c.single_use]
    assert len(made) == 25
    code = made[0].code
    quotes = [await issued(tx, ask(town, codes=(code,), customer_id=ids())) for _ in range(2)]
    first, second = await public.take(tx, [taking(quote, by) for quote in quotes])
    assert isinstance(first, Quote)
    assert code_of(second) == "promotion.code_used"
    assert code_of(await asked(tx, ask(town, codes=(code,)))) == "promotion.code_used"
    await public.give_back(tx, [EndOfOrder(by=by, quote_id=first.id)])
    assert isinstance(await take(tx, quotes[1], by), Quote)


async def test_a_budget_is_taken_when_the_order_is_placed_and_given_back(
    tx: Tx, town: Any, ask: Ask, by: By, ids: Ids
) -> None:
    promotion = await running(tx, by, codes=["FIFTH"], budget_minor=2_500)
    quotes = [await issued(tx, ask(town, codes=("FIFTH",), customer_id=ids())) for _ in range(3)]
    outcomes = await public.take(tx, [taking(quote, by) for quote in quotes])
    assert [isinstance(o, Quote) for o in outcomes] == [True, True, False]
    assert code_of(outcomes[2]) == "promotion.exhausted"
    assert (await state(tx, promotion)).remaining_minor == 500
    assert code_of(await asked(tx, ask(town, codes=("FIFTH",)))) == "promotion.exhausted"
    left = await public.quote(tx, quote_id=quotes[2].id, customer_id=quotes[2].customer_id)
    assert left == quotes[2], "nothing of the refused one is written"

    ended = EndOfOrder(by=by, quote_id=quotes[0].id)
    await public.give_back(tx, [ended])
    await public.give_back(tx, [ended])
    assert (await state(tx, promotion)).remaining_minor == 1_500, "once"
    await public.spend(tx, [EndOfOrder(by=by, quote_id=quotes[1].id)])
    await public.give_back(tx, [EndOfOrder(by=by, quote_id=quotes[1].id)])
    assert (await state(tx, promotion)).remaining_minor == 1_500, "what was paid is not given back"
    assert isinstance(await take(tx, quotes[2], by), Quote)
    figures = await redemptions.figures(tx, promotion_id=promotion.id)
    assert (figures.spent, figures.reserved) == (1, 1)


async def test_an_exhausted_one_comes_back_with_what_is_given_back(
    tx: Tx, town: Any, ask: Ask, by: By
) -> None:
    promotion = await running(tx, by, codes=["FIFTH"], budget_minor=1_000)
    quote = await issued(tx, ask(town, codes=("FIFTH",)))
    await take(tx, quote, by)
    assert (await state(tx, promotion)).status is Status.EXHAUSTED
    await public.give_back(tx, [EndOfOrder(by=by, quote_id=quote.id)])
    assert (await state(tx, promotion)).status is Status.ACTIVE
    again = await issued(tx, ask(town, codes=("FIFTH",)))
    await take(tx, again, by)
    more = service.RaiseBudget(by=by, promotion_id=promotion.id, merchant_id=None, by_minor=1_000)
    (raised,) = await service.raise_budget(tx, [more])
    assert isinstance(raised, Promotion)
    assert (raised.status, raised.remaining_minor, raised.funded_minor) == (
        Status.ACTIVE,
        1_000,
        2_000,
    )


async def funding(tx: Tx) -> list[int]:
    rows = await tx.rows(
        "select data -> 'amount_minor' as minor from kernel.event "
        "where type = 'promotion.funded.v1' order by seq"
    )
    return [int(row["minor"]) for row in rows]


async def test_what_was_put_aside_comes_back_when_it_ends(
    database: Database, standing_town: Any, ask: Ask, by: By, clock: VirtualClock
) -> None:
    async with database.transaction() as tx:
        promotion = await running(
            tx, by, codes=["FIFTH"], budget_minor=5_000, until_at=NOON + timedelta(minutes=5)
        )
        quotes = [await issued(tx, ask(standing_town, codes=("FIFTH",))) for _ in range(2)]
        assert isinstance(await take(tx, quotes[0], by), Quote)
    clock.advance(timedelta(minutes=14))
    async with database.transaction() as tx:
        assert isinstance(await take(tx, quotes[1], by), Quote), "a quote binds beyond the end"
        assert code_of(await asked(tx, ask(standing_town, codes=("FIFTH",)))) == (
            "promotion.not_now"
        )
    assert await Deadlines({"promotion": service.on_due}).fire(database) == 0
    clock.advance(timedelta(minutes=6))
    assert await Deadlines({"promotion": service.on_due}).fire(database) == 1
    async with database.transaction() as tx:
        assert (await state(tx, promotion)).status is Status.ENDED
        assert await funding(tx) == [5_000, -3_000]
        await public.give_back(tx, [EndOfOrder(by=by, quote_id=quotes[1].id)])
        assert await funding(tx) == [5_000, -3_000, -1_000]
        assert (await state(tx, promotion)).funded_minor == 1_000


async def test_what_merchants_bear_themselves_needs_no_money_of_ours(
    tx: Tx, town: Any, ask: Ask, by: By
) -> None:
    promotion = await running(tx, by, merchant_id=town.grill.id, budget_minor=1_500)
    assert promotion.terms.merchants == (Sharer(merchant_id=town.grill.id, merchant_bp=10_000),)
    quote = await issued(tx, ask(town))
    assert isinstance(await take(tx, quote, by), Quote)
    assert (quote.promotions[0].merchant_minor, quote.promotions[0].from_budget) == (1_000, False)
    assert await funding(tx) == []
    assert (await state(tx, promotion)).remaining_minor == 500, "its budget counts all the same"


async def test_a_merchant_speaks_for_itself_only(tx: Tx, town: Any, by: By, ids: Ids) -> None:
    draft = service.Draft(
        by=by,
        merchant_id=town.grill.id,
        currency="AED",
        terms=terms(merchants=(Sharer(merchant_id=ids()),)),
    )
    (refusal,) = await service.draft(tx, [draft])
    assert code_of(refusal) == "request.not_found"
    platforms = await running(tx, by, codes=["OURS"])
    end = service.End(by=by, promotion_id=platforms.id, merchant_id=town.grill.id)
    (hidden,) = await service.end(tx, [end])
    assert code_of(hidden) == "request.not_found"


async def test_a_code_belongs_to_one_promotion(tx: Tx, by: By) -> None:
    await running(tx, by, codes=["SAME"])
    draft = service.Draft(
        by=by, merchant_id=None, currency="AED", terms=terms(), codes=("s-a-m-e",)
    )
    (refusal,) = await service.draft(tx, [draft])
    assert code_of(refusal) == "promotion.code_taken"


async def test_a_paused_one_is_not_had_whatever_the_quote_says(
    tx: Tx, town: Any, ask: Ask, by: By
) -> None:
    promotion = await running(tx, by)
    quote = await issued(tx, ask(town))
    await service.pause(tx, [service.Pause(by=by, promotion_id=promotion.id, merchant_id=None)])
    assert code_of(await take(tx, quote, by)) == "promotion.not_active"
    assert (await issued(tx, ask(town))).promotions == ()


async def test_the_best_combination_is_chosen_and_a_code_left_out_is_explained(
    tx: Tx, town: Any, ask: Ask, by: By
) -> None:
    stack = {"stacking": Stacking.STACKABLE}
    half = await running(tx, by, kind=Kind.FIXED, value=2_500)
    free = await running(tx, by, kind=Kind.FREE_DELIVERY, value=0, **stack)
    tenth = await running(tx, by, codes=["TENTH"], value=1_000, **stack)
    quote = await issued(tx, ask(town, codes=("TENTH",)))
    assert [one.promotion_id for one in quote.promotions] == [half.id]
    assert [(n.code, n.reason) for n in quote.not_applied] == [("TENTH", "better_without")]
    await service.pause(tx, [service.Pause(by=by, promotion_id=half.id, merchant_id=None)])
    both = await issued(tx, ask(town, codes=("TENTH",)))
    assert {one.promotion_id for one in both.promotions} == {free.id, tenth.id}
    assert both.breakdown.discount_minor == 525 + 500


async def test_what_somebody_does_not_agree_to_takes_nothing(
    tx: Tx, town: Any, ask: Ask, by: By, ids: Ids
) -> None:
    promotion = await running(tx, by, budget_minor=10_000)
    quotes = [await issued(tx, ask(town, customer_id=ids())) for _ in range(3)]

    async def agree(_: Tx, taken: Any) -> list[object]:
        return [refuse("payment.no_money") if n == 1 else quote for n, quote in taken]

    outcomes = await public.take(tx, [taking(quote, by) for quote in quotes], agree=agree)
    assert [isinstance(o, Quote) for o in outcomes] == [True, False, True]
    assert (await state(tx, promotion)).taken_minor == 2_000
    assert await tx.value("select count(*) from pricing.redemption") == 2
    assert isinstance(await take(tx, quotes[1], by), Quote), "it is still to be had"


SIGNALS = Signals(digester=Digester([bytes(32)]), device="phone-1", network="198.51.100.7")
REFUSE_DEVICE = (Watch(signal=Signal.DEVICE),)


async def test_the_same_device_with_another_account_is_refused_and_can_be_cleared(
    tx: Tx, town: Any, ask: Ask, by: By, ids: Ids
) -> None:
    await running(tx, by, codes=["HELLO"], audience=Audience.FIRST_ORDER, watches=REFUSE_DEVICE)
    await running(tx, by, codes=["WELCOME"], audience=Audience.FIRST_ORDER, watches=REFUSE_DEVICE)
    quotes = [
        await issued(tx, ask(town, codes=(code,), customer_id=ids()))
        for code in ("HELLO", "HELLO", "WELCOME")
    ]
    first, second, third = await public.take(
        tx, [taking(quote, by, signals=SIGNALS) for quote in quotes]
    )
    assert isinstance(first, Quote)
    assert code_of(second) == code_of(third) == "promotion.suspected"
    again = ask(town, codes=("HELLO",), customer_id=quotes[1].customer_id)
    assert code_of(await asked(tx, again)) == "promotion.under_review"

    (review,) = await redemptions.reviews_of(
        tx,
        customer_ids=[quotes[1].customer_id],
        promotion_ids=[quotes[1].promotions[0].promotion_id],
    )
    judge = service.Judge(by=by, review_id=review.id, verdict=Verdict.CLEARED)
    await service.judge(tx, [judge])
    assert isinstance(await take(tx, quotes[1], by, signals=SIGNALS), Quote)
    kept = await tx.value("select string_agg(encode(digest, 'escape'), '') from pricing.trace")
    assert "phone-1" not in kept, "only keyed digests are written"


async def test_a_flag_lets_through_and_shows_it_to_operators(
    tx: Tx, town: Any, ask: Ask, by: By, ids: Ids
) -> None:
    watches = (Watch(signal=Signal.ADDRESS, most_others=1, then=Response.FLAG),)
    await running(tx, by, watches=watches)
    quotes = [await issued(tx, ask(town, customer_id=ids())) for _ in range(3)]
    outcomes = await public.take(tx, [taking(quote, by, signals=SIGNALS) for quote in quotes])
    assert all(isinstance(outcome, Quote) for outcome in outcomes)
    row = await tx.row("select customer_id, signals, refused from pricing.review")
    assert row is not None
    assert tuple(row) == (quotes[2].customer_id, ["address"], False)


async def test_a_rotated_key_still_finds_who_came_before(
    tx: Tx, town: Any, ask: Ask, by: By, ids: Ids
) -> None:
    await running(tx, by, watches=REFUSE_DEVICE)
    old, new = bytes(32), b"n" * 32
    quotes = [await issued(tx, ask(town, customer_id=ids())) for _ in range(2)]
    assert isinstance(await take(tx, quotes[0], by, signals=SIGNALS), Quote)
    rotated = replace(SIGNALS, digester=Digester([new, old]))
    assert code_of(await take(tx, quotes[1], by, signals=rotated)) == "promotion.suspected"


@pytest.mark.parametrize("batch", [1, 64])
async def test_200_at_once_for_100_are_exactly_100(
    database: Database, standing_town: Any, ask: Ask, by: By, ids: Ids, batch: int
) -> None:
    """Two processes, each with its own batches, and one lock between them."""
    async with database.transaction() as tx:
        promotion = await running(tx, by, kind=Kind.FIXED, value=700, budget_minor=70_000)
        quotes = await public.issue(tx, [ask(standing_town, customer_id=ids()) for _ in range(200)])
    processes = [Batcher(public.take, database=database, most_per_batch=batch) for _ in range(2)]

    def render(outcome: Quote | Refusal) -> Answer:
        code = outcome.code if isinstance(outcome, Refusal) else "taken"
        return Answer(status=200, body=code.encode())

    answers = await asyncio.gather(
        *[
            processes[n % 2].submit(taking(quote, by), render=render)
            for n, quote in enumerate(quotes)
            if isinstance(quote, Quote)
        ]
    )
    said = sorted(answer.body for answer in answers)
    assert said == [b"promotion.exhausted"] * 100 + [b"taken"] * 100
    async with database.transaction() as tx:
        after = await state(tx, promotion)
        assert (after.taken_minor, after.redemptions, after.status) == (
            70_000,
            100,
            Status.EXHAUSTED,
        )
        row = await tx.row(
            "select count(*), sum(amount_minor)::int as minor, "
            "count(*) filter (where status = 'taken') as taken "
            "from pricing.redemption right join pricing.quote on quote_id = id"
        )
        assert row is not None
        assert (row["minor"], row["taken"]) == (70_000, 100)
