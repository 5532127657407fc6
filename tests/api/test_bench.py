"""The benchmarks over HTTP count what they say they count."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tawsil.apps.bench.load import Load, Measured, Sender, measure
from tawsil.apps.bench.servers import Served, serving
from tawsil.apps.cli import app

BODY = b'{"words":"' + b"x" * 3_000 + b'"}'


def load(served: Served, *, path: str = "/", clients: int = 3) -> Load:
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    senders = [Sender(source=f"127.0.0.{n + 2}", requests=(request,)) for n in range(clients)]
    return Load(port=served.port, senders=tuple(senders), seconds=0.4, warm_s=0.1)


async def test_answers_and_errors_are_counted(tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(BODY)
    module = ("tawsil.apps.bench.floor", "litestar", str(tmp_path / "body"))
    with serving(*module, environment={}, log=tmp_path / "log") as served:
        found: Measured = await measure(load(served))
        assert found.answers > 10
        assert found.errors == {}
        assert len(BODY) < found.bytes_each < len(BODY) + 300
        assert 0 < found.p50_ms <= found.p95_ms <= found.p99_ms < 400
        assert served.cpu_s > 0
        assert served.rss_bytes > 10_000_000
        lost = await measure(load(served, path="/nothing"))
        assert lost.errors == {404: lost.answers}


def test_a_server_that_does_not_come_up_says_why(tmp_path: Path) -> None:
    module = ("tawsil.apps.bench.floor", "litestar", str(tmp_path / "nothing"))
    with (
        pytest.raises(OSError, match="nothing"),
        serving(*module, environment={}, log=tmp_path / "log"),
    ):
        pass


def bench(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["bench", *arguments, "--json"])
    assert done.exit_code == 0, done.exception
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.soak
def test_the_api_beside_bare_handlers() -> None:
    found = bench("api", "--seconds", "0.5")
    rows = {(row["endpoint"], row["clients"]): row for row in found["endpoints"]}
    assert len(rows) == 18
    for (endpoint, _), row in rows.items():
        assert row["errors"] == {}
        assert row["rate_per_s"] > 0 or endpoint == "login"
    assert 0 < found["ratio"] < 1.5


@pytest.mark.soak
def test_live_streams_lose_nothing() -> None:
    found = bench("live", "--clients", "200", "--seconds", "5")
    assert found["clients"] == 250
    assert found["errors"] == 0
    assert found["orders_heard"] == found["orders_placed"] * 51
