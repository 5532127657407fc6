"""Makes tokens that are not what they seem."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def part(token: str, n: int) -> dict[str, Any]:
    segment = token.split(".")[n]
    return json.loads(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))


class Forge:
    """Makes variations of a valid token, signed with the real key unless told otherwise."""

    def __init__(self, token: str, rsa: RSAKey) -> None:
        self.token = token
        self.rsa = rsa
        self.header = part(token, 0)
        self.claims = part(token, 1)

    def signed(
        self,
        *,
        header: dict[str, Any] | None = None,
        key: RSAKey | ECKey | None = None,
        algorithm: str = "RS256",
        **claims: Any,
    ) -> str:
        changed = {**self.claims, **claims}
        return jwt.encode(
            {**self.header, "alg": algorithm, **(header or {})},
            {name: value for name, value in changed.items() if value is not ...},
            key or self.rsa,
            algorithms=[algorithm],
            default_type=None,
        )

    def unsigned(self, **header: Any) -> str:
        head = b64(json.dumps({**self.header, **header}).encode())
        return f"{head}.{self.token.split('.')[1]}."

    def hmac_with_public_key(self, secret: bytes) -> str:
        head = b64(json.dumps({**self.header, "alg": "HS256"}).encode())
        signed = f"{head}.{self.token.split('.')[1]}"
        return f"{signed}.{b64(hmac.digest(secret, signed.encode(), sha256))}"

    def tampered(self, **claims: Any) -> str:
        head, _, signature = self.token.split(".")
        return f"{head}.{b64(json.dumps({**self.claims, **claims}).encode())}.{signature}"

    def by_hand(self, header: dict[str, Any], claims: str | bytes | None = None) -> str:
        """Signed with the real key, whatever it says."""
        said = json.dumps(self.claims) if claims is None else claims
        payload = said if isinstance(said, bytes) else said.encode()
        text = f"{b64(json.dumps(header).encode())}.{b64(payload)}"
        signature = self.rsa.private_key.sign(text.encode(), PKCS1v15(), SHA256())
        return f"{text}.{b64(signature)}"

    def raw_header(self, header: bytes) -> str:
        return ".".join([b64(header), *self.token.split(".")[1:]])


MALLORY = RSAKey.generate_key(2048)
