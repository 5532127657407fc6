"""Secrets at rest: sealed with AES-256-GCM, so that a copy of the database does not give them away.

What is sealed names its key. The first key seals and every key unseals, so that a key is exchanged
by putting a new one in front of it and sealing again what is still under the old one.
"""

import hmac
import os
import secrets
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tawsil.kernel.settings import SECRET_KEY_BYTES, Settings, SettingsError, secret_keys_of

KEY_FILE: Final = "secret.key"
_VERSION: Final = b"\x01"
_KEY_NAME_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_HEAD_BYTES: Final = len(_VERSION) + _KEY_NAME_BYTES + _NONCE_BYTES


class UnsealingError(Exception):
    """Not sealed by us, or not for this place, or under a key that is not in force any more."""


class Sealer:
    """Seals and unseals. `about` is what a secret belongs to: elsewhere it cannot be unsealed."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        assert keys, "there is a key to seal with"
        self._first = _name(keys[0])
        self._ciphers = {_name(key): AESGCM(key) for key in keys}

    def seal(self, secret: bytes, *, about: str) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._ciphers[self._first].encrypt(nonce, secret, about.encode())
        return _VERSION + self._first + nonce + sealed

    def unseal(self, sealed: bytes, *, about: str) -> bytes:
        """What was sealed.

        Raises:
            UnsealingError
        """
        cipher = self._ciphers.get(sealed[len(_VERSION) : len(_VERSION) + _KEY_NAME_BYTES])
        if not sealed.startswith(_VERSION) or len(sealed) < _HEAD_BYTES or cipher is None:
            raise UnsealingError("not sealed under any key of TAWSIL_SECRET_KEYS")
        try:
            return cipher.decrypt(
                sealed[_HEAD_BYTES - _NONCE_BYTES : _HEAD_BYTES],
                sealed[_HEAD_BYTES:],
                about.encode(),
            )
        except InvalidTag as error:
            raise UnsealingError("changed since it was sealed, or sealed for another") from error

    @property
    def mark(self) -> bytes:
        """How everything begins that is sealed under the first key."""
        return _VERSION + self._first

    def is_under_first(self, sealed: bytes) -> bool:
        """Whether it need not be sealed again before older keys go."""
        return sealed.startswith(self.mark)


class Digester:
    """Tells whether two texts are the same without keeping either: HMAC-SHA-256 under keys of ours.

    Who has a copy of the database but no key cannot try out what a digest may be of.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        assert keys, "there is a key to digest with"
        self._keys = [sha256(b"tawsil digest key" + key).digest() for key in keys]

    def digests(self, text: str, *, about: str) -> list[bytes]:
        """Under every key, the first first: keep that one, and look for all of them.

        The same text `about` something else has other digests.
        """
        said = f"{about}\0{text}".encode()
        return [hmac.digest(key, said, "sha256") for key in self._keys]


def open_sealer(settings: Settings) -> Sealer:
    """With the keys of the settings; in development with one from the data folder, made if missing.

    Raises:
        SettingsError: no keys are set, and this is not development.
    """
    return Sealer(_keys_of(settings))


def open_digester(settings: Settings) -> Digester:
    """With the same keys as the sealer.

    Raises:
        SettingsError: no keys are set, and this is not development.
    """
    return Digester(_keys_of(settings))


def _keys_of(settings: Settings) -> list[bytes]:
    if settings.secret_keys is not None:
        return secret_keys_of(settings.secret_keys.get_secret_value())
    if settings.environment != "development":
        raise SettingsError(
            "Set TAWSIL_SECRET_KEYS: 32 random bytes in base64, such as `openssl rand -base64 32` "
            "prints, the same on every machine. Only development makes a key by itself."
        )
    return secret_keys_of(_key_of(settings.data / KEY_FILE))


def _name(key: bytes) -> bytes:
    assert len(key) == SECRET_KEY_BYTES, "AES-256"
    return sha256(b"tawsil key name" + key).digest()[:_KEY_NAME_BYTES]


def _key_of(file: Path) -> str:
    """The key in a file that only we read; of several processes that make it, one wins."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        made = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            opened.write(b64encode(secrets.token_bytes(SECRET_KEY_BYTES)))
        try:
            os.link(made, file)
        except FileExistsError:
            pass
        finally:
            made.unlink()
    if file.stat().st_mode & 0o077:
        raise SettingsError(f"Others may read {file}, which is a key: run chmod 600 on it.")
    return file.read_text()
