"""Who may have a promotion, and why not: pure. Every refusal has a code."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct

from tawsil.catalog.public import PricedLine
from tawsil.kernel.decisions import Refusal, refuse
from tawsil.kernel.sealing import Digester
from tawsil.pricing.model.discounts import eligible_minor
from tawsil.pricing.model.promotions import (
    Audience,
    Promotion,
    Response,
    Signal,
    Status,
    Use,
    open_at,
)


class Outcome(StrEnum):
    RESERVED = "reserved"
    SPENT = "spent"
    GIVEN_BACK = "given_back"


class Verdict(StrEnum):
    OPEN = "open"
    CLEARED = "cleared"
    UPHELD = "upheld"


class Redemption(Struct, frozen=True, kw_only=True):
    """One order's use of a promotion, until the order is paid or is not."""

    quote_id: UUID
    promotion_id: UUID
    tenant_id: UUID
    customer_id: UUID
    code: str | None
    first_order: bool
    amount_minor: int
    borne_minor: int
    outcome: Outcome = Outcome.RESERVED

    @property
    def use(self) -> Use:
        return Use(amount_minor=self.amount_minor, borne_minor=self.borne_minor)


class Signals(Struct, frozen=True, kw_only=True):
    """What is seen of somebody who places an order; only keyed digests of it are ever written."""

    digester: Digester
    device: str | None = None
    card: str | None = None
    network: str | None = None

    def digests(self, *, address: str) -> dict[Signal, Sequence[bytes]]:
        """Of what is known, under every key in force; the first is the one to keep."""
        known = {
            Signal.DEVICE: self.device,
            Signal.CARD: self.card,
            Signal.NETWORK: self.network,
            Signal.ADDRESS: address,
        }
        return {
            signal: self.digester.digests(text, about=f"pricing.trace/{signal}")
            for signal, text in known.items()
            if text
        }


def door(latitude: float, longitude: float, address: str) -> str:
    """The same door, however it is spelt: its words, and where it is to about a hundred metres."""
    words = "".join(c for c in address.casefold() if c.isalnum())
    return f"{latitude:.3f},{longitude:.3f}/{words}"


class Account(Struct, frozen=True, kw_only=True):
    """What a promotion may ask of whom it is for."""

    created_at: datetime
    email_verified: bool


class Past(Struct, frozen=True, kw_only=True):
    """What a customer has had so far. `used` and `used_today` count redemptions by promotion."""

    has_ordered: bool = False
    used: Mapping[UUID, int] = {}
    used_today: Mapping[UUID, int] = {}
    barred: AbstractSet[UUID] = frozenset()
    account: Account | None = None


class Place(Struct, frozen=True, kw_only=True):
    """Where something is ordered: the merchant, its city and that city's clocks."""

    city_id: UUID
    timezone: str
    merchant_id: UUID
    currency: str


def unavailable(promotion: Promotion, place: Place, *, at: datetime) -> Refusal | None:
    """Why nobody gets it here and now."""
    terms = promotion.terms
    code = None
    if promotion.status is Status.EXHAUSTED:
        code = "promotion.exhausted"
    elif promotion.status is not Status.ACTIVE:
        code = "promotion.not_active"
    elif promotion.currency != place.currency or (
        terms.city_ids and place.city_id not in terms.city_ids
    ):
        code = "promotion.not_in_this_city"
    elif terms.merchants and all(m.merchant_id != place.merchant_id for m in terms.merchants):
        code = "promotion.not_at_this_merchant"
    elif not open_at(promotion, at=at, timezone=place.timezone):
        code = "promotion.not_now"
    return refuse(code, promotion_id=promotion.id) if code else None


def unmet(promotion: Promotion, lines: Sequence[PricedLine]) -> Refusal | None:
    """Why this basket does not get it."""
    terms = promotion.terms
    subtotal_minor = sum(line.total_minor for line in lines)
    if subtotal_minor < terms.least_subtotal_minor:
        return refuse(
            "promotion.subtotal_too_small",
            status=422,
            promotion_id=promotion.id,
            least_minor=terms.least_subtotal_minor,
            missing_minor=terms.least_subtotal_minor - subtotal_minor,
        )
    if eligible_minor(promotion, lines) == 0:
        return refuse("promotion.not_for_these_products", status=422, promotion_id=promotion.id)
    return None


def not_for(promotion: Promotion, past: Past, *, now: datetime) -> Refusal | None:
    """Why this customer does not get it, or not again."""
    terms, account = promotion.terms, past.account
    code = None
    if promotion.id in past.barred:
        code = "promotion.under_review"
    elif terms.audience is Audience.FIRST_ORDER and past.has_ordered:
        code = "promotion.not_first_order"
    elif _reached(past.used, promotion.id, terms.most_per_user):
        code = "promotion.used_up_by_you"
    elif _reached(past.used_today, promotion.id, terms.most_per_user_day):
        code = "promotion.used_today"
    elif account is not None and terms.verified_email and not account.email_verified:
        code = "promotion.email_not_verified"
    elif (
        account is not None
        and terms.newest_days is not None
        and now - account.created_at > timedelta(days=terms.newest_days)
    ):
        code = "promotion.new_customers_only"
    return refuse(code, promotion_id=promotion.id) if code else None


def _reached(used: Mapping[UUID, int], promotion_id: UUID, most: int | None) -> bool:
    return most is not None and used.get(promotion_id, 0) >= most


class Seen(Struct, frozen=True):
    """Which other accounts showed the same signal with a promotion, or with any first order."""

    signal: Signal
    others: AbstractSet[UUID]


class Suspicion(Struct, frozen=True):
    """The signals that too many accounts share, and whether that is a reason to refuse."""

    signals: tuple[Signal, ...]
    refused: bool


def suspect(promotion: Promotion, seen: Iterable[Seen]) -> Suspicion | None:
    watches = {watch.signal: watch for watch in promotion.terms.watches}
    over = [
        watches[one.signal]
        for one in seen
        if one.signal in watches and len(one.others) > watches[one.signal].most_others
    ]
    if not over:
        return None
    refused = any(watch.then is Response.REFUSE for watch in over)
    return Suspicion(tuple(sorted(watch.signal for watch in over)), refused)


class Review(Struct, frozen=True, kw_only=True):
    """Something that an operator is to look at: a customer, and the signals it shares."""

    id: UUID
    tenant_id: UUID
    promotion_id: UUID
    customer_id: UUID
    quote_id: UUID
    signals: tuple[Signal, ...]
    refused: bool
    at: datetime
    verdict: Verdict = Verdict.OPEN

    @property
    def bars(self) -> bool:
        """Whether it keeps the customer from the promotion."""
        return self.verdict is Verdict.UPHELD or (self.refused and self.verdict is Verdict.OPEN)


def midnight(at: datetime, *, timezone: str) -> datetime:
    """When the local day began."""
    local = at.astimezone(ZoneInfo(timezone))
    return local.replace(hour=0, minute=0, second=0, microsecond=0)
