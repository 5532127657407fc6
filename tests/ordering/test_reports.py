"""Reports say what the books say, of the right orders, to whoever may read them."""

import csv
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import httpx
import pytest

from conftest import TENANT
from ordering.conftest import Street
from ordering.test_promotions import heard
from ordering.test_refunds import ONE, Desk
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.ordering import journey, model, settlement
from tawsil.ordering.model import Order
from tawsil.ordering.moves import Party
from tawsil.ordering.refunds import service as refunds
from tawsil.ordering.reports.routes import routes
from tawsil.payments import public as payments
from tawsil.payments.public import AccountKind, AccountRef

DAYS = "from_day=2026-11-20&to_day=2026-11-21"


async def cancelled(tx: Tx, street: Street, order: Order, party: Party, reason: str) -> Order:
    decision = model.cancel(order, party=party, reason=reason, now=tx.now)
    return await street.after(tx, order, decision)


@pytest.fixture
async def reports(
    serve: Any, database: Database, street: Street, clock: VirtualClock
) -> httpx.AsyncClient:
    """At noon two orders, one of them partly given back; at three one for which no courier came;
    the next day one that was settled, one that was declined and one that is under way.
    """
    async with database.transaction() as tx:
        await street.open(tx)
        await street.settled(tx)
        await Desk(street, await street.settled(tx)).ask(tx, ONE)
        await refunds.money_returned(tx, await heard(tx, "payment.refunded.v1"))
    clock.advance(timedelta(hours=3))
    async with database.transaction() as tx:
        (taken,) = await journey.accept_order(tx, [street.accepting(await street.offered(tx))])
        assert isinstance(taken, Order)
        off = await cancelled(tx, street, taken, Party.SYSTEM, "nobody_came")
        await payments.release(tx, [settlement.release(street.by, off)])
        await payments.transfer(tx, [settlement.compensate(street.by, off)])
    clock.advance(timedelta(days=1))
    async with database.transaction() as tx:
        await street.settled(tx)
        await cancelled(tx, street, await street.offered(tx), Party.MERCHANT, "sold_out")
        await street.carried(tx)
    return await serve(routes)


async def read(
    client: httpx.AsyncClient, token: str, merchant_id: UUID, report: str
) -> httpx.Response:
    where = f"/v4/merchants/{merchant_id}/reports/{report}"
    return await client.get(where, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def token(callers: Any, street: Street) -> str:
    return callers.token("merchant", "analytics:read:own", location_id=street.merchant_id)


async def test_sales_are_what_the_books_have(
    reports: httpx.AsyncClient, token: str, street: Street, database: Database
) -> None:
    answer = await read(reports, token, street.merchant_id, f"sales?{DAYS}")
    data = answer.json()["data"]
    assert data["span"]["currency"] == "AED"
    assert [(row["period"], row["orders"]) for row in data["rows"]] == [
        ("2026-11-20", 3),
        ("2026-11-21", 1),
    ]
    total = data["total"]
    assert (total["orders"], total["gross_minor"]) == (4, 4 * 5_000)
    assert total["refunded_minor"] == 2_000
    async with database.transaction() as tx:
        account = AccountRef(AccountKind.MERCHANT, street.merchant_id)
        (books,) = await payments.balances(tx, tenant_id=TENANT, accounts=[account])
    assert total["net_minor"] == books.posted_minor
    assert total["net_minor"] == sum(row["net_minor"] for row in data["rows"])
    by_hour = (await read(reports, token, street.merchant_id, f"sales?by=hour&{DAYS}")).json()
    hours = {row["period"]: row["orders"] for row in by_hour["data"]["rows"]}
    assert hours == {"12": 2, "15": 2}
    assert by_hour["data"]["total"] == total


async def test_items_and_service_are_of_the_same_orders(
    reports: httpx.AsyncClient, token: str, street: Street
) -> None:
    items = (await read(reports, token, street.merchant_id, f"items?{DAYS}")).json()["data"]
    (kebab,) = items["rows"]
    assert (kebab["rank"], kebab["name_ar"]) == (1, "كباب")
    assert (kebab["quantity"], kebab["orders"], kebab["amount_minor"]) == (8, 4, 20_000)
    service = (await read(reports, token, street.merchant_id, f"service?{DAYS}")).json()["data"]
    assert (service["offered"], service["accepted"], service["cancelled"]) == (6, 5, 2)
    assert service["cancellations"] == [
        {"reason": "nobody_came", "orders": 1, "gross_minor": 5_000},
        {"reason": "sold_out", "orders": 1, "gross_minor": 5_000},
    ]
    assert service["accept_p90_s"] == 0
    assert service["prep_p50_s"] == 0


async def test_a_report_is_a_file_too(
    reports: httpx.AsyncClient, token: str, street: Street
) -> None:
    answer = await read(reports, token, street.merchant_id, f"sales.csv?{DAYS}")
    assert 'filename="sales-2026-11-20-2026-11-21.csv"' in answer.headers["content-disposition"]
    rows = list(csv.DictReader(StringIO(answer.text)))
    assert [(row["currency"], row["period"], row["orders"]) for row in rows] == [
        ("AED", "2026-11-20", "3"),
        ("AED", "2026-11-21", "1"),
    ]
    items = (await read(reports, token, street.merchant_id, f"items.csv?{DAYS}")).text
    assert "Kebab" in items


async def test_a_week_is_read_unless_asked_otherwise_and_never_more_than_a_year(
    reports: httpx.AsyncClient, token: str, street: Street
) -> None:
    usual = (await read(reports, token, street.merchant_id, "sales")).json()["data"]["span"]
    assert (usual["from_day"], usual["to_day"]) == ("2026-11-15", "2026-11-21")
    for days in (
        "from_day=2026-11-21&to_day=2026-11-20",
        "from_day=2025-11-20&to_day=2026-11-21",
        "from_day=0001-01-01&to_day=0001-01-02",
        "to_day=9999-12-31",
    ):
        answer = await read(reports, token, street.merchant_id, f"sales?{days}")
        assert answer.status_code == 400, days
        assert answer.json()["errors"][0]["code"] == "report.span_invalid"


async def test_reports_are_for_its_own_people_and_those_above(
    reports: httpx.AsyncClient, callers: Any, street: Street, ids: Any
) -> None:
    stranger = callers.token("merchant", "analytics:read:own", location_id=ids())
    courier = callers.token("delivery_partner", "analytics:read:own")
    elsewhere = callers.token("admin", "analytics:*", tenant_id=ids())
    for kept_out in (stranger, courier, elsewhere):
        assert (await read(reports, kept_out, street.merchant_id, "sales")).status_code == 404
    admin = callers.token("admin", "analytics:*")
    assert (await read(reports, admin, street.merchant_id, "sales")).status_code == 200
