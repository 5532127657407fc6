"""The whole story of an order, told through the pages by five people at once."""

import asyncio
import re
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any

from playwright.async_api import Error, Page, Response, expect

from surfaces.five import PATIENCE_MS, Five

ON_THE_WAY = re.compile("PICKED_UP|IN_TRANSIT")
CARD = ("4242 4242 4242 4242", "12/30", "123")
DISH = "ساندويش فلافل"
STEPS = (
    "has picked the order up",
    "has arrived (drop-off)",
    "A picture of the handover was kept",
    "Handed over to the customer (\u2068photo\u2069)",
    "The money has reached everybody’s account",
)
COVERED = """() => {
  const [tabs, ...chips] = [...document.querySelectorAll(".top .tabs, .top .chip")]
    .map((one) => one.getBoundingClientRect());
  return chips.some((chip) => chip.left < tabs.right);
}"""
RINGS = """() => new Promise((heard) => {
  const board = document.querySelector(".board");
  const look = () => board.dataset.alarm === "order" && heard(Date.now());
  new MutationObserver(look).observe(board, { attributeFilter: ["data-alarm"] });
})"""


async def tell(five: Five) -> float:
    """All of it; after how many seconds the merchant heard of the order."""
    expect.set_options(timeout=PATIENCE_MS)
    await everybody_is_there(five)
    bill = await a_customer_fills_a_cart_in_arabic(five)
    heard_s = await a_customer_pays_and_the_merchant_hears_it(five)
    order = await the_merchant_cooks(five)
    await the_courier_takes_it(five)
    await it_is_handed_over_in_the_lift(five)
    await the_customer_has_it(five, bill)
    await nothing_was_lost_or_done_twice(five, order)
    fee = await an_admin_raises_the_fee(five)
    await the_next_quote_has_it(five, bill, fee)
    await the_operator_gives_it_to_another(five)
    await the_money_adds_up(five)
    return heard_s


async def everybody_is_there(five: Five) -> None:
    """The board has begun its shift, the courier stands in the kitchen, operations look on."""
    board = five.merchant.page
    await five.merchant.goes_to("/merchant")
    await board.locator('.board[data-live="live"]').wait_for()
    await board.locator("#start-shift").click()
    await board.locator('.board[data-audible="true"][data-alarm="quiet"]').wait_for()
    await five.courier.goes_to("/courier")
    await five.courier.page.locator(".top .chip.live").wait_for()
    await five.courier.page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    await five.operator.goes_to("/city")
    await five.operator.page.locator('#pulse[data-state="live"]').wait_for()


# ── the customer ───────────────────────────────────────────────────────────────────────────────


async def a_customer_fills_a_cart_in_arabic(five: Five) -> dict[str, int]:
    """From where they stand, by a search with a typo, with options; every fee is said."""
    phone = five.customer.page
    await five.customer.goes_to("/address?next=/")
    await phone.locator("[data-locate-button]").tap()
    await expect(phone.locator(".place-card").first).to_be_visible()
    await expect(phone.locator("html")).to_have_attribute("dir", "rtl")
    await five.customer.pictured("01-near")
    name = five.cast.merchant.name.ar
    await phone.get_by_role("searchbox").fill(_misspelt(name))
    await phone.keyboard.press("Enter")
    found = phone.locator(".place-card", has_text=name).get_by_role("link")
    await phone.wait_for_url("**/search*")
    await found.scroll_into_view_if_needed()
    await five.customer.pictured("02-found")
    await found.tap()
    await phone.locator(".dish", has_text=DISH).locator("a.dish-add").tap()
    dish = phone.locator("#dish-dialog[open]")
    await dish.get_by_label("صاج").check()
    await dish.get_by_label("حار", exact=True).check()
    await dish.locator('[name="quantity"]').fill("2")
    await five.customer.pictured("03-options")
    await dish.locator(".dish-foot button").tap()
    await phone.locator("#cart-bar a").tap()
    await expect(phone.locator(".lines")).to_contain_text("صاج")
    bill = await _bill(phone)
    await five.customer.pictured("04-fees")
    fees = {"التوصيل", "رسوم الخدمة", "رسوم الطلب الصغير"}
    assert fees <= bill.keys(), bill
    return bill


