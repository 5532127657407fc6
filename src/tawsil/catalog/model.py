"""A merchant, and whether it takes orders: pure decisions."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from tawsil.catalog.events import (
    MerchantBusyChanged,
    MerchantChanged,
    MerchantPaused,
    MerchantPrepTimeChanged,
    MerchantReinstated,
    MerchantResumed,
    MerchantSuspended,
    MerchantVerified,
    SuspendedBecause,
)
from tawsil.catalog.hours import (
    Hours,
    SpecialDays,
    Timetable,
    is_open,
    next_open_at,
    overlapping,
)
from tawsil.catalog.search_words import folded
from tawsil.kernel.decisions import Deadline, Decision, Refusal, accept, refuse
from tawsil.kernel.places import Place

FOREVER: Final = datetime.max.replace(tzinfo=UTC)  # 'infinity' in the database
PAUSE_OVER: Final = "pause_over"


class Taking(StrEnum):
    """What a merchant has said about taking orders, whatever its hours are."""

    ORDERS = "orders"
    PAUSED = "paused"


class Move(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"


MOVES: Final[Mapping[Taking, frozenset[Move]]] = {
    Taking.ORDERS: frozenset({Move.PAUSE}),
    Taking.PAUSED: frozenset({Move.PAUSE, Move.RESUME}),  # a second pause moves the end
}


class Standing(StrEnum):
    """Whether the platform lets a merchant sell."""

    UNVERIFIED = "UNVERIFIED"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"


class Ruling(StrEnum):
    VERIFY = "verify"
    SUSPEND = "suspend"
    REINSTATE = "reinstate"


RULINGS: Final[Mapping[Standing, frozenset[Ruling]]] = {
    Standing.UNVERIFIED: frozenset({Ruling.VERIFY}),
    Standing.ACTIVE: frozenset({Ruling.SUSPEND}),
    Standing.SUSPENDED: frozenset({Ruling.REINSTATE}),
}


class Merchant(Struct, frozen=True, kw_only=True):
    """A place that sells. `commission_bp` is its own percentage: a plan that pricing has for it
    counts before, the city's after. `edition` counts the changes of what is written about it.
    """

    stream: ClassVar[str] = "merchant"
    id: UUID
    version: int = 0
    edition: int = 1
    tenant_id: UUID
    city_id: UUID
    name_en: str
    name_ar: str
    description_en: str = ""
    description_ar: str = ""
    cuisine: str
    address_en: str
    address_ar: str
    place: Place
    phone: str
    currency: str
    commission_bp: int | None = None
    hours: Hours
    special_days: SpecialDays = ()
    prep_time_s: int
    busy_extra_s: int = 0
    paused_until: datetime | None = None
    rating: float | None = None
    ratings: int = 0
    """By how many people who ordered, as far as `rating` is theirs."""
    standing: Standing = Standing.ACTIVE
    suspended_because: SuspendedBecause | None = None

    def __post_init__(self) -> None:
        assert (self.suspended_because is not None) == (self.standing is Standing.SUSPENDED)

    @property
    def taking(self) -> Taking:
        return Taking.ORDERS if self.paused_until is None else Taking.PAUSED

    @property
    def timetable(self) -> Timetable:
        return Timetable(self.hours, self.special_days)

    @property
    def expected_prep_s(self) -> int:
        """How long preparing takes now."""
        return self.prep_time_s + self.busy_extra_s

    def usual_prep_s(self, dishes_s: Iterable[int]) -> int:
        """How long it usually takes to prepare some dishes, each of which may take its own time."""
        return max((self.prep_time_s, *dishes_s))

    @property
    def deadline(self) -> Deadline | None:
        if self.paused_until is None or self.paused_until == FOREVER:
            return None
        return Deadline(PAUSE_OVER, self.paused_until)


def pause(merchant: Merchant, *, until: datetime | None, now: datetime) -> Decision[Merchant]:
    """Take no orders until an instant, or until somebody resumes."""
    if illegal := _illegal(merchant, Move.PAUSE):
        return illegal
    if until is not None and until <= now:
        return refuse("merchant.pause_in_past", status=422, until=until)
    return accept(
        replace(merchant, paused_until=until or FOREVER),
        MerchantPaused(merchant_id=merchant.id, until=until),
    )


def resume(merchant: Merchant) -> Decision[Merchant]:
    if illegal := _illegal(merchant, Move.RESUME):
        return illegal
    return accept(replace(merchant, paused_until=None), MerchantResumed(merchant_id=merchant.id))


def set_busy(merchant: Merchant, *, extra: timedelta) -> Decision[Merchant]:
    """Prepare so much slower than usual; nothing extra: as usual again."""
    extra_s = int(extra.total_seconds())
    if extra_s == merchant.busy_extra_s:
        return accept(merchant)
    return accept(
        replace(merchant, busy_extra_s=extra_s),
        MerchantBusyChanged(merchant_id=merchant.id, extra_s=extra_s),
    )


def set_prep_time(merchant: Merchant, *, prep_time: timedelta) -> Decision[Merchant]:
    prep_time_s = int(prep_time.total_seconds())
    if prep_time_s == merchant.prep_time_s:
        return accept(merchant)
    return accept(
        replace(merchant, prep_time_s=prep_time_s),
        MerchantPrepTimeChanged(merchant_id=merchant.id, prep_time_s=prep_time_s),
    )


def _illegal(merchant: Merchant, move: Move) -> Refusal | None:
    legal = MOVES[merchant.taking]
    if move in legal:
        return None
    return refuse("merchant.move_illegal", move=move, taking=merchant.taking, legal=sorted(legal))


def verify(merchant: Merchant) -> Decision[Merchant]:
    if illegal := _unruly(merchant, Ruling.VERIFY):
        return illegal
    return accept(
        replace(merchant, standing=Standing.ACTIVE), MerchantVerified(merchant_id=merchant.id)
    )


def suspend(merchant: Merchant, *, reason: SuspendedBecause) -> Decision[Merchant]:
    """Let the merchant take no more orders; those it has taken go on."""
    if illegal := _unruly(merchant, Ruling.SUSPEND):
        return illegal
    return accept(
        replace(merchant, standing=Standing.SUSPENDED, suspended_because=reason),
        MerchantSuspended(merchant_id=merchant.id, reason=reason),
    )


def reinstate(merchant: Merchant) -> Decision[Merchant]:
    if illegal := _unruly(merchant, Ruling.REINSTATE):
        return illegal
    return accept(
        replace(merchant, standing=Standing.ACTIVE, suspended_because=None),
        MerchantReinstated(merchant_id=merchant.id),
    )


def _unruly(merchant: Merchant, ruling: Ruling) -> Refusal | None:
    legal = RULINGS[merchant.standing]
    if ruling in legal:
        return None
    return refuse(
        "merchant.ruling_illegal", ruling=ruling, standing=merchant.standing, legal=sorted(legal)
    )


class Particulars(Struct, frozen=True, kw_only=True):
    """What is written about a merchant, as operations changes it: all of it at once."""

    name_en: str
    name_ar: str
    description_en: str
    description_ar: str
    cuisine: str
    address_en: str
    address_ar: str
    place: Place
    phone: str
    commission_bp: int | None
    hours: Hours


class Profile(Struct, frozen=True, kw_only=True):
    """What a merchant says about itself. Its names and its place are operations' to change."""

    description_en: str
    description_ar: str
    phone: str


