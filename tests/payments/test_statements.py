"""A statement says how an account came to stand where it does; a correction is a line of it."""

import csv
from datetime import UTC, datetime, timedelta, timezone
from io import StringIO
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.i18n import LOCALES, catalogues
from tawsil.payments import public
from tawsil.payments.events import AccountKind, AccountRef, Posting
from tawsil.payments.model.statements import Account, Standing, StatementLine
from tawsil.payments.public import Transfer, TransferKind
from tawsil.payments.routes import routes, statement_pdf
from tawsil.payments.routes.statement_pdf import Paper, amount_of

MERCHANT_ID = UUID(int=21)
MERCHANT = AccountRef(AccountKind.MERCHANT, MERCHANT_ID)
CREDIT = AccountRef(AccountKind.CUSTOMER, UUID(int=4))
PLATFORM = AccountRef(AccountKind.PLATFORM)
AMOUNTS = (500, -200, 300, -50)
WITHIN_A_DAY = st.integers(-1_439, 1_439).map(lambda m: timezone(timedelta(minutes=m)))
INSTANTS = st.none() | st.datetimes(timezones=WITHIN_A_DAY)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
TOO_EARLY = FIRST.replace(tzinfo=timezone(timedelta(hours=3)))
TOO_LATE = LAST.replace(tzinfo=timezone(timedelta(hours=-3)))


class Desk:
    """Somebody of staff, a merchant, and four days on which money moved between them."""

    def __init__(self, client: httpx.AsyncClient, callers: Any, days: list[datetime]) -> None:
        self.client = client
        self.days = days
        self.staff = callers.token("admin", "payment:*")
        self.merchant = callers.token("merchant", "payment:read:own", location_id=MERCHANT_ID)
        self.callers = callers

    async def get(self, path: str, token: str | None = None, **params: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token or self.staff}"}
        return await self.client.get(path, headers=headers, params=params)

    async def read(self, path: str, token: str | None = None, **params: Any) -> Any:
        answer = await self.get(path, token, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def account_id(self, kind: str = "merchant") -> str:
        (one,) = await self.read("/v4/accounts", kind=kind)
        return one["id"]

    async def correct(self, key: str | None = None, token: str | None = None, **body: Any) -> Any:
        headers = {"Authorization": f"Bearer {token or self.staff}"}
        if key:
            headers["Idempotency-Key"] = key
        body = {"reason": "It was booked twice."} | body
        return await self.client.post("/v4/ledger/corrections", headers=headers, json=body)


@pytest.fixture
async def desk(serve: Any, callers: Any, database: Database, by: By, clock: VirtualClock) -> Desk:
    days: list[datetime] = []
    for number, minor in enumerate(AMOUNTS):
        days.append(clock())
        async with database.transaction() as tx:
            await public.transfer(
                tx,
                [
                    Transfer(
                        by=by,
                        id=tx.ids(),
                        kind=TransferKind.PAYOUT if minor < 0 else TransferKind.ADJUSTMENT,
                        reference_id=UUID(int=100 + number),
                        currency="QAR",
                        postings=(Posting(MERCHANT, minor), Posting(PLATFORM, -minor)),
                    )
                ],
            )
        clock.advance(timedelta(days=1))
    return Desk(await serve(routes), callers, days)


async def test_each_line_says_what_it_came_to(desk: Desk) -> None:
    path = f"/v4/accounts/{await desk.account_id()}/statement"
    whole = await desk.read(path, sort="at")
    assert [line["amount_minor"] for line in whole["lines"]] == list(AMOUNTS)
    assert [line["balance_minor"] for line in whole["lines"]] == [500, 300, 600, 550]
    assert (whole["opening_minor"], whole["closing_minor"]) == (0, 550)
    window = {"from": desk.days[1].isoformat(), "to": desk.days[3].isoformat()}
    middle = await desk.read(path, sort="at", **window)
    assert [line["balance_minor"] for line in middle["lines"]] == [300, 600]
    assert (middle["opening_minor"], middle["closing_minor"]) == (500, 600)
    assert middle["account"]["balance_minor"] == 550
    payouts = await desk.read(path, kind="payout")
    assert [line["balance_minor"] for line in payouts["lines"]] == [550, 300], "newest first"


async def test_a_statement_comes_in_pages_and_by_cursor(desk: Desk) -> None:
    path = f"/v4/accounts/{await desk.account_id()}/statement"
    first = (await desk.get(path, limit=3)).json()
    assert [line["balance_minor"] for line in first["data"]["lines"]] == [550, 600, 300]
    pagination = first["meta"]["pagination"]
    assert pagination["total"] == 4
    rest = await desk.read(path, limit=3, cursor=pagination["next_cursor"])
    assert [line["balance_minor"] for line in rest["lines"]] == [500]


async def test_everybody_sees_their_own_and_staff_all(desk: Desk) -> None:
    own = await desk.read("/v4/accounts/me/statement", desk.merchant, sort="at")
    assert own == await desk.read(f"/v4/accounts/{await desk.account_id()}/statement", sort="at")
    for path in ("/v4/accounts", f"/v4/accounts/{await desk.account_id()}/statement"):
        assert (await desk.get(path, desk.merchant)).status_code == 403
    other = desk.callers.token("admin", "payment:*", tenant_id=UUID(int=9))
    path = f"/v4/accounts/{await desk.account_id()}/statement"
    for format_ in ("", ".csv", ".pdf"):
        assert (await desk.get(path + format_, other)).status_code == 404
    assert await desk.read("/v4/accounts", other) == []
    nobody = desk.callers.token("customer", "payment:read:own")
    assert (await desk.get("/v4/accounts/me/statement", nobody)).status_code == 404
    wrong = await desk.get("/v4/accounts/me/statement", desk.merchant, currency="KWD")
    assert wrong.status_code == 404
    listed = await desk.read("/v4/accounts", currency="QAR", sort="-kind")
    assert [(one["kind"], one["balance_minor"]) for one in listed] == [
        ("platform", -550),
        ("merchant", 550),
    ]
    assert [one["kind"] for one in await desk.read("/v4/accounts", owner_id=str(MERCHANT_ID))] == [
        "merchant"
    ]


async def test_the_file_holds_the_same_lines(desk: Desk) -> None:
    answer = await desk.get("/v4/accounts/me/statement.csv", desk.merchant, sort="at")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(StringIO(answer.text)))
    assert [int(row["amount_minor"]) for row in rows] == list(AMOUNTS)
    assert [int(row["balance_minor"]) for row in rows] == [500, 300, 600, 550]


