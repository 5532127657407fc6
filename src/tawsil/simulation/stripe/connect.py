"""Connect: accounts of those who are paid out, transfers to them, and their payouts to a bank."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from tawsil.simulation.stripe.errors import ApiError
from tawsil.simulation.stripe.forms import Params, amount, hashed, only, required
from tawsil.simulation.stripe.world import Thing, World, shown

PAID_AFTER_S: Final = 30.0
INSTANT_AFTER_S: Final = 2.0
FAILING: Final[Mapping[str, str]] = MappingProxyType(
    {
        "000111111116": "no_account",
        "000111111113": "account_closed",
        "000222222227": "insufficient_funds",
        "000333333335": "debit_not_authorized",
        "000444444440": "invalid_currency",
    }
)
"""The test account numbers Stripe documents, and why a payout to each fails."""
TOKENS: Final[Mapping[str, str]] = MappingProxyType(
    {"btok_us_verified": "000123456789", "btok_us_verified_noAccount": "000111111116"}
)


class Connect:
    """What may be asked of accounts, transfers, reversals and payouts."""

    def __init__(self, world: World) -> None:
        self._world = world
        world.on("payout_arrives", self._arrive)

    def open(self, params: Params) -> Thing:
        only(
            params,
            (
                "type",
                "country",
                "email",
                "capabilities",
                "business_type",
                "metadata",
                "default_currency",
                "external_account",
                "controller",
                "business_profile",
            ),
        )
        account = self._world.new(
            "account",
            "acct",
            type=params.get("type", "none"),
            country=params.get("country", "QA"),
            default_currency=params.get("default_currency", "qar").lower(),
            email=params.get("email"),
            metadata=hashed(params, "metadata"),
            charges_enabled=False,
            details_submitted=False,
            payouts_enabled=False,
            capabilities={"transfers": "inactive"},
            requirements={"currently_due": ["external_account"], "disabled_reason": None},
            external_accounts={"object": "list", "data": [], "has_more": False},
        )
        if external := params.get("external_account"):
            self._attach(account, external)
        return shown(account)

    def retrieve(self, account_id: str, params: Params) -> Thing:
        only(params, ())
        return shown(self._world.get("account", account_id))

    def listed(self, params: Params) -> Thing:
        only(params, ("limit", "starting_after", "ending_before", "created"))
        return self._world.listed("account", params, "/v1/accounts")

    def attach(self, account_id: str, params: Params) -> Thing:
        """A bank account to pay out to; with it the account is complete."""
        only(params, ("external_account", "default_for_currency", "metadata"))
        account = self._world.get("account", account_id)
        return self._attach(account, params.get("external_account", ""))

    def link(self, params: Params) -> Thing:
        only(params, ("account", "type", "refresh_url", "return_url"))
        account = self._world.get("account", required(params, "account"))
        return {
            "object": "account_link",
            "created": self._world.now_s,
            "expires_at": self._world.now_s + 300,
            "url": f"{self._world.url}/onboarding/{account['id']}",
        }

    def transfer(self, params: Params) -> Thing:
        only(
            params,
            (
                "amount",
                "currency",
                "destination",
                "metadata",
                "description",
                "transfer_group",
                "source_transaction",
            ),
        )
        moved = amount(params, "amount")
        currency = required(params, "currency").lower()
        account = self._world.get("account", required(params, "destination"))
        if account["capabilities"]["transfers"] != "active":
            raise ApiError(
                "Your destination account needs to have at least one of the following "
                "capabilities enabled: transfers",
                code="insufficient_capabilities_for_transfer",
            )
        self._require(moved, currency, None)
        transfer = self._world.new(
            "transfer",
            "tr",
            amount=moved,
            amount_reversed=0,
            currency=currency,
            description=params.get("description"),
            destination=account["id"],
            destination_payment=self._world.new_id("py"),
            metadata=hashed(params, "metadata"),
            reversed=False,
            source_transaction=params.get("source_transaction"),
            transfer_group=params.get("transfer_group"),
        )
        booked = self._move(transfer, -moved, "transfer", account=None)
        self._move(transfer, moved, "payment", account=account["id"])
        self._world.change(transfer, balance_transaction=booked["id"])
        self._world.happened("transfer.created", transfer)
        return shown(transfer)

    def retrieve_transfer(self, transfer_id: str, params: Params) -> Thing:
        only(params, ())
        return shown(self._world.get("transfer", transfer_id))

    def listed_transfers(self, params: Params) -> Thing:
        only(
            params,
            (
                "destination",
                "transfer_group",
                "limit",
                "starting_after",
                "ending_before",
                "created",
            ),
        )
        names = ("destination", "transfer_group")
        where = {name: params[name] for name in names if name in params}
        return self._world.listed("transfer", params, "/v1/transfers", **where)

    def reverse(self, transfer_id: str, params: Params) -> Thing:
        only(params, ("amount", "metadata", "description"))
        transfer = self._world.get("transfer", transfer_id)
        left = transfer["amount"] - transfer["amount_reversed"]
        back = amount(params, "amount", left)
        if back > left:
            raise ApiError("The reversal is greater than what is left.", param="amount")
        self._require(back, transfer["currency"], transfer["destination"])
        reversal = self._world.new(
            "transfer_reversal",
            "trr",
            amount=back,
            currency=transfer["currency"],
            metadata=hashed(params, "metadata"),
            transfer=transfer["id"],
        )
        self._move(reversal, back, "transfer_reversal", account=None)
        self._move(reversal, -back, "payment_refund", account=transfer["destination"])
        reversed_so_far = transfer["amount_reversed"] + back
        self._world.change(
            transfer,
            amount_reversed=reversed_so_far,
            reversed=reversed_so_far == transfer["amount"],
        )
        self._world.happened("transfer.reversed", transfer)
        return shown(reversal)

    def pay_out(self, params: Params, account_id: str | None) -> Thing:
        only(
            params,
            (
                "amount",
                "currency",
                "metadata",
                "method",
                "description",
                "destination",
                "statement_descriptor",
            ),
        )
        paid = amount(params, "amount")
        currency = required(params, "currency").lower()
        bank = self._bank(account_id, params.get("destination"))
        self._require(paid, currency, account_id)
        instant = params.get("method") == "instant"
        wait_s = INSTANT_AFTER_S if instant else PAID_AFTER_S
        payout = self._world.new(
            "payout",
            "po",
            amount=paid,
            arrival_date=self._world.now_s + int(wait_s),
            automatic=False,
            currency=currency,
            description=params.get("description"),
            destination=bank["id"],
            failure_balance_transaction=None,
            failure_code=None,
            failure_message=None,
            metadata=hashed(params, "metadata"),
            method="instant" if instant else "standard",
            status="pending",
            type="bank_account",
            _account=account_id,
            _number=bank["_number"],
        )
        booked = self._move(payout, -paid, "payout", account=account_id)
        self._world.change(payout, balance_transaction=booked["id"])
        self._world.later("payout_arrives", payout, after_s=wait_s)
        self._world.happened("payout.created", payout)
        return shown(payout)

    def retrieve_payout(self, payout_id: str, params: Params, account_id: str | None) -> Thing:
        only(params, ())
        return shown(self._world.get("payout", payout_id, account=account_id))

    def listed_payouts(self, params: Params, account_id: str | None) -> Thing:
        only(params, ("status", "limit", "starting_after", "ending_before", "created"))
        where = {"status": params["status"]} if "status" in params else {}
        return self._world.listed("payout", params, "/v1/payouts", account=account_id, **where)

    def cancel_payout(self, payout_id: str, params: Params, account_id: str | None) -> Thing:
        only(params, ())
        payout = self._world.get("payout", payout_id, account=account_id)
        if payout["status"] != "pending":
            raise ApiError(f"This payout is {payout['status']}: too late to cancel.")
        self._return(payout, "payout_cancel")
        self._world.change(payout, status="canceled")
        self._world.happened("payout.canceled", payout)
        return shown(payout)

    def _attach(self, account: Thing, given: Any) -> Thing:
        number = TOKENS.get(given) if isinstance(given, str) else given.get("account_number")
        if not number:
            raise ApiError("No such token", code="resource_missing", param="external_account")
        bank = self._world.new(
            "bank_account",
            "ba",
            account=account["id"],
            bank_name="TEST BANK",
            country=account["country"],
            currency=account["default_currency"],
            last4=number[-4:],
            status="new",
            _account=account["id"],
            _number=number,
        )
        self._world.change(
            account,
            external_accounts={"object": "list", "data": [shown(bank)], "has_more": False},
            payouts_enabled=True,
            details_submitted=True,
            capabilities={"transfers": "active"},
            requirements={"currently_due": [], "disabled_reason": None},
            _bank=bank["id"],
        )
        self._world.happened("account.updated", account)
        return shown(bank)

    def _bank(self, account_id: str | None, bank_id: str | None) -> Thing:
        if account_id is None:
            return {"id": "ba_of_the_platform", "_number": ""}
        account = self._world.get("account", account_id)
        chosen = bank_id or account.get("_bank")
        if chosen is None:
            raise ApiError(
                "Sorry, you don't have any external accounts in that currency.",
                code="payouts_not_allowed",
            )
        return self._world.get("bank_account", chosen, account=account_id)

    def _require(self, wanted: int, currency: str, account: str | None) -> None:
        if wanted > self._world.balance_minor(currency, account):
            raise ApiError(
                "You have insufficient funds in your Stripe account for this transfer.",
                code="balance_insufficient",
            )

    def _arrive(self, payout: Thing) -> None:
        if payout["status"] != "pending":
            return
        why = FAILING.get(payout["_number"])
        if why is None:
            self._world.change(payout, status="paid")
            self._world.happened("payout.paid", payout)
            return
        back = self._return(payout, "payout_failure")
        self._world.change(
            payout,
            status="failed",
            failure_code=why,
            failure_message="The bank could not take the payout.",
            failure_balance_transaction=back["id"],
        )
        self._world.happened("payout.failed", payout)

    def _return(self, payout: Thing, kind: str) -> Thing:
        return self._move(payout, payout["amount"], kind, account=payout["_account"])

    def _move(self, source: Thing, moved: int, kind: str, *, account: str | None) -> Thing:
        return self._world.book(
            amount=moved,
            currency=source["currency"],
            kind=kind,
            category=kind,
            source=source,
            account=account,
        )
