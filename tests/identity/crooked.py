"""A real OpenID provider on this machine that can be made to answer wrongly."""

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.jwk import Key, RSAKey
from joserfc.jws import extract_compact
from werkzeug.serving import make_server

with warnings.catch_warnings():  # said by the provider, of what it stands on itself
    warnings.filterwarnings("ignore", "authlib.jose module is deprecated")
    warnings.filterwarnings("ignore", "The httpx module is deprecated; please use httpx2")
    import oidc_provider_mock
    from oidc_provider_mock._app import AuthorizationCodeGrant

__all__ = ["AuthorizationCodeGrant", "Crooked", "running"]

Twist = Callable[[dict[str, Any]], str]
"""From the claims that an ID token would have to the ID token that is sent."""


class Crooked:
    """Passes requests on to the provider. What it twists it signs with a key of its own."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, auto_kid=True)
        self.forms: list[Mapping[str, str]] = []
        self.twist: Twist | None = None
        self.answers: dict[str, Any] = {}
        self._provider = oidc_provider_mock.app()

    def straighten(self) -> None:
        self.forms.clear()
        self.twist = None
        self.answers.clear()

    def signed(self, claims: dict[str, Any], *, key: Key | None = None, **header: Any) -> str:
        said = {"alg": "RS256", "kid": self.key.kid, **header}
        return jwt.encode(said, claims, key or self.key, algorithms=[said["alg"]])

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        path = environ["PATH_INFO"]
        if path in self.answers:
            status, body = self.answers[path]
            start_response(status, [("Content-Type", "application/json")])
            return [json.dumps(body).encode()]
        if path == "/jwks" and self.twist is not None:
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps({"keys": [self.key.as_dict(private=False)]}).encode()]
        if path != "/oauth2/token":
            return list(self._provider(environ, start_response))
        sent = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        self.forms.append({name: values[0] for name, values in parse_qs(sent.decode()).items()})
        environ["wsgi.input"] = BytesIO(sent)
        began: list[tuple[Any, ...]] = []
        body = b"".join(self._provider(environ, lambda *args: began.append(args)))
        status, headers = began[0][:2]
        if self.twist is not None and status.startswith("200"):
            answer = json.loads(body)
            claims = json.loads(extract_compact(answer["id_token"].encode()).payload)
            body = json.dumps({**answer, "id_token": self.twist(claims)}).encode()
        start_response(
            status,
            [(name, value) for name, value in headers if name.lower() != "content-length"],
        )
        return [body]


@contextmanager
def running(app: Crooked) -> Iterator[str]:
    """Its issuer, while it runs."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
