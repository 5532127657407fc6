"""Whose is what, and what the parameters of routes name: what the matrix goes by.

A new resource is a line in `OWNERS`, and an id for it in `world.py`. A new parameter is a line in
`PARAMETERS`. A route of which the rule beside it says everything needs no row.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from msgspec import Struct

from tawsil.identity.public import Role

CUSTOMER, MERCHANT, COURIER = Role.CUSTOMER, Role.MERCHANT, Role.DELIVERY_PARTNER
NOBODY: Final[frozenset[Role]] = frozenset()

OWNERS: Final[Mapping[str, frozenset[Role]]] = {
    "account": NOBODY,
    "address": frozenset({CUSTOMER}),
    "area": NOBODY,
    "category": frozenset({MERCHANT}),
    "city": NOBODY,
    "courier": frozenset({COURIER}),
    "decision": NOBODY,
    "document": NOBODY,
    "deposit": NOBODY,
    "experiment": NOBODY,
    "hub": frozenset({COURIER}),
    "incident": frozenset({COURIER}),
    "key": frozenset({MERCHANT}),
    "ledger_account": NOBODY,
    "merchant": frozenset({MERCHANT}),
    "offer": frozenset({COURIER}),
    "order": frozenset({CUSTOMER, MERCHANT, COURIER}),
    "payout": frozenset({MERCHANT}),
    "payout_account": NOBODY,
    "payout_run": NOBODY,
    "policy": NOBODY,
    "product": frozenset({MERCHANT}),
    "promotion": frozenset({MERCHANT}),
    "proof": frozenset({CUSTOMER, COURIER}),
    "quote": frozenset({CUSTOMER}),
    "review": NOBODY,
    "refund": frozenset({CUSTOMER, MERCHANT}),
    "session": frozenset({CUSTOMER}),
    "shortfall": NOBODY,
    "ticket": frozenset({CUSTOMER}),
    "transfer": NOBODY,
    "user": NOBODY,
    "version": NOBODY,
    "zone": NOBODY,
}
"""The things of a street, and to which roles a scope like `own` or `assigned` gives each."""

PARAMETERS: Final[Mapping[str, str]] = {
    "account_id": "account",
    "address_id": "address",
    "area_id": "area",
    "category_id": "category",
    "city_id": "city",
    "courier_id": "courier",
    "decision_id": "decision",
    "document_id": "document",
    "deposit_id": "deposit",
    "experiment_id": "experiment",
    "hub_id": "hub",
    "incident_id": "incident",
    "key_id": "key",
    "ledger_account_id": "ledger_account",
    "merchant_id": "merchant",
    "municipality_id": "area",
    "name": "policy",
    "offer_id": "offer",
    "order_id": "order",
    "owner_id": "merchant",
    "parent_id": "area",
    "payout_id": "payout",
    "payout_account_id": "payout_account",
    "product_id": "product",
    "promotion_id": "promotion",
    "proof_id": "proof",
    "quote_id": "quote",
    "review_id": "review",
    "reference_id": "order",
    "refund_id": "refund",
    "run_id": "payout_run",
    "session_id": "session",
    "shortfall_id": "shortfall",
    "ticket_id": "ticket",
    "transfer_id": "transfer",
    "user_id": "user",
    "version": "version",
    "zone_id": "zone",
}
"""What a parameter, in an address or a body, is the id of."""

CONSTANTS: Final[Mapping[str, str]] = {
    "act": "escalate",
    "change": "retire",
    "key": "photo_proof",
    "locale": "ar",
    "module": "loyalty",
    "to_version": "1",
    "tenant_id": "00000000-0000-7000-8000-00000000007e",
    "dispute_id": "00000000-0000-7000-8000-00000000d15b",
    "event_type": "order.placed.v1",
    "month": "2026-10",
    "payment_id": "00000000-0000-7000-8000-000000000000",
    "provider": "nobody",
    "paid_for": "00000000-0000-7000-8000-000000000000",
    "step": "prepare",
    "surface": "courier",
    "wish": "share",
    "token": "of-no-order-whatever-it-be",
}
"""Parameters that name nothing of anybody's."""


