"""From the cart to the door and the receipt, by keyboard alone, with the whole platform behind."""

import re
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from shutil import which

import msgspec
import pytest
from playwright.async_api import BrowserContext, Page, async_playwright, expect

from consoles.browsing import QUIET, fits_a_phone, tab_to
from tawsil.consoles.shop.addresses import COOKIE, Address
from walk.conftest import Walk
from walk.small_city import COURIER, DOOR, KITCHEN, MERCHANT, PASSWORD, PEOPLE

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("walk"),
    pytest.mark.timeout(300),  # a platform, a browser, and an order brought to its door
]

PATIENCE_MS = 30_000
CHALLENGED = "4000 0000 0000 3220"


@pytest.fixture
async def browser(walk: Walk) -> AsyncIterator[BrowserContext]:
    """A browser that has chosen where to bring things."""
    chromium = which("chromium")
    assert chromium, "this test drives Debian's chromium: apt-get install chromium"
    chosen = Address(words="12 Palm Street", latitude=DOOR.latitude, longitude=DOOR.longitude)
    kept = urlsafe_b64encode(msgspec.json.encode([chosen])).decode().rstrip("=")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=QUIET)
        context = await browser.new_context(
            base_url=str(walk.client.base_url), viewport={"width": 1280, "height": 900}
        )
        await context.add_cookies(
            [{"name": COOKIE, "value": kept, "url": str(walk.client.base_url)}]
        )
        expect.set_options(timeout=PATIENCE_MS)
        yield context
        await browser.close()


async def signed_in(page: Page, *, onward: str) -> None:
    await page.goto(f"/sign-in?next={onward}")
    await page.fill('[name="email"]', PEOPLE["customer"].email)
    await page.fill('[name="password"]', PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile(rf"//[^/]+{onward}$"))


async def filled(walk: Walk, *, quantity: int) -> None:
    menu = await walk.get("customer", f"/v4/merchants/{MERCHANT}/menu")
    shawarma = menu["categories"][0]["products"][0]
    lines = [{"product_id": shawarma["id"], "quantity": quantity}]
    cart = await walk.as_("customer", "PUT", "/v4/cart", merchant_id=str(MERCHANT), lines=lines)
    assert cart.status_code == 200


async def paid(page: Page, number: str, *, by: str = "#place") -> None:
    """The card typed into the acquirer's frame, once that is there, and the form sent."""
    await page.frame_locator("#card-field").locator('[name="number"]').wait_for()
    await tab_to(page, "#card-field")
    await page.keyboard.type(number)
    await page.keyboard.press("Tab")
    await page.keyboard.type("12/30")
    await page.keyboard.press("Tab")
    await page.keyboard.type("123")
    await tab_to(page, by)
    await page.keyboard.press("Enter")


