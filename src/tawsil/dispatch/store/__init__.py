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
from tawsil.dispatch.store.outlook_rows import (
    Asked,
    acceptance,
    asked_in,
    fresh_suggestions,
    keep_suggestions,
)
from tawsil.dispatch.store.pressure_rows import busy_beyond, keep_load, load_of, wanted_by
from tawsil.dispatch.store.remark_rows import Remark, add_remarks, remarks_about
from tawsil.dispatch.store.rule_rows import (
    add_rules,
    rules_by_id,
    rules_history,
    rules_in_force,
)
from tawsil.dispatch.store.states import add, save

__all__ = [
    "Asked",
    "DecisionRow",
    "Remark",
    "acceptance",
    "add",
    "add_decision",
    "add_remarks",
    "add_rules",
    "asked_in",
    "busy_beyond",
    "carried_by",
    "carried_in",
    "circle_ids",
    "couriers_asked",
    "decision",
    "decision_of_offer",
    "decisions_about",
    "decisions_between",
    "deliveries",
    "fresh_suggestions",
    "keep_load",
    "keep_suggestions",
    "last_decision_at",
    "load_of",
    "lock_deliveries",
    "lock_rounds",
    "of_references",
    "offers",
    "offers_about",
    "offers_of",
    "pending_of",
    "remarks_about",
    "rules_by_id",
    "rules_history",
    "rules_in_force",
    "save",
    "try_lock_city",
    "unassigned",
    "waiting",
    "wanted_by",
]