class Expected(Enum):
    ALLOWED = "allowed"
    UNAUTHENTICATED = 401
    FORBIDDEN = 403
    HIDDEN = 404


class Row(Struct, frozen=True, kw_only=True):
    """What the rule beside a route does not say."""

    asks: tuple[str, ...] = ()
    """The permissions whose scopes count, where it is not the rule's."""
    narrow: Expected | None = None
    """How whoever reaches neither the whole tenant nor areas of it is answered."""
    personal: bool = False
    """Only for whom it is, whatever else they may."""
    owners: frozenset[Role] | None = None
    """Whose it is, where that is not whose the thing is."""
    only: frozenset[Role] | None = None
    """Which of its owners may; the others see it, and are forbidden."""
    areas: bool = True
    """Whether managers reach what lies in their area."""
    shared: bool = False
    """Everybody of the tenant may who may at all."""
    unchecked: bool = False
    """Ids in the body are taken as they come: they open nothing."""
    trade: frozenset[str] = frozenset()
    """Codes of refusals that say nothing of who asks."""
    lists: str | None = None
    """The thing of which one's own must be in the answer."""
    body: Mapping[str, Any] | None = None
    """What of the example is to be otherwise; `{order}` is the id of the order."""
    query: str = ""


CONFIGURES: Final = Row(narrow=Expected.FORBIDDEN)
OPERATES: Final = Row(narrow=Expected.FORBIDDEN, areas=False)
ON_NOTHING: Final = Row(
    narrow=Expected.FORBIDDEN, areas=False, trade=frozenset({"request.not_found"})
)
NOT_MADE: Final = Row(trade=frozenset({"request.not_found"}))
UNKNOWN_STEP: Final = Row(trade=frozenset({"page.404"}))  # of what is not there
ZONE_ELSEWHERE: Final = Row(  # in another city than the form's
    narrow=Expected.FORBIDDEN, areas=False, trade=frozenset({"page.404"})
)
UNKNOWN_PROVIDER: Final = Row(trade=frozenset({"request.not_found"}))
NEVER_USED: Final = Row(trade=frozenset({"request.not_found"}))  # who was never owed anything
UNKNOWN_CARD_PROVIDER: Final = Row(trade=frozenset({"payment.provider_unknown"}))
OFFICE: Final = Row(
    personal=True, trade=frozenset({"page.400", "page.404", "page.409", "page.422"})
)
"""Pages of merchants, which nobody else has."""
BY_HAND: Final = frozenset(
    {"payment.not_switchable", "payment.nothing_outstanding", "payment.no_provider"}
)
WRONG_PASSWORD: Final = Row(trade=frozenset({"identity.password_wrong"}))

PROMISED: Final = {
    "name_en": "One off",
    "name_ar": "خصم درهم",
    "kind": "fixed",
    "value": 100,
    "from_at": "2026-12-01T00:00:00Z",
}