async def a_customer_pays_and_the_merchant_hears_it(five: Five) -> float:
    """By card, in the acquirer's own field; the seconds from the offer to the alarm."""
    board = five.merchant.page
    rings = asyncio.create_task(board.evaluate(RINGS))
    async with board.expect_response(_tells_of_an_order) as told:
        await _paid_by_card(five)
    (order,) = _waiting(await (await told.value).json())
    heard_s = await rings / 1_000 - datetime.fromisoformat(order["offered_at"]).timestamp()
    await expect(board.locator(f'[data-order="{order["id"]}"]')).to_be_visible()
    await five.merchant.pictured("06-heard")
    return heard_s


async def _tells_of_an_order(answer: Response) -> bool:
    return answer.url.endswith("/board") and bool(_waiting(await answer.json()))


def _waiting(board: Any) -> list[Any]:
    return [order for order in board["data"]["orders"] if order["status"] == "PENDING"]


async def _paid_by_card(five: Five) -> None:
    phone = five.customer.page
    await phone.locator('a[href^="/checkout"]').tap()
    field = phone.frame_locator("#card-field")
    for name, typed in zip(("number", "until", "code"), CARD, strict=True):
        await field.locator(f'[name="{name}"]').fill(typed)
    await five.customer.pictured("05-checkout")
    await phone.locator("#place").tap()
    await phone.wait_for_url(re.compile(r"/orders/[0-9a-f-]{36}$"))


# ── the kitchen and the road ───────────────────────────────────────────────────────────────────


async def the_merchant_cooks(five: Five) -> str:
    """Heard is quiet; accepted is being prepared, once a courier is near."""
    board = five.merchant.page
    card = board.locator('[data-column="new"] [data-order]')
    order = await card.get_attribute("data-order")
    assert order, "it stands under New"
    await card.locator('[data-act="see"]').click()
    await board.locator('.board[data-alarm="quiet"]').wait_for()
    await the_courier_is_on_duty(five)
    await card.locator('[data-act="accept"]').click()
    cooking = board.locator(f'[data-column="preparing"] [data-order="{order}"]')
    await cooking.wait_for()
    await five.merchant.pictured("07-preparing")
    await cooking.locator('[data-act="ready"]').click()
    await board.locator(f'[data-column="ready"] [data-order="{order}"]').wait_for()
    return order


async def the_courier_is_on_duty(five: Five) -> None:
    """In the kitchen, as a shift or the end of a break begins: where that is, is told at once."""
    phone = five.courier.page
    await five.courier.is_at(five.cast.merchant.address.place)
    async with phone.expect_response("**/positions"):
        await phone.get_by_role("button", name=re.compile("Start shift|Back to work")).tap()
    await phone.get_by_role("heading", name="Waiting for an offer").wait_for()


async def the_courier_takes_it(five: Five) -> None:
    """The offer covers the screen; accepted, collected, and seen by everybody."""
    phone = five.courier.page
    accept = phone.locator("dialog.loud[open]").get_by_role("button", name="Accept", exact=True)
    await accept.wait_for()
    await five.courier.pictured("08-offer")
    await accept.tap()
    await phone.get_by_role("heading", name=five.cast.merchant.name.en).wait_for()
    await five.courier.pictured("09-job")
    taken = phone.locator(".slide", has_text="Picked up")
    here = phone.get_by_role("button", name="I am here")
    await expect(taken.or_(here)).to_be_visible()
    if await here.is_visible():
        with suppress(Error):  # a geofence says it at the same moment
            await here.tap(timeout=5_000)
    await taken.press("Enter")
    await phone.get_by_role("button", name="I am at the door").wait_for()
    await _all_sent(phone)
    await expect(five.customer.page.locator("#now")).to_have_attribute("data-status", ON_THE_WAY)
    await expect(five.customer.page.locator("#now .window")).to_be_visible()
    await expect(five.customer.page.locator("#now .courier")).to_be_visible()
    await five.customer.pictured("10-tracking")
    await five.merchant.pictured("11-handed-over")


