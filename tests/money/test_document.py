"""`docs/money.md` follows 10.00 through the books: its rows are what the books then hold."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from money.house import House
from money.opening import open_house
from tawsil.geography import public as geography
from tawsil.kernel.decisions import Refusal
from tawsil.kernel.money import major
from tawsil.ordering.refunds.model import PaidTo
from tawsil.ordering.refunds.parts import Ask, Pieces, Scope

DOCUMENT = Path(__file__).parents[2] / "docs" / "money.md"
AFTERNOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
RULES = geography.CityRules(
    delivery_base_minor=200,
    small_order_fee_minor=0,
    courier_pay=geography.CourierPay(),
)


@pytest.fixture
async def house(pool: "asyncpg.Pool[asyncpg.Record]", database: Any) -> House:
    del database  # it empties the tables in the end
    return await open_house(pool, number=1, at=AFTERNOON, rules=RULES, prices=(350, 350))


async def rows(house: House, seen: set[Any]) -> str:
    """The transfers since the last look, as a table; each adds up."""
    found = await house.database.pool.fetch(
        """
        select t.id, t.kind, t.pending, a.kind as account, e.amount_minor
        from payments.transfer t
        left join payments.entry e on e.transfer_id = t.id
        left join payments.account a on a.id = e.account_id
        where t.tenant_id = $1 order by t.id, e.amount_minor, a.kind
        """,
        house.tenant_id,
    )
    new = [row for row in found if row["id"] not in seen]
    seen |= {row["id"] for row in new}
    lines = ["| transfer | account | amount |", "|---|---|---:|"]
    for row in new:
        kind = row["kind"] + (" (pending)" if row["pending"] else "")
        if row["account"] is None:
            lines.append(f"| {kind} | | |")
        else:
            amount = shown(row["amount_minor"], "+")
            lines.append(f"| {kind} | {row['account']} | {amount} |")
    return "\n".join(lines)


async def balances(house: House) -> str:
    """What every account stands at, and all together."""
    found = await house.database.pool.fetch(
        """
        select a.kind, sum(e.amount_minor)::bigint as minor
        from payments.account a join payments.entry e on e.account_id = a.id
        where a.tenant_id = $1 and not e.pending group by a.kind
        having sum(e.amount_minor) <> 0 order by a.kind
        """,
        house.tenant_id,
    )
    lines = ["| account | stands at |", "|---|---:|"]
    lines += [f"| {row['kind']} | {shown(row['minor'], '+')} |" for row in found]
    lines.append(f"| together | {shown(sum(row['minor'] for row in found))} |")
    return "\n".join(lines)


async def story(house: House) -> dict[str, str]:
    """What is told, step by step."""
    seen: set[Any] = set()
    told: dict[str, str] = {}
    quote = await house.quote(customer=0, quantity=1, tip_minor=18)
    assert not isinstance(quote, Refusal), quote
    assert quote.breakdown.total_minor == 1_000
    told["quote"] = _quote(quote)
    order = await house.place(quote, card="tok_visa")
    await house.platform.settle()
    told["authorised"] = await rows(house, seen)
    await house.bring(order)
    await house.platform.settle()
    told["captured"] = await rows(house, seen)
    delivered = await house.order(0)
    assert delivered is not None
    await house.ask_back(
        delivered,
        ask=Ask(scope=Scope.ITEMS, pieces=(Pieces(0, 1),)),
        reason="missing_item",
        paid_to=PaidTo.CREDIT,
    )
    await house.platform.settle()
    told["refunded"] = await rows(house, seen)
    again = await house.quote(customer=0, quantity=1, tip_minor=18, use_credit=True)
    second = await house.place(again, card="tok_visa")
    await house.platform.settle()
    await house.bring(second)
    await house.platform.settle()
    told["spent"] = await rows(house, seen)
    await house.wait(timedelta(days=1))
    await rows(house, seen)
    await house.reconcile()
    told["file"] = await rows(house, seen)
    await house.pay_out(0, bank="bank_ok")
    await house.wait(timedelta(days=1))
    told["paid out"] = await rows(house, seen)
    told["balances"] = await balances(house)
    await house.check()
    return told


def _quote(quote: Any) -> str:
    b, shares = quote.breakdown, quote.shares
    paid = {
        "items": b.subtotal_minor,
        "delivery": b.delivery_fee_minor,
        "service fee": b.service_fee_minor,
        "tax": b.tax_minor,
        "tip": b.tip_minor,
    }
    got = {
        "merchant": shares.merchant_minor,
        "courier": shares.courier_minor,
        "platform": shares.platform_minor,
        "tax": b.tax_minor,
    }
    lines = ["| paid for | | goes to | |", "|---|---:|---|---:|"]
    lines += [
        f"| {' | '.join(_cell(side, n) for side in (paid, got))} |"
        for n in range(max(len(paid), len(got)))
    ]
    totals = [f"**total** | {shown(sum(side.values()))}" for side in (paid, got)]
    return "\n".join([*lines, f"| {' | '.join(totals)} |"])


def _cell(side: dict[str, int], n: int) -> str:
    named = list(side.items())[n : n + 1]
    return f"{named[0][0]} | {shown(named[0][1])}" if named else " | "


def shown(minor: int, sign: str = "") -> str:
    return f"{major(minor, 'AED'):{sign}f}"


async def test_the_document_holds_the_rows_that_the_books_hold(house: House) -> None:
    text = DOCUMENT.read_text()
    for name, table in (await story(house)).items():
        assert f"<!-- {name} -->\n{table}\n" in text, f"{name}:\n{table}"
