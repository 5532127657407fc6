from collections.abc import Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace

from pricing.conftest import CITY, RULES
from tawsil.catalog import public as catalog
from tawsil.catalog.editing import RewriteProduct, rewrite_products
from tawsil.catalog.public import Availability, Line
from tawsil.catalog.writing import Dish
from tawsil.geography import public as geography
from tawsil.geography.public import City, TaxClass, Taxed
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.deadlines import Deadlines
from tawsil.kernel.decisions import By, Refusal
from tawsil.kernel.places import Place
from tawsil.pricing import public
from tawsil.pricing.public import IssueQuote, Quote, QuoteStatus, TakeQuote

Ask = Callable[..., IssueQuote]


async def issued(tx: Tx, command: IssueQuote) -> Quote:
    (quote,) = await public.issue(tx, [command])
    assert isinstance(quote, Quote), quote
    return quote


async def take(tx: Tx, quote: Quote, by: By) -> Quote | Refusal:
    command = TakeQuote(by=by, quote_id=quote.id, customer_id=quote.customer_id)
    (outcome,) = await public.take(tx, [command])
    return outcome


async def test_a_quote_prices_lines_distance_and_shares(tx: Tx, town: Any, ask: Ask) -> None:
    quote = await issued(tx, ask(town, tip_minor=300))
    assert 1_667 <= quote.distance_m <= 1_669  # 0.01 degrees of latitude, half as much again
    assert quote.breakdown.subtotal_minor == 6_000
    assert quote.breakdown.delivery_fee_minor == 525
    assert quote.shares.merchant_minor == 5_100, "the merchant's own commission is 15 %"
    assert quote.shares.total_minor == quote.breakdown.total_minor
    assert quote.expires_at == tx.now + timedelta(minutes=15)
    own = await public.quote(tx, quote_id=quote.id, customer_id=quote.customer_id)
    assert own == quote
    assert await public.quote(tx, quote_id=quote.id, customer_id=quote.id) is None


async def test_a_quote_is_taken_once_by_its_customer(
    tx: Tx, town: Any, ask: Ask, by: By, ids: Ids
) -> None:
    quote = await issued(tx, ask(town))
    commands = [
        TakeQuote(by=by, quote_id=quote.id, customer_id=customer_id)
        for customer_id in (ids(), quote.customer_id, quote.customer_id)
    ]
    stranger, taken, again = await public.take(tx, commands)
    assert isinstance(stranger, Refusal)
    assert isinstance(taken, Quote)
    assert isinstance(again, Refusal)
    assert (stranger.status, again.code) == (404, "quote.taken")
    assert taken == replace(quote, status=QuoteStatus.TAKEN, version=2)
    assert taken.address == "Corniche 12", "who takes it is told where to bring it"
    row = await tx.row("select status, address, instructions from pricing.quote")
    assert row is not None
    assert tuple(row) == ("taken", "", "")
    assert await tx.value("select count(*) from kernel.deadline") == 0


async def test_another_tenant_can_neither_ask_nor_take(
    tx: Tx, town: Any, ask: Ask, ids: Ids
) -> None:
    quote = await issued(tx, ask(town))
    stranger = By(tenant_id=ids(), correlation_id=ids())
    outcomes = await public.issue(tx, [ask(town, by=stranger), ask(town, merchant_id=ids())])
    outcomes += [await take(tx, quote, stranger)]
    for outcome in outcomes:
        assert isinstance(outcome, Refusal)
        assert outcome.status == 404


async def test_too_far_names_the_limit(tx: Tx, town: Any, ask: Ask) -> None:
    (refusal,) = await public.issue(tx, [ask(town, dropoff=Place(24.2, 53.1))])
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.detail["limit_m"]) == ("quote.too_far", 5_000)


async def test_one_that_is_refused_does_not_hinder_the_others(
    tx: Tx, town: Any, ask: Ask, ids: Ids
) -> None:
    unknown = (Line(product_id=ids(), quantity=1),)
    refused, quoted = await public.issue(tx, [ask(town, lines=unknown), ask(town)])
    assert isinstance(refused, Refusal)
    assert refused.code == "product.unknown"
    assert isinstance(quoted, Quote)


async def test_a_price_binds_though_the_product_sells_out_meanwhile(
    tx: Tx, town: Any, ask: Ask, by: By
) -> None:
    quote = await issued(tx, ask(town))
    out = catalog.SetAvailability(
        by=by, product_id=town.pizza.id, merchant_id=None, to=Availability.OUT_TODAY
    )
    await catalog.change_availability(tx, [out])
    (refusal,) = await public.issue(tx, [ask(town)])
    assert isinstance(refusal, Refusal)
    assert refusal.code == "product.unavailable"
    assert isinstance(await take(tx, quote, by), Quote)


async def test_a_price_binds_though_the_menu_has_another_by_now(
    tx: Tx, town: Any, ask: Ask, by: By
) -> None:
    quote = await issued(tx, ask(town))
    dish = Dish(name_en="Pizza", name_ar="بيتزا", price_minor=9_900, prep_time_s=3_600)
    change = RewriteProduct(by=by, product_id=town.pizza.id, dish=dish, edition=1)
    (changed,) = await rewrite_products(tx, [change])
    assert not isinstance(changed, Refusal)
    taken = await take(tx, quote, by)
    assert isinstance(taken, Quote)
    assert taken.breakdown == quote.breakdown
    plain = Line(product_id=town.pizza.id, quantity=1)
    dearer = await issued(tx, ask(town, lines=(plain,)))
    assert dearer.breakdown.subtotal_minor == 9_900
    assert dearer.prep_time_s == 3_600 > quote.prep_time_s


