"""What the API's document says of the whole: an introduction, tags, what fields usually hold."""

from collections.abc import Mapping
from typing import Any, Final

from tawsil.kernel.http.openapi import About

DESCRIPTION: Final = """\
A delivery platform: people order from merchants, pay, and couriers bring it.

**Answers** come in an envelope, `{success, data, meta, errors}`. `meta.request_id` is also the
header `X-Request-ID`; lists have `meta.pagination`.

**Errors** have a stable `code`, a sentence in the language of `Accept-Language` (English or
Arabic), and in `detail` what fills it. Each route lists the codes it may refuse with. An address
that nothing answers to is a 404, a method that an address does not answer to a 405 with `Allow`.

**Signing in**: `POST /v4/auth/login` gives an access token for ten minutes, sent as
`Authorization: Bearer …`, and a refresh token. What is not yours to see is answered like what does
not exist.

**Repeating**: give every POST that creates or charges an `Idempotency-Key`. The same key and body
within 24 hours get the first answer, byte for byte.

**Money** is in minor units (`…_minor`) of an ISO 4217 `currency`. Times are UTC and end in `_at`,
durations in `_s`, distances in `_m`.

**Live**: `GET /v4/live` streams what concerns you as server-sent events, `/v4/live/ws` the same
over a WebSocket; the messages are described in AsyncAPI at `/v4/events/asyncapi.json`, the recorded
events at `/v4/events/schemas`.

**Older clients** find the addresses they know under `/v2` as well, in the shape of today.
"""

TAGS: Final[Mapping[str, str]] = {
    "API keys": "Keys of merchants and integrations: their scopes, their rotation, their end.",
    "Analytics": "How couriers and zones do.",
    "Areas": "Countries, regions, districts and municipalities, and which cities lie in them.",
    "Audit": "Everything that was done, by whom and when: the event log as it was recorded.",
    "Books": "What acquirers say against the books, and the books of a month.",
    "Cities": "What a city is, what it charges, and what a rush changes in it.",
    "Couriers": "Couriers, their shifts and breaks, their vehicles, the zones they like.",
    "Dispatch": "Who is asked to fetch what and why; offers, escalation, reassignment, policies.",
    "Events": "The schemas of recorded events, and AsyncAPI of what is heard live.",
    "Experiments": "Fair comparisons of two ways to do something.",
    "Flags": "What is switched on where, and for how many.",
    "Geography": "Cities, their zones and areas.",
    "GraphQL": "The same in one question: queries and mutations, under the same authorisation.",
    "Live": "What concerns the caller, as it happens.",
    "Loyalty": "Points: what a customer has, when they lapse, and what is owed in all.",
    "Modules": "Parts of the product that a company may do without.",
    "Merchants": "Merchants, their menus and opening hours, and what they have run out of.",
    "Menus": "Menus as those write them who sell from them.",
    "Orders": "Carts and orders: from placing to the door, and when it goes wrong.",
    "Cash": "What couriers hold of customers' cash, hand in at hubs, and were not paid.",
    "Payments": "What has become of a payment, and balances.",
    "Payouts": "What merchants and couriers are paid out: when, where to, and what came of it.",
    "Disputes": "Payments that cardholders dispute with their banks, and what we say to it.",
    "Promotions": "What is taken off prices, for whom, and how much of it is left.",
    "Quotes": "What an order would cost with every fee, binding for a quarter of an hour.",
    "Refunds": "What of an order is given back, by which reason, who bears it and who agreed.",
    "Reviews": "What customers think of merchants and couriers, by orders that were delivered.",
    "Reports": "What merchants sold, of what, and how they kept up.",
    "Service accounts": "Programs that sign in by themselves, with keys of their own.",
    "Sign-in": "Registering, signing in and out, sessions and keys.",
    "Support": "Tickets: what people must look at.",
    "System": "Whether everything that works in the background does.",
    "Tenants": "The companies on this platform, for whoever runs it.",
    "Tracking": "Where couriers are.",
    "Users": "Users and profiles.",
}

WORDS: Final[Mapping[str, Any]] = {
    "acceptance": 0.92,
    "accuracy_m": 12.5,
    "address": "12 Palm Street, flat 4",
    "address_ar": "شارع النخيل ١٢",
    "address_en": "12 Palm Street",
    "alg": "RS256",
    "back_pressure": {
        "horizon_s": 900,
        "dwell_s": 300,
        "relief": 0.8,
        **{
            name: {
                "load": load,
                "terms": {
                    "extra_wait_s": 300,
                    "surge_bp": 500,
                    "reach_m": None,
                    "paused_zone_ids": [],
                },
            }
            for name, load in (("tight", 1.5), ("strained", 2.5), ("flooded", 4.0))
        },
    },
    "code": "order.illegal_move",
    "cuisine": "lebanese",
    "currency": "AED",
    "email": "layla@example.com",
    "estimated_earning_minor": 1400,
    "earning_parts": {"base_minor": 700, "distance_minor": 300, "surge_minor": 0, "tip_minor": 400},
    "handover_pin": "4711",
    "heading_deg": 270.0,
    "instructions": "Ring twice",
    "known": "sold_out, too_busy",
    "kty": "RSA",
    "latitude": 24.4539,
    "legal": "ACCEPTED, CANCELLED",
    "legal_moves": ["CANCELLED", "PREPARING"],
    "locale": "en",
    "longitude": 54.3773,
    "name": "Layla Haddad",
    "name_ar": "شاورما",
    "name_en": "Shawarma",
    "next_deadline": "merchant_accept",
    "notes": "No onions, please",
    "party": "customer",
    "payment": "safe",
    "permission": "order:read",
    "phone": "+971500000001",
    "policy": "balanced",
    "rating": 4.6,
    "reason": "sold_out",
    "sentence": "You were the nearest who was free.",
    "slug": "abu-dhabi",
    "status": "ACCEPTED",
    "status_now": "PENDING",
    "timezone": "Asia/Dubai",
    "token_type": "Bearer",
    "type": "order.accepted.v1",
    "wanted": "DELIVERED",
}

ABOUT: Final = About(description=DESCRIPTION, tags=TAGS, words=WORDS)
