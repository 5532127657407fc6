"""Cash on its way from customers' doors to a hub: what couriers hold, hand in, and lack. Pure."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.kernel.decisions import (
    Accepted,
    Deadline,
    Decision,
    Event,
    Refusal,
    accept,
    refuse,
)
from tawsil.kernel.money import share
from tawsil.kernel.places import Place
from tawsil.payments.cash_events import (
    BorneBy,
    CashBlocked,
    CashDepositAnnounced,
    CashDepositConfirmed,
    CashDepositRefused,
    CashHubChanged,
    CashHubOpened,
    CashLevel,
    CashLevelChanged,
    CashLimitSet,
    CashReminded,
    CashShortfallApproved,
    CashShortfallRejected,
    CashShortfallReported,
    CashUnblocked,
    ShortBecause,
)
from tawsil.payments.events import AccountKind, AccountRef, Posting

REMINDER: Final = "cash_reminder"
OVERDUE: Final = "cash_overdue"


class CashTerms(Struct, frozen=True, kw_only=True):
    """What a city allows: how much a courier may hold, and for how long."""

    limit_minor: int | None
    near_bp: int
    remind_after: timedelta
    block_after: timedelta


class CashAccount(Struct, frozen=True, kw_only=True):
    """The cash a courier holds in one currency, which the ledger holds as their debt.

    Below zero the platform owes them: they have handed in more. `since_at` is when the oldest of
    what they still hold was collected.
    """

    stream: ClassVar[str] = "cash_account"

    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID
    courier_id: UUID
    currency: str
    held_minor: int = 0
    limit_minor: int | None = None
    level: CashLevel = CashLevel.WELL
    since_at: datetime | None = None
    remind_at: datetime | None = None
    block_at: datetime | None = None
    reminded: bool = False
    blocked: bool = False

    def __post_init__(self) -> None:
        assert (self.since_at is not None) == (self.held_minor > 0), "what is held is held since"
        assert self.held_minor > 0 or not self.blocked

    @property
    def deadline(self) -> Deadline | None:
        if self.remind_at is not None and not self.reminded:
            return Deadline(REMINDER, self.remind_at)
        if self.block_at is not None and not self.blocked:
            return Deadline(OVERDUE, self.block_at)
        return None

    def most_minor(self, terms: CashTerms) -> int | None:
        return terms.limit_minor if self.limit_minor is None else self.limit_minor


def hold(
    account: CashAccount,
    *,
    held_minor: int,
    oldest_at: datetime | None,
    terms: CashTerms,
    now: datetime,
) -> Accepted[CashAccount]:
    """The courier holds so much now; `oldest_at` is when the oldest of it was collected."""
    since_at = (oldest_at or now) if held_minor > 0 else None
    remind_at = since_at + terms.remind_after if since_at else None
    block_at = since_at + terms.block_after if since_at else None
    after = replace(
        account,
        held_minor=held_minor,
        since_at=since_at,
        remind_at=remind_at,
        block_at=block_at,
        reminded=account.reminded and remind_at is not None and remind_at <= now,
        blocked=account.blocked and block_at is not None and block_at <= now,
    )
    return _weighed(account, after, terms)


def set_limit(
    account: CashAccount, *, limit_minor: int | None, terms: CashTerms
) -> Accepted[CashAccount]:
    """How much this courier may hold; without an amount, what the city allows."""
    if limit_minor == account.limit_minor:
        return accept(account)
    after = replace(account, limit_minor=limit_minor)
    said = CashLimitSet(
        courier_id=account.courier_id, currency=account.currency, limit_minor=limit_minor
    )
    return _weighed(account, after, terms, said)


def reach_deadline(account: CashAccount, *, now: datetime) -> Accepted[CashAccount]:
    """Kept for too long: the courier is reminded, and then collects no more."""
    deadline = account.deadline
    if deadline is None or deadline.at > now:
        return accept(account)
    assert account.since_at is not None
    assert account.block_at is not None
    fact = CashReminded if deadline.kind == REMINDER else CashBlocked
    after = (
        replace(account, reminded=True)
        if deadline.kind == REMINDER
        else replace(account, blocked=True)
    )
    return accept(
        after,
        fact(
            courier_id=account.courier_id,
            held_minor=account.held_minor,
            currency=account.currency,
            since_at=account.since_at,
            block_at=account.block_at,
        ),
    )


def _weighed(
    before: CashAccount, after: CashAccount, terms: CashTerms, *said: Event
) -> Accepted[CashAccount]:
    most_minor = after.most_minor(terms)
    level = _level(after.held_minor, most_minor=most_minor, near_bp=terms.near_bp)
    facts = list(said)
    if level is not before.level:
        facts.append(
            CashLevelChanged(
                courier_id=after.courier_id,
                held_minor=after.held_minor,
                limit_minor=most_minor,
                currency=after.currency,
                level=level,
            )
        )
    if before.blocked and not after.blocked:
        facts.append(CashUnblocked(courier_id=after.courier_id, currency=after.currency))
    return accept(replace(after, level=level), *facts)


def _level(held_minor: int, *, most_minor: int | None, near_bp: int) -> CashLevel:
    if most_minor is None or held_minor <= 0:
        return CashLevel.WELL
    if held_minor >= most_minor:
        return CashLevel.FULL
    near = held_minor >= share(most_minor, basis_points=near_bp)
    return CashLevel.NEAR if near else CashLevel.WELL


class CashHub(Struct, frozen=True, kw_only=True):
    """Where couriers of a city hand in their cash."""

    stream: ClassVar[str] = "cash_hub"

    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID
    name_en: str
    name_ar: str
    place: Place
    is_open: bool = True

    @property
    def deadline(self) -> Deadline | None:
        return None


def open_hub(hub: CashHub) -> Accepted[CashHub]:
    return accept(hub, CashHubOpened(hub_id=hub.id, place=hub.place))


def change_hub(
    hub: CashHub, *, name_en: str, name_ar: str, place: Place, is_open: bool
) -> Accepted[CashHub]:
    changed = replace(hub, name_en=name_en, name_ar=name_ar, place=place, is_open=is_open)
    if changed == hub:
        return accept(hub)
    return accept(changed, CashHubChanged(hub_id=hub.id, place=place, is_open=is_open))


class DepositState(StrEnum):
    ANNOUNCED = "announced"
    CONFIRMED = "confirmed"
    REFUSED = "refused"


class CashDeposit(Struct, frozen=True, kw_only=True):
    """Cash handed in at a hub: what the courier says it is, and what was counted."""

    stream: ClassVar[str] = "cash_deposit"

    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID
    courier_id: UUID
    hub_id: UUID
    currency: str
    announced_minor: int
    counted_minor: int | None = None
    state: DepositState = DepositState.ANNOUNCED
    announced_at: datetime
    decided_at: datetime | None = None
    decided_by: UUID | None = None

    @property
    def difference_minor(self) -> int | None:
        """By how much more was counted than was announced."""
        return None if self.counted_minor is None else self.counted_minor - self.announced_minor

    @property
    def deadline(self) -> Deadline | None:
        return None

    @property
    def postings(self) -> tuple[Posting, ...]:
        """The courier owes so much less; it lies at the hub."""
        assert self.counted_minor is not None, "what was not counted is not booked"
        return (
            Posting(AccountRef(AccountKind.COURIER_CASH, self.courier_id), self.counted_minor),
            Posting(AccountRef(AccountKind.CASH_HUB, self.hub_id), -self.counted_minor),
        )


def announce(deposit: CashDeposit, *, hub: CashHub, held_minor: int) -> Decision[CashDeposit]:
    if not hub.is_open or hub.city_id != deposit.city_id:
        return refuse("cash.hub_closed", hub_id=hub.id)
    if deposit.announced_minor > held_minor:
        return _more_than_held(deposit.announced_minor, held_minor)
    return accept(
        deposit,
        CashDepositAnnounced(
            deposit_id=deposit.id,
            courier_id=deposit.courier_id,
            hub_id=deposit.hub_id,
            announced_minor=deposit.announced_minor,
            currency=deposit.currency,
        ),
    )


def confirm(
    deposit: CashDeposit,
    *,
    counted_minor: int,
    held_minor: int,
    decided_by: UUID | None,
    now: datetime,
) -> Decision[CashDeposit]:
    """What was counted counts; a difference stays with the deposit, and the rest with its courier.

    Whoever counts is not who hands in.
    """
    if deposit.state is not DepositState.ANNOUNCED:
        return refuse("cash.deposit_decided", state=deposit.state)
    if decided_by == deposit.courier_id:
        return refuse("cash.own_deposit", status=403)
    if counted_minor > held_minor:
        return _more_than_held(counted_minor, held_minor)
    confirmed = replace(
        deposit,
        state=DepositState.CONFIRMED,
        counted_minor=counted_minor,
        decided_at=now,
        decided_by=decided_by,
    )
    return accept(
        confirmed,
        CashDepositConfirmed(
            deposit_id=deposit.id,
            courier_id=deposit.courier_id,
            hub_id=deposit.hub_id,
            announced_minor=deposit.announced_minor,
            counted_minor=counted_minor,
            currency=deposit.currency,
        ),
    )


def refuse_deposit(
    deposit: CashDeposit, *, decided_by: UUID | None, now: datetime
) -> Decision[CashDeposit]:
    """Nothing was handed in, or nothing that counts."""
    if deposit.state is not DepositState.ANNOUNCED:
        return refuse("cash.deposit_decided", state=deposit.state)
    refused = replace(deposit, state=DepositState.REFUSED, decided_at=now, decided_by=decided_by)
    return accept(
        refused,
        CashDepositRefused(
            deposit_id=deposit.id, courier_id=deposit.courier_id, hub_id=deposit.hub_id
        ),
    )


class ShortfallState(StrEnum):
    REPORTED = "reported"
    APPROVED = "approved"
    REJECTED = "rejected"


class CashShortfall(Struct, frozen=True, kw_only=True):
    """A customer paid less than was due, says the courier; an operator decides who bears it."""

    stream: ClassVar[str] = "cash_shortfall"

    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID
    courier_id: UUID
    reference_id: UUID
    payer_id: UUID
    currency: str
    short_minor: int
    reason: ShortBecause
    words: str = ""
    state: ShortfallState = ShortfallState.REPORTED
    borne_by: BorneBy | None = None
    reported_at: datetime
    decided_at: datetime | None = None
    decided_by: UUID | None = None

    @property
    def deadline(self) -> Deadline | None:
        return None

    @property
    def postings(self) -> tuple[Posting, ...]:
        """The courier does not owe what they never had."""
        bearer = AccountRef(AccountKind.PLATFORM)
        if self.borne_by is BorneBy.CUSTOMER:
            bearer = AccountRef(AccountKind.RECEIVABLE, self.payer_id)
        return (
            Posting(AccountRef(AccountKind.COURIER_CASH, self.courier_id), self.short_minor),
            Posting(bearer, -self.short_minor),
        )


def report(shortfall: CashShortfall, *, collected_minor: int) -> Decision[CashShortfall]:
    if shortfall.short_minor > collected_minor:
        return refuse("cash.short_of_too_much", status=422, collected_minor=collected_minor)
    return accept(
        shortfall,
        CashShortfallReported(
            shortfall_id=shortfall.id,
            courier_id=shortfall.courier_id,
            reference_id=shortfall.reference_id,
            short_minor=shortfall.short_minor,
            currency=shortfall.currency,
            reason=shortfall.reason,
        ),
    )


def approve(
    shortfall: CashShortfall,
    *,
    borne_by: BorneBy,
    held_minor: int,
    decided_by: UUID | None,
    now: datetime,
) -> Decision[CashShortfall]:
    if shortfall.state is not ShortfallState.REPORTED:
        return refuse("cash.shortfall_decided", state=shortfall.state)
    if decided_by == shortfall.courier_id:
        return refuse("cash.own_shortfall", status=403)
    if shortfall.short_minor > held_minor:
        return _more_than_held(shortfall.short_minor, held_minor)
    approved = replace(
        shortfall,
        state=ShortfallState.APPROVED,
        borne_by=borne_by,
        decided_at=now,
        decided_by=decided_by,
    )
    return accept(
        approved,
        CashShortfallApproved(
            shortfall_id=shortfall.id,
            courier_id=shortfall.courier_id,
            reference_id=shortfall.reference_id,
            short_minor=shortfall.short_minor,
            currency=shortfall.currency,
            borne_by=borne_by,
        ),
    )


def reject(
    shortfall: CashShortfall, *, decided_by: UUID | None, now: datetime
) -> Decision[CashShortfall]:
    """The courier owes all of it, as before."""
    if shortfall.state is not ShortfallState.REPORTED:
        return refuse("cash.shortfall_decided", state=shortfall.state)
    rejected = replace(
        shortfall, state=ShortfallState.REJECTED, decided_at=now, decided_by=decided_by
    )
    return accept(
        rejected,
        CashShortfallRejected(
            shortfall_id=shortfall.id,
            courier_id=shortfall.courier_id,
            reference_id=shortfall.reference_id,
        ),
    )


def _more_than_held(asked_minor: int, held_minor: int) -> Refusal:
    return refuse("cash.more_than_held", status=422, asked_minor=asked_minor, held_minor=held_minor)
