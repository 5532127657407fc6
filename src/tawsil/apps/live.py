"""What browsers and apps are told of: recorded events in the contract's live messages."""

from collections.abc import Collection, Mapping
from typing import Any, Final
from uuid import UUID

from tawsil.apps import live_chat, live_merchants
from tawsil.catalog import events as catalog
from tawsil.catalog.public import Standing
from tawsil.couriers import events as couriers
from tawsil.dispatch import events as dispatch
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Event
from tawsil.kernel.events import Recorded
from tawsil.kernel.http.cached import Cache
from tawsil.kernel.http.live import Audience, Concerned, Hear, LiveMessage, Translate
from tawsil.ordering import events as orders
from tawsil.ordering import public as ordering
from tawsil.pricing import events as pricing
from tawsil.support import events as support


def _order_changed(recorded: Recorded[orders.OrderEvent]) -> list[LiveMessage]:
    event = recorded.event
    people = {event.customer_id, event.courier_id} - {None}
    changed = LiveMessage(
        event="order_status_updated",
        data={
            "orderId": event.order_id,
            "status": event.status,
            "happened": recorded.type,
            "merchantId": event.merchant_id,
            "courierId": event.courier_id,
            "at": recorded.at,
        },
        audience=Audience(
            tenant_id=recorded.tenant_id,
            city_id=recorded.city_id,
            user_ids=frozenset(p for p in people if p),
            location_ids=_merchant_may_see(event),
        ),
    )
    return [changed]


def _promised(
    recorded: Recorded[orders.OrderAccepted | orders.ReadyTimeMoved],
) -> list[LiveMessage]:
    event = recorded.event
    promised = LiveMessage(
        event="delivery_eta_updated",
        data={"deliveryId": event.order_id, "eta": event.promised_at, "confidence": 0.5},
        audience=Audience(
            tenant_id=recorded.tenant_id,
            city_id=recorded.city_id,
            user_ids=frozenset({event.customer_id}),
        ),
    )
    return [*_order_changed(recorded), promised]


def _merchant_may_see(event: orders.OrderEvent) -> frozenset[UUID]:
    """A merchant hears of an order from the offer on: before, its money is not safe."""
    hidden = isinstance(event, orders.OrderPlaced | orders.OrderHeld)
    return frozenset() if hidden else frozenset({event.merchant_id})


def _new_order(recorded: Recorded[orders.OrderOffered]) -> list[LiveMessage]:
    event = recorded.event
    new = LiveMessage(
        event="new_order",
        data={"orderId": event.order_id, "answerBy": event.answer_by_at},
        audience=Audience(
            tenant_id=recorded.tenant_id,
            city_id=recorded.city_id,
            location_ids=frozenset({event.merchant_id}),
        ),
    )
    return [*_order_changed(recorded), new]


def _for_courier(recorded: Recorded[Any], courier_id: UUID, name: str, data: Any) -> LiveMessage:
    return LiveMessage(
        event=name,
        data=data,
        audience=Audience(
            tenant_id=recorded.tenant_id, city_id=recorded.city_id, user_ids=frozenset({courier_id})
        ),
    )


def _offer_made(recorded: Recorded[dispatch.OfferMade]) -> list[LiveMessage]:
    event = recorded.event
    data = {
        "offerId": event.offer_id,
        "deliveryId": event.reference_ids[0],
        "deliveryIds": event.reference_ids,
        "driverId": event.courier_id,
        "expiresAt": event.expires_at,
        "payload": _payload(event.payload),
    }
    return [_for_courier(recorded, event.courier_id, "offer_created", data)]


def _payload(payload: dispatch.OfferPayload) -> dict[str, Any]:
    """Distances in metres; `pickup` and `dropoff` are the first and the last door of the way."""
    return {
        "estimatedEarning": payload.earning_minor,
        "earningParts": {
            "base": payload.parts.base_minor,
            "distance": payload.parts.distance_minor,
            "surge": payload.parts.surge_minor,
            "tip": payload.parts.tip_minor,
        },
        "incentive": payload.incentive_minor,
        "collect": payload.collect_minor,
        "currency": payload.currency,
        "distance": payload.distance_m,
        "distanceToPickup": payload.to_pickup_m,
        "distanceFromPickup": payload.distance_m - payload.to_pickup_m,
        "pickup": payload.stops[0],
        "dropoff": payload.stops[-1],
        "stops": payload.stops,
        "deliveries": payload.deliveries,
        "prepState": payload.prep,
        "readyAt": payload.ready_at,
    }