async def it_is_handed_over_in_the_lift(five: Five) -> None:
    """Without a network, with a photo; kept, shown as unsent, and sent when there is one again."""
    phone = five.courier.page
    await five.courier.is_at(five.cast.customer.home.place)
    await five.courier.context.set_offline(True)
    await phone.get_by_role("button", name="I am at the door").tap()
    await phone.get_by_role("button", name="Hand over").tap()
    await phone.get_by_role("button", name="Photo").tap()
    door = await five.customer.page.screenshot()
    await phone.locator("input[type=file]").set_input_files(
        {"name": "door.png", "mimeType": "image/png", "buffer": door}
    )
    hand_over = phone.locator("dialog .slide")
    await expect(hand_over).to_be_enabled()
    await five.courier.pictured("12-photo")
    await hand_over.press("Enter")
    await phone.get_by_role("heading", name="Waiting for an offer").wait_for()
    await expect(phone.locator(".chip.unsent")).to_contain_text("unsent")
    await expect(phone.locator(".chip.offline")).to_be_visible()
    await expect(phone.locator(".duty")).to_contain_text("No offer reaches you")
    assert not await phone.evaluate(COVERED), "what is said of the network covers no tab"
    await five.courier.pictured("13-unsent")
    await expect(five.customer.page.locator("#now")).not_to_have_attribute(
        "data-status", "DELIVERED"
    )
    await five.courier.context.set_offline(False)
    await _all_sent(phone)
    await phone.get_by_role("button", name="Take a break").tap()
    await phone.get_by_role("button", name="10 minutes").tap()


async def _all_sent(phone: Page) -> None:
    await expect(phone.locator("[data-unsent='0']")).to_be_visible()


async def the_customer_has_it(five: Five, bill: dict[str, int]) -> None:
    phone = five.customer.page
    await expect(phone.locator("#now")).to_have_attribute("data-status", "DELIVERED")
    await expect(phone.locator("#now .headline")).to_contain_text("وصل")
    await five.customer.pictured("14-delivered")
    await phone.locator('a[href$="/receipt"]').tap()
    await phone.wait_for_url("**/receipt")
    assert await _bill(phone) == bill
    await expect(phone.locator(".pieces")).to_contain_text("صاج")
    await five.customer.pictured("15-receipt")
    await phone.go_back()


async def nothing_was_lost_or_done_twice(five: Five, order: str) -> None:
    """As operations read it: each step once, in the order in which it was done."""
    page = five.operator.page
    await page.goto(f"/city/orders/{order}")
    await page.locator(".timeline li", has_text=STEPS[-1]).wait_for()
    told = await page.locator(".timeline li").all_inner_texts()
    at = [[n for n, line in enumerate(told) if step in line] for step in STEPS]
    assert all(len(once) == 1 for once in at), told
    assert at == sorted(at), told
    await five.operator.pictured("16-timeline")


# ── fees ───────────────────────────────────────────────────────────────────────────────────────


async def an_admin_raises_the_fee(five: Five) -> int:
    """By a dirham; what it will come to is shown before it is saved."""
    page = five.admin.page
    await five.admin.goes_to("/admin")
    await page.get_by_role("link", name=re.compile("Fees and taxes")).first.click()
    base = page.get_by_label("Base fee (AED)")
    before = Decimal(await base.input_value())
    await base.fill(str(before + 1))
    await page.get_by_role("button", name="Show what changes").click()
    await expect(page.get_by_role("row", name=re.compile("^Delivery"))).to_have_class("changed")
    await five.admin.pictured("17-fee")
    await page.get_by_role("button", name="Save these rules").click()
    await page.get_by_text("Saved. The next quote has it.").wait_for()
    return 100


