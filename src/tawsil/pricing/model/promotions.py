"""Promotions: what is promised to whom, where and when, and how much of it there is: pure.

A budget counts whole discounts, whoever bears them. What the platform may have to bear of it is set
aside when the promotion begins (`funded_minor`), and what was not used comes back when it ends.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final
from unicodedata import normalize
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct
from msgspec.structs import replace

from tawsil.kernel.decisions import Deadline, Decision, Event, Refusal, accept, refuse
from tawsil.kernel.text import OneLine, Prose
from tawsil.pricing import events

PROMOTION_OVER: Final = "promotion_over"
WHOLE_BP: Final = 10_000
MOST_CODES: Final = 10_000
"""How many codes one promotion may have made at once."""
Minor = Annotated[int, Meta(ge=0, le=10**12)]
PositiveMinor = Annotated[int, Meta(ge=1, le=10**12)]
Instant = Annotated[datetime, Meta(tz=True)]


class Kind(StrEnum):
    PERCENT = "percent"
    FIXED = "fixed"
    FREE_DELIVERY = "free_delivery"


class Audience(StrEnum):
    EVERYBODY = "everybody"
    FIRST_ORDER = "first_order"


class Stacking(StrEnum):
    EXCLUSIVE = "exclusive"
    STACKABLE = "stackable"


class Status(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    EXHAUSTED = "exhausted"
    ENDED = "ended"


MOVES: Final[Mapping[Status, frozenset[Status]]] = {
    Status.DRAFT: frozenset({Status.ACTIVE, Status.ENDED}),
    Status.ACTIVE: frozenset({Status.PAUSED, Status.EXHAUSTED, Status.ENDED}),
    Status.PAUSED: frozenset({Status.ACTIVE, Status.ENDED}),
    Status.EXHAUSTED: frozenset({Status.ACTIVE, Status.PAUSED, Status.ENDED}),
    Status.ENDED: frozenset(),
}


class Signal(StrEnum):
    """By what several accounts may turn out to be one person; kept as keyed digests only."""

    DEVICE = "device"
    CARD = "card"
    ADDRESS = "address"
    NETWORK = "network"


class Response(StrEnum):
    REFUSE = "refuse"
    FLAG = "flag"


class Watch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """More than so many other accounts with the same signal are refused, or flagged for review."""

    signal: Signal
    most_others: Annotated[int, Meta(ge=0, le=1_000)] = 0
    then: Response = Response.REFUSE


class Window(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Minutes of the city's local day on some weekdays (0 is Monday); past midnight if it ends
    before it begins, and then it belongs to the day on which it began.
    """

    weekdays: Annotated[tuple[Annotated[int, Meta(ge=0, le=6)], ...], Meta(min_length=1)]
    from_min: Annotated[int, Meta(ge=0, le=1_439)] = 0
    until_min: Annotated[int, Meta(ge=1, le=1_440)] = 1_440

    def holds(self, local: datetime) -> bool:
        minute, today = local.hour * 60 + local.minute, local.weekday()
        if self.from_min < self.until_min:
            return today in self.weekdays and self.from_min <= minute < self.until_min
        late = today in self.weekdays and minute >= self.from_min
        return late or ((today - 1) % 7 in self.weekdays and minute < self.until_min)


class Sharer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A merchant that takes part, and which part of its customers' discounts it bears."""

    merchant_id: UUID
    merchant_bp: Annotated[int, Meta(ge=0, le=WHOLE_BP)] = 0


