from datetime import timedelta
from uuid import UUID

from tawsil.catalog import public
from tawsil.catalog.public import (
    FOREVER,
    Availability,
    Line,
    Merchant,
    Pause,
    PricedLine,
    Product,
    Resume,
    Search,
    SetAvailability,
    SetBusy,
    SetPrepTime,
)
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.deadlines import Deadlines
from tawsil.kernel.decisions import By, Refusal
from tawsil.kernel.places import Place


async def products(tx: Tx, merchant: Merchant) -> list[Product]:
    menu = await public.menu(tx, merchant_id=merchant.id)
    return [product for category in menu.categories for product in category.products]


async def recorded(tx: Tx, stream_id: UUID) -> list[str]:
    rows = await tx.rows(
        "select type from kernel.event where stream_id = $1 order by version", stream_id
    )
    return [row["type"] for row in rows]


async def test_a_listed_merchant_comes_back_with_its_menu(tx: Tx, merchant: Merchant) -> None:
    found = await public.merchants(tx, tenant_id=merchant.tenant_id, ids=[merchant.id])
    assert found == {merchant.id: merchant}
    shawarma, water = await products(tx, merchant)
    assert [g.name_en for g in shawarma.option_groups] == ["Size", "Extras"]
    assert [o.price_delta_minor for o in shawarma.option_groups[1].options] == [150, 200, 100]
    assert (water.price_minor, water.option_groups) == (150, ())
    assert await recorded(tx, merchant.id) == ["merchant.listed.v1"]


async def test_another_tenant_does_not_see_it(tx: Tx, merchant: Merchant, ids: Ids) -> None:
    assert await public.merchants(tx, tenant_id=ids(), ids=[merchant.id]) == {}
    stranger = By(tenant_id=ids(), correlation_id=ids())
    (refusal,) = await public.pause(tx, [Pause(by=stranger, merchant_id=merchant.id)])
    assert isinstance(refusal, Refusal)
    assert refusal.status == 404


async def test_commands_of_one_batch_about_one_merchant_follow_each_other(
    tx: Tx, merchant: Merchant, by: By, ids: Ids
) -> None:
    outcomes = await public.pause(
        tx,
        [
            Pause(by=by, merchant_id=merchant.id, length=timedelta(minutes=10)),
            Pause(by=by, merchant_id=ids()),
            Pause(by=by, merchant_id=merchant.id),
        ],
    )
    first, missing, second = outcomes
    assert isinstance(first, Merchant)
    assert isinstance(second, Merchant)
    assert isinstance(missing, Refusal)
    assert (first.version, second.version) == (2, 3)
    found = await public.merchants(tx, tenant_id=merchant.tenant_id, ids=[merchant.id])
    assert found[merchant.id] == second
    assert found[merchant.id].paused_until == FOREVER
    assert await recorded(tx, merchant.id) == [
        "merchant.listed.v1",
        "merchant.paused.v1",
        "merchant.paused.v1",
    ]


async def test_busy_and_prep_time_are_kept(tx: Tx, merchant: Merchant, by: By) -> None:
    await public.set_busy(
        tx, [SetBusy(by=by, merchant_id=merchant.id, extra=timedelta(minutes=10))]
    )
    await public.set_prep_time(
        tx, [SetPrepTime(by=by, merchant_id=merchant.id, prep_time=timedelta(minutes=20))]
    )
    found = await public.merchants(tx, tenant_id=merchant.tenant_id, ids=[merchant.id])
    assert found[merchant.id].expected_prep_s == 30 * 60


async def test_a_pause_with_an_end_ends_by_itself(
    database: Database, listed: list[Merchant], by: By, clock: VirtualClock
) -> None:
    grill = listed[0]
    async with database.transaction() as tx:
        await public.pause(tx, [Pause(by=by, merchant_id=grill.id, length=timedelta(minutes=30))])
    deadlines = Deadlines({"merchant": public.on_due})
    assert await deadlines.fire(database) == 0
    clock.advance(timedelta(minutes=30))
    assert await deadlines.fire(database) == 1
    async with database.transaction() as tx:
        found = await public.merchants(tx, tenant_id=grill.tenant_id, ids=[grill.id])
        assert found[grill.id].paused_until is None
        assert (await recorded(tx, grill.id))[-1] == "merchant.resumed.v1"
        assert await tx.value("select count(*) from kernel.deadline") == 0