def _move_suggested(recorded: Recorded[dispatch.MoveSuggested]) -> list[LiveMessage]:
    event = recorded.event
    data = {
        "driverId": event.courier_id,
        "place": event.place,
        "siteId": event.site_id,
        "until": event.until_at,
    }
    return [_for_courier(recorded, event.courier_id, "move_suggested", data)]


def _offer_accepted(recorded: Recorded[dispatch.OfferAccepted]) -> list[LiveMessage]:
    event = recorded.event
    data = {
        "offerId": event.offer_id,
        "driverId": event.courier_id,
        "responseTime": event.response_time_s,
    }
    return [_for_courier(recorded, event.courier_id, "offer_accepted", data)]


def _offer_over(
    recorded: Recorded[dispatch.OfferRejected | dispatch.OfferExpired | dispatch.OfferWithdrawn],
) -> list[LiveMessage]:
    event = recorded.event
    reason = "expired" if isinstance(event, dispatch.OfferExpired) else event.reason
    data = {"offerId": event.offer_id, "driverId": event.courier_id, "reason": reason}
    return [_for_courier(recorded, event.courier_id, "offer_rejected", data)]


def _availability(recorded: Recorded[couriers.AvailabilityChanged]) -> list[LiveMessage]:
    event = recorded.event
    data = {
        "driverId": event.courier_id,
        "from": event.from_,
        "to": event.to,
        "reason": event.reason,
        "missedOffers": event.missed_offers,
    }
    return [_for_courier(recorded, event.courier_id, "availability_changed", data)]


def _break_ended(recorded: Recorded[couriers.BreakEnded]) -> list[LiveMessage]:
    event = recorded.event
    if not event.expired:
        return []
    data = {"driverId": event.courier_id, "breakDuration": event.break_s}
    return [_for_courier(recorded, event.courier_id, "break_expired", data)]


def _conditions(recorded: Recorded[pricing.ConditionsChanged]) -> list[LiveMessage]:
    event = recorded.event
    return [
        LiveMessage(
            event="conditions_changed",
            data={
                "cityId": event.city_id,
                "pressure": event.pressure,
                "extraWait": event.extra_wait_s,
                "surgeBasisPoints": event.surge_bp,
                "reach": event.reach_m,
                "held": event.held,
            },
            audience=Audience(tenant_id=recorded.tenant_id, city_id=recorded.city_id),
        )
    ]


def _escalated(recorded: Recorded[dispatch.DeliveryEscalated]) -> list[LiveMessage]:
    """To operations; a rung that asks for it raises an alarm there as well."""
    event = recorded.event
    data = {
        "deliveryId": event.reference_id,
        "level": event.level,
        "reason": event.reason,
        "actions": event.actions,
        "incentive": event.incentive_minor,
    }
    told = Audience(tenant_id=recorded.tenant_id, city_id=recorded.city_id)
    escalated = LiveMessage(event="unassigned_order_escalated", data=data, audience=told)
    if "alert" not in event.actions:
        return [escalated]
    return [escalated, LiveMessage(event="operator_alert", data=data, audience=told)]


def _courier_in_doubt(
    recorded: Recorded[
        dispatch.DeliveryAtRisk | dispatch.DeliveryRecovered | dispatch.DeliveryStranded
    ],
) -> list[LiveMessage]:
    event = recorded.event
    ends_at = event.until_at if isinstance(event, dispatch.DeliveryAtRisk) else None
    data = {
        "deliveryId": event.reference_id,
        "driverId": event.courier_id,
        "happened": recorded.type,
        "cause": event.cause,
        "atRisk": not isinstance(event, dispatch.DeliveryRecovered),
        "until": ends_at,
    }
    return [_for_courier(recorded, event.courier_id, "delivery_at_risk_updated", data)]


def _courier_changed(
    recorded: Recorded[
        dispatch.DeliveryAssigned | dispatch.DeliveryUnassigned | dispatch.DeliveryHandedOver
    ],
) -> list[LiveMessage]:
    """Both couriers, if there are two: who has it (`driverId`), and who had it before."""
    event = recorded.event
    has, had, why = event.courier_id, None, "assigned"
    match event:
        case dispatch.DeliveryUnassigned():
            has, had, why = None, event.courier_id, event.reason
        case dispatch.DeliveryHandedOver():
            had, why = event.from_courier_id, "handed_over"
        case _:
            pass
    changed = LiveMessage(
        event="delivery_courier_changed",
        data={"deliveryId": event.reference_id, "driverId": has, "before": had, "reason": why},
        audience=Audience(
            tenant_id=recorded.tenant_id,
            city_id=recorded.city_id,
            user_ids=frozenset(id_ for id_ in (has, had) if id_ is not None),
        ),
    )
    eta = [] if isinstance(event, dispatch.DeliveryUnassigned) else _eta_of(recorded, event)
    return [changed, *eta]