class PromotionTerms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is promised. An empty list of cities, merchants, products or hours means all of them.

    `value` is basis points of a percentage and an amount of a fixed discount; `most_minor` is the
    most that one order gets, of a percentage or of the delivery fee. `newest_days`: only accounts
    that are not older. Of one `group` at most one applies; those of lower `rank` apply first.
    """

    name_en: Annotated[OneLine, Meta(min_length=1, max_length=100)]
    name_ar: Annotated[OneLine, Meta(min_length=1, max_length=100)]
    terms_en: Annotated[Prose, Meta(max_length=2_000)] = ""
    terms_ar: Annotated[Prose, Meta(max_length=2_000)] = ""
    kind: Kind
    value: Minor = 0
    most_minor: PositiveMinor | None = None
    automatic: bool = False
    city_ids: Annotated[tuple[UUID, ...], Meta(max_length=200)] = ()
    merchants: Annotated[tuple[Sharer, ...], Meta(max_length=1_000)] = ()
    product_ids: Annotated[tuple[UUID, ...], Meta(max_length=1_000)] = ()
    from_at: Instant
    until_at: Instant | None = None
    hours: Annotated[tuple[Window, ...], Meta(max_length=50)] = ()
    least_subtotal_minor: Minor = 0
    audience: Audience = Audience.EVERYBODY
    newest_days: Annotated[int, Meta(ge=1, le=3_650)] | None = None
    verified_email: bool = False
    most_redemptions: Annotated[int, Meta(ge=1, le=10**9)] | None = None
    most_per_user: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    most_per_user_day: Annotated[int, Meta(ge=1, le=1_000)] | None = None
    stacking: Stacking = Stacking.EXCLUSIVE
    group: Annotated[str, Meta(max_length=40, pattern=r"^[a-z0-9_-]*$(?!\n)")] = ""
    rank: Annotated[int, Meta(ge=0, le=1_000)] = 100
    watches: Annotated[tuple[Watch, ...], Meta(max_length=8)] = ()

    @property
    def asks_of_users(self) -> bool:
        return self.newest_days is not None or self.verified_email

    def merchant_bp(self, merchant_id: UUID) -> int:
        """A merchant that was not named bears nothing."""
        return next((m.merchant_bp for m in self.merchants if m.merchant_id == merchant_id), 0)


class Promotion(Struct, frozen=True, kw_only=True):
    """`merchant_id` is whose own it is, when a merchant made it. `taken_minor` is what placed
    orders have of the budget, `borne_minor` the platform's part of that.
    """

    stream: ClassVar[str] = "promotion"
    id: UUID
    version: int = 0
    tenant_id: UUID
    merchant_id: UUID | None = None
    currency: str
    terms: PromotionTerms
    status: Status = Status.DRAFT
    budget_minor: int | None = None
    funded_minor: int = 0
    taken_minor: int = 0
    borne_minor: int = 0
    redemptions: int = 0
    created_at: datetime
    ended_at: datetime | None = None

    def __post_init__(self) -> None:
        assert 0 <= self.borne_minor <= self.taken_minor, "a part is not more than the whole"
        assert self.budget_minor is None or self.taken_minor <= self.budget_minor, "overspent"
        assert self.funded_minor == 0 or self.borne_minor <= self.funded_minor, "not put aside"

    @property
    def city_id(self) -> UUID | None:
        return self.terms.city_ids[0] if len(self.terms.city_ids) == 1 else None

    @property
    def deadline(self) -> Deadline | None:
        """Quotes issued up to its last minute bind for a while; then it ends."""
        if self.status in {Status.DRAFT, Status.ENDED} or self.terms.until_at is None:
            return None
        return Deadline(PROMOTION_OVER, self.terms.until_at + HONOURED_FOR)

    @property
    def remaining_minor(self) -> int | None:
        return None if self.budget_minor is None else self.budget_minor - self.taken_minor

    @property
    def used_up(self) -> bool:
        most = self.terms.most_redemptions
        return self.remaining_minor == 0 or (most is not None and self.redemptions >= most)

    @property
    def put_aside_minor(self) -> int:
        """What the platform may have to bear: nothing where merchants bear everything."""
        shares = [m.merchant_bp for m in self.terms.merchants]
        wholly_theirs = bool(shares) and min(shares) == WHOLE_BP
        return 0 if wholly_theirs else self.budget_minor or 0


HONOURED_FOR: Final = timedelta(minutes=15)
"""As long as a quote binds."""


def normal_code(text: str) -> str:
    """What makes a code the same as another: neither case, nor spaces, nor hyphens count."""
    return "".join(c for c in normalize("NFKC", text).upper() if not c.isspace() and c != "-")


def check_terms(terms: PromotionTerms, *, budget_minor: int | None) -> Refusal | None:
    """Why this cannot be promised."""
    problem = None
    if terms.kind is Kind.PERCENT and not 1 <= terms.value <= WHOLE_BP:
        problem = "percent"
    elif terms.kind is Kind.FIXED and terms.value < 1:
        problem = "amount"
    elif terms.until_at is not None and terms.until_at <= terms.from_at:
        problem = "until_at"
    elif terms.automatic and budget_minor is None and terms.most_redemptions is None:
        problem = "limit"
    elif len({m.merchant_id for m in terms.merchants}) < len(terms.merchants):
        problem = "merchants"
    return refuse("promotion.terms_invalid", status=422, field=problem) if problem else None


def draft(promotion: Promotion) -> Decision[Promotion]:
    if refused := check_terms(promotion.terms, budget_minor=promotion.budget_minor):
        return refused
    return accept(
        promotion,
        events.PromotionDrafted(
            promotion_id=promotion.id,
            merchant_id=promotion.merchant_id,
            kind=promotion.terms.kind,
            currency=promotion.currency,
            budget_minor=promotion.budget_minor,
        ),
    )


def change(
    promotion: Promotion, *, terms: PromotionTerms, budget_minor: int | None
) -> Decision[Promotion]:
    """Only what nobody has been promised yet may become something else."""
    if promotion.status is not Status.DRAFT:
        return refuse("promotion.not_a_draft", status_now=promotion.status)
    if refused := check_terms(terms, budget_minor=budget_minor):
        return refused
    changed = replace(promotion, terms=terms, budget_minor=budget_minor)
    return accept(changed, events.PromotionChanged(promotion_id=promotion.id))


def activate(promotion: Promotion, *, coded: bool, now: datetime) -> Decision[Promotion]:
    """Begin, or go on after a pause. `coded`: there are codes by which it may be had."""
    if Status.ACTIVE not in MOVES[promotion.status]:
        return _illegal(promotion, Status.ACTIVE)
    until_at = promotion.terms.until_at
    if until_at is not None and until_at <= now:
        return refuse("promotion.over", status=422, until_at=until_at)
    if not (promotion.terms.automatic or coded):
        return refuse("promotion.no_codes", status=422)
    if promotion.used_up:
        return refuse("promotion.exhausted", promotion_id=promotion.id)
    first = promotion.status is Status.DRAFT
    funded_minor = promotion.put_aside_minor if first else promotion.funded_minor
    active = replace(promotion, status=Status.ACTIVE, funded_minor=funded_minor)
    follows = _funding(promotion, funded_minor if first else 0)
    return accept(active, events.PromotionActivated(promotion_id=promotion.id), *follows)


def pause(promotion: Promotion) -> Decision[Promotion]:
    """Nobody gets it for now, whatever their quote says."""
    if Status.PAUSED not in MOVES[promotion.status]:
        return _illegal(promotion, Status.PAUSED)
    paused = replace(promotion, status=Status.PAUSED)
    return accept(paused, events.PromotionPaused(promotion_id=promotion.id))


def raise_budget(promotion: Promotion, *, by_minor: int) -> Decision[Promotion]:
    if promotion.status is Status.ENDED:
        return _illegal(promotion, Status.ACTIVE)
    if promotion.budget_minor is None:
        return refuse("promotion.no_budget", status=422)
    raised = replace(promotion, budget_minor=promotion.budget_minor + by_minor)
    facts: tuple[Event, ...] = (
        events.PromotionBudgetRaised(
            promotion_id=promotion.id,
            by_minor=by_minor,
            budget_minor=promotion.budget_minor + by_minor,
            currency=promotion.currency,
        ),
    )
    if promotion.status is not Status.DRAFT:
        more_minor = raised.put_aside_minor - promotion.put_aside_minor
        raised = replace(raised, funded_minor=promotion.funded_minor + more_minor)
        facts += _funding(promotion, more_minor)
    if raised.status is Status.EXHAUSTED and not raised.used_up:
        raised = replace(raised, status=Status.ACTIVE)
        facts += (events.PromotionActivated(promotion_id=promotion.id),)
    return accept(raised, *facts)


def end(promotion: Promotion, *, now: datetime) -> Decision[Promotion]:
    """For good: what nobody has used of what was put aside comes back."""
    if Status.ENDED not in MOVES[promotion.status]:
        return _illegal(promotion, Status.ENDED)
    unused_minor = promotion.funded_minor - promotion.borne_minor if promotion.funded_minor else 0
    ended = replace(
        promotion,
        status=Status.ENDED,
        ended_at=now,
        funded_minor=promotion.funded_minor - unused_minor,
    )
    fact = events.PromotionEnded(promotion_id=promotion.id, taken_minor=promotion.taken_minor)
    return accept(ended, fact, *_funding(promotion, -unused_minor))


def reach_deadline(promotion: Promotion, *, now: datetime) -> Decision[Promotion]:
    deadline = promotion.deadline
    if deadline is None or deadline.at > now:
        return accept(promotion)
    return end(promotion, now=now)


def made_codes(promotion: Promotion, *, count: int) -> Decision[Promotion]:
    if promotion.status is Status.ENDED:
        return _illegal(promotion, Status.ACTIVE)
    return accept(promotion, events.PromotionCodesMade(promotion_id=promotion.id, count=count))


class Use(Struct, frozen=True, kw_only=True):
    """What one order has of a promotion, and the platform's part of it."""

    amount_minor: int
    borne_minor: int


