"""The tables of dispatch."""

from tawsil.dispatch.store.decision_rows import (
    DecisionRow,
    add_decision,
    decision,
    decision_of_offer,
    decisions_about,
    decisions_between,
    last_decision_at,
)
from tawsil.dispatch.store.delivery_rows import (
    carried_by,
    carried_in,
    circle_ids,
    deliveries,
    lock_deliveries,
    of_references,
    try_lock_city,
    unassigned,
    waiting,
)
from tawsil.dispatch.store.offer_rows import (
    couriers_asked,
    lock_rounds,
    offers,
    offers_about,
    offers_of,
    pending_of,
)
from tawsil.dispatch.store.pressure_rows import busy_beyond, keep_load, load_of, wanted_by
from tawsil.dispatch.store.rule_rows import (
    add_rules,
    rules_by_id,
    rules_history,
    rules_in_force,
)
from tawsil.dispatch.store.states import add, save

__all__ = [
    "busy_beyond",
    "keep_load",
    "load_of",
    "wanted_by",
    "DecisionRow",
    "add",
    "add_decision",
    "add_rules",
    "carried_by",
    "carried_in",
    "circle_ids",
    "couriers_asked",
    "decision",
    "decision_of_offer",
    "decisions_about",
    "decisions_between",
    "deliveries",
    "last_decision_at",
    "lock_deliveries",
    "lock_rounds",
    "of_references",
    "offers",
    "offers_about",
    "offers_of",
    "pending_of",
    "rules_by_id",
    "rules_history",
    "rules_in_force",
    "save",
    "try_lock_city",
    "unassigned",
    "waiting",
]