def _eta(recorded: Recorded[dispatch.EtaMoved]) -> list[LiveMessage]:
    return _eta_of(recorded, recorded.event)


def _eta_of(
    recorded: Recorded[Any],
    event: dispatch.DeliveryAssigned | dispatch.DeliveryHandedOver | dispatch.EtaMoved,
) -> list[LiveMessage]:
    """To the courier, and to the people of what is delivered."""
    data = {"deliveryId": event.reference_id, "eta": event.dropoff_eta_at, "confidence": 0.5}
    told = Audience(
        tenant_id=recorded.tenant_id,
        city_id=recorded.city_id,
        user_ids=frozenset({event.courier_id}),
        subject_id=event.reference_id,
    )
    return [LiveMessage(event="delivery_eta_updated", data=data, audience=told)]


def _choice(recorded: Recorded[orders.ChoiceOffered | orders.ChoiceClosed]) -> list[LiveMessage]:
    """The customer is asked whether to wait on, or need not answer any more."""
    event = recorded.event
    until_at = event.until_at if isinstance(event, orders.ChoiceOffered) else None
    asked = LiveMessage(
        event="order_choice_updated",
        data={"orderId": event.order_id, "open": until_at is not None, "until": until_at},
        audience=Audience(
            tenant_id=recorded.tenant_id,
            city_id=recorded.city_id,
            user_ids=frozenset({event.customer_id}),
        ),
    )
    return [*_order_changed(recorded), asked]


REFUND_STATES: Final[Mapping[type[Event], ordering.RefundState]] = {
    orders.RefundAsked: ordering.RefundState.REQUESTED,
    orders.RefundApproved: ordering.RefundState.APPROVED,
    orders.RefundTurnedDown: ordering.RefundState.REFUSED,
    orders.RefundDone: ordering.RefundState.DONE,
    orders.RefundFell: ordering.RefundState.FAILED,
}
TIP_STATES: Final[Mapping[type[Event], ordering.TipState]] = {
    orders.TipAsked: ordering.TipState.ASKED,
    orders.TipPaid: ordering.TipState.PAID,
    orders.TipDeclined: ordering.TipState.DECLINED,
}


def _refund(recorded: Recorded[orders.RefundEvent]) -> list[LiveMessage]:
    """To the customer and the merchant; who bears it is in the list of refunds."""
    event = recorded.event
    because = None
    match event:
        case orders.RefundTurnedDown():
            because = event.because
        case orders.RefundFell():
            because = event.code
        case _:
            pass
    data = {
        "refundId": event.refund_id,
        "orderId": event.order_id,
        "merchantId": event.merchant_id,
        "state": REFUND_STATES[type(event)],
        "reason": event.reason,
        "because": because,
        "amount": event.amount_minor,
        "currency": event.currency,
    }
    told = Audience(
        tenant_id=recorded.tenant_id,
        city_id=recorded.city_id,
        user_ids=frozenset({event.customer_id}),
        location_ids=frozenset({event.merchant_id}),
    )
    return [LiveMessage(event="refund_updated", data=data, audience=told)]


def _tip(recorded: Recorded[orders.TipEvent]) -> list[LiveMessage]:
    """To the customer; to the courier once it is theirs, for before it may still be declined."""
    event = recorded.event
    data = {
        "tipId": event.tip_id,
        "orderId": event.order_id,
        "courierId": event.courier_id,
        "state": TIP_STATES[type(event)],
        "because": event.code if isinstance(event, orders.TipDeclined) else None,
        "amount": event.amount_minor,
        "currency": event.currency,
    }
    paid = isinstance(event, orders.TipPaid)
    told = Audience(
        tenant_id=recorded.tenant_id,
        city_id=recorded.city_id,
        user_ids=frozenset({event.customer_id, event.courier_id} if paid else {event.customer_id}),
    )
    return [LiveMessage(event="tip_updated", data=data, audience=told)]


