"""What is secret is in no line that any part of us writes, whatever goes right or wrong."""

import hmac
import io
import json
import logging
import sys
from collections.abc import Iterator
from hashlib import sha256
from time import sleep
from typing import Any, cast

import pytest
import structlog

from tawsil.kernel import logs
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.logs import configure_logs
from tawsil.kernel.settings import Settings
from walls.conftest import ADMIN, PASSWORD, SITE, Everything, plain_logs

WRONG = "not the password 5520"
EMAIL = "mona.7461@example.org"
PHONE = "+9613746100"


class Written:
    """Everything that is logged, at the most talkative level, by us and by libraries."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        self._stream = stream

    def text(self) -> str:
        sleep(3 * logs.WRITTEN_AFTER_S)
        self._stream.flush()
        return cast("io.BytesIO", self._stream.buffer).getvalue().decode()


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[Written]:
    stream = io.TextIOWrapper(io.BytesIO(), write_through=True)
    monkeypatch.setattr(sys, "stderr", stream)
    handler, root = logging.StreamHandler(stream), logging.getLogger()
    level = root.level
    logging.getLogger("httpx").setLevel(logging.WARNING)  # the client of this test
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    configure_logs(Settings(log_level="DEBUG"), service="tawsil-tests", version="0")
    structlog.configure(cache_logger_on_first_use=False)
    yield Written(stream)
    root.removeHandler(handler)
    root.setLevel(level)
    monkeypatch.undo()
    plain_logs()


async def test_no_secret_reaches_a_log(
    everything: Everything, written: Written, clock: VirtualClock
) -> None:
    client = everything.client
    secrets = {PASSWORD, WRONG, EMAIL, PHONE, "the acquirer's secret"}

    async def ask(method: str, path: str, **sent: Any) -> Any:
        answer = await client.request(method, path, **sent)
        return answer.json().get("data") if answer.content and answer.is_success else None

    def keep(told: Any) -> None:
        secrets.update(told[name] for name in ("access_token", "refresh_token"))

    person = {"email": EMAIL, "password": PASSWORD, "name": "Mona", "phone": PHONE}
    registered = await ask("POST", "/v4/auth/register", json=person)
    keep(registered)
    signed_in = await ask("POST", "/v4/auth/login", json={"email": EMAIL, "password": PASSWORD})
    keep(signed_in)
    mine = {"Authorization": f"Bearer {signed_in['access_token']}"}
    await ask("POST", "/v4/auth/login", json={"email": EMAIL, "password": WRONG})
    keep(await ask("POST", "/v4/auth/refresh", json={"refresh_token": registered["refresh_token"]}))
    await ask("POST", "/v4/auth/refresh", json={"refresh_token": registered["refresh_token"]})
    await ask("POST", "/v4/auth/password-reset", json={"email": EMAIL})
    forged = "k" * 43
    secrets.add(forged)
    await ask(
        "POST",
        "/v4/auth/password-reset/confirm",
        json={"token": forged, "new_password": PASSWORD},
    )

    totp = await ask("POST", "/v4/users/profile/totp", headers=mine, json={"password": PASSWORD})
    secrets.update(value for value in totp.values() if isinstance(value, str))
    admin = await ask("POST", "/v4/auth/login", json={"email": ADMIN, "password": PASSWORD})
    keep(admin)
    asked = {"name": "till", "permissions": ["order:read"]}
    theirs = {"Authorization": f"Bearer {admin['access_token']}"}
    key = await ask("POST", "/v4/api-keys", headers=theirs, json=asked)
    secrets.add(key["secret"])
    for secret in (key["secret"], key["secret"][::-1]):
        await ask("GET", "/v4/orders", headers={"X-API-Key": secret})

    own_page = {"Origin": SITE, "Sec-Fetch-Site": "same-origin"}
    form = {"email": EMAIL, "password": PASSWORD}
    answer = await client.post("/sign-in", data=form, headers=own_page)
    secrets.update(
        cookie.split("=")[1].split(";")[0]
        for cookie in answer.headers.get_list("set-cookie")
        if not cookie.startswith("tawsil_session_until")
    )
    await client.post("/session/refresh", headers=own_page)
    client.cookies.clear()

    in_address = "tok-" + "9" * 40
    secrets.add(in_address)
    for path in ("/v4/users/profile", "/sign-in", "/v4/nothing", "/v4/merchants", "/v4/live"):
        for name in ("token", "access_token", "next", "last_event_id"):
            await client.get(f"{path}?{name}={in_address}")
    await client.get("/city", headers={"Cookie": f"tawsil_access={in_address}"})

    event = json.dumps({"id": "evt_1", "data": {"charge": {"reference": "none"}}})
    stamp = int(clock().timestamp())
    good = hmac.new(b"the acquirer's secret", f"{stamp}.{event}".encode(), sha256).hexdigest()
    secrets.add(good)
    for signature in (good, good[::-1]):
        headers = {"Tawsil-Psp-Signature": f"t={stamp},v1={signature}"}
        await client.post("/v4/webhooks/psp", content=event, headers=headers)

    lines = written.text()
    assert lines.count("\n") > 30, "it was listened to"
    assert '"/v4/auth/login"' in lines
    found = {secret for secret in secrets if len(secret) > 5 and secret in lines}
    assert found == set()
    assert len(secrets) > 15
