"""One charge: its states, the moves between them, and why a move is refused. No I/O, no clock."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tawsil.simulation.psp.tokens import CARDS

AUTHORISATION_LASTS: Final = timedelta(days=7)
CHALLENGE_LASTS: Final = timedelta(hours=1)
MOST_MINOR: Final = 10**12
LONGEST_NAME: Final = 255


class ChargeState(StrEnum):
    REQUIRES_ACTION = "requires_action"
    AUTHORISED = "authorised"
    CAPTURED = "captured"
    VOIDED = "voided"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    DECLINED = "declined"
    EXPIRED = "expired"


class Move(StrEnum):
    CONFIRM = "confirm"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


MOVES: Final[Mapping[ChargeState, frozenset[Move]]] = MappingProxyType(
    {
        ChargeState.REQUIRES_ACTION: frozenset({Move.CONFIRM, Move.VOID}),
        ChargeState.AUTHORISED: frozenset({Move.CAPTURE, Move.VOID}),
        ChargeState.CAPTURED: frozenset({Move.REFUND}),
        ChargeState.PARTIALLY_REFUNDED: frozenset({Move.REFUND}),
        ChargeState.REFUNDED: frozenset(),
        ChargeState.VOIDED: frozenset(),
        ChargeState.DECLINED: frozenset(),
        ChargeState.EXPIRED: frozenset(),
    }
)


class Refund(Struct, frozen=True):
    """One refund; its key lets a caller who lost the answer find out whether it was made."""

    idempotency_key: str
    amount_minor: int
    created_at: datetime


class Charge(Struct, frozen=True):
    """A card payment from authorisation to its last refund; `version` counts its changes."""

    id: str
    reference: str
    token: str
    amount_minor: int
    currency: str
    state: ChargeState
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None = None
    captured_minor: int = 0
    refunded_minor: int = 0
    refunds: tuple[Refund, ...] = ()
    decline_code: str | None = None
    version: int = 1

    def __post_init__(self) -> None:
        assert 0 <= self.refunded_minor <= self.captured_minor <= self.amount_minor
        assert self.refunded_minor == sum(refund.amount_minor for refund in self.refunds)
        assert (self.expires_at is not None) == (Move.VOID in MOVES[self.state])


class Changed(Struct, frozen=True):
    """The charge after a change, and the amount this change was about."""

    charge: Charge
    amount_minor: int


class Problem(Struct, frozen=True):
    """Why not. `may` lists the moves that would be legal when this one is not."""

    code: str
    message: str
    may: tuple[Move, ...] = ()


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """A request that changes nothing, and the HTTP status that says so."""

    def __init__(self, status: int, code: str, message: str, may: Iterable[Move] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.problem = Problem(code=code, message=message, may=tuple(sorted(may)))


def authorise(
    *,
    charge_id: str,
    token: str,
    amount_minor: int,
    currency: str,
    reference: str,
    misfortune: str | None = None,
    at: datetime,
) -> Changed:
    """Reserve an amount; `misfortune` is a decline code for a card that would be approved."""
    if token not in CARDS:
        raise Refusal(422, "unknown_token", f"{token!r} is not a test token")
    if not (
        len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper()
    ):
        raise Refusal(422, "invalid_currency", f"{currency!r} is not an ISO 4217 code")
    require_name(reference, what="reference")
    _require_amount(amount_minor)
    decline_code = CARDS[token].decline_code or misfortune
    if decline_code is not None:
        state, lasts = ChargeState.DECLINED, None
    elif CARDS[token].three_d_secure:
        state, lasts = ChargeState.REQUIRES_ACTION, CHALLENGE_LASTS
    else:
        state, lasts = ChargeState.AUTHORISED, AUTHORISATION_LASTS
    charge = Charge(
        id=charge_id,
        reference=reference,
        token=token,
        amount_minor=amount_minor,
        currency=currency,
        state=state,
        created_at=at,
        updated_at=at,
        expires_at=None if lasts is None else at + lasts,
        decline_code=decline_code,
    )
    return Changed(charge=charge, amount_minor=amount_minor)


def as_of(charge: Charge, *, at: datetime) -> Charge:
    """The charge as time has left it: expired when nobody captured or confirmed it in time."""
    if charge.expires_at is None or at < charge.expires_at:
        return charge
    return _changed(charge, state=ChargeState.EXPIRED, at=charge.expires_at)


def confirm(charge: Charge, *, approve: bool, at: datetime) -> Changed:
    """The bank's verdict on the 3-D Secure challenge."""
    _require(charge, Move.CONFIRM)
    if approve:
        expires_at = at + AUTHORISATION_LASTS
        after = _changed(charge, state=ChargeState.AUTHORISED, at=at, expires_at=expires_at)
    else:
        denied = _changed(charge, state=ChargeState.DECLINED, at=at)
        after = replace(denied, decline_code="authentication_failed")
    return Changed(charge=after, amount_minor=charge.amount_minor)


