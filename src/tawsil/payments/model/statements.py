"""What is read of accounts: where they stand, and line by line how they came to."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from tawsil.payments.events import AccountKind, AccountRef
from tawsil.payments.model.ledger import TransferKind


class Account(Struct, frozen=True, kw_only=True):
    """An account is opened by the first transfer that touches it; there is one per currency."""

    id: UUID
    ref: AccountRef
    currency: str


class AccountFilter(Struct, frozen=True, kw_only=True):
    kinds: tuple[AccountKind, ...] | None = None
    owner_id: UUID | None = None
    currency: str | None = None


class LineFilter(Struct, frozen=True, kw_only=True):
    """`kinds` leave lines out and change no balance: each stays what it was after that line."""

    account_id: UUID
    kinds: tuple[TransferKind, ...] | None = None
    from_at: datetime | None = None
    to_at: datetime | None = None


class Standing(Struct, frozen=True, kw_only=True):
    """Of a time, what was posted before and by its end; and what is pending now."""

    opening_minor: int = 0
    closing_minor: int = 0
    pending_minor: int = 0
    reserved_minor: int = 0


class StatementLine(Struct, frozen=True, kw_only=True):
    """`balance_minor` is what the account stood at after it."""

    transfer_id: UUID
    kind: TransferKind
    reference_id: UUID
    amount_minor: int
    balance_minor: int
    corrects: UUID | None
    at: datetime
