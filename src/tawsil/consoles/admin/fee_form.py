"""The rules of a city as a form: each field, how it is shown, and how it is read."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from msgspec import Struct

from tawsil.consoles.admin.frame import minor_of, plain
from tawsil.geography.public import Taxed

Rules = dict[str, Any]
SCALES: Final = {"count": 1, "percent": 100, "km": 1_000}
BLANK_ROWS: Final = 2
DAYS: Final = range(7)
TAXED: Final = tuple(one.value for one in Taxed)


class Entry(Struct, frozen=True):
    """A field of the rules. `path` is where it stands; `kind` how it is typed."""

    path: str
    kind: str

    @property
    def optional(self) -> bool:
        return self.kind == "money?"

    def get(self, rules: Rules) -> Any:
        value: Any = rules
        for part in self.path.split("."):
            value = value[part]
        return value

    def set(self, rules: Rules, value: Any) -> None:
        *outer, last = self.path.split(".")
        for part in outer:
            rules = rules[part]
        rules[last] = value

    def shown(self, rules: Rules, currency: str) -> str:
        value = self.get(rules)
        match self.kind:
            case "money" | "money?":
                return plain(value, currency)
            case "percent":
                return f"{value / 100:g}"
            case "km":
                return f"{value / 1000:g}"
            case "percents":
                return ", ".join(f"{one / 100:g}" for one in value)
            case _:
                return str(value)

    def read(self, text: str, currency: str) -> Any:
        """What was typed, as the rules hold it.

        Raises:
            ValueError: it is not a number of this kind.
        """
        if self.optional and not text:
            return None
        match self.kind:
            case "money" | "money?":
                return _exact(minor_of(text, currency))
            case "percents":
                return [_scaled(one, 100) for one in text.replace("\u060c", ",").split(",") if one]
            case "number":
                return float(text)
            case _:
                return _scaled(text, SCALES[self.kind])


class Part(Struct, frozen=True):
    """Fields that belong together, and switches among them."""

    name: str
    entries: tuple[Entry, ...]
    switches: tuple[str, ...] = ()


PARTS: Final = (
    Part(
        "delivery",
        (
            Entry("delivery_base_minor", "money"),
            Entry("delivery_included_m", "km"),
            Entry("delivery_per_km_minor", "money"),
            Entry("free_delivery_from_minor", "money?"),
            Entry("most_delivery_distance_m", "km"),
        ),
    ),
    Part(
        "service",
        (
            Entry("service_fee_bp", "percent"),
            Entry("service_fee_least_minor", "money"),
            Entry("service_fee_most_minor", "money?"),
        ),
    ),
    Part(
        "small_order",
        (Entry("small_order_minor", "money"), Entry("small_order_fee_minor", "money")),
        ("small_order_topped_up",),
    ),
    Part("shares", (Entry("commission_bp", "percent"), Entry("courier_share_bp", "percent"))),
    Part("tips", (Entry("suggested_tips_bp", "percents"),)),
    Part(
        "courier_pay",
        (
            Entry("courier_pay.wait_grace_s", "count"),
            Entry("courier_pay.wait_per_minute_minor", "money"),
            Entry("courier_pay.wait_most_minutes", "count"),
        ),
    ),
    Part(
        "cash",
        (
            Entry("cash.most_minor", "money?"),
            Entry("cash.limit_minor", "money?"),
            Entry("cash.near_bp", "percent"),
            Entry("cash.remind_after_h", "count"),
            Entry("cash.block_after_h", "count"),
        ),
        ("cash.allowed",),
    ),
    Part(
        "loyalty",
        (
            Entry("loyalty.earn_bp", "percent"),
            Entry("loyalty.burn_bp", "percent"),
            Entry("loyalty.least_subtotal_minor", "money"),
            Entry("loyalty.expire_after_months", "count"),
        ),
        ("loyalty.on",),
    ),
    Part(
        "refunds",
        (
            Entry("refunds.self_service_minor", "money"),
            Entry("refunds.self_service_times", "count"),
            Entry("refunds.support_minor", "money"),
            Entry("refunds.support_daily_minor", "money"),
            Entry("refunds.alone_minor", "money"),
        ),
    ),
    Part("roads", (Entry("detour_factor", "number"), Entry("courier_speed_mps", "number"))),
)


class Filled(Struct, frozen=True):
    """The rules as they were typed, and the names of fields that could not be read."""

    rules: Rules
    typed: dict[str, str]
    wrong: frozenset[str]


def fields_of(rules: Rules, currency: str) -> dict[str, str]:
    """Every field of the form as text."""
    shown = {entry.path: entry.shown(rules, currency) for part in PARTS for entry in part.entries}
    for n, band in enumerate(rules["delivery_bands"]):
        shown[f"band-{n}-km"] = f"{band['up_to_m'] / 1000:g}"
        shown[f"band-{n}-fee"] = plain(band["fee_minor"], currency)
    for n, window in enumerate(rules["delivery_windows"]):
        shown[f"window-{n}-from"] = _clock(window["starts_min"])
        shown[f"window-{n}-until"] = _clock(window["ends_min"])
        shown[f"window-{n}-fee"] = plain(window["surcharge_minor"], currency)
        shown[f"window-{n}-percent"] = f"{window['surcharge_bp'] / 100:g}"
    for n, rate in enumerate(rules["taxes"]["rates"]):
        shown |= {f"tax-{n}-name": rate["name"], f"tax-{n}-name_ar": rate["name_ar"]}
        shown[f"tax-{n}-percent"] = f"{rate['rate_bp'] / 100:g}"
    for zone in rules["delivery_zones"]:
        shown[f"zone-{zone['zone_id']}-more"] = plain(zone["surcharge_minor"], currency)
        shown[f"zone-{zone['zone_id']}-fee"] = plain(zone["fee_minor"], currency)
    return shown


def ticks_of(rules: Rules) -> frozenset[str]:
    """Every box of the form that is ticked."""
    on = {name for part in PARTS for name in part.switches if Entry(name, "").get(rules)}
    on |= {f"document-{kind}" for kind in rules["courier_documents"]}
    on |= {"taxes.included"} if rules["taxes"]["included"] else set()
    for n, window in enumerate(rules["delivery_windows"]):
        on |= {f"window-{n}-day-{day}" for day in window["days"]}
    for n, rate in enumerate(rules["taxes"]["rates"]):
        on |= {f"tax-{n}-on-{what}" for what in rate["applies_to"]}
    return frozenset(on)


def filled(
    before: Rules,
    form: Mapping[str, str],
    *,
    currency: str,
    zones: Sequence[str],
    documents: Sequence[str],
) -> Filled:
    """The rules that a form says; what it has no field for stays as it was."""
    reading = _Reading(form, currency)
    rules = deepcopy(before)
    for part in PARTS:
        for entry in part.entries:
            entry.set(rules, reading.of(entry.path, entry, otherwise=entry.get(before)))
        for name in part.switches:
            Entry(name, "").set(rules, name in form)
    rules["delivery_bands"] = reading.bands()
    rules["delivery_windows"] = reading.windows()
    rules["delivery_zones"] = reading.zones(zones)
    rules["taxes"] = {"included": "taxes.included" in form, "rates": reading.rates()}
    rules["courier_documents"] = [kind for kind in documents if f"document-{kind}" in form]
    return Filled(rules, dict(form), frozenset(reading.wrong))


class _Reading:
    """Reads fields, and remembers which it could not."""

    def __init__(self, form: Mapping[str, str], currency: str) -> None:
        self.wrong: set[str] = set()
        self._form = form
        self._currency = currency

    def of(self, name: str, entry: Entry, *, otherwise: Any) -> Any:
        try:
            return entry.read(self._form.get(name, ""), self._currency)
        except (ValueError, InvalidOperation):
            self.wrong.add(name)
            return otherwise

    def bands(self) -> list[Rules]:
        return [
            {
                "up_to_m": self.of(f"band-{n}-km", Entry("", "km"), otherwise=0),
                "fee_minor": self.of(f"band-{n}-fee", Entry("", "money"), otherwise=0),
            }
            for n in self._rows("band", "km")
        ]

    def windows(self) -> list[Rules]:
        return [
            {
                "days": [day for day in DAYS if f"window-{n}-day-{day}" in self._form],
                "starts_min": self._minute(f"window-{n}-from"),
                "ends_min": self._minute(f"window-{n}-until"),
                "surcharge_minor": self._or_zero(f"window-{n}-fee", "money"),
                "surcharge_bp": self._or_zero(f"window-{n}-percent", "percent"),
            }
            for n in self._rows("window", "from")
        ]

    def zones(self, ids: Sequence[str]) -> list[Rules]:
        asked = [
            {
                "zone_id": id_,
                "surcharge_minor": self._or_zero(f"zone-{id_}-more", "money"),
                "fee_minor": self.of(f"zone-{id_}-fee", Entry("", "money?"), otherwise=None),
            }
            for id_ in ids
        ]
        return [zone for zone in asked if zone["surcharge_minor"] or zone["fee_minor"] is not None]

    def rates(self) -> list[Rules]:
        return [
            {
                "name": self._form.get(f"tax-{n}-name", ""),
                "name_ar": self._form.get(f"tax-{n}-name_ar", ""),
                "rate_bp": self.of(f"tax-{n}-percent", Entry("", "percent"), otherwise=0),
                "applies_to": [what for what in TAXED if f"tax-{n}-on-{what}" in self._form],
            }
            for n in self._rows("tax", "name")
        ]

    def _rows(self, kind: str, first: str) -> list[int]:
        """The rows that say something, in their order."""
        named = (name.split("-") for name in self._form if name.startswith(f"{kind}-"))
        numbers = sorted({int(parts[1]) for parts in named if parts[1].isdigit()})
        return [n for n in numbers if self._form.get(f"{kind}-{n}-{first}")]

    def _or_zero(self, name: str, kind: str) -> Any:
        return self.of(name, Entry("", kind), otherwise=0) if self._form.get(name) else 0

    def _minute(self, name: str) -> int:
        hour, _, minute = self._form.get(name, "").partition(":")
        if hour.isdigit() and minute[:2].isdigit():
            return int(hour) * 60 + int(minute[:2])
        self.wrong.add(name)
        return 0


def _scaled(text: str, by: int) -> int:
    return _exact(Decimal(text.strip().replace("\u066b", ".")) * by)


def _exact(value: Decimal | int | None) -> int:
    if value is None or value != int(value):
        raise ValueError("finer than can be said")
    return int(value)


def _clock(minute: int) -> str:
    return f"{minute // 60 % 24:02}:{minute % 60:02}"
