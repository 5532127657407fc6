import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args
from uuid import UUID

import pytest

from tawsil import consoles
from tawsil.consoles import dispatch_routes, navigation, words
from tawsil.consoles.installing import SURFACES
from tawsil.consoles.picture import Presence, Stage, Step
from tawsil.consoles.situation import TERMS
from tawsil.couriers import events as couriers
from tawsil.dispatch import events as dispatch
from tawsil.dispatch.model import rules as dispatch_rules
from tawsil.dispatch.planning.model import ExclusionReason, HoldReason
from tawsil.identity.public import Role
from tawsil.kernel.decisions import Event
from tawsil.kernel.i18n import LOCALES, catalogues, current_locale
from tawsil.ordering import events as ordering
from tawsil.payments import events as payments
from tawsil.pricing import events as pricing
from tawsil.support import events as support
from tawsil.tracking import events as tracking

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TOLD = [
    *ordering.EVENTS,
    *payments.EVENTS,
    *pricing.EVENTS,
    *dispatch.EVENTS,
    *tracking.EVENTS,
    *couriers.EVENTS,
    *support.EVENTS,
]
LEFT_OUT = "dispatch.left_out_"
REASONS = [
    code.removeprefix(LEFT_OUT) for code in catalogues["en"]._sentences if code.startswith(LEFT_OUT)
]
CODES = [
    *(f"console.status.{status.value.lower()}" for status in ordering.Status),
    *(f"console.role.{role.value}" for role in Role),
    *(f"console.reason.{reason.value}" for reason in couriers.Reason),
    *(f"console.availability.{one.value.lower()}" for one in couriers.Availability),
    *(f"console.choiceoutcome.{outcome.value}" for outcome in ordering.ChoiceOutcome),
    *(f"console.kind.{kind.value}" for kind in support.Kind),
    *(f"console.priority.{priority.value}" for priority in support.Priority),
    *(f"console.ticketstatus.{status.value.lower()}" for status in support.TicketStatus),
    *(f"console.presence.{presence.value}" for presence in Presence),
    *(f"console.stage.{stage.value}" for stage in Stage),
    *(f"console.step.{step.value}" for step in Step),
    *(f"console.term.{term}" for term in TERMS),
    *(f"console.action.{action.value}" for action in dispatch_rules.Action),
    *(f"console.cause.{cause.value}" for cause in dispatch.Cause),
    *(f"console.hold.{reason}" for reason in get_args(HoldReason)),
    *(f"console.exclusion.{reason}" for reason in (*get_args(ExclusionReason), *REASONS)),
    *(f"console.done.{act.done}" for act in dispatch_routes.ACTS.values()),
    *(f"console.done.{code}" for code in ("held", "let_go", "searched")),
    *(f"console.conditions.for_{minutes}" for minutes in dispatch_routes.HOLD_FOR_MIN),
    *(f"console.acts.{act}{part}" for act in ("reassign", "hand-over") for part in ("", ".submit")),
    *(f"console.nav.group.{group.name}" for group in navigation.GROUPS),
    *(f"console.nav.{place.name}" for group in navigation.GROUPS for place in group.places),
    *(f"console.install.{name}{part}" for name in SURFACES for part in ("", ".short", ".lead")),
    "console.ruling.travel.great_circle",
    "console.ruling.travel.measured",
]


def _codes_in_templates() -> set[str]:
    templates = Path(consoles.__path__[0]) / "templates"
    text = "".join(template.read_text() for template in templates.rglob("*.html"))
    whole = re.findall(r"""say\(["']([a-z_.]+[a-z_])["'][,)]""", text)
    return {f"console.{code}" for code in whole}


@pytest.mark.parametrize("locale", LOCALES)
def test_every_code_is_said_in_both_languages(locale: str) -> None:
    wanted = {*CODES, *_codes_in_templates(), *map(words.event_code, TOLD)}
    assert {code for code in wanted if not catalogues[locale].has(code)} == set()


def test_every_term_that_dispatch_tells_couriers_of_has_its_place_in_a_bar() -> None:
    told = [code for code in catalogues["en"]._sentences if code.startswith("dispatch.term_")]
    assert {code.removeprefix("dispatch.term_") for code in told} == set(TERMS)


def test_both_languages_fill_in_the_same_things() -> None:
    def fields(locale: str) -> dict[str, set[str]]:
        known = catalogues[locale]._sentences
        return {
            code: set(re.findall(r"{(\w+)}", str(said)))
            for code, said in known.items()
            if code.startswith("console.")
        }

    assert fields("en") == fields("ar")


@pytest.mark.parametrize("cls", TOLD, ids=lambda cls: cls.__name__)
def test_a_sentence_names_only_what_its_event_has(cls: type[Event]) -> None:
    said = catalogues["en"]._sentences[words.event_code(cls)]
    assert set(re.findall(r"{(\w+)}", str(said))) <= set(cls.__struct_fields__)


def test_an_event_is_told_with_names_times_and_amounts() -> None:
    courier = UUID(int=5)
    ids = {"order_id": UUID(int=1), "customer_id": UUID(int=2), "merchant_id": UUID(int=3)}
    assigned = ordering.CourierAssigned(**ids, courier_id=courier, status=ordering.Status.PREPARING)
    placed = ordering.OrderPlaced(
        **ids,
        courier_id=None,
        status=ordering.Status.PENDING,
        number=7,
        quote_id=UUID(int=4),
        total_minor=8450,
        currency="AED",
    )
    told = [
        words.sentence(event, names={courier: "Grace"}, timezone="Asia/Dubai")
        for event in (assigned, placed)
    ]
    assert told[0] == "\u2068Grace\u2069 is the courier of this order."
    assert "84.50 AED" in told[1]


def test_amounts_have_the_digits_of_their_currency() -> None:
    assert words.amount(1_500, "JPY") == words.isolated("1500 JPY")
    assert words.amount(-5, "AED") == words.isolated("-0.05 AED")
    assert words.amount(1_500, "KWD") == words.isolated("1.500 KWD")


def test_nothing_looks_earlier_than_it_is() -> None:
    assert words.countdown(NOON + timedelta(seconds=245), NOON) == "4:05"
    assert words.countdown(NOON - timedelta(seconds=80), NOON) == "\u22121:20"
    assert words.until_promise(NOON + timedelta(seconds=119), NOON) == "in 1 min"
    assert words.until_promise(NOON - timedelta(seconds=20), NOON) == "1 min late"


def test_a_code_nobody_knows_is_shown_as_words() -> None:
    assert words.word("reason", "meteor_strike") == words.isolated("meteor strike")


def test_arabic_is_said_when_it_is_asked_for() -> None:
    token = current_locale.set("ar")
    try:
        assert words.word("status", "in_transit") == "في الطريق"
        assert words.until_promise(NOON + timedelta(minutes=5), NOON) == "خلال 5 د"
    finally:
        current_locale.reset(token)


def test_what_a_script_says_is_exported_with_its_plurals() -> None:
    token = current_locale.set("ar")
    try:
        exported = words.words_of("live.", "shop.things")
    finally:
        current_locale.reset(token)
    assert exported["live.live"] == catalogues["ar"]._sentences["console.live.live"]
    assert set(exported["shop.things"]) == {"zero", "one", "two", "few", "many", "other"}
    assert all(code.startswith(("live.", "shop.things")) for code in exported)
