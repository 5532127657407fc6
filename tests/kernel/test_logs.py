"""Every line that was said is written, once, in order and in the contract's shape."""

import json
import subprocess
import sys
from typing import Any

import pytest

SAID = 3_000
PROGRAM = """
import sys, threading
from uuid import UUID
import structlog
from tawsil.kernel.logs import About, Done, configure_logs, current_request, log_request
from tawsil.kernel.settings import Settings
configure_logs(Settings(log_level="{level}"), service="tawsil-test", version="9")
log = structlog.get_logger("x")
about = About(UUID(int=7), "203.0.113.9", "curl", "/v4/orders/1")
current_request.set(about)
for n in range({said}):
    if n % 3:
        done = Done("GET", "/v4/orders/{{id}}", n, 200)
        log_request(about, done, user_id=UUID(int=1), session_id=None)
    else:
        log.info("said", duration_ms=n)
log.warning("careful", n=1)
{ending}
"""


def lines(*, level: str = "INFO", ending: str = "") -> list[dict[str, Any]]:
    program = PROGRAM.format(level=level, said=SAID, ending=ending)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)  # noqa: S603 - ours
    text = [line for line in ended.stderr.decode().splitlines() if line.startswith("{")]
    return [json.loads(line) for line in text]


@pytest.mark.parametrize("ending", ["", "sys.exit(3)", "raise RuntimeError('lost?')"])
def test_no_line_is_lost_however_a_program_ends(ending: str) -> None:
    said = lines(ending=ending)
    assert [line["context"]["duration_ms"] for line in said[:-1]] == list(range(SAID))
    assert said[-1]["message"] == "careful"


def test_a_warning_is_there_at_once_with_all_that_was_said_before_it() -> None:
    said = lines(ending="import os; os._exit(1)")
    assert len(said) == SAID + 1


def test_a_request_has_the_shape_of_the_contract() -> None:
    first, request, *_ = lines()
    for line in (first, request):
        assert list(line)[:5] == ["timestamp", "level", "service", "version", "environment"]
        assert line["timestamp"].endswith("Z")
        assert line["request_id"] == "00000000-0000-0000-0000-000000000007"
        assert line["metadata"] == {
            "ip_address": "203.0.113.9",
            "user_agent": "curl",
            "endpoint": "/v4/orders/1",
        }
    assert request["message"] == "request"
    assert request["level"] == first["level"] == "info"
    assert request["user_id"] == "00000000-0000-0000-0000-000000000001"
    assert request["session_id"] is None
    assert request["context"] == {
        "action": "GET",
        "resource": "/v4/orders/{id}",
        "duration_ms": 1.0,
        "status_code": 200,
    }


def test_what_is_not_worth_a_line_has_none() -> None:
    assert [line["message"] for line in lines(level="WARNING")] == ["careful"]