def _ticket_created(recorded: Recorded[support.TicketCreated]) -> list[LiveMessage]:
    """`deliveryId` as everywhere: what the delivery is for, if the ticket is about one."""
    event = recorded.event
    about_order = event.subject_kind is support.SubjectKind.ORDER
    data = {
        "ticketId": event.ticket_id,
        "deliveryId": event.subject_id if about_order else None,
        "kind": event.kind,
        "priority": event.priority,
        "subjectKind": event.subject_kind,
        "subjectId": event.subject_id,
    }
    told = Audience(tenant_id=recorded.tenant_id)
    return [LiveMessage(event="support_ticket_created", data=data, audience=told)]


def _performance(recorded: Recorded[dispatch.PerformanceUpdated]) -> list[LiveMessage]:
    event = recorded.event
    metrics = {
        "score": event.score,
        "onTime": event.on_time,
        "completion": event.completion,
        "acceptanceRate": event.acceptance,
        "responseTime": event.response_time_s,
    }
    data = {"driverId": event.courier_id, "metrics": metrics}
    return [_for_courier(recorded, event.courier_id, "driver_performance_updated", data)]


def _standing(
    recorded: Recorded[
        catalog.MerchantVerified | catalog.MerchantSuspended | catalog.MerchantReinstated
    ],
) -> list[LiveMessage]:
    event = recorded.event
    reason = event.reason if isinstance(event, catalog.MerchantSuspended) else None
    data = {
        "merchantId": event.merchant_id,
        "standing": Standing.SUSPENDED if reason else Standing.ACTIVE,
        "reason": reason,
    }
    told = Audience(
        tenant_id=recorded.tenant_id,
        city_id=recorded.city_id,
        location_ids=frozenset({event.merchant_id}),
    )
    return [LiveMessage(event="merchant_standing_updated", data=data, audience=told)]


TRANSLATIONS: Final[Mapping[type[Event], Translate]] = {
    **{cls: _order_changed for cls in orders.EVENTS if issubclass(cls, orders.OrderEvent)},
    **dict.fromkeys(REFUND_STATES, _refund),
    **dict.fromkeys(TIP_STATES, _tip),
    orders.OrderOffered: _new_order,
    **live_chat.TRANSLATIONS,
    **live_merchants.TRANSLATIONS,
    **dict.fromkeys(
        (catalog.MerchantVerified, catalog.MerchantSuspended, catalog.MerchantReinstated), _standing
    ),
    orders.OrderAccepted: _promised,
    orders.ReadyTimeMoved: _promised,
    orders.ChoiceOffered: _choice,
    orders.ChoiceClosed: _choice,
    support.TicketCreated: _ticket_created,
    dispatch.OfferMade: _offer_made,
    dispatch.MoveSuggested: _move_suggested,
    dispatch.OfferAccepted: _offer_accepted,
    dispatch.OfferRejected: _offer_over,
    dispatch.OfferExpired: _offer_over,
    dispatch.OfferWithdrawn: _offer_over,
    dispatch.DeliveryEscalated: _escalated,
    dispatch.DeliveryAssigned: _courier_changed,
    dispatch.DeliveryUnassigned: _courier_changed,
    dispatch.DeliveryHandedOver: _courier_changed,
    dispatch.DeliveryAtRisk: _courier_in_doubt,
    dispatch.DeliveryRecovered: _courier_in_doubt,
    dispatch.DeliveryStranded: _courier_in_doubt,
    dispatch.EtaMoved: _eta,
    dispatch.PerformanceUpdated: _performance,
    pricing.ConditionsChanged: _conditions,
    couriers.AvailabilityChanged: _availability,
    couriers.BreakEnded: _break_ended,
}


def forgetting(menus: Cache) -> Hear:
    """Forget a menu that has changed."""

    def hear(recorded: Recorded[Any]) -> None:
        event = recorded.event
        if isinstance(event, (catalog.MerchantListed, *catalog.MENU_CHANGES)):
            menus.forget(event.merchant_id)

    return hear


async def people_of_orders(tx: Tx, order_ids: Collection[UUID]) -> Mapping[UUID, Concerned]:
    """Customers, and merchants once they have been asked: before, an order is none of theirs."""
    found = await ordering.by_id(tx, ids=order_ids)
    return {
        order.id: Concerned(
            user_ids=frozenset({order.customer_id}),
            location_ids=frozenset({order.merchant_id} if order.offered_at else ()),
        )
        for order in found.values()
    }