def change(merchant: Merchant, *, to: Particulars) -> Decision[Merchant]:
    return _written(merchant, to)


def introduce(merchant: Merchant, *, to: Profile, edition: int) -> Decision[Merchant]:
    return _stale(merchant, edition) or _written(merchant, to)


def open_at(merchant: Merchant, *, to: Timetable, edition: int) -> Decision[Merchant]:
    if stale := _stale(merchant, edition):
        return stale
    if overlapping(to):
        return refuse("merchant.hours_overlap", status=422)
    days = [special.day for special in to.special_days]
    if len(set(days)) < len(days):
        return refuse("merchant.special_day_twice", status=422)
    return _written(merchant, to)


def _written(merchant: Merchant, wanted: Struct) -> Decision[Merchant]:
    changes = {
        field: getattr(wanted, field)
        for field in wanted.__struct_fields__
        if getattr(wanted, field) != getattr(merchant, field)
    }
    if not changes:
        return accept(merchant)
    return accept(
        replace(merchant, edition=merchant.edition + 1, **changes),
        MerchantChanged(merchant_id=merchant.id, fields=tuple(changes)),
    )


def _stale(merchant: Merchant, edition: int) -> Refusal | None:
    if edition == merchant.edition:
        return None
    return refuse(
        "written.stale",
        name=merchant.name_en,
        name_ar=merchant.name_ar,
        sent=edition,
        edition=merchant.edition,
    )


def accepting(merchant: Merchant, *, at: datetime, timezone: str) -> Refusal | None:
    """Why the merchant takes no orders at an instant, and when it does again; None when it does."""
    names: dict[str, Any] = {"name": merchant.name_en, "name_ar": merchant.name_ar}
    if merchant.standing is not Standing.ACTIVE:
        return refuse(f"merchant.{merchant.standing.lower()}", **names)
    paused_until = merchant.paused_until
    if paused_until == FOREVER:
        return refuse("merchant.paused_indefinitely", **names)
    paused = paused_until is not None and at < paused_until
    if not paused and is_open(merchant.timetable, at=at, timezone=timezone):
        return None
    opens_at = next_open_at(
        merchant.timetable, at=paused_until if paused and paused_until else at, timezone=timezone
    )
    if opens_at is None:
        return refuse("merchant.never_open", **names)
    return refuse(
        "merchant.paused" if paused else "merchant.closed",
        **names,
        opens_at=opens_at,
        opens=_wall_clock(opens_at, at=at, timezone=timezone),
    )


def _wall_clock(instant: datetime, *, at: datetime, timezone: str) -> str:
    """The time of day for people there, with the date when that is another one than now's."""
    local, now = (moment.astimezone(ZoneInfo(timezone)) for moment in (instant, at))
    return local.strftime("%H:%M" if local.date() == now.date() else "%Y-%m-%d %H:%M")


def search_text(*texts: str) -> str:
    """Some texts as one, to be looked in for a part of it."""
    return folded(" ".join(texts))