async def test_a_customer_orders_by_keyboard_and_follows_it_to_the_door(
    walk: Walk, browser: BrowserContext
) -> None:
    page = await browser.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await walk.on_duty(KITCHEN)
    await filled(walk, quantity=1)

    # The cart: one more of it, and every fee before anything is decided.
    await signed_in(page, onward="/cart")
    await tab_to(page, 'button[name="quantity"][value="2"]')
    await page.keyboard.press("Enter")
    await expect(page.locator(".stepper-n")).to_contain_text("2")
    await expect(page.locator(".bill")).to_contain_text("50.00 AED")
    await tab_to(page, 'a[href^="/checkout"]')
    await page.keyboard.press("Enter")

    # The checkout: what is for the courier, a tip that the price follows, a card in a frame.
    await page.wait_for_url("**/checkout*")
    await tab_to(page, "#instructions")
    await page.keyboard.type("Ring twice")
    await tab_to(page, 'input[name="tip"]')
    await page.keyboard.press("ArrowRight")
    await expect(page.locator(".bill")).to_contain_text("Tip for the courier")
    await paid(page, "4242 4242 4242 4242")
    await page.wait_for_url(re.compile(r"/orders/[0-9a-f-]{36}$"))
    path = f"/v4{page.url.removeprefix(str(walk.client.base_url).rstrip('/'))}"
    order = await walk.order(path)
    assert order["destination"]["instructions"] == "Ring twice"
    assert order["tip_minor"] > 0
    headline = page.locator(".headline")

    # Followed: each step is said as it happens, without a reload by hand.
    await walk.becomes(path, payment="safe")
    await walk.do("merchant", f"{path}/accept", prep_time_minutes=1)
    await expect(headline).to_contain_text("taken it")
    offer = await walk.until("an offer", walk.pending_offer)
    await walk.do("courier", f"/v4/drivers/{COURIER}/offers/{offer['id']}/accept")
    await walk.becomes(path, courier_id=str(COURIER))
    await walk.do("merchant", f"{path}/steps/ready")
    await walk.do("courier", f"{path}/steps/pick-up")
    await expect(page.locator(".courier")).to_contain_text("Courier is bringing it")
    await expect(page.locator(".window")).to_contain_text(":")

    # Shared: somebody without an account sees the way, and nothing about whose it is.
    await page.reload()
    await tab_to(page, "#share summary")
    await page.keyboard.press("Enter")
    await tab_to(page, '#share form[action$="/share"] button')
    await page.keyboard.press("Enter")
    link = await page.locator("#link").input_value()
    elsewhere = await browser.browser.new_context() if browser.browser else browser
    friend = await elsewhere.new_page()
    await friend.goto(link)
    await expect(friend.locator(".headline")).to_be_visible()
    await expect(friend.locator(".courier")).to_contain_text("Courier")
    assert "Palm Street" not in await friend.content()
    await fits_a_phone(friend)
    pin = await page.locator(".pin strong").inner_text()
    await walk.do("courier", f"{path}/deliver", pin=pin)
    await expect(headline).to_contain_text("Delivered")
    await page.wait_for_selector("#rate")

    # Rated by arrow keys, and the receipt adds up.
    await tab_to(page, 'input[name="merchant_rating"]')
    for _ in range(4):
        await page.keyboard.press("ArrowRight")
    await tab_to(page, "#merchant_words")
    await page.keyboard.type("Warm, and on time.")
    await tab_to(page, "#rate button")
    await page.keyboard.press("Enter")
    await expect(page.locator(".state")).to_contain_text("Thank you")
    said = await walk.get("customer", f"/v4/merchants/{MERCHANT}/reviews")
    assert (said[0]["rating"], said[0]["words"]) == (5, "Warm, and on time.")

    # A tip by card, and all of it on the receipt, which can be kept as a file.
    await page.locator("#tip-form").get_by_text("10.00 AED").click()
    await page.locator("#tip-form").get_by_text("Card", exact=True).click()
    await paid(page, "4242 4242 4242 4242", by="#give-tip")
    await expect(page.locator("#tips")).to_contain_text("You gave a tip")
    kept = await page.request.get(f"{page.url}/receipt.pdf")
    assert (await kept.body()).startswith(b"%PDF")
    await tab_to(page, 'a[href$="/receipt"]')
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/receipt")
    total = f"{order['total_minor'] / 100:.2f} AED"
    await expect(page.locator(".bill-total").first).to_contain_text(total)
    assert complaints == []


async def test_the_bank_asks_and_another_card_pays_when_it_is_not_convinced(
    walk: Walk, browser: BrowserContext
) -> None:
    page = await browser.new_page()
    headline = page.locator(".headline")
    await filled(walk, quantity=1)
    await signed_in(page, onward="/checkout")
    await page.fill("#instructions", "Ring twice")

    # Denied at the bank: told so, nothing charged, and nothing has to be said again.
    await paid(page, CHALLENGED)
    await page.wait_for_url(re.compile(r"/orders/[0-9a-f-]{36}$"))
    await page.get_by_role("link", name="bank").click()
    await page.get_by_role("button", name="Deny").click()
    await page.wait_for_url(re.compile(r"/orders/[0-9a-f-]{36}$"))
    await expect(page.locator("#now")).to_contain_text("could not confirm that it was you")
    await page.get_by_role("button", name="Pay in another way").click()
    await expect(page.locator("#instructions")).to_have_value("Ring twice")
    await expect(page.locator(".where")).to_contain_text("12 Palm Street")
    await expect(page.locator(".bill-total").first).to_contain_text("AED")

    # Approved at the bank: back at the order, which is paid.
    await paid(page, CHALLENGED)
    await page.wait_for_url(re.compile(r"/orders/[0-9a-f-]{36}$"))
    await page.get_by_role("link", name="bank").click()
    await page.get_by_role("button", name="Approve").click()
    await page.wait_for_url(re.compile(r"/orders/[0-9a-f-]{36}$"))
    await expect(headline).to_contain_text("The merchant is being asked")
    path = f"/v4/orders/{page.url.rpartition('/')[2]}"
    order = await walk.becomes(path, payment="safe")
    assert order["destination"]["instructions"] == "Ring twice"
    await fits_a_phone(page)
    await walk.do("customer", f"{path}/cancel", reason="changed_mind")
