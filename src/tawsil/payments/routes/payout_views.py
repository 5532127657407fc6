"""Payouts as they are shown: never where to, beyond its label."""

from datetime import date, datetime
from uuid import UUID

from msgspec import Struct

from tawsil.payments.public import Outlook, Payout, PayoutAccount, Plan, Run, WithdrawalQuote


class PayoutView(Struct, frozen=True):
    """`amount_minor` goes to the bank; `fee_minor` was kept for paying at once."""

    id: UUID
    owner_kind: str
    owner_id: UUID | None
    city_id: UUID
    cause: str
    period: date | None
    state: str
    amount_minor: int
    fee_minor: int
    currency: str
    destination: str
    code: str | None
    awaits_approval: bool
    run_id: UUID | None
    retry_of: UUID | None
    created_at: datetime
    since_at: datetime
    paid_at: datetime | None

    @classmethod
    def of(cls, payout: Payout) -> "PayoutView":
        return cls(
            id=payout.id,
            owner_kind=payout.owner.kind.value,
            owner_id=payout.owner.owner_id,
            city_id=payout.city_id,
            cause=payout.cause.value,
            period=payout.period,
            state=payout.state.value,
            amount_minor=payout.amount_minor,
            fee_minor=payout.fee_minor,
            currency=payout.currency,
            destination=payout.destination.label,
            code=payout.code,
            awaits_approval=payout.awaits_approval,
            run_id=payout.run_id,
            retry_of=payout.retry_of,
            created_at=payout.created_at,
            since_at=payout.since_at,
            paid_at=payout.paid_at,
        )


class DestinationView(Struct, frozen=True):
    """Where money goes: whose token it is and what it is called, not the token."""

    provider: str
    label: str
    verified: bool
    usable_from_at: datetime


class PayoutAccountView(Struct, frozen=True):
    """Who is paid out. `own_plan`: not by what the city has decided."""

    id: UUID
    owner_kind: str
    owner_id: UUID
    city_id: UUID
    currency: str
    destination: DestinationView
    blocked_because: str | None
    own_plan: bool
    next_payout_at: datetime | None

    @classmethod
    def of(cls, account: PayoutAccount) -> "PayoutAccountView":
        return cls(
            id=account.id,
            owner_kind=account.owner.kind.value,
            owner_id=account.owner_id,
            city_id=account.city_id,
            currency=account.currency,
            destination=DestinationView(
                provider=account.destination.provider.value,
                label=account.destination.label,
                verified=account.destination.verified,
                usable_from_at=account.usable_from_at,
            ),
            blocked_because=account.blocked_because,
            own_plan=account.plan is not None,
            next_payout_at=account.deadline.at if account.deadline else None,
        )


class OutlookView(Struct, frozen=True):
    """`payable_minor` would be paid out now; `held_minor` is too young for it yet.

    Of the balance, what is owed in cash is taken first. Below the plan's minimum nothing is paid.
    """

    account: PayoutAccountView
    plan: Plan
    time_zone: str
    balance_minor: int
    held_minor: int
    cash_owed_minor: int
    payable_minor: int

    @classmethod
    def of(cls, outlook: Outlook) -> "OutlookView":
        return cls(
            account=PayoutAccountView.of(outlook.account),
            plan=outlook.plan,
            time_zone=outlook.zone.key,
            balance_minor=outlook.funds.balance_minor,
            held_minor=outlook.funds.held_minor,
            cash_owed_minor=outlook.funds.cash_owed_minor,
            payable_minor=outlook.payable_minor,
        )


class WithdrawalQuoteView(Struct, frozen=True):
    """`amount_minor` leaves the account, the fee is kept of it, the rest arrives."""

    amount_minor: int
    fee_minor: int
    arrives_minor: int
    currency: str
    minimum_minor: int
    left_today: int

    @classmethod
    def of(cls, quote: WithdrawalQuote) -> "WithdrawalQuoteView":
        return cls(**{name: getattr(quote, name) for name in cls.__struct_fields__})


class PayoutRunView(Struct, frozen=True):
    """Payouts that somebody had made; until it is approved, those that wait are not sent."""

    id: UUID
    city_id: UUID
    owner_kind: str
    state: str
    started_by: UUID | None
    decided_by: UUID | None
    payouts: int
    total_minor: int
    currency: str
    created_at: datetime

    @classmethod
    def of(cls, run: Run) -> "PayoutRunView":
        return cls(
            id=run.id,
            city_id=run.city_id,
            owner_kind=run.owner_kind.value,
            state=run.state.value,
            started_by=run.started_by,
            decided_by=run.decided_by,
            payouts=run.payouts,
            total_minor=run.total_minor,
            currency=run.currency,
            created_at=run.created_at,
        )
