"""Tawsil: a self-hosted on-demand delivery platform. Start with `ordering/journey.py`."""

from importlib.metadata import version

__version__ = version("tawsil")
