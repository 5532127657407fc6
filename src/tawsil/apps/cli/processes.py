"""Child processes: started in order, restarted when they die, ended in reverse, none left."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Final

from msgspec import Struct

GRACE_S: Final = 15.0
POLL_S: Final = 0.2
SLOWEST_RESTART_S: Final = 30.0


class Program(Struct, frozen=True):
    """A Python module to run as a process of its own."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = {}


class _Running(Struct):
    program: Program
    process: "subprocess.Popen[bytes]"
    deaths: int = 0
    restart_at: float | None = None


class Supervisor:
    """Keeps programs running until a signal, or `stop`, ends them all."""

    def __init__(self) -> None:
        self._running: list[_Running] = []
        self._stopping = False

    def start(self, program: Program) -> None:
        self._running.append(_Running(program, _spawn(program)))

    def stop(self, _: int = 0, __: FrameType | None = None) -> None:
        self._stopping = True

    def run(self) -> None:
        """Watch over the programs until told to stop; then end them."""
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, self.stop)
        try:
            while not self._stopping:
                for running in self._running:
                    self._revive(running)
                time.sleep(POLL_S)
        finally:
            self.end()

    def end(self) -> None:
        """The last started first, so that nobody is left talking to somebody who has gone."""
        for running in reversed(self._running):
            running.process.terminate()
            try:
                running.process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                running.process.kill()
                running.process.wait()
        self._running.clear()

    def _revive(self, running: _Running) -> None:
        if running.process.poll() is None:
            return
        if running.restart_at is None:
            running.deaths += 1
            delay_s = min(0.5 * 2**running.deaths, SLOWEST_RESTART_S)
            running.restart_at = time.monotonic() + delay_s
            print(
                f"{running.program.name} ended with {running.process.returncode}; "
                f"it starts again in {delay_s:.0f} s",
                file=sys.stderr,
            )
        elif time.monotonic() >= running.restart_at:
            running.process, running.restart_at = _spawn(running.program), None


def _spawn(program: Program) -> "subprocess.Popen[bytes]":
    """A session of its own keeps Ctrl-C ours to pass on; the kernel ends it if we die ourselves."""
    setpriv = shutil.which("setpriv")
    leash = [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []
    return subprocess.Popen(  # noqa: S603 - our own modules under our own interpreter
        [*leash, sys.executable, "-m", *program.arguments],
        env={**os.environ, **program.environment},
        start_new_session=True,
    )