ROWS: Final[Mapping[str, Row]] = {
    # identity
    "POST /v4/auth/login": Row(trade=frozenset({"identity.login_failed"})),
    "POST /v4/auth/refresh": Row(trade=frozenset({"identity.session_ended"})),
    "POST /v4/auth/token": Row(trade=frozenset({"invalid_request"})),
    "PUT /v4/users/profile": Row(shared=True),
    "GET /v4/auth/oidc/{provider}/start": UNKNOWN_PROVIDER,
    "GET /v4/auth/oidc/{provider}/callback": UNKNOWN_PROVIDER,
    "POST /v4/auth/oidc/exchange": Row(trade=frozenset({"identity.oidc_login_over"})),
    "PUT /v4/users/profile/password": WRONG_PASSWORD,
    "POST /v4/users/profile/totp/disable": WRONG_PASSWORD,
    "DELETE /v4/auth/sessions/{session_id}": Row(personal=True),
    "POST /v4/api-keys": Row(body={"permissions": ["order:read:assigned"]}),
    "GET /v4/users": Row(lists="user"),
    "GET /v4/api-keys": Row(lists="key"),
    "GET /v4/service-accounts": Row(lists="account"),
    # geography
    "GET /v4/areas": Row(lists="area"),
    "POST /v4/cities": CONFIGURES,
    "PUT /v4/cities/{city_id}": CONFIGURES,
    "POST /v4/cities/{city_id}/rules/preview": CONFIGURES,
    # tenants
    "PUT /v4/tenants/{tenant_id}": ON_NOTHING,
    "POST /v4/tenants/{tenant_id}/suspend": ON_NOTHING,
    "POST /v4/tenants/{tenant_id}/reinstate": ON_NOTHING,
    "GET /v4/system/health": OPERATES,
    "PUT /v4/areas/{area_id}": CONFIGURES,
    "POST /v4/areas": CONFIGURES,
    "POST /v4/areas/{area_id}/move": CONFIGURES,
    "PUT /v4/cities/{city_id}/municipality": CONFIGURES,
    "GET /v4/cities/{city_id}/rules": CONFIGURES,
    "PUT /v4/cities/{city_id}/rules": CONFIGURES,
    "POST /v4/cities/{city_id}/zones": CONFIGURES,
    "PUT /v4/cities/{city_id}/zones/{zone_id}": CONFIGURES,
    "DELETE /v4/cities/{city_id}/zones/{zone_id}": CONFIGURES,
    "POST /v4/cities/{city_id}/zones/{zone_id}/reinstate": CONFIGURES,
    # experiments
    "GET /v4/flags/{key}": NOT_MADE,
    "GET /v4/flags/{key}/history": NOT_MADE,
    "GET /v4/experiments": Row(lists="experiment"),
    "POST /v4/experiments": Row(
        body={
            "arms": ["default@1", "thrifty@1"],
            "units": [],
            "starts_at": "2027-01-01T00:00:00Z",
            "ends_at": "2027-01-08T00:00:00Z",
        }
    ),
    "GET /v4/experiments/{experiment_id}/power": Row(
        query="subjects_per_block=20&block_sd=30&subject_sd=200"
    ),
    # catalog
    "GET /v4/search": Row(query="q=shawarma"),
    "GET /v4/admin/merchants": Row(lists="merchant"),
    "GET /v4/admin/merchants.csv": Row(lists="merchant"),
    "PUT /v4/admin/merchants/{merchant_id}": CONFIGURES,
    "PUT /v4/admin/products/{product_id}/tax-class": CONFIGURES,
    # pricing
    "POST /v4/quotes": Row(shared=True),
    "POST /v4/admin/merchants/{merchant_id}/commission-plans": CONFIGURES,
    "GET /v4/quotes/{quote_id}": Row(personal=True),
    "GET /v4/quotes/{quote_id}/ways-to-pay": Row(personal=True),
    "GET /v4/promotions": Row(lists="promotion"),
    "GET /v4/delivery-estimates": Row(
        query="merchant_ids={merchant_id:uuid}&latitude=24.12&longitude=53.1", shared=True
    ),
    "GET /v4/promotions/mine": Row(query="merchant_id={merchant_id:uuid}", shared=True),
    "POST /v4/promotions": Row(body={"terms": PROMISED}),
    "PUT /v4/promotions/{promotion_id}": Row(body={"terms": PROMISED}),
    "GET /v4/promotion-reviews": Row(lists="review"),
    "PUT /v4/promotion-reviews/{review_id}": OPERATES,
    # tracking
    "POST /v4/drivers/{courier_id}/positions": Row(personal=True),
    # couriers
    "GET /v4/drivers": Row(lists="courier"),
    "GET /v4/drivers.csv": Row(lists="courier"),
    "POST /v4/drivers": CONFIGURES,
    "POST /v4/drivers/{courier_id}/suspend": CONFIGURES,
    "POST /v4/drivers/{courier_id}/reinstate": CONFIGURES,
    "POST /v4/drivers/{courier_id}/documents": CONFIGURES,
    "POST /v4/drivers/{courier_id}/documents/{document_id}/verify": CONFIGURES,
    "POST /v4/drivers/{courier_id}/documents/{document_id}/withdraw": CONFIGURES,
    "POST /v4/drivers/{courier_id}/vehicle/safe": Row(only=NOBODY),
    # dispatch
    "POST /v4/drivers/{courier_id}/performance/incidents/{incident_id}/decide": Row(
        narrow=Expected.HIDDEN
    ),
    "GET /v4/deliveries/{reference_id}/why": Row(personal=True, owners=frozenset({COURIER})),
    "PUT /v4/dispatch/cities/{city_id}/rules": Row(body={"rules": {}}),
    "PUT /v4/dispatch/cities/{city_id}/policy": Row(body={"name": "{policy}", "version": 1}),
    "GET /v4/admin/performance/contested": Row(narrow=Expected.HIDDEN),
    "GET /v4/admin/analytics/driver-performance": Row(narrow=Expected.HIDDEN),
    "GET /v4/admin/analytics/zone-health": Row(narrow=Expected.HIDDEN),
    # payments
    "POST /v4/webhooks/psp": Row(trade=frozenset({"payment.signature_invalid"})),
    "POST /v4/webhooks/stripe": Row(trade=frozenset({"payment.signature_invalid"})),
    "GET /v4/loyalty/owed": Row(narrow=Expected.FORBIDDEN),
    "GET /v4/users/{user_id}/loyalty": Row(narrow=Expected.FORBIDDEN),
    "POST /v4/users/{user_id}/loyalty/adjustments": Row(narrow=Expected.FORBIDDEN),
    "GET /v4/payments/{reference_id}": Row(owners=frozenset({CUSTOMER})),
    "GET /v4/accounts/me/statement": NEVER_USED,
    "GET /v4/accounts/me/statement.csv": NEVER_USED,
    "GET /v4/accounts/me/statement.pdf": NEVER_USED,
    "GET /v4/accounts": Row(narrow=Expected.FORBIDDEN, areas=False, lists="ledger_account"),
    "GET /v4/accounts/{ledger_account_id}/statement": OPERATES,
    "GET /v4/accounts/{ledger_account_id}/statement.csv": OPERATES,
    "GET /v4/accounts/{ledger_account_id}/statement.pdf": OPERATES,
    "POST /v4/ledger/corrections": Row(
        narrow=Expected.FORBIDDEN, areas=False, body={"postings": None}
    ),
    "GET /v4/payments": Row(areas=False),
    "GET /v4/payments.csv": Row(areas=False),
    "GET /v4/payment-providers": Row(narrow=Expected.FORBIDDEN, areas=False),
    "POST /v4/payment-providers/{provider}/pause": UNKNOWN_CARD_PROVIDER,
    "POST /v4/payment-providers/{provider}/resume": UNKNOWN_CARD_PROVIDER,
    "POST /v4/payments/{reference_id}/take-cash": Row(trade=BY_HAND),
    "POST /v4/payments/{reference_id}/approve-later": Row(trade=BY_HAND),
    "POST /v4/payments/{reference_id}/settle-later": Row(trade=BY_HAND),
    "POST /v4/payments/{reference_id}/look": Row(trade=BY_HAND),
    "GET /v4/payouts": Row(lists="payout"),
    "GET /v4/payouts.csv": Row(lists="payout"),
    "GET /v4/payouts/account": Row(trade=frozenset({"request.not_found"})),  # not set yet
    "GET /v4/payout-accounts": Row(lists="payout_account"),
    "PUT /v4/payouts/account/destination": Row(body={"provider": "direct"}),
    "PUT /v4/payout-accounts": Row(body={"provider": "direct", "owner_kind": "merchant"}),
    "GET /v4/disputes": OPERATES,
    "GET /v4/disputes/{dispute_id}": ON_NOTHING,
    "POST /v4/disputes/{dispute_id}/evidence": ON_NOTHING,
    "POST /v4/disputes/{dispute_id}/accept": ON_NOTHING,
    "POST /v4/disputes/{dispute_id}/bearer": ON_NOTHING,
    "GET /v4/reconciliation/differences": OPERATES,
    "POST /v4/reconciliation/explanations": Row(
        narrow=Expected.FORBIDDEN,
        areas=False,
        body={"provider": "direct"},
        trade=frozenset({"reconciliation.not_open"}),
    ),
    "GET /v4/reconciliation/explanations": OPERATES,
    "GET /v4/reconciliation/runs": OPERATES,
    "POST /v4/reconciliation/runs": OPERATES,
    "GET /v4/books/months/{month}": OPERATES,
    "GET /v4/books/months/{month}/accounts.csv": OPERATES,
    "POST /v4/books/months/{month}/close": Row(
        narrow=Expected.FORBIDDEN, areas=False, trade=frozenset({"books.month_not_over"})
    ),
    "GET /v4/cash": Row(lists="courier"),
    "GET /v4/cash-hubs": Row(lists="hub", shared=True),
    "GET /v4/cash-deposits": Row(lists="deposit"),
    "GET /v4/cash-deposits.csv": Row(lists="deposit"),
    "GET /v4/cash-shortfalls": Row(lists="shortfall"),
    # ordering
    "PUT /v4/cart": Row(unchecked=True),  # a wish: read, priced and refused with the quote
    "POST /v4/addresses": Row(unchecked=True),  # of whoever asks
    "PUT /v4/addresses/{address_id}": Row(personal=True, owners=frozenset({CUSTOMER})),
    "DELETE /v4/addresses/{address_id}": Row(personal=True, owners=frozenset({CUSTOMER})),
    "GET /v4/orders": Row(lists="order"),
    "GET /v4/orders.csv": Row(lists="order"),
    "POST /v4/orders": Row(personal=True),
    "POST /v4/orders/{order_id}/cancel": Row(
        asks=("order:cancel", "order:update"), only=frozenset({CUSTOMER, MERCHANT})
    ),
    "POST /v4/orders/{order_id}/choice": Row(
        asks=("order:cancel", "order:update"), only=frozenset({CUSTOMER})
    ),
    "POST /v4/orders/{order_id}/dispute": Row(areas=False),
    "POST /v4/orders/{order_id}/tip": Row(
        personal=True, owners=frozenset({CUSTOMER}), body={"use_credit": False}
    ),
    "POST /v4/orders/{order_id}/messages": Row(
        only=frozenset({CUSTOMER, COURIER}), body={"quick": None}
    ),
    "POST /v4/orders/{order_id}/messages/read": Row(
        trade=frozenset({"request.not_found"})  # nothing was written
    ),
    "POST /v4/orders/{order_id}/review": Row(personal=True, owners=frozenset({CUSTOMER})),
    "POST /v4/orders/{order_id}/share": Row(personal=True, owners=frozenset({CUSTOMER})),
    "DELETE /v4/orders/{order_id}/share": Row(personal=True, owners=frozenset({CUSTOMER})),
    "GET /v4/orders/{order_id}/cancellation": Row(
        asks=("order:cancel", "order:update"), only=frozenset({CUSTOMER, MERCHANT})
    ),
    "GET /v4/track/{token}": Row(trade=frozenset({"request.not_found"})),  # of no order here
    "POST /v4/orders/{order_id}/dispute/dismiss": Row(only=NOBODY),
    "POST /v4/orders/{order_id}/refunds": Row(body={"amount_minor": None, "bearers": None}),
    "GET /v4/refunds": Row(lists="refund"),
    "GET /v4/refunds.csv": Row(lists="refund"),
    "POST /v4/orders/{order_id}/ready-time": Row(only=frozenset({MERCHANT})),
    "PUT /v4/orders/{order_id}/proofs/{proof_id}": Row(personal=True, owners=frozenset({COURIER})),
    "GET /v4/orders/{order_id}/proofs": Row(owners=frozenset({CUSTOMER, COURIER})),
    "GET /v4/orders/{order_id}/proofs/{proof_id}": Row(owners=frozenset({CUSTOMER, COURIER})),
    "POST /v4/drivers/{courier_id}/outbox": Row(personal=True),
    # support
    "GET /v4/support/tickets": Row(lists="ticket"),
    "POST /v4/support/tickets": Row(
        body={
            "kind": "order_problem",
            "subject_kind": "order",
            "subject_id": "{order}",
            "priority": None,
        }
    ),
    # pages
    **dict.fromkeys(
        (
            "GET /merchant/menu",
            "POST /merchant/menu/categories",
            "POST /merchant/menu/categories/{category_id}",
            "POST /merchant/menu/categories/{category_id}/{change}",
            "GET /merchant/menu/dishes/new",
            "POST /merchant/menu/dishes/new",
            "GET /merchant/menu/dishes/{product_id}",
            "POST /merchant/menu/dishes/{product_id}",
            "POST /merchant/menu/dishes/{product_id}/{change}",
            "GET /merchant/hours",
            "POST /merchant/hours",
            "POST /merchant/hours/profile",
            "GET /merchant/reports",
            "GET /merchant/payouts",
            "POST /merchant/payouts",
            "GET /merchant/payouts/destination",
            "POST /merchant/payouts/destination",
        ),
        OFFICE,
    ),
    "POST /account/password": Row(trade=frozenset({"page.403"})),  # the password is wrong
    "POST /account/sessions/{session_id}/end": Row(personal=True),
    "POST /orders/{order_id}/{wish}": Row(personal=True, owners=frozenset({CUSTOMER})),
    "POST /address/kept": Row(trade=frozenset({"page.422"})),  # an empty form
    "POST /address/kept/{address_id}": Row(personal=True, owners=frozenset({CUSTOMER})),
    "GET /city": Row(asks=("order:list", "order:read"), narrow=Expected.FORBIDDEN, areas=False),
    "GET /city/orders/{order_id}": OPERATES,
    "GET /city/couriers/{courier_id}": OPERATES,
    "GET /city/dispatch": OPERATES,
    "GET /city/decisions/{decision_id}": OPERATES,
    "GET /city/dispatch/parts": OPERATES,
    "GET /merchant": Row(
        trade=frozenset({"page.404"})  # staff of no merchant have no board
    ),
    "GET /money": OPERATES,
    "POST /money/differences": Row(
        narrow=Expected.FORBIDDEN, areas=False, trade=frozenset({"page.404", "page.400"})
    ),
    "POST /money/runs": OPERATES,
    "GET /money/months/{month}": OPERATES,
    "POST /money/months/{month}/close": Row(
        narrow=Expected.FORBIDDEN, areas=False, trade=frozenset({"page.409"})
    ),
    "POST /tickets/{ticket_id}/{act}": Row(
        narrow=Expected.FORBIDDEN, areas=False, trade=frozenset({"page.404"})
    ),
    "POST /refunds/{refund_id}/refuse": OPERATES,
    "POST /policies/{name}/{version}/live": Row(
        narrow=Expected.FORBIDDEN, areas=False, trade=frozenset({"page.404"})
    ),
    "POST /admin/merchants/{merchant_id}/commission": CONFIGURES,
    "POST /admin/merchants/{merchant_id}/{step}": UNKNOWN_STEP,
    "POST /admin/users/{user_id}/{step}": UNKNOWN_STEP,
    "POST /admin/couriers/{courier_id}/{step}": UNKNOWN_STEP,
    "POST /admin/couriers/{courier_id}/documents/{document_id}/{step}": UNKNOWN_STEP,
    "POST /admin/promotions/{promotion_id}/{step}": UNKNOWN_STEP,
    "GET /admin/flags/{key}": UNKNOWN_STEP,
    "POST /admin/flags/{key}": UNKNOWN_STEP,
    "POST /admin/flags/{key}/back/{to_version}": UNKNOWN_STEP,
    "POST /admin/tenants/{tenant_id}/suspend": UNKNOWN_STEP,
    "POST /admin/tenants/{tenant_id}/reinstate": UNKNOWN_STEP,
    "POST /city/zones/{zone_id}": ZONE_ELSEWHERE,
    "POST /city/zones/{zone_id}/retire": ZONE_ELSEWHERE,
    "POST /city/zones/{zone_id}/reinstate": ZONE_ELSEWHERE,
    "POST /city/dispatch/hold": OPERATES,
    "POST /city/dispatch/let-go": OPERATES,
    "POST /city/dispatch/{reference_id}/{act}": OPERATES,
}
