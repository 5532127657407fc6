"""What a reconciliation reads: the balance, its transactions, and the report as a file."""

import csv
import io
from datetime import UTC, datetime
from typing import Final

from tawsil.simulation.stripe.errors import ApiError
from tawsil.simulation.stripe.forms import Params, hashed, integer, only, required
from tawsil.simulation.stripe.world import Thing, World, shown

READY_AFTER_S: Final = 1.0
REPORT: Final = "balance_change_from_activity.itemized.3"
COLUMNS: Final = (
    "balance_transaction_id",
    "created_utc",
    "available_on_utc",
    "currency",
    "gross",
    "fee",
    "net",
    "reporting_category",
    "source_id",
    "charge_id",
    "payment_intent_id",
    "payment_metadata[reference]",
)
ZERO_DECIMAL: Final = frozenset({"jpy", "krw", "vnd", "clp", "pyg", "xaf", "xof", "xpf", "ugx"})
THREE_DECIMAL: Final = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})


class Balances:
    """What may be asked of the balance and of reports."""

    def __init__(self, world: World) -> None:
        self._world = world
        world.on("report_is_ready", self._finish)

    def show_balance(self, params: Params, account_id: str | None) -> Thing:
        only(params, ())
        sums = {c: s for (a, c), s in self._world.balances.items() if a == account_id}
        amounts = [
            {"amount": s, "currency": c, "source_types": {"card": s}} for c, s in sums.items()
        ]
        return {
            "object": "balance",
            "livemode": False,
            "available": amounts,
            "pending": [{**one, "amount": 0, "source_types": {"card": 0}} for one in amounts],
        }

    def retrieve_transaction(
        self, transaction_id: str, params: Params, account_id: str | None
    ) -> Thing:
        only(params, ())
        return shown(self._world.get("balance_transaction", transaction_id, account=account_id))

    def listed_transactions(self, params: Params, account_id: str | None) -> Thing:
        only(
            params,
            ("type", "source", "currency", "limit", "starting_after", "ending_before", "created"),
        )
        names = ("type", "source", "currency")
        return self._world.listed(
            "balance_transaction",
            params,
            "/v1/balance_transactions",
            account=account_id,
            **{name: params[name] for name in names if name in params},
        )

    def report(self, params: Params) -> Thing:
        """Begin a report: every movement of the balance in an interval, one per line."""
        only(params, ("report_type", "parameters"))
        if required(params, "report_type") != REPORT:
            raise ApiError(f"The sandbox knows only {REPORT}", param="report_type")
        given = hashed(params, "parameters")
        integer(given, "interval_start")
        integer(given, "interval_end")
        run = self._world.new(
            "reporting.report_run",
            "frr",
            report_type=REPORT,
            parameters={
                "interval_start": integer(given, "interval_start"),
                "interval_end": integer(given, "interval_end"),
            },
            status="pending",
            result=None,
            error=None,
            succeeded_at=None,
        )
        self._world.later("report_is_ready", run, after_s=READY_AFTER_S)
        return shown(run)

    def retrieve_report(self, run_id: str, params: Params) -> Thing:
        only(params, ())
        return shown(self._world.get("reporting.report_run", run_id))

    def contents(self, file_id: str) -> str:
        return self._world.get("file", file_id)["_contents"]

    def _finish(self, run: Thing) -> None:
        contents = self._written(**run["parameters"])
        file_id = self._world.new_id("file")
        file = self._world.new(
            "file",
            "file",
            id=file_id,
            filename=f"{run['id']}.csv",
            purpose="finance_report_run",
            size=len(contents),
            type="csv",
            url=f"{self._world.url}/v1/files/{file_id}/contents",
            _contents=contents,
        )
        self._world.change(
            run, status="succeeded", succeeded_at=self._world.now_s, result=shown(file)
        )
        self._world.happened("reporting.report_run.succeeded", run)

    def _written(self, *, interval_start: int, interval_end: int) -> str:
        to = io.StringIO()
        lines = csv.writer(to, lineterminator="\n")
        lines.writerow(COLUMNS)
        for one in reversed(self._world.all("balance_transaction", _account=None)):
            if interval_start <= one["created"] < interval_end:
                lines.writerow(self._row(one))
        return to.getvalue()

    def _row(self, one: Thing) -> list[str]:
        source = self._world.find(one["source"]) or {}
        charge = self._world.find(source.get("charge", "")) or source
        intent_id = charge.get("payment_intent") or ""
        intent = self._world.find(intent_id) or {}
        currency = one["currency"]
        return [
            one["id"],
            _utc(one["created"]),
            _utc(one["available_on"]),
            currency,
            *[major(one[name], currency) for name in ("amount", "fee", "net")],
            one["reporting_category"],
            one["source"],
            charge["id"] if charge.get("object") == "charge" else "",
            intent_id,
            intent.get("metadata", {}).get("reference", ""),
        ]


def major(minor: int, currency: str) -> str:
    """In major units, as the report writes amounts."""
    decimals = 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2
    sign, digits = "-" if minor < 0 else "", str(abs(minor)).zfill(decimals + 1)
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}" if decimals else f"{sign}{digits}"


def _utc(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d %H:%M:%S}"
