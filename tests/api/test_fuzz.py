"""Whatever is asked: no 5xx, nothing the document does not say, nothing it forbids accepted.

`make fuzz` asks for longer, in every phase, as everybody (`TAWSIL_FUZZ_EXAMPLES`: how often each
operation is asked).
"""

import os
from pathlib import Path

import pytest

from api.fuzzing import ENDS_SESSIONS, Findings, fuzz
from api.served import Platform

EXAMPLES = int(os.environ.get("TAWSIL_FUZZ_EXAMPLES", "50"))
STAYING = ("--exclude-path-regex", ENDS_SESSIONS)
EVERYBODY = ("admin", "operator", "support", "customer", "merchant", "courier")


def check(findings: Findings) -> None:
    print(f"{findings.operations} operations, {findings.cases} cases")  # noqa: T201 - shown by `make fuzz`
    assert findings.failures == [], "\n\n".join(findings.failures)


@pytest.mark.timeout(300)
def test_a_short_look_at_everything(platform: Platform, tmp_path: Path) -> None:
    check(
        fuzz(
            platform,
            "admin",
            folder=tmp_path,
            phases="examples,fuzzing,stateful",
            examples=2,
            max_time_s=30,
            only=(*STAYING, "--exclude-deprecated"),
        )
    )


@pytest.mark.fuzz
@pytest.mark.parametrize("who", EVERYBODY)
def test_everything_as_everybody(platform: Platform, tmp_path: Path, who: str) -> None:
    phases = "examples,coverage,fuzzing,stateful"
    check(fuzz(platform, who, folder=tmp_path, phases=phases, examples=EXAMPLES, only=STAYING))


@pytest.mark.fuzz
def test_what_ends_a_session(platform: Platform, tmp_path: Path) -> None:
    phases, only = "examples,coverage,fuzzing", ("--include-path-regex", ENDS_SESSIONS)
    check(fuzz(platform, "passer-by", folder=tmp_path, phases=phases, examples=EXAMPLES, only=only))
