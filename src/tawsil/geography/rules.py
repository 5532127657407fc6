"""What a city decides for itself: taxes, fees, shares, how far deliveries go."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta, Struct

from tawsil.kernel.decisions import Refusal, refuse
from tawsil.kernel.text import OneLine

DAY_MIN: Final = 24 * 60
WEEK_MIN: Final = 7 * DAY_MIN

BasisPoints = Annotated[int, Meta(ge=0, le=10_000)]
Minor = Annotated[int, Meta(ge=0, le=10**12)]
Metres = Annotated[int, Meta(ge=0, le=1_000_000)]
Weekday = Annotated[int, Meta(ge=0, le=6)]


class TaxClass(StrEnum):
    """What kind of thing a product is to the tax office. Nothing taxes what is exempt."""

    STANDARD = "standard"
    REDUCED = "reduced"
    ZERO = "zero"
    EXEMPT = "exempt"


class Taxed(StrEnum):
    """What a rate may apply to: products of a class, or a fee. A tip is never taxed."""

    STANDARD = "standard"
    REDUCED = "reduced"
    ZERO = "zero"
    DELIVERY = "delivery"
    SERVICE = "service"
    SMALL_ORDER = "small_order"


class TaxRate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[OneLine, Meta(min_length=1, max_length=40, examples=["VAT"])]
    name_ar: Annotated[OneLine, Meta(min_length=1, max_length=40)]
    rate_bp: BasisPoints
    applies_to: tuple[Taxed, ...]


VAT: Final = TaxRate(
    name="VAT",
    name_ar="ضريبة القيمة المضافة",
    rate_bp=500,
    applies_to=(
        Taxed.STANDARD,
        Taxed.REDUCED,
        Taxed.DELIVERY,
        Taxed.SERVICE,
        Taxed.SMALL_ORDER,
    ),
)


class TaxRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rates, and whether prices and fees include them. What no rate names is not taxed."""

    included: bool = False
    rates: Annotated[tuple[TaxRate, ...], Meta(max_length=10)] = (VAT,)


