"""Dispatch over HTTP: a courier's offers and job, and what operations see and do.

Deliveries are addressed by the reference under which they were asked for, such as an order's id.
"""

from typing import Final

from tawsil.dispatch.routes import (
    decisions,
    offers,
    operations,
    performance,
    policies,
    rules,
    switchback,
    zones,
)

routes: Final = [
    *offers.routes,
    *operations.routes,
    *decisions.routes,
    *rules.routes,
    *policies.routes,
    *switchback.routes,
    *performance.routes,
    *zones.routes,
]