async def test_resuming_early_clears_the_deadline(tx: Tx, merchant: Merchant, by: By) -> None:
    await public.pause(tx, [Pause(by=by, merchant_id=merchant.id, length=timedelta(hours=1))])
    assert await tx.value("select kind from kernel.deadline") == "pause_over"
    await public.resume(tx, [Resume(by=by, merchant_id=merchant.id)])
    assert await tx.value("select count(*) from kernel.deadline") == 0


async def test_a_product_goes_and_comes_back(tx: Tx, merchant: Merchant, by: By) -> None:
    _, water = await products(tx, merchant)

    async def say(to: Availability, merchant_id: UUID | None = None) -> Product | Refusal:
        command = SetAvailability(by=by, product_id=water.id, merchant_id=merchant_id, to=to)
        (outcome,) = await public.change_availability(tx, [command])
        return outcome

    lines = [Line(product_id=water.id, quantity=2)]
    await say(Availability.OUT_INDEFINITELY, merchant.id)
    out = await public.price_lines(tx, merchant_id=merchant.id, lines=lines, at=tx.now)
    await say(Availability.AVAILABLE)
    back = await public.price_lines(tx, merchant_id=merchant.id, lines=lines, at=tx.now)
    assert isinstance(out, Refusal)
    assert isinstance(back, list)
    assert back[0].total_minor == 300
    assert await recorded(tx, water.id) == ["product.availability_changed.v1"] * 2
    refused = await say(Availability.AVAILABLE, by.tenant_id)
    assert isinstance(refused, Refusal), "another merchant's people may not say so"


async def test_lines_are_priced_with_their_options(tx: Tx, merchant: Merchant) -> None:
    shawarma, water = await products(tx, merchant)
    size, extras = shawarma.option_groups
    chosen = (extras.options[1].id, size.options[1].id)
    priced = await public.price_lines(
        tx,
        merchant_id=merchant.id,
        lines=[
            Line(product_id=shawarma.id, quantity=2, option_ids=chosen),
            Line(product_id=water.id, quantity=1),
        ],
        at=tx.now,
    )
    assert isinstance(priced, list)
    wrap, _ = priced
    assert isinstance(wrap, PricedLine)
    assert [o.name_en for o in wrap.options] == ["Large", "Cheese"]
    assert (wrap.unit_price_minor, wrap.total_minor) == (1_800, 3_600)


async def test_a_basket_of_nothing_or_of_another_menu_is_refused(
    tx: Tx, merchant: Merchant, ids: Ids
) -> None:
    _, water = await products(tx, merchant)
    line = Line(product_id=water.id, quantity=1)
    elsewhere = await public.price_lines(tx, merchant_id=ids(), lines=[line], at=tx.now)
    empty = await public.price_lines(tx, merchant_id=merchant.id, lines=[], at=tx.now)
    assert isinstance(elsewhere, Refusal)
    assert isinstance(empty, Refusal)
    assert (elsewhere.code, empty.code) == ("product.unknown", "basket.empty")


async def test_searching_by_words_place_and_being_open(
    database: Database, listed: list[Merchant]
) -> None:
    grill, bakery = listed

    async def ids(**asked: object) -> list[UUID]:
        async with database.transaction() as tx:
            return [f.merchant.id for f in await public.search(tx, asked=Search(**asked))]

    assert await ids() == [grill.id, bakery.id]
    assert await ids(words="ليالى الاصيله") == [grill.id]
    assert await ids(words="BAKERY") == [bakery.id]
    assert await ids(words="100%") == []
    assert await ids(open_now=True) == [grill.id]
    assert await ids(near=Place(24.14, 53.129)) == [bakery.id, grill.id]
    assert await ids(near=Place(51.5, 0.0)) == []
    assert await ids(tenant_id=grill.id) == []
