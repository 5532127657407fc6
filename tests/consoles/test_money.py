"""The pages of money: what is open is shown and closed, and a month adds up."""

import re
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from payments.test_reconciliation import line, read
from payments.test_service import captured
from tawsil.consoles import routes as console_routes
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.i18n import LOCALES, catalogues
from tawsil.payments.events import AccountKind, Provider
from tawsil.payments.model.ledger import TransferKind
from tawsil.payments.model.reconciliation import Kind, Moved
from tawsil.payments.routes import routes

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def client(
    serve: Any, callers: Any, known: dict[str, Any], database: Database, by: By
) -> httpx.AsyncClient:
    """For somebody who keeps the books; the acquirer says 0.10 less than they do."""
    async with database.transaction() as tx:
        await captured(tx, by)
        await read(tx, by, line(tx, "bal_1", amount_minor=990))
    served = await serve(
        [*console_routes.routes, *routes], psp_webhook_secret="s", database=database, **known
    )
    token = callers.token("admin", "payment:*")
    served.headers["Authorization"] = f"Bearer {token}"
    served.headers["Origin"] = str(served.base_url).rstrip("/")
    return served


def hidden(text: str) -> dict[str, str]:
    names = ("provider", "line_id", "transfer_id")
    found = {name: re.search(rf'name="{name}" value="([^"]*)"', text) for name in names}
    return {name: match[1] for name, match in found.items() if match}


@pytest.mark.parametrize("locale", LOCALES)
async def test_a_difference_is_shown_and_closed(client: httpx.AsyncClient, locale: str):
    client.headers["Accept-Language"] = locale
    shown = await client.get("/money")
    assert shown.status_code == 200
    assert "\u22120.10" in shown.text or "-0.10" in shown.text
    form = hidden(shown.text) | {"how": "booked", "words": "They keep ten fils."}
    assert form["line_id"] == "bal_1"
    done = await client.post("/money/differences", content=urlencode(form), headers=FORM)
    assert (done.status_code, done.headers["location"]) == (303, "/money?done=booked")
    after = await client.get("/money?done=booked")
    assert "They keep ten fils." in after.text
    assert 'name="line_id"' not in after.text
    again = await client.post("/money/differences", content=urlencode(form), headers=FORM)
    assert again.status_code == 404
    assert 'role="alert"' in again.text


async def test_a_month_adds_up_and_is_not_closed_before_it_is_over(
    client: httpx.AsyncClient, clock: VirtualClock
):
    address = f"/money/months/{clock():%Y-%m}"
    shown = await client.get(address)
    assert shown.status_code == 200
    sums = re.findall(r"<tfoot>.*?</tfoot>", shown.text)
    assert sums
    assert all(total.count("\u20680.00\u2069") == 2 for total in sums)
    refused = await client.post(f"{address}/close")
    assert refused.status_code == 409
    assert 'role="alert"' in refused.text
    assert (await client.get("/money/months/2026-99")).status_code == 404


async def test_a_file_is_read_when_asked_for(client: httpx.AsyncClient):
    body = urlencode({"provider": "direct"})
    done = await client.post("/money/runs", content=body, headers=FORM)
    assert (done.status_code, done.headers["location"]) == (303, "/money?done=reading")


async def test_whoever_does_not_keep_the_books_sees_none(client: httpx.AsyncClient, callers: Any):
    client.headers["Authorization"] = f"Bearer {callers.token('merchant', 'payment:read:own')}"
    for address in ("/money", "/money/months/2026-10"):
        assert (await client.get(address)).status_code == 403


@pytest.mark.parametrize("locale", LOCALES)
def test_every_kind_has_a_word(locale: str):
    named = {
        "accountkind": AccountKind,
        "transferkind": TransferKind,
        "provider": Provider,
        "moved": Moved,
        "money.kind": Kind,
    }
    codes = [f"console.{name}.{each.value}" for name, kinds in named.items() for each in kinds]
    assert [code for code in codes if not catalogues[locale].has(code)] == []