@pytest.mark.parametrize("language", LOCALES)
async def test_the_paper_is_printed_in_both_languages(desk: Desk, language: str) -> None:
    answer = await desk.client.get(
        "/v4/accounts/me/statement.pdf",
        headers={"Authorization": f"Bearer {desk.merchant}", "Accept-Language": language},
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-")
    assert f"/Lang({language})".encode() in answer.content


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    from_at=INSTANTS,
    to_at=INSTANTS,
    kinds=st.lists(st.sampled_from(TransferKind), max_size=3),
    language=st.sampled_from(LOCALES),
    microsecond=st.integers(0, 999_999),
)
@example(from_at=None, to_at=None, kinds=[], language="ar", microsecond=1)
@example(from_at=TOO_EARLY, to_at=None, kinds=[], language="en", microsecond=0)
@example(from_at=None, to_at=TOO_LATE, kinds=[], language="ar", microsecond=0)
@example(
    from_at=datetime(1969, 12, 31, tzinfo=UTC), to_at=None, kinds=[], language="en", microsecond=0
)
async def test_any_period_is_printed_at_any_instant_or_refused(
    desk: Desk,
    clock: VirtualClock,
    from_at: datetime | None,
    to_at: datetime | None,
    kinds: list[TransferKind],
    language: str,
    microsecond: int,
) -> None:
    clock.advance(timedelta(microseconds=microsecond - clock().microsecond, seconds=1))
    period = {"from": from_at, "to": to_at}
    asked = {name: at.isoformat() for name, at in period.items() if at}
    answer = await desk.client.get(
        "/v4/accounts/me/statement.pdf",
        headers={"Authorization": f"Bearer {desk.merchant}", "Accept-Language": language},
        params=asked | {"kind": [kind.value for kind in kinds]},
    )
    backwards = from_at is not None and to_at is not None and from_at >= to_at
    beyond = any(not FIRST <= at <= LAST for at in period.values() if at)
    assert answer.status_code == (400 if backwards or beyond else 200), answer.text


def paper(currency: str, minor: int) -> Paper:
    at = datetime.fromisoformat("2026-11-20T12:00:00+00:00")
    line = StatementLine(
        transfer_id=UUID(int=1),
        kind=TransferKind.CAPTURE,
        reference_id=UUID(int=2),
        amount_minor=minor,
        balance_minor=minor,
        corrects=None,
        at=at,
    )
    account = Account(id=UUID(int=3), ref=MERCHANT, currency=currency)
    standing = Standing(closing_minor=minor)
    return Paper(account=account, standing=standing, lines=[line], from_at=None, to_at=None, at=at)