def take(promotion: Promotion, use: Use) -> Decision[Promotion]:
    """Reserve a discount out of what is left, or say that nothing is."""
    if promotion.status is Status.EXHAUSTED or promotion.used_up or _too_little(promotion, use):
        return refuse("promotion.exhausted", promotion_id=promotion.id)
    if promotion.status is not Status.ACTIVE:
        return refuse("promotion.not_active", promotion_id=promotion.id)
    taken = replace(
        promotion,
        taken_minor=promotion.taken_minor + use.amount_minor,
        borne_minor=promotion.borne_minor + use.borne_minor,
        redemptions=promotion.redemptions + 1,
    )
    if not taken.used_up:
        return accept(taken)
    spent = replace(taken, status=Status.EXHAUSTED)
    return accept(spent, events.PromotionExhausted(promotion_id=promotion.id))


def give_back(promotion: Promotion, uses: Sequence[Use]) -> Decision[Promotion]:
    """Orders ended unpaid: others may have it. Of one that has ended, the platform gets it back."""
    borne_minor = sum(use.borne_minor for use in uses)
    given = replace(
        promotion,
        taken_minor=promotion.taken_minor - sum(use.amount_minor for use in uses),
        borne_minor=promotion.borne_minor - borne_minor,
        redemptions=promotion.redemptions - len(uses),
    )
    if given.status is Status.ENDED and given.funded_minor:
        less = replace(given, funded_minor=given.funded_minor - borne_minor)
        return accept(less, *_funding(promotion, -borne_minor))
    if given.status is Status.EXHAUSTED and not given.used_up:
        again = replace(given, status=Status.ACTIVE)
        return accept(again, events.PromotionActivated(promotion_id=promotion.id))
    return accept(given)


def open_at(promotion: Promotion, *, at: datetime, timezone: str) -> bool:
    """Whether it is promised at an instant, by the clocks of a city."""
    terms = promotion.terms
    if at < terms.from_at or (terms.until_at is not None and at >= terms.until_at):
        return False
    local = at.astimezone(ZoneInfo(timezone))
    return not terms.hours or any(window.holds(local) for window in terms.hours)


def _too_little(promotion: Promotion, use: Use) -> bool:
    remaining = promotion.remaining_minor
    return remaining is not None and use.amount_minor > remaining


def _funding(promotion: Promotion, amount_minor: int) -> tuple[Event, ...]:
    if amount_minor == 0:
        return ()
    return (
        events.PromotionFunded(
            promotion_id=promotion.id, amount_minor=amount_minor, currency=promotion.currency
        ),
    )


def _illegal(promotion: Promotion, wanted: Status) -> Refusal:
    detail: dict[str, Any] = {"status_now": promotion.status, "wanted": wanted}
    return refuse("promotion.illegal_move", legal=sorted(MOVES[promotion.status]), **detail)