async def test_a_merchant_that_paused_takes_no_order(tx: Tx, town: Any, ask: Ask, by: By) -> None:
    quote = await issued(tx, ask(town))
    pause = catalog.Pause(by=by, merchant_id=town.grill.id, length=timedelta(minutes=5))
    await catalog.pause(tx, [pause])
    taken = await take(tx, quote, by)
    (asked,) = await public.issue(tx, [ask(town)])
    for refusal in (taken, asked):
        assert isinstance(refusal, Refusal)
        assert refusal.code == "merchant.paused"
        assert refusal.detail["opens_at"] == tx.now + timedelta(minutes=5)


async def test_a_quote_expires_by_itself(
    database: Database, standing_town: Any, ask: Ask, by: By, clock: VirtualClock
) -> None:
    async with database.transaction() as tx:
        quote = await issued(tx, ask(standing_town))
        taken = await issued(tx, ask(standing_town))
        await take(tx, taken, by)
    clock.advance(timedelta(minutes=15))
    async with database.transaction() as tx:
        late = await take(tx, quote, by)
        assert isinstance(late, Refusal)
        assert late.code == "quote.expired"
    assert await Deadlines({"quote": public.on_due}).fire(database) == 1
    async with database.transaction() as tx:
        own = await public.quote(tx, quote_id=quote.id, customer_id=quote.customer_id)
        assert own is not None
        assert (own.status, own.address) == (QuoteStatus.EXPIRED, "")
        assert await tx.value("select count(*) from kernel.deadline") == 0
        said = await tx.value("select count(*) from kernel.event where data::text like '%Corn%'")
        assert said == 0, "no event says where somebody lives"


async def test_a_quote_goes_by_the_citys_zones_hours_and_rates(
    tx: Tx, town: Any, ask: Ask, by: By, ids: Ids
) -> None:
    north = [Place(24.125, 53.0), Place(24.125, 53.2), Place(24.2, 53.2), Place(24.2, 53.0)]
    zone = geography.Zone(
        id=ids(),
        tenant_id=by.tenant_id,
        city_id=CITY,
        slug="north",
        name_en="North",
        name_ar="الشمال",
        ring=tuple(north),
    )
    await geography.create_zones(tx, zones=[zone])
    rules = replace(
        RULES,
        taxes=replace(
            RULES.taxes,
            included=True,
            rates=(
                replace(geography.VAT, applies_to=(Taxed.DELIVERY, Taxed.SERVICE)),
                geography.TaxRate(
                    name="Food", name_ar="طعام", rate_bp=1_000, applies_to=(Taxed.REDUCED,)
                ),
            ),
        ),
        delivery_zones=(geography.ZoneFee(zone_id=zone.id, surcharge_minor=250),),
        delivery_windows=(
            geography.Window(days=(4,), starts_min=720, ends_min=780, surcharge_minor=100),
        ),
    )
    changed = await geography.change_rules(
        tx, [geography.ChangeRules(by=by, city_id=CITY, rules=rules)]
    )
    assert isinstance(changed[0], City), changed
    reduced = catalog.TaxProduct(by=by, product_id=town.pizza.id, tax_class=TaxClass.REDUCED)
    await catalog.tax_products(tx, [reduced])

    quote = await issued(tx, ask(town, tip_bp=1_000))  # at noon of a Friday
    b = quote.breakdown
    assert quote.lines[0].tax_class is TaxClass.REDUCED
    assert b.delivery_fee_parts == public.DeliveryFeeParts(
        base_minor=500, distance_minor=25, zone_minor=250, time_minor=100
    )
    assert [(taxed.name, taxed.tax_minor) for taxed in b.taxes] == [("VAT", 53), ("Food", 545)]
    assert b.lines == (public.LineCharge(discount_minor=0, tax_minor=545),)
    assert b.tip_minor == 600
    assert b.total_minor == 6_000 + 875 + 240 + 600
    assert quote.shares.total_minor == b.total_minor
    assert await public.quote(tx, quote_id=quote.id, customer_id=quote.customer_id) == quote
    south = await issued(tx, ask(town, dropoff=Place(24.11, 53.1)))
    assert south.breakdown.delivery_fee_parts.zone_minor == 0


async def test_a_quote_whose_tax_does_not_add_up_cannot_be_written(
    tx: Tx, town: Any, ask: Ask
) -> None:
    quote = await issued(tx, ask(town))
    for wrong in (
        "tax_included = true",
        "taxes = '[]'",
        "delivery_fee_parts = jsonb_set(delivery_fee_parts, '{zone_minor}', '1')",
        "commission_minor = subtotal_minor + 1",
    ):
        with pytest.raises(asyncpg.CheckViolationError):
            async with tx.savepoint():
                await tx.execute(f"update pricing.quote set {wrong} where id = $1", quote.id)  # noqa: S608 - ours
