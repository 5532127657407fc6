"""Who hears what, who is woken by what, which routes are served: one table, no magic.

A handler's context is its subscription: it hears its events in order, each once in effect.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final

from litestar.types import ControllerRouterHandler

from tawsil.apps import asyncapi, measures, system_health, tenants
from tawsil.apps.graph import routes as graph_routes
from tawsil.catalog import events as catalog_events
from tawsil.catalog import finding
from tawsil.catalog import routes as catalog_routes
from tawsil.catalog import service as catalog
from tawsil.consoles import routes as console_routes
from tawsil.couriers import events as courier_events
from tawsil.couriers import routes as courier_routes
from tawsil.couriers import service as couriers
from tawsil.dispatch import events as dispatch_events
from tawsil.dispatch import public as dispatch
from tawsil.dispatch import routes as dispatch_routes
from tawsil.experiments import events as experiment_events
from tawsil.experiments import public as experiments
from tawsil.experiments import routes as experiment_routes
from tawsil.geography import events as geography_events
from tawsil.geography import routes as geography_routes
from tawsil.identity import events as identity_events
from tawsil.identity import routes as identity_routes
from tawsil.identity.jobs import MailJobs
from tawsil.identity.service.mails import MAIL, MailJob
from tawsil.kernel.db import Database
from tawsil.kernel.deadlines import Owner
from tawsil.kernel.decisions import Event
from tawsil.kernel.events import Handler, Registry, Subscription
from tawsil.kernel.http import audit as audit_routes
from tawsil.kernel.http import live as live_routes
from tawsil.kernel.jobs import JobHandler, JobHandlers
from tawsil.ordering import by_hand, heard, journey
from tawsil.ordering import events as order_events
from tawsil.ordering import routes as order_routes
from tawsil.ordering.proofs import service as proofs
from tawsil.ordering.refunds import service as refunds
from tawsil.payments import dispute_events
from tawsil.payments import events as payment_events
from tawsil.payments import routes as payment_routes
from tawsil.payments.jobs.balances import Balances
from tawsil.payments.jobs.cards import CardJobs
from tawsil.payments.jobs.disputes import DisputeJobs
from tawsil.payments.jobs.payouts import PayoutJobs
from tawsil.payments.model.payee import Payees
from tawsil.payments.model.reconciliation import BALANCE_JOB, BalanceJob
from tawsil.payments.providers.known import Providers
from tawsil.payments.service import (
    cash_in_hand,
    circuits,
    disputes,
    loyalty,
    payout_accounts,
    payouts,
    promotion_funds,
    strays,
)
from tawsil.payments.service import paying as payments
from tawsil.pricing import events as pricing_events
from tawsil.pricing import routes as pricing_routes
from tawsil.pricing.service import climate, promotions
from tawsil.pricing.service import quotes as pricing
from tawsil.simulation.rehearsal.trial import Trials
from tawsil.support import causes as support_causes
from tawsil.support import events as support_events
from tawsil.support import public as support
from tawsil.support import routes as support_routes
from tawsil.tracking import events as tracking_events
from tawsil.tracking import routes as tracking_routes

REGISTRY: Final = Registry(
    chain(
        identity_events.EVENTS,
        geography_events.EVENTS,
        experiment_events.EVENTS,
        catalog_events.EVENTS,
        pricing_events.EVENTS,
        tracking_events.EVENTS,
        courier_events.EVENTS,
        dispatch_events.EVENTS,
        payment_events.EVENTS,
        dispute_events.EVENTS,
        order_events.EVENTS,
        support_events.EVENTS,
    )
)

HANDLERS: Final[Mapping[type[Event], Sequence[Handler]]] = {
    **{event: [finding.on_menu] for event in finding.HEARD},
    tracking_events.GeofenceEntered: [dispatch.on_geofence],
    tracking_events.GeofenceLeft: [journey.left_the_merchant],
    courier_events.AvailabilityChanged: [dispatch.on_courier_unavailable],
    courier_events.VehicleMarkedUnsafe: [dispatch.on_vehicle_unsafe],
    courier_events.VehicleMarkedSafe: [dispatch.on_vehicle_safe],
    dispatch_events.DeliveryEscalated: [journey.nobody_takes_it, support_causes.nobody_takes_it],
    dispatch_events.DeliveryAssigned: [
        dispatch.on_performance,
        journey.courier_assigned,
        support_causes.courier_found,
    ],
    dispatch_events.DeliveryUnassigned: [dispatch.on_performance, journey.courier_lost],
    dispatch_events.DeliveryRecovered: [dispatch.on_performance, support_causes.food_is_safe],
    dispatch_events.DeliveryHandedOver: [
        dispatch.on_performance,
        journey.handed_over,
        support_causes.food_is_safe,
    ],
    dispatch_events.DeliveryArrived: [dispatch.on_performance],
    dispatch_events.DeliveryPickedUp: [dispatch.on_performance],
    dispatch_events.DeliveryDone: [dispatch.on_done, support_causes.food_is_safe],
    dispatch_events.DeliveryReturned: [dispatch.on_performance, support_causes.food_is_safe],
    dispatch_events.DeliveryWithdrawn: [dispatch.on_performance, support_causes.called_off],
    dispatch_events.EtaMoved: [dispatch.on_performance],
    dispatch_events.OfferAccepted: [dispatch.on_performance],
    dispatch_events.OfferRejected: [dispatch.on_performance],
    dispatch_events.OfferExpired: [dispatch.on_performance],
    dispatch_events.DeliveryGivenUp: [
        dispatch.on_given_up,
        journey.nobody_came,
        support_causes.given_up,
    ],
    dispatch_events.DeliveryStranded: [dispatch.on_performance, support_causes.stranded],
    pricing_events.PromotionFunded: [promotion_funds.promotion_funded],
    payment_events.PaymentSwitched: [by_hand.payment_switched],
    payment_events.PaymentAuthorised: [heard.payment_authorised],
    payment_events.PaymentDeclined: [heard.payment_declined],
    payment_events.PaymentCaptured: [heard.payment_captured, measures.payment_captured],
    dispute_events.DisputeEvidenceDue: [support_causes.dispute_due],
    payment_events.ImbalanceFound: [support_causes.books_wrong],
    payment_events.CashBlocked: [support_causes.cash_kept],
    payment_events.CashUnblocked: [support_causes.cash_handed_in],
    payment_events.PaymentRefunded: [refunds.money_returned],
    payment_events.RefundFailed: [refunds.money_stuck],
    order_events.CourierActionKept: [support_causes.out_of_step],
    order_events.OrderPlaced: [measures.order_placed],
    order_events.OrderDelivered: [measures.order_delivered],
    order_events.OrderCancelled: [measures.order_cancelled],
}

DEADLINES: Final[Mapping[str, Owner]] = {
    "experiment": experiments.on_due,
    "merchant": catalog.on_due,
    "quote": pricing.on_due,
    "promotion": promotions.on_due,
    "conditions": climate.on_due_conditions,
    "courier": couriers.on_due,
    "delivery": dispatch.on_due_delivery,
    "incident": dispatch.on_due_incident,
    "offer": dispatch.on_due_offer,
    "payment": payments.on_due,
    "dispute": disputes.on_due,
    "payout": payouts.on_due,
    "payout_account": payouts.on_due_account,
    "cash_account": cash_in_hand.on_due,
    "payment_stray": strays.on_due,
    "provider": circuits.on_due,
    "points": loyalty.on_due,
    "order": journey.on_due,
    "proof": proofs.on_due,
    "ticket": support.on_due,
}

ROUTES: Final[Sequence[ControllerRouterHandler]] = [
    *identity_routes.routes,
    *geography_routes.routes,
    *experiment_routes.routes,
    *catalog_routes.routes,
    *pricing_routes.routes,
    *tracking_routes.routes,
    *courier_routes.routes,
    *dispatch_routes.routes,
    *payment_routes.routes,
    *order_routes.routes,
    *support_routes.routes,
    *console_routes.routes,
    *tenants.routes,
    *system_health.routes,
    *audit_routes.routes,
    *asyncapi.routes,
    *live_routes.routes,
    *graph_routes.routes,
]


def jobs(
    *,
    database: Database,
    providers: Providers,
    payees: Payees,
    mails: MailJobs | None = None,
    balances: Balances | None = None,
) -> JobHandlers:
    """Who does which job. In a virtual city nobody reads mail or files, so nobody writes any."""
    cards = CardJobs(database=database, providers=providers)
    paying_out = PayoutJobs(database=database, payees=payees)
    trials = Trials(database=database)
    card_jobs = {
        f"payments.{name}": JobHandler(payload=payments.PaymentJob, run=run)
        for name, run in {
            "authorise": cards.authorise,
            "capture": cards.capture,
            "void": cards.void,
            "refund": cards.refund,
            "reconcile": cards.reconcile,
        }.items()
    }
    answering = DisputeJobs(database=database, providers=providers)
    dispute_jobs = {
        disputes.LOOK_AT: JobHandler(payload=disputes.DisputeLook, run=answering.look),
        disputes.ANSWER: JobHandler(payload=disputes.DisputeJob, run=answering.answer),
    }
    payout_jobs = {
        payouts.PAY_OUT: JobHandler(payload=payouts.PayoutJob, run=paying_out.pay_out),
        payouts.LOOK: JobHandler(payload=payouts.PayoutJob, run=paying_out.look),
        payout_accounts.CHECK: JobHandler(
            payload=payout_accounts.CheckJob, run=paying_out.check, most_attempts=5
        ),
    }
    provider_jobs = {
        circuits.PROBE: JobHandler(payload=circuits.ProviderJob, run=cards.probe),
        circuits.CATCH_UP: JobHandler(payload=circuits.ProviderJob, run=cards.catch_up),
        strays.LOOK: JobHandler(payload=strays.StrayJob, run=cards.look_for_stray),
    }
    trial = JobHandler(payload=dispatch.TrialJob, run=trials.run, most_attempts=3)
    mail_jobs = {MAIL: JobHandler(payload=MailJob, run=mails.send)} if mails is not None else {}
    balance_jobs = (
        {BALANCE_JOB: JobHandler(payload=BalanceJob, run=balances.read)} if balances else {}
    )
    return {
        **card_jobs,
        **provider_jobs,
        **dispute_jobs,
        **payout_jobs,
        **mail_jobs,
        **balance_jobs,
        dispatch.TRIAL: trial,
    }


def subscriptions() -> list[Subscription]:
    """One per listening context, each with its own cursor."""
    by_context: dict[str, dict[type[Event], Any]] = defaultdict(dict)
    for event, handlers in HANDLERS.items():
        for handler in handlers:
            context = handler.__module__.split(".")[1]
            assert event not in by_context[context], f"{context} hears {event} twice"
            by_context[context][event] = handler
    return [
        Subscription(name=context, handlers=handlers, registry=REGISTRY)
        for context, handlers in by_context.items()
    ]
