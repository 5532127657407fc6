"""Points in lots: what is left of them is what the books say, whatever is done."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import NOON, TENANT, Callers, Serve
from tawsil.identity import public as identity
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.deadlines import Due
from tawsil.kernel.decisions import By, Refusal
from tawsil.kernel.jobs import HeldJobs
from tawsil.payments import public
from tawsil.payments.events import AccountKind, AccountRef, Posting
from tawsil.payments.model.ledger import TransferKind
from tawsil.payments.model.points import LOOK_AGAIN_AFTER, REMIND_BEFORE, Lot, lapse, lapses_at
from tawsil.payments.routes import loyalty as routes
from tawsil.payments.service import loyalty

CUSTOMER: Final = UUID(int=5)
POINTS: Final = AccountRef(AccountKind.LOYALTY, CUSTOMER)
PLATFORM: Final = AccountRef(AccountKind.PLATFORM)


def earning(by: By, tx: Tx, amount_minor: int, *, months: int = 12) -> public.EarnPoints:
    return public.EarnPoints(
        by=by,
        reference_id=tx.ids(),
        customer_id=CUSTOMER,
        currency="AED",
        amount_minor=amount_minor,
        lapses_at=lapses_at(tx.now, months=months),
    )


async def points(tx: Tx) -> loyalty.Points:
    (found,) = await public.points_of(tx, tenant_id=TENANT, customer_id=CUSTOMER)
    assert await public.points_unreconciled(tx) == 0
    assert sum(lot.left_minor for lot in found.lots) == found.balance_minor >= 0
    return found


async def due(tx: Tx) -> list[Due]:
    rows = await tx.rows(
        "select * from kernel.deadline where owner = 'points' and due_at <= $1", tx.now
    )
    return [Due(row["subject_id"], "points", row["kind"], row["due_at"]) for row in rows]


async def told(tx: Tx) -> list[tuple[str, int]]:
    rows = await tx.rows(
        """
        select type, (data->>'amount_minor')::int as minor from kernel.event
        where stream = 'points' order by seq
        """
    )
    return [(row["type"], row["minor"]) for row in rows]


@given(st.datetimes(timezones=st.just(UTC), max_value=datetime(2900, 1, 1)), st.integers(1, 120))  # noqa: DTZ001 - hypothesis wants its bounds naive
def test_what_is_earned_in_a_month_lapses_together(at: datetime, months: int) -> None:
    until = lapses_at(at, months=months)
    assert (until.day, until.hour, until.minute) == (1, 0, 0)
    assert until == lapses_at(at.replace(day=1), months=months)
    assert timedelta(days=27 * months) < until - at <= timedelta(days=31 * (months + 1))


@given(st.integers(0, 500), st.integers(0, 600))
def test_no_more_lapses_than_nobody_has_reserved(left: int, available: int) -> None:
    lot = Lot(
        id=UUID(int=1),
        tenant_id=TENANT,
        customer_id=CUSTOMER,
        currency="AED",
        lapses_at=NOON,
        given_minor=500,
        left_minor=left,
        reminded=True,
    )
    after = lapse(lot, available_minor=available, now=NOON)
    gone = left - after.state.left_minor
    assert gone == min(left, available)
    assert bool(after.events) == bool(gone)
    waits = after.state.deadline
    assert (waits is None) == (after.state.left_minor == 0)
    assert waits is None or waits.at == NOON + LOOK_AGAIN_AFTER


async def test_points_are_earned_once_and_the_oldest_are_used_first(tx: Tx, by: By) -> None:
    old, new = earning(by, tx, 300, months=1), earning(by, tx, 200)
    await public.earn_points(tx, [old, new, old])
    await public.earn_points(tx, [old])
    assert await public.points_earned(tx, reference_ids=[old.reference_id, by.tenant_id]) == {
        old.reference_id: 300
    }
    assert (await points(tx)).balance_minor == 500
    used = public.Transfer(
        by=by,
        id=tx.ids(),
        kind=TransferKind.ADJUSTMENT,
        reference_id=tx.ids(),
        currency="AED",
        postings=(Posting(POINTS, -350), Posting(PLATFORM, 350)),
    )
    await public.transfer(tx, [used])
    assert [lot.left_minor for lot in (await points(tx)).lots] == [150]
    assert await public.points_owed(tx, tenant_id=TENANT) == {"AED": 150}


async def test_what_was_used_meanwhile_is_not_taken_back(tx: Tx, by: By) -> None:
    earned = earning(by, tx, 100)
    await public.earn_points(tx, [earned])

    def taking(id_: int, amount_minor: int) -> public.TakePointsBack:
        return public.TakePointsBack(
            by=by,
            id=UUID(int=id_),
            reference_id=earned.reference_id,
            customer_id=CUSTOMER,
            currency="AED",
            amount_minor=amount_minor,
        )

    await public.take_points_back(tx, [taking(1, 30), taking(2, 90), taking(3, 1)])
    assert (await points(tx)).balance_minor == 0
    platform = await public.balances(tx, tenant_id=TENANT, accounts=[PLATFORM])
    assert platform[0].posted_minor == 0


async def test_points_lapse_after_a_reminder_but_for_what_is_reserved(tx: Tx, by: By) -> None:
    await public.earn_points(tx, [earning(by, tx, 100, months=1)])
    assert await due(tx) == []
    until = lapses_at(tx.now, months=1)
    tx.now = until - REMIND_BEFORE
    await loyalty.on_due(tx, await due(tx))
    assert await told(tx) == [("points.will_lapse.v1", 100)]
    assert await due(tx) == []
    reserved = public.Transfer(
        by=by,
        id=tx.ids(),
        kind=TransferKind.FUNDS,
        reference_id=tx.ids(),
        currency="AED",
        postings=(Posting(POINTS, -40), Posting(AccountRef(AccountKind.HELD), 40)),
        pending=True,
    )
    await public.transfer(tx, [reserved])
    tx.now = until
    await loyalty.on_due(tx, await due(tx))
    assert (await points(tx)).balance_minor == 40
    assert await due(tx) == []
    await public.void_pending(tx, [public.VoidPending(by=by, pending_id=reserved.id)])
    tx.now = until + LOOK_AGAIN_AFTER
    await loyalty.on_due(tx, await due(tx))
    assert (await points(tx)).balance_minor == 0
    lapsed = [minor for kind, minor in await told(tx) if kind == "points.lapsed.v1"]
    assert lapsed == [60, 40]
    assert await due(tx) == []


async def test_staff_give_and_take_points_but_never_more_than_there_are(tx: Tx, by: By) -> None:
    def adjusting(amount_minor: int) -> public.AdjustPoints:
        return public.AdjustPoints(
            by=by, customer_id=CUSTOMER, currency="AED", amount_minor=amount_minor, reason="late"
        )

    (given,) = await public.adjust_points(tx, [adjusting(50)])
    taken, too_much = await public.adjust_points(tx, [adjusting(-20), adjusting(-31)])
    assert isinstance(given, public.PointsAdjustment)
    assert isinstance(taken, public.PointsAdjustment)
    assert isinstance(too_much, Refusal)
    assert too_much.code == "payment.balance_insufficient"
    assert (await points(tx)).balance_minor == 30
    assert await tx.value("select count(*) from payments.points_adjustment") == 2


acts = st.lists(
    st.tuples(st.sampled_from(["earn", "use", "back", "adjust", "month"]), st.integers(1, 300)),
    min_size=1,
    max_size=12,
)


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(acts=acts)
async def test_lots_are_the_balance_whatever_is_done(
    pool: Any, acts: list[tuple[str, int]]
) -> None:
    clock = VirtualClock(NOON)
    ids = Ids(clock, Random(3))
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            tx = Tx(connection, now=clock(), ids=ids, jobs=HeldJobs())
            by = By(tenant_id=TENANT, correlation_id=ids())
            await public.earn_points(tx, [earning(by, tx, 1)])
            for act, amount in acts:
                await _do(tx, by, act, amount)
                await points(tx)
        finally:
            await transaction.rollback()


async def _do(tx: Tx, by: By, act: str, amount: int) -> None:
    match act:
        case "earn":
            await public.earn_points(tx, [earning(by, tx, amount, months=1 + amount % 3)])
        case "use" | "adjust":
            command = public.AdjustPoints(
                by=by,
                customer_id=CUSTOMER,
                currency="AED",
                amount_minor=-amount if act == "use" else amount,
                reason="because",
            )
            await public.adjust_points(tx, [command])
        case "back":
            back = public.TakePointsBack(
                by=by,
                id=tx.ids(),
                reference_id=tx.ids(),
                customer_id=CUSTOMER,
                currency="AED",
                amount_minor=amount,
            )
            await public.take_points_back(tx, [back])
        case _:
            tx.now += timedelta(days=amount % 40)
            for _ in range(2):
                await loyalty.on_due(tx, await due(tx))


async def test_points_over_http(database: Database, serve: Serve, callers: Callers, by: By) -> None:
    async with database.transaction() as tx:
        await tx.execute(
            "insert into geography.tenant (id, slug, name) values ($1, 'wasla', 'Wasla')", TENANT
        )
        await identity.create_users(
            tx,
            users=[
                identity.NewUser(
                    id=CUSTOMER,
                    tenant_id=TENANT,
                    email="mona@example.com",
                    name="Mona",
                    password_hash="$argon2id$" + "0" * 64,
                    roles=(identity.Role.CUSTOMER,),
                )
            ],
        )
        await public.earn_points(tx, [earning(by, tx, 120)])
    client = await serve(routes.routes)
    mona = callers.token("customer", "payment:read:own", user_id=CUSTOMER)
    admin = callers.token("admin", "payment:*")
    support = callers.token("support_staff", "payment:read")

    async def ask(token: str, method: str, path: str, **json: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        return await client.request(method, path, json=json or None, headers=headers)

    path = f"/v4/users/{CUSTOMER}/loyalty"
    mine = (await ask(mona, "GET", "/v4/loyalty")).json()["data"]
    assert (mine["points"][0]["available_minor"], len(mine["history"])) == (120, 1)
    assert (await ask(mona, "GET", path)).status_code == 403
    assert (await ask(support, "GET", path)).json()["data"] == mine
    adjusting = {"amount_minor": -20, "currency": "AED", "reason": "mistake"}
    assert (await ask(support, "POST", f"{path}/adjustments", **adjusting)).status_code == 403
    adjusted = await ask(admin, "POST", f"{path}/adjustments", **adjusting)
    assert adjusted.status_code == 201, adjusted.text
    nothing = await ask(admin, "POST", f"{path}/adjustments", **adjusting | {"amount_minor": 0})
    assert nothing.json()["errors"][0]["code"] == "loyalty.nothing_to_adjust"
    nobody = await ask(admin, "POST", f"/v4/users/{UUID(int=9)}/loyalty/adjustments", **adjusting)
    assert nobody.status_code == 404
    owed = (await ask(admin, "GET", "/v4/loyalty/owed")).json()["data"]
    assert owed == [{"currency": "AED", "owed_minor": 100}]
    assert (await ask(mona, "GET", "/v4/loyalty/owed")).status_code == 403