def capture(charge: Charge, *, amount_minor: int | None, at: datetime) -> Changed:
    """Take all (`None`) or part of what was authorised, once; the rest is released."""
    _require(charge, Move.CAPTURE)
    taken_minor = charge.amount_minor if amount_minor is None else amount_minor
    _require_amount(taken_minor)
    if taken_minor > charge.amount_minor:
        raise Refusal(400, "amount_exceeds_authorised", f"only {charge.amount_minor} is authorised")
    taken = _changed(charge, state=ChargeState.CAPTURED, at=at)
    after = replace(taken, captured_minor=taken_minor)
    return Changed(charge=after, amount_minor=taken_minor)


def void(charge: Charge, *, at: datetime) -> Changed:
    """Give up an authorisation, or a challenge nobody has answered."""
    _require(charge, Move.VOID)
    after = _changed(charge, state=ChargeState.VOIDED, at=at)
    return Changed(charge=after, amount_minor=charge.amount_minor)


def refund(charge: Charge, *, amount_minor: int | None, key: str, at: datetime) -> Changed:
    """Return all that is left (`None`) or part of what was captured."""
    _require(charge, Move.REFUND)
    left_minor = charge.captured_minor - charge.refunded_minor
    returned_minor = left_minor if amount_minor is None else amount_minor
    _require_amount(returned_minor)
    if returned_minor > left_minor:
        raise Refusal(400, "amount_exceeds_captured", f"only {left_minor} is left to refund")
    whole = returned_minor == left_minor
    state = ChargeState.REFUNDED if whole else ChargeState.PARTIALLY_REFUNDED
    made = Refund(idempotency_key=key, amount_minor=returned_minor, created_at=at)
    after = replace(
        charge,
        state=state,
        updated_at=at,
        refunded_minor=charge.refunded_minor + returned_minor,
        refunds=(*charge.refunds, made),
        version=charge.version + 1,
    )
    return Changed(charge=after, amount_minor=returned_minor)


def require_name(name: str, *, what: str) -> None:
    """Refuse a key or reference that is empty or too long."""
    if not 0 < len(name) <= LONGEST_NAME:
        raise Refusal(422, f"invalid_{what}", f"{what} must have 1 to {LONGEST_NAME} characters")


def _require(charge: Charge, move: Move) -> None:
    may = MOVES[charge.state]
    if move not in may:
        raise Refusal(409, "illegal_move", f"cannot {move} a charge that is {charge.state}", may)


def _require_amount(amount_minor: int) -> None:
    if not 0 < amount_minor <= MOST_MINOR:
        raise Refusal(422, "invalid_amount", f"amount_minor must be 1 to {MOST_MINOR}")


def _changed(
    charge: Charge, *, state: ChargeState, at: datetime, expires_at: datetime | None = None
) -> Charge:
    return replace(
        charge, state=state, updated_at=at, expires_at=expires_at, version=charge.version + 1
    )
