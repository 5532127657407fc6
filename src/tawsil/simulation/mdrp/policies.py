"""What a day can be replayed under."""

from collections.abc import Mapping
from math import inf, isinf
from typing import Final

from msgspec.structs import replace

from tawsil.dispatch.planning import Policy
from tawsil.simulation.mdrp.instance import Instance

POLICIES: Final[Mapping[str, Policy]] = {
    policy.name: policy
    for policy in (
        Policy(),
        Policy(name="thrifty", paid_ahead=240.0),
        Policy(name="at_once", lead_s=inf),
        Policy(name="one_by_one", bundle_max=1),
    )
}
"""The usual one; one that minds guaranteed wages; without holding back; without bundles."""
FRONT: Final = tuple(
    Policy(name=f"thrift_{weight}", paid_ahead=float(weight)) for weight in (0, 5, 60, 600, 1000)
)
"""From what is quickest to what is cheapest: seconds of waiting for an order that a guaranteed
wage pays for anyway."""


def fitted(policy: Policy, instance: Instance) -> Policy:
    """A policy for decisions once a minute about couriers who always say yes, at once."""
    lead_s = policy.lead_s if isinf(policy.lead_s) else 0.0
    return replace(policy, services=instance.services, tick_s=60.0, lead_s=lead_s)
