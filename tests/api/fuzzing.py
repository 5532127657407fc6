"""Schemathesis against a served platform, as one of its people."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from api.served import Known, Platform

CONFIG = Path(__file__).with_name("fuzz.toml")
ENDS_SESSIONS = (
    r"^/v4/(auth/(logout|logout-all|sessions/|password-reset/confirm)"
    r"|users/profile/(password|totp))"
)
"""What would sign out whoever asks: asked by somebody who has nothing else to do."""


class Findings(Struct):
    """What a run came to."""

    operations: int
    cases: int
    failures: list[str]
    text: str


def fuzz(
    platform: Platform,
    who: str,
    *,
    folder: Path,
    phases: str,
    examples: int | None = None,
    max_time_s: int | None = None,
    only: Sequence[str] = (),
) -> Findings:
    """Ask everything as somebody; `only` narrows which operations."""
    config, report = folder / f"{who}.toml", folder / f"{who}.json"
    config.write_text(CONFIG.read_text() + _knowing(platform.known))
    bounds = [
        *(["--max-examples", str(examples)] if examples else []),
        *(["--max-time", str(max_time_s)] if max_time_s else []),
    ]
    run = subprocess.run(  # noqa: S603 - our own program and arguments
        [
            *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(config)),
            *("run", f"{platform.url}/docs/openapi.json", "--phases", phases, "--no-color"),
            *("--report-json-path", str(report), "--seed", "7", *bounds, *only),
        ],
        env={
            **os.environ,
            "TAWSIL_FUZZ_TOKEN": platform.token(who),
            "SCHEMATHESIS_HOOKS": str(CONFIG.with_name("fuzz_hooks.py")),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode in {0, 1}, run.stdout + run.stderr
    return _read(run.stdout)


def _knowing(known: Known) -> str:
    """Ids of the city for the parameters that take them, most of the time."""
    bound = [
        f'"{where}.{name}" = {{ dictionary = "{name}", probability = 0.8 }}'
        for name in known
        for where in ("path", "query")
    ]
    listed = [f"[dictionaries.{name}]\nvalues = {json.dumps(ids)}" for name, ids in known.items()]
    return "\n".join(["", "[parameters]", *bound, *listed, ""])


def _read(said: str) -> Findings:
    operations = re.search(r"Tested: (\d+)", said)
    cases = re.search(r"(\d+) generated", said)
    assert operations is not None, said
    assert cases is not None, said
    found = said.partition("= FAILURES =")[2].partition("= WARNINGS =")[0].partition("= SUMMARY")[0]
    return Findings(
        operations=int(operations[1]),
        cases=int(cases[1]),
        failures=[part.strip() for part in re.split(r"\n_{3,} ", found)[1:]],
        text=said,
    )