async def the_next_quote_has_it(five: Five, bill: dict[str, int], more_minor: int) -> None:
    """The same once more, a dirham dearer to bring."""
    phone = five.customer.page
    await phone.get_by_role("button", name="اطلب مجددًا").tap()
    await phone.wait_for_url("**/cart*")
    again = await _bill(phone)
    assert again["التوصيل"] == bill["التوصيل"] + more_minor
    await five.customer.pictured("18-dearer")


# ── operations ─────────────────────────────────────────────────────────────────────────────────


async def the_operator_gives_it_to_another(five: Five) -> None:
    """The second order is the courier's, until operations, who see why, give it to another."""
    page, phone = five.operator.page, five.courier.page
    await _paid_by_card(five)
    number = re.sub(r"\D", "", await five.customer.page.locator("h1").inner_text())
    await the_merchant_cooks(five)
    await phone.locator("dialog.loud[open]").get_by_role("button", name="Accept").tap()
    await phone.get_by_role("heading", name=five.cast.merchant.name.en).wait_for()

    await five.operator.goes_to("/city")
    await page.locator('#pulse[data-state="live"]').wait_for()
    await page.keyboard.press("/")
    await page.keyboard.type(number)
    row = page.locator("a.row")
    await expect(row).to_have_count(1)
    await expect(row).to_contain_text(five.cast.courier.name.en)
    await row.focus()
    await page.keyboard.press("a")
    detail = page.locator("#detail")
    await expect(detail.locator(".why tr.chosen")).to_contain_text(five.cast.courier.name.en)
    await expect(detail.locator('[name="courier_id"]').first).to_be_focused()
    await five.operator.pictured("19-why")
    await page.keyboard.press("Space")
    other = await detail.locator("label:has(:checked) bdi").inner_text()
    await page.keyboard.press("Enter")
    await expect(detail.locator(".facts")).to_contain_text(other)
    await expect(row).to_contain_text(other)
    await five.operator.pictured("20-reassigned")
    await phone.get_by_role("heading", name="Waiting for an offer").wait_for()
    await phone.get_by_role("button", name="End shift").tap()
    await phone.get_by_role("heading", name="Off duty").wait_for()


async def the_money_adds_up(five: Five) -> None:
    """All accounts of the month together are zero, in sight of operations."""
    page = five.operator.page
    await five.operator.goes_to("/money")
    await page.locator(".months a").first.click()
    sums = page.locator("tfoot td.amount")
    await expect(sums.first).to_be_visible()
    await five.operator.pictured("21-money")
    assert {said.strip("\u2068\u2069") for said in await sums.all_inner_texts()} == {"0.00"}


def _misspelt(name: str) -> str:
    """With the last letter but one doubled, as happens to thumbs."""
    return name[:-1] + name[-2:]


async def _bill(page: Page) -> dict[str, int]:
    """What is to be paid, part by part; the parts are all of the total."""
    parts = {
        await row.locator("dt").inner_text(): _minor(await row.locator("dd").inner_text())
        for row in await page.locator(".bill").first.locator("> div:not(.muted)").all()
    }
    total = await page.locator(".bill .bill-total dd").first.inner_text()
    (named,) = [part for part in parts if parts[part] == _minor(total)]
    assert sum(parts.values()) == 2 * parts[named], parts
    return parts


def _minor(said: str) -> int:
    """An amount as it is written, in hundredths."""
    (number,) = re.findall(r"[-−]?[\d,]+\.\d\d", said)
    return int(Decimal(number.replace(",", "").replace("−", "-")) * 100)