def test_an_amount_has_the_decimals_of_its_currency() -> None:
    for currency, written in (("JOD", "-1,234.567"), ("QAR", "-12,345.67"), ("JPY", "-1,234,567")):
        assert amount_of(-1_234_567, currency, locale="en") == written


@pytest.mark.parametrize("locale", LOCALES)
def test_another_amount_is_another_paper(locale: str) -> None:
    one, other = (
        statement_pdf.pdf(paper("QAR", minor), locale=locale, as_="png") for minor in (1, 2)
    )
    assert one != other
    assert one == statement_pdf.pdf(paper("QAR", 1), locale=locale, as_="png")


def test_every_kind_has_words() -> None:
    for locale in LOCALES:
        missing = [
            code
            for code in (
                *(f"statement.kind.{kind}" for kind in TransferKind),
                *(f"statement.account.{kind}" for kind in AccountKind),
            )
            if not catalogues[locale].has(code)
        ]
        assert missing == []


async def test_a_transfer_is_reversed_once_and_by_a_new_one(desk: Desk) -> None:
    path = f"/v4/accounts/{await desk.account_id()}/statement"
    before = await desk.read(path, sort="at")
    wrong = before["lines"][0]["transfer_id"]
    answer = await desk.correct("once", transfer_id=wrong)
    assert answer.status_code == 201
    correction = answer.json()["data"]
    assert correction["corrects"] == wrong
    assert correction["reverses"]
    again = await desk.correct("once", transfer_id=wrong)
    assert again.content == answer.content
    assert again.headers["idempotent-replayed"] == "true"
    refused = await desk.correct("twice", transfer_id=wrong)
    assert refused.status_code == 409
    assert refused.json()["errors"][0]["code"] == "ledger.reversed_already"
    after = await desk.read(path, sort="at")
    assert after["lines"][:-1] == before["lines"], "nothing that was booked has changed"
    assert after["lines"][-1] | {"at": None, "transfer_id": None} == {
        "at": None,
        "kind": "correction",
        "transfer_id": None,
        "reference_id": before["lines"][0]["reference_id"],
        "amount_minor": -500,
        "balance_minor": 50,
        "corrects": wrong,
    }
    back = await desk.correct(transfer_id=correction["transfer_id"])
    assert back.status_code == 201, "a correction can be wrong as well"


async def test_a_correction_adds_up_and_opens_no_account(desk: Desk, database: Database) -> None:
    path = f"/v4/accounts/{await desk.account_id()}/statement"
    wrong = (await desk.read(path, sort="at"))["lines"][0]["transfer_id"]
    merchant = {"account": "merchant", "owner_id": str(MERCHANT_ID), "amount_minor": -20}
    platform = {"account": "platform", "amount_minor": 20}
    answer = await desk.correct(transfer_id=wrong, postings=[merchant, platform])
    assert answer.status_code == 201
    assert not answer.json()["data"]["reverses"]
    for code, postings in (
        ("payment.shares_unbalanced", [merchant, platform | {"amount_minor": 19}]),
        ("ledger.account_unknown", [merchant | {"owner_id": str(UUID(int=22))}, platform]),
        ("ledger.account_invalid", [merchant, platform | {"owner_id": str(UUID(int=22))}]),
        ("ledger.nothing_to_correct", [merchant, merchant | {"amount_minor": 20}]),
    ):
        refused = await desk.correct(transfer_id=wrong, postings=postings)
        assert refused.json()["errors"][0]["code"] == code
    assert (await desk.correct(transfer_id=str(UUID(int=1)))).status_code == 404
    assert (await desk.correct(token=desk.merchant, transfer_id=wrong)).status_code == 403
    async with database.transaction() as tx:
        assert await public.imbalance(tx) == {"QAR": 0}
        assert await tx.value("select count(*) from payments.account") == 2
        with pytest.raises(Exception, match="append-only"):
            await tx.execute("update payments.correction set reason = 'other'")


async def test_a_correction_overdraws_nobody(desk: Desk, database: Database, by: By) -> None:
    async with database.transaction() as tx:
        for minor in (300, -300):
            await public.transfer(
                tx,
                [
                    Transfer(
                        by=by,
                        id=tx.ids(),
                        kind=TransferKind.ADJUSTMENT,
                        reference_id=UUID(int=7),
                        currency="QAR",
                        postings=(Posting(CREDIT, minor), Posting(PLATFORM, -minor)),
                    )
                ],
            )
    path = f"/v4/accounts/{await desk.account_id('customer')}/statement"
    given = (await desk.read(path, sort="at"))["lines"][0]["transfer_id"]
    refused = await desk.correct(transfer_id=given)
    assert refused.status_code == 409
    assert refused.json()["errors"][0]["code"] == "payment.balance_insufficient"
