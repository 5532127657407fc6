"""Metrics in Prometheus' text format, in the names of the contract.

With `PROMETHEUS_MULTIPROC_DIR` set, the processes of one machine keep them in that folder, and any
of them shows what all have counted.
"""

import os
from bisect import bisect_left
from collections import Counter as Counts
from collections import defaultdict
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

http_requests = Counter("http_requests_total", "Requests answered.", ["method", "path", "status"])
http_request_duration_s = Histogram(
    "http_request_duration_seconds", "Time to answer.", ["method", "path"], buckets=_SECONDS
)
cache_lookups = Counter("cache_lookups_total", "Reads of a cache.", ["cache", "outcome"])
cache_hit_ratio = Gauge(
    "cache_hit_ratio",
    "Of the reads of a cache, the share that it answered.",
    ["cache"],
    multiprocess_mode="mostrecent",
)
database_connections = Gauge(
    "database_connections_active", "Connections in use.", multiprocess_mode="mostrecent"
)
requests_refused = Counter(
    "rate_limited_requests_total", "Requests refused because there were too many.", ["limit"]
)
limits_counted_alone = Counter(
    "rate_limits_counted_alone_total",
    "Requests counted by a process for itself, because Valkey did not answer.",
)
orders_created = Counter("orders_created_total", "Orders placed.", ["city"])
orders_completed = Counter("orders_completed_total", "Orders delivered.", ["city"])
orders_cancelled = Counter("orders_cancelled_total", "Orders cancelled.", ["city", "reason"])
delivery_time_s = Histogram(
    "delivery_time_seconds",
    "Placed to delivered.",
    ["city"],
    buckets=(600, 900, 1200, 1500, 1800, 2400, 3000, 3600, 5400),
)
revenue = Counter("revenue_total", "Captured, in minor units.", ["currency"])
assignment_latency_s = Histogram(
    "assignment_latency",
    "Seconds from asking for a courier to having one.",
    buckets=(1, 2, 5, 10, 20, 30, 60, 120, 300, 600),
)
offers = Counter("offers_total", "Offers by how they ended.", ["outcome", "mode"])
offer_response_s = Histogram(
    "offer_response_seconds",
    "From an offer to a courier's yes or no.",
    ["mode"],
    buckets=(1, 2, 3, 5, 8, 12, 20, 30, 60, 120, 300),
)
offer_acceptance_rate = Gauge(
    "offer_acceptance_rate",
    "Of the offers that ended within the hour with a yes, a no or nothing, the share of yeses.",
    ["city"],
    multiprocess_mode="mostrecent",
)
reassignments = Counter(
    "reassignments_total",
    "Deliveries that lost their courier, by why and by whether another was found.",
    ["cause", "outcome"],
)
escalations = Counter(
    "escalations_total", "Rungs climbed by deliveries without a courier.", ["level"]
)
unassigned_orders = Gauge(
    "unassigned_order_count",
    "Deliveries without a courier.",
    ["city"],
    multiprocess_mode="mostrecent",
)
dispatch_load = Gauge(
    "dispatch_load",
    "Jobs at hand for each courier at hand, smoothed.",
    ["city"],
    multiprocess_mode="mostrecent",
)
zone_health_score = Gauge(
    "zone_health_score",
    "How a zone does, from 0 to 1: couriers for those who wait, soon, and nothing late.",
    ["city", "zone"],
    multiprocess_mode="mostrecent",
)
orders_without_deadline = Gauge(
    "live_orders_without_deadline",
    "Live orders that nothing will wake. Always 0.",
    multiprocess_mode="mostrecent",
)
event_relay_lag = Gauge(
    "event_relay_lag",
    "Events a subscription has yet to hear.",
    ["name"],
    multiprocess_mode="mostrecent",
)
tickets_open = Gauge(
    "tickets_open",
    "Support tickets that nobody has resolved.",
    ["kind", "priority"],
    multiprocess_mode="mostrecent",
)
provider_circuit = Gauge(
    "payment_provider_circuit",
    "Whether a payment provider is kept out of use: 0 no, 0.5 on trial, 1 yes.",
    ["provider"],
    multiprocess_mode="mostrecent",
)
provider_calls = Counter(
    "payment_provider_calls_total",
    "Calls of payment providers, by step and by whether they were heard, silent, or not made.",
    ["provider", "step", "outcome"],
)
provider_call_s = Histogram(
    "payment_provider_call_seconds",
    "Time a payment provider takes to answer.",
    ["provider", "step"],
    buckets=_SECONDS,
)
ledger_imbalance = Gauge(
    "ledger_imbalance",
    "What the ledger's entries add up to. Always 0.",
    ["currency"],
    multiprocess_mode="mostrecent",
)
ledger_faults = Gauge(
    "ledger_faults",
    "What does not add up in the books, by what was checked. Always 0.",
    ["check"],
    multiprocess_mode="mostrecent",
)


_answered: Final[defaultdict[tuple[str, str, int], list[float]]] = defaultdict(list)


def answered(method: str, path: str, status: int, *, duration_s: float) -> None:
    """Count one request, from the next `tell` on; methods that a client made up are all one."""
    _answered[method if method in _METHODS else "other", path, status].append(duration_s)


def tell() -> None:
    """Bring the metrics up to date: one by one, a file for each, would take longer than answers."""
    for (method, path, status), durations in list(_answered.items()):
        if not durations:
            continue
        http_requests.labels(method, path, str(status)).inc(len(durations))
        histogram: Any = http_request_duration_s.labels(method, path)
        histogram._sum.inc(sum(durations))  # noqa: SLF001 - in public it counts one at a time
        counts = Counts(bisect_left(_SECONDS, duration_s) for duration_s in durations)
        for bucket, count in counts.items():
            histogram._buckets[bucket].inc(count)  # noqa: SLF001 - see above
        durations.clear()


def exposition() -> bytes:
    """Everything counted, as Prometheus reads it."""
    tell()
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest()
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return generate_latest(registry)
