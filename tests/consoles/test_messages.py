"""The messages of an order as a page: read, written and called by, without a script."""

from typing import Any

import httpx
import pytest

from ordering.conftest import Street
from ordering.test_chat import CUSTOMER
from tawsil.apps import wiring
from tawsil.consoles.routes import routes as console_routes
from tawsil.kernel.db import Database
from tawsil.ordering.chat.relay import TemplateRelay
from tawsil.ordering.routes import routes as order_routes


class Visit:
    """A customer with an order that a courier is on."""

    def __init__(self, client: httpx.AsyncClient, token: str, order_id: Any) -> None:
        self.client, self.order_id = client, order_id
        self.headers = {"Authorization": f"Bearer {token}"}

    async def see(self, *, locale: str = "en", **asked: str) -> httpx.Response:
        return await self.client.get(
            f"/orders/{self.order_id}/messages",
            params=asked,
            headers={**self.headers, "Accept-Language": locale},
        )

    async def send(self, **form: str) -> httpx.Response:
        return await self.client.post(
            f"/orders/{self.order_id}/messages",
            data=form,
            headers={**self.headers, "Origin": str(self.client.base_url).rstrip("/")},
        )


@pytest.fixture
async def visit(
    serve: Any, database: Database, by: Any, ids: Any, callers: Any, known: dict[str, Any]
) -> Visit:
    street = Street(by, ids)
    async with database.transaction() as tx:
        await street.open(tx)
        order = await street.carried(tx)
    relay = TemplateRelay({"*": "+97140000000,,{order}*{to}#"})
    state = {**known, "relay": relay, "registry": wiring.REGISTRY}
    client = await serve([*console_routes, *order_routes], **state)
    token = callers.token("customer", *CUSTOMER, user_id=street.customer_id)
    return Visit(client, token, order.id)


async def test_what_is_written_stands_on_the_page_in_both_languages(visit: Visit) -> None:
    assert "Nobody has written" in (await visit.see()).text
    sent = await visit.send(thread="courier", words="Blue <door>")
    assert sent.status_code == 303
    assert sent.headers["location"].endswith("/messages?thread=courier")
    await visit.send(thread="courier", quick="coming_down")
    for locale, quick in (("en", "I am coming down."), ("ar", "أنا نازل إليك.")):
        page = await visit.see(locale=locale)
        assert "Blue &lt;door&gt;" in page.text
        assert f'dir="auto">{quick}</p>' in page.text
        assert "console." not in page.text
    part = (await visit.see(part="true", thread="courier")).text
    assert "Blue &lt;door&gt;" in part
    assert "<html" not in part


async def test_a_refusal_is_said_and_what_was_typed_is_kept(visit: Visit) -> None:
    refused = await visit.send(thread="nobody", words="Where are you?")
    assert refused.status_code in {400, 422}
    assert 'role="alert"' in refused.text
    assert "Where are you?" in refused.text


async def test_a_call_shows_the_relay_and_nobodys_number(visit: Visit) -> None:
    page = await visit.send(thread="courier", call="courier")
    assert 'href="tel:+97140000000,,' in page.text
    assert "+97140000001" not in page.text


async def test_others_see_nothing(visit: Visit, callers: Any) -> None:
    token = callers.token("customer", *CUSTOMER)
    visit.headers = {"Authorization": f"Bearer {token}"}
    assert (await visit.see()).status_code == 404
