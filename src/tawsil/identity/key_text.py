"""API keys as their owners hold them: `tws_<id>_<secret><checksum>`.

The prefix and the checksum let scanners of leaked secrets recognise one, and let us refuse a
mistyped one without a look at the database. Scanners may search for
`tws_[0-9a-f]{32}_[0-9A-Za-z]{49}`; the last six characters are the CRC-32 of those before.
"""

import re
import secrets
from binascii import crc32
from hashlib import sha256
from string import ascii_letters, digits
from typing import Final
from uuid import UUID

from msgspec import Struct

PREFIX: Final = "tws_"
_ALPHABET: Final = digits + ascii_letters
_SECRET_LENGTH: Final = 43  # of 62 characters: 256 bits
_CHECKSUM_LENGTH: Final = 6
_KEY: Final = re.compile(
    rf"tws_([0-9a-f]{{32}})_([0-9A-Za-z]{{{_SECRET_LENGTH}}})([0-9A-Za-z]{{{_CHECKSUM_LENGTH}}})"
)


class Shown(Struct, frozen=True):
    """A key that somebody shows: which one it says it is, and the hash of its secret."""

    id: UUID
    secret_hash: bytes


def mint(id_: UUID) -> tuple[str, bytes]:
    """A new secret for a key: the text for its owner, and the hash that we keep."""
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_LENGTH))
    text = f"{PREFIX}{id_.hex}_{secret}"
    return text + _checksum(text), _hash(secret)


def read(text: str) -> Shown | None:
    """What a text shows, if it is a key at all."""
    found = _KEY.fullmatch(text)
    if found is None or _checksum(text[:-_CHECKSUM_LENGTH]) != found[3]:
        return None
    return Shown(id=UUID(found[1]), secret_hash=_hash(found[2]))


def _hash(secret: str) -> bytes:
    """SHA-256. 256 random bits need no slow hash."""
    return sha256(secret.encode()).digest()


def _checksum(text: str) -> str:
    rest, characters = crc32(text.encode()), ""
    for _ in range(_CHECKSUM_LENGTH):
        rest, digit = divmod(rest, len(_ALPHABET))
        characters = _ALPHABET[digit] + characters
    return characters
