"""The form-encoded bodies Stripe takes: `metadata[reference]=7`, `expand[0]=latest_charge`."""

from collections.abc import Iterable, Mapping
from typing import Any, cast
from urllib.parse import parse_qsl

from tawsil.simulation.stripe.errors import ApiError

Params = Mapping[str, Any]


def parse(text: str) -> dict[str, Any]:
    """Nested mappings; a mapping whose keys are all numbers, or empty, is a list."""
    nested: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        first, *rest = name.replace("]", "").split("[")
        at = nested
        for key, following in zip([first, *rest], [*rest, None], strict=True):
            place = key or str(len(at))
            if following is None:
                at[place] = value
            else:
                at = _within(at, place)
    return {name: _listed(value) for name, value in nested.items()}


def _within(at: dict[str, Any], place: str) -> dict[str, Any]:
    found = at.setdefault(place, {})
    if not isinstance(found, dict):
        raise ApiError(f"{place} cannot be both a value and a hash", param=place)
    return cast("dict[str, Any]", found)


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {k: _listed(v) for k, v in cast("dict[str, Any]", value).items()}
    return list(inner.values()) if inner and all(k.isdigit() for k in inner) else inner


def only(params: Params, names: Iterable[str]) -> None:
    """Refuse what an endpoint does not take."""
    for name in params:
        if name not in {*names, "expand"}:
            raise ApiError(
                f"Received unknown parameter: {name}", code="parameter_unknown", param=name
            )


def required(params: Params, name: str) -> str:
    value = params.get(name)
    if not isinstance(value, str) or not value:
        raise ApiError(f"Missing required param: {name}.", code="parameter_missing", param=name)
    return value


def integer(params: Params, name: str, otherwise: int | None = None) -> int:
    text = params.get(name)
    if text is None and otherwise is not None:
        return otherwise
    text = required(params, name)
    if not (text.isascii() and text.removeprefix("-").isdigit()):
        raise ApiError(f"Invalid integer: {text}", code="parameter_invalid_integer", param=name)
    return int(text)


def amount(params: Params, name: str, otherwise: int | None = None) -> int:
    """An amount above nothing."""
    value = integer(params, name, otherwise)
    if value < 1:
        raise ApiError(
            "This value must be greater than or equal to 1.",
            code="parameter_invalid_integer",
            param=name,
        )
    return value


def hashed(params: Params, name: str) -> dict[str, str]:
    value = params.get(name, {})
    if not isinstance(value, dict):
        raise ApiError("Invalid hash", param=name)
    return {str(k): str(v) for k, v in cast("dict[str, Any]", value).items()}


def yes(params: Params, name: str, *, otherwise: bool = False) -> bool:
    value = params.get(name)
    return otherwise if value is None else value == "true"