class DistanceBand(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a delivery costs that goes no further than `up_to_m`."""

    up_to_m: Annotated[int, Meta(gt=0, le=1_000_000)]
    fee_minor: Minor


class ZoneFee(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What bringing something into a zone costs more, or (`fee_minor`) costs however far it is."""

    zone_id: UUID
    surcharge_minor: Minor = 0
    fee_minor: Minor | None = None


class Window(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hours of the city's own clock that cost more.

    `days` are those on which it begins (0 is Monday). It ends on the next day if `ends_min` is not
    after `starts_min`; both are minutes after midnight.
    """

    days: Annotated[tuple[Weekday, ...], Meta(min_length=1, max_length=7)] = tuple(range(7))
    starts_min: Annotated[int, Meta(ge=0, lt=DAY_MIN, examples=[1_320])]
    ends_min: Annotated[int, Meta(ge=0, le=DAY_MIN, examples=[360])]
    surcharge_minor: Minor = 0
    surcharge_bp: Annotated[int, Meta(ge=0, le=30_000)] = 0

    @property
    def length_min(self) -> int:
        later = 0 if self.ends_min > self.starts_min else DAY_MIN
        return self.ends_min + later - self.starts_min

    def covers(self, at_local: datetime) -> bool:
        minute = at_local.hour * 60 + at_local.minute
        since_midnights = ((at_local.weekday(), minute), (at_local.weekday() - 1, minute + DAY_MIN))
        return any(
            day % 7 in self.days and 0 <= minute - self.starts_min < self.length_min
            for day, minute in since_midnights
        )


class RefundLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Up to which amounts money is given back on whose word."""

    self_service_minor: Minor = 2_000
    """What a customer gets at once, for a reason that says so."""
    self_service_times: Annotated[int, Meta(ge=0, le=100)] = 3
    """How often in thirty days."""
    support_minor: Minor = 10_000
    """What support gives back for one refund."""
    support_daily_minor: Minor = 20_000
    """What support gives one customer back in a day."""
    alone_minor: Minor = 100_000
    """What nobody gives back alone, whatever else they may."""


class LoyaltyRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A point is one minor unit of the city's currency."""

    on: bool = True
    earn_bp: BasisPoints = 100
    """Of what was paid for the items, after discounts."""
    least_subtotal_minor: Minor = 0
    """An order of less earns nothing."""
    burn_bp: BasisPoints = 5_000
    """How much of an order may be paid with points."""
    expire_after_months: Annotated[int, Meta(ge=1, le=120)] = 12


class CashRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cash at the door: up to what order, and how much a courier may hold, and for how long.

    A courier is not sent to collect what would make them hold more than the limit; from a share of
    it on they are asked to hand in what they hold. None: as much as comes.
    """

    allowed: bool = True
    most_minor: Minor | None = 50_000
    limit_minor: Minor | None = 100_000
    near_bp: BasisPoints = 7_000
    remind_after_h: Annotated[int, Meta(ge=1, le=720)] = 24
    block_after_h: Annotated[int, Meta(ge=1, le=720)] = 48


class CourierPay(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What waiting at a merchant brings a courier: so much a minute beyond the grace, up to a most.

    The rest of what a job brings is their share of the delivery fee, and the tip.
    """

    wait_grace_s: Annotated[int, Meta(ge=0)] = 600
    wait_per_minute_minor: Minor = 10
    wait_most_minutes: Annotated[int, Meta(ge=0, le=240)] = 30


class Proof(StrEnum):
    """What shows that something was handed over."""

    PIN = "pin"
    PHOTO = "photo"
    SIGNATURE = "signature"


class HandoverRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a courier shows for a handover: any one of `proofs` will do.

    `word_is_enough`: who shows none is believed, and the order's story says so.
    """

    proofs: Annotated[tuple[Proof, ...], Meta(max_length=3)] = (Proof.PIN, Proof.PHOTO)
    word_is_enough: bool = True


class CourierDocument(StrEnum):
    """A paper that a courier shows."""

    LICENCE = "licence"
    INSURANCE = "insurance"
    IDENTITY = "identity"


class CityRules(Struct, frozen=True, kw_only=True):
    """What a city decides for itself; what it leaves out is as here.

    A delivery costs the base fee up to `delivery_included_m`, then so much for each kilometre more;
    or, where there are bands, what the band of its distance says.
    """

    taxes: TaxRules = TaxRules()
    commission_bp: BasisPoints = 2_000
    service_fee_bp: BasisPoints = 500
    service_fee_least_minor: Minor = 0
    service_fee_most_minor: Minor | None = None
    small_order_minor: Minor = 3_000
    small_order_fee_minor: Minor = 300
    small_order_topped_up: bool = False
    """A small order pays what it lacks, instead of `small_order_fee_minor`."""
    delivery_base_minor: Minor = 500
    delivery_per_km_minor: Minor = 150
    delivery_included_m: Metres = 1_500
    delivery_bands: Annotated[tuple[DistanceBand, ...], Meta(max_length=50)] = ()
    delivery_zones: Annotated[tuple[ZoneFee, ...], Meta(max_length=500)] = ()
    delivery_windows: Annotated[tuple[Window, ...], Meta(max_length=50)] = ()
    free_delivery_from_minor: Minor | None = None
    """Delivery is free for a subtotal of so much or more."""
    suggested_tips_bp: Annotated[tuple[BasisPoints, ...], Meta(max_length=6)] = (500, 1_000, 1_500)
    most_delivery_distance_m: Annotated[int, Meta(gt=0, le=1_000_000)] = 10_000
    courier_share_bp: BasisPoints = 8_000
    detour_factor: Annotated[float, Meta(ge=1.0, le=5.0)] = 1.35
    courier_speed_mps: Annotated[float, Meta(gt=0.0, le=60.0)] = 7.0
    refunds: RefundLimits = RefundLimits()
    loyalty: LoyaltyRules = LoyaltyRules()
    cash: CashRules = CashRules()
    courier_pay: CourierPay = CourierPay()
    handover: HandoverRules = HandoverRules()
    courier_documents: Annotated[tuple[CourierDocument, ...], Meta(max_length=3)] = ()
    """Without these, verified and in force, no shift starts."""


class CityRulesBody(CityRules, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All the rules, as somebody sends them: what is left out goes back to the default."""

    def rules(self) -> CityRules:
        return CityRules(**{field: getattr(self, field) for field in CityRules.__struct_fields__})


def flaw(rules: CityRules, *, zone_ids: Collection[UUID]) -> Refusal | None:
    """What makes no sense about rules for a city with these zones; None when they hold."""
    return (
        _taxed_twice(rules.taxes)
        or _bands_out_of_order(rules)
        or _zones_out_of_place(rules, zone_ids)
        or _windows_overlap(rules.delivery_windows)
        or _fees_crossed(rules)
    )


def _taxed_twice(taxes: TaxRules) -> Refusal | None:
    for name, times in Counter(rate.name for rate in taxes.rates).items():
        if times > 1:
            return refuse("city.rate_twice", status=422, name=name)
    for what, times in Counter(w for rate in taxes.rates for w in rate.applies_to).items():
        if times > 1:
            return refuse("city.taxed_twice", status=422, what=what)
    return None


def _bands_out_of_order(rules: CityRules) -> Refusal | None:
    for nearer, further in pairwise(rules.delivery_bands):
        if further.up_to_m <= nearer.up_to_m:
            return refuse("city.bands_not_ascending", status=422, up_to_m=further.up_to_m)
        if further.fee_minor < nearer.fee_minor:
            return refuse("city.band_cheaper", status=422, up_to_m=further.up_to_m)
    limit_m = rules.most_delivery_distance_m
    if rules.delivery_bands and rules.delivery_bands[-1].up_to_m < limit_m:
        reach_m = rules.delivery_bands[-1].up_to_m
        return refuse("city.bands_too_short", status=422, reach_m=reach_m, limit_m=limit_m)
    return None


def _zones_out_of_place(rules: CityRules, zone_ids: Collection[UUID]) -> Refusal | None:
    for zone_id, times in Counter(zone.zone_id for zone in rules.delivery_zones).items():
        if zone_id not in zone_ids:
            return refuse("city.zone_unknown", status=422, zone_id=zone_id)
        if times > 1:
            return refuse("city.zone_twice", status=422, zone_id=zone_id)
    return None


def _windows_overlap(windows: Sequence[Window]) -> Refusal | None:
    """Windows are numbered from 1, as in the refusal."""
    taken: dict[int, int] = {}
    for number, window in enumerate(windows, 1):
        for day in set(window.days):
            begins = day * DAY_MIN + window.starts_min
            for minute in range(begins, begins + window.length_min):
                first = taken.setdefault(minute % WEEK_MIN, number)
                if first != number:
                    return refuse("city.windows_overlap", status=422, first=first, second=number)
    return None


def _fees_crossed(rules: CityRules) -> Refusal | None:
    least, most = rules.service_fee_least_minor, rules.service_fee_most_minor
    if most is None or least <= most:
        return None
    return refuse("city.fees_crossed", status=422, least_minor=least, most_minor=most)
