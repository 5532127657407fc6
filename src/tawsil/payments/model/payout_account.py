"""Who is paid out: by which plan, where to, and when next."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, ClassVar, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct
from msgspec.structs import replace

from tawsil.kernel.decisions import Deadline, Decision, Event, Refusal, accept, refuse
from tawsil.kernel.money import share
from tawsil.payments.events import (
    AccountKind,
    AccountRef,
    BlockedBecause,
    DestinationSet,
    DestinationVerified,
    PayoutPlanSet,
    PayoutsBlocked,
    PayoutsUnblocked,
    Provider,
)

PAYABLE: Final = (AccountKind.MERCHANT, AccountKind.COURIER, AccountKind.CUSTOMER)
DUE: Final = "payout_due"
DAY: Final = timedelta(days=1)
_TOKENS: Final[Mapping[Provider, re.Pattern[str]]] = MappingProxyType(
    {
        Provider.STRIPE: re.compile(r"acct_[A-Za-z0-9_]{4,100}"),
        Provider.DIRECT: re.compile(r"bank_[A-Za-z0-9_]{2,100}"),
    }
)
_NUMBER: Final = re.compile(r"[0-9](?:[ .-]?[0-9]){8,}")
"""So many digits in a row are an account's number, or most of one."""
_MOST_DIGITS: Final = 4

Minor = Annotated[int, Meta(ge=0, le=10**12)]
Days = Annotated[int, Meta(ge=0, le=90)]


class Every(StrEnum):
    """How often money is paid out by itself; `never`: only when asked for."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    NEVER = "never"


class Plan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When and how much is paid out, in the city's time: what is left out is as here.

    `weekday` is 0 on Monday; a `day` that a month does not have is its last. What came in less
    than `hold_days` ago stays, and so does `reserve_minor`. A changed destination is not paid for
    `change_hold_days`. A run of more than `approve_above_minor` needs a second person.
    """

    every: Every = Every.DAY
    hour: Annotated[int, Meta(ge=0, le=23)] = 3
    weekday: Annotated[int, Meta(ge=0, le=6)] = 0
    day: Annotated[int, Meta(ge=1, le=31)] = 1
    minimum_minor: Annotated[int, Meta(ge=1, le=10**12)] = 1_000
    hold_days: Days = 1
    reserve_minor: Minor = 0
    change_hold_days: Days = 3
    instant_fee_bp: Annotated[int, Meta(ge=0, le=10_000)] = 100
    instant_fee_least_minor: Minor = 200
    instant_per_day: Annotated[int, Meta(ge=0, le=100)] = 2
    approve_above_minor: Minor = 10_000_000


DEFAULT_PLANS: Final[Mapping[AccountKind, Plan]] = MappingProxyType(
    {
        AccountKind.MERCHANT: Plan(),
        AccountKind.COURIER: Plan(),
        AccountKind.CUSTOMER: Plan(every=Every.NEVER, instant_per_day=0, minimum_minor=1),
    }
)
"""What counts where neither the city nor the tenant has decided anything."""


class Destination(Struct, frozen=True, kw_only=True):
    """A token that only its provider can turn into an account, and a label without its number."""

    provider: Provider
    token: str
    label: str
    verified: bool = False


class PayoutAccount(Struct, frozen=True, kw_only=True):
    """Somebody who may be paid out. `plan` is their own, otherwise the city's counts."""

    stream: ClassVar[str] = "payout_account"

    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID
    owner: AccountRef
    currency: str
    destination: Destination
    usable_from_at: datetime
    plan: Plan | None = None
    blocked_because: BlockedBecause | None = None
    next_at: datetime | None = None

    def __post_init__(self) -> None:
        assert self.owner.kind in PAYABLE

    @property
    def owner_id(self) -> UUID:
        assert self.owner.owner_id is not None, "the house is not paid out"
        return self.owner.owner_id

    @property
    def deadline(self) -> Deadline | None:
        """Somebody is paid at the next time of their plan, unless they are blocked."""
        if self.next_at is None or self.blocked_because is not None:
            return None
        return Deadline(DUE, self.next_at)

    def unpayable(self, *, at: datetime) -> Refusal | None:
        """Why nothing may be sent there now."""
        if self.blocked_because is not None:
            return refuse("payout.blocked", because=self.blocked_because)
        if not self.destination.verified:
            return refuse("payout.destination_unverified")
        if at < self.usable_from_at:
            return refuse("payout.destination_held", until=self.usable_from_at)
        return None


