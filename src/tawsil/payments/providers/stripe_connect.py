"""Payouts through Stripe Connect: to the connected account, and from there to its owner's bank.

Both steps carry our reference. What was begun is looked for before anything is created, as Stripe
remembers an idempotency key for a day only. The connected accounts have a manual payout schedule.
"""

from typing import Any, Final

import stripe

from tawsil.payments.model.payee import Ready, Remittance, RemittanceState, Said
from tawsil.payments.model.psp import Absent, Charge, Refused, Unheard
from tawsil.payments.providers.stripe import Stripe

_MOST_LISTED: Final = 100
_UNDER_WAY: Final = frozenset({"pending", "in_transit"})
_REVERSED: Final = "transfer_reversed"
_SHORT: Final = "balance_insufficient"


class StripeConnect:
    """Who pays out, asked through the client of who takes the cards."""

    def __init__(self, client: Stripe) -> None:
        self._ask = client.ask
        self._api = client.api

    async def pay(
        self, *, key: str, reference: str, destination: str, amount_minor: int, currency: str
    ) -> Said:
        transfer = await self._transfer_of(reference)
        if isinstance(transfer, Absent):
            transfer = _heard(
                await self._ask(
                    self._api.transfers.create_async(
                        {
                            "amount": amount_minor,
                            "currency": currency.lower(),
                            "destination": destination,
                            "transfer_group": reference,
                            "metadata": {"reference": reference},
                        },
                        {"idempotency_key": f"{key}:transfer"},
                    )
                ),
                stripe.Transfer,
            )
        if transfer == Refused(_SHORT):
            return Unheard(_SHORT)  # ours to mend: the owner's account is as good as before
        if not isinstance(transfer, stripe.Transfer):
            return transfer
        if transfer.reversed:
            return await self._seen(transfer, reference=reference, key=key)
        payout = await self._payout_of(transfer, reference)
        if isinstance(payout, Absent):
            payout = _heard(
                await self._ask(
                    self._api.payouts.create_async(
                        {
                            "amount": amount_minor,
                            "currency": currency.lower(),
                            "metadata": {"reference": reference},
                        },
                        {"idempotency_key": f"{key}:bank", "stripe_account": destination},
                    )
                ),
                stripe.Payout,
            )
        if isinstance(payout, Refused):
            return await self._take_back(transfer, code=payout.code, key=key)
        if not isinstance(payout, stripe.Payout):
            return payout
        return await self._seen(transfer, reference=reference, key=key)

    async def look(self, *, reference: str, payout_id: str | None, key: str) -> Said:
        del payout_id  # the transfer and the payout are both found by our reference
        transfer = await self._transfer_of(reference)
        if not isinstance(transfer, stripe.Transfer):
            return Unheard(transfer.code) if isinstance(transfer, Refused) else transfer
        return await self._seen(transfer, reference=reference, key=key)

    async def check(self, *, destination: str) -> Ready | Absent | Unheard:
        answer = await self._ask(self._api.accounts.retrieve_async(destination))
        account = _heard(answer, stripe.Account)
        if isinstance(account, Refused):
            return Absent()
        if not isinstance(account, stripe.Account):
            return account
        capabilities = account.capabilities
        transfers = capabilities.transfers if capabilities is not None else None
        return Ready(bool(account.payouts_enabled) and transfers == "active")

    async def _seen(self, transfer: stripe.Transfer, *, reference: str, key: str) -> Said:
        """Where it stands. What the bank did not take is brought back before it is said so."""
        if transfer.reversed:
            return _said(transfer, RemittanceState.FAILED, code=_REVERSED)
        payout = await self._payout_of(transfer, reference)
        if isinstance(payout, Refused):
            return Unheard(payout.code)
        if not isinstance(payout, stripe.Payout):
            return payout  # without one, the second step is still to be made
        if payout.status == "paid":
            return _said(transfer, RemittanceState.PAID)
        if payout.status in _UNDER_WAY:
            return _said(transfer, RemittanceState.SENT)
        return await self._take_back(transfer, code=payout.failure_code or payout.status, key=key)

    async def _take_back(self, transfer: stripe.Transfer, *, code: str, key: str) -> Said:
        answer = await self._ask(
            self._api.transfers.reversals.create_async(
                transfer.id, {"metadata": {"code": code}}, {"idempotency_key": f"{key}:back"}
            )
        )
        if isinstance(answer, Charge | Refused | Unheard):
            return Unheard("the transfer is not taken back yet")
        return _said(transfer, RemittanceState.FAILED, code=code)

    async def _transfer_of(self, reference: str) -> stripe.Transfer | Absent | Refused | Unheard:
        answer = await self._ask(self._api.transfers.list_async({"transfer_group": reference}))
        listed = _items(answer)
        if isinstance(listed, Refused | Unheard):
            return listed
        return listed[0] if listed else Absent()

    async def _payout_of(
        self, transfer: stripe.Transfer, reference: str
    ) -> stripe.Payout | Absent | Refused | Unheard:
        """The newest ones are looked through: it was made right after its transfer."""
        answer = await self._ask(
            self._api.payouts.list_async(
                {"limit": _MOST_LISTED, "created": {"gte": transfer.created}},
                {"stripe_account": _account_of(transfer)},
            )
        )
        listed = _items(answer)
        if isinstance(listed, Refused | Unheard):
            return listed
        return next((one for one in listed if _reference_of(one) == reference), Absent())


def _items(word: Any) -> list[Any] | Refused | Unheard:
    heard = _heard(word, stripe.ListObject)
    return heard if isinstance(heard, Refused | Unheard) else heard.data


def _heard(word: Any, cls: Any) -> Any:
    """What was asked for, or why not; a card's word is none here."""
    if isinstance(word, cls | Refused | Unheard):
        return word
    assert isinstance(word, Charge), "an answer is of what was asked for"
    return Unheard("a charge")


def _account_of(transfer: stripe.Transfer) -> str:
    destination = transfer.destination
    assert destination is not None, "a transfer goes to an account"
    return destination if isinstance(destination, str) else destination.id


def _reference_of(payout: stripe.Payout) -> str | None:
    metadata = payout.metadata
    return metadata["reference"] if metadata and "reference" in metadata else None


def _said(transfer: stripe.Transfer, state: RemittanceState, *, code: str | None = None) -> Said:
    return Remittance(
        id=transfer.id,
        state=state,
        amount_minor=transfer.amount,
        currency=transfer.currency.upper(),
        code=code,
    )
