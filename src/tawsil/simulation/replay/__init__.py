"""A published day of meal delivery, lived by the platform's own services on a real database."""

from tawsil.simulation.replay.day import Replayed, replay

__all__ = ["Replayed", "replay"]
