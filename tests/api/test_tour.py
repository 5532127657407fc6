"""Every request of docs/api.md, in its order, against a platform."""

import re
import shlex
import time
from datetime import UTC, datetime
from typing import Any

import httpx

from api.served import Platform
from architecture.sources import ROOT
from walk.small_city import PASSWORD

TOUR = ROOT / "docs" / "api.md"
PATIENCE_S = 30.0
PEOPLE = {"CUSTOMER": "layla", "MERCHANT": "cook", "COURIER": "yusuf", "OPERATOR": "ops"}
NOW = "$(date -u +%Y-%m-%dT%H:%M:%SZ)"


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", TOUR.read_text(), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if "curl " in line]


def filled(text: str, known: dict[str, str]) -> str:
    text = text.replace(NOW, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    return re.sub(r"\$([A-Z_]+)", lambda name: known[name[1]], text)


def send(client: httpx.Client, command: str) -> httpx.Response:
    program, silent, *words = shlex.split(command)
    assert (program, silent) == ("curl", "-s"), command
    method, url, body, headers = "GET", "", None, {}
    while words:
        match words.pop(0):
            case "-X":
                method = words.pop(0)
            case "-H":
                name, _, value = words.pop(0).partition(": ")
                headers[name] = value
            case "-d":
                method, body = "POST", words.pop(0)
            case word:
                url = word
    return client.request(method, url, headers=headers, content=body)


def picked(answer: httpx.Response, path: str) -> str:
    found: Any = answer.json()
    for key in path.split("."):
        found = found[int(key) if key.lstrip("-").isdigit() else key]
    return str(found)


def test_the_tour_works(platform: Platform) -> None:
    """What others must do first (a kitchen hears of its order) may take a moment."""
    known = {"URL": platform.url, "PASSWORD": PASSWORD}
    known |= {f"{who}_EMAIL": f"{name}@example.com" for who, name in PEOPLE.items()}
    sent = 0
    with platform.client() as client:
        for line in commands():
            taken = re.fullmatch(r"([A-Z_]+)=\$\((curl .*) \| pick ([a-z0-9_.-]+)\)", line)
            command, _, expected = (taken[2] if taken else line).partition(" # ")
            until = time.monotonic() + PATIENCE_S
            while (answer := send(client, filled(command, known))).status_code in {404, 409}:
                if str(answer.status_code) == expected or time.monotonic() > until:
                    break
                time.sleep(0.2)
            assert str(answer.status_code) == expected or answer.is_success, (command, answer.text)
            if taken:
                known[taken[1]] = picked(answer, taken[3])
            sent += 1
        order = client.get(
            f"/v4/orders/{known['ORDER_ID']}",
            headers={"Authorization": f"Bearer {known['CUSTOMER']}"},
        )
    assert order.json()["data"]["status"] == "DELIVERED"
    assert sent > 25