def fee_minor(plan: Plan, *, amount_minor: int) -> int:
    """What paying so much at once costs: a share of it, and never less than the least."""
    return max(share(amount_minor, basis_points=plan.instant_fee_bp), plan.instant_fee_least_minor)


def next_at(plan: Plan, *, zone: ZoneInfo, after: datetime) -> datetime | None:
    """When the plan next pays after an instant, in UTC.

    An hour that the clocks skip is the one after; of one they repeat, the first counts.
    """
    if plan.every is Every.NEVER:
        return None
    day = after.astimezone(zone).date()
    while (at := _at(plan, day, zone)) <= after or not _is_day(plan, day):
        day += DAY
    return at


def period(at: datetime, *, zone: ZoneInfo) -> date:
    """The day, in the city, that a payout is of: of one day there is one."""
    return at.astimezone(zone).date()


def _at(plan: Plan, day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(plan.hour), zone).astimezone(UTC)


def _is_day(plan: Plan, day: date) -> bool:
    match plan.every:
        case Every.WEEK:
            return day.weekday() == plan.weekday
        case Every.MONTH:
            last = (day + DAY).month != day.month
            return day.day == plan.day or (last and plan.day > day.day)
        case _:
            return True


def set_destination(
    account: PayoutAccount,
    destination: Destination,
    *,
    plan: Plan,
    at: datetime,
) -> Decision[PayoutAccount]:
    """Where money goes from now on. A changed destination waits; a failed one is forgotten."""
    if refused := check(destination):
        return refused
    before, first = account.destination, account.version == 0
    if not first and (before.provider, before.token) == (destination.provider, destination.token):
        return accept(replace(account, destination=replace(before, label=destination.label)))
    usable_from_at = at if first else at + timedelta(days=plan.change_hold_days)
    events: list[Event] = [
        DestinationSet(
            owner=account.owner, provider=destination.provider, usable_from_at=usable_from_at
        )
    ]
    blocked = account.blocked_because
    if blocked in {BlockedBecause.PAYOUT_FAILED, BlockedBecause.PAYOUT_RETURNED}:
        blocked = None
        events.append(PayoutsUnblocked(owner=account.owner))
    changed = replace(
        account,
        destination=destination,
        usable_from_at=usable_from_at,
        blocked_because=blocked,
    )
    return accept(changed, *events)


def check(destination: Destination) -> Refusal | None:
    """A token of its provider's, and a label, in neither of which an account's number stands."""
    pattern = _TOKENS[destination.provider]
    if not pattern.fullmatch(destination.token) or _NUMBER.search(destination.token):
        return refuse("payout.token_invalid", status=422, provider=destination.provider)
    if sum(letter.isdigit() for letter in destination.label) > _MOST_DIGITS:
        return refuse("payout.label_unmasked", status=422, most=_MOST_DIGITS)
    return None


def verify(account: PayoutAccount, *, token: str) -> Decision[PayoutAccount]:
    """The provider can reach the destination, unless it is another by now."""
    destination = account.destination
    if destination.verified or destination.token != token:
        return accept(account)
    verified = replace(account, destination=replace(destination, verified=True))
    return accept(verified, DestinationVerified(owner=account.owner))


def set_plan(account: PayoutAccount, *, plan: Plan | None) -> Decision[PayoutAccount]:
    if plan == account.plan:
        return accept(account)
    own = PayoutPlanSet(owner=account.owner, own=plan is not None)
    return accept(replace(account, plan=plan), own)


def block(account: PayoutAccount, *, because: BlockedBecause) -> Decision[PayoutAccount]:
    if account.blocked_because is not None:
        return accept(account)
    blocked = replace(account, blocked_because=because)
    return accept(blocked, PayoutsBlocked(owner=account.owner, because=because))


def unblock(account: PayoutAccount) -> Decision[PayoutAccount]:
    if account.blocked_because is None:
        return accept(account)
    unblocked = replace(account, blocked_because=None)
    return accept(unblocked, PayoutsUnblocked(owner=account.owner))
