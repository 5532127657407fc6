"""Processes to measure, each on a port of its own, and how much of a processor they use."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

PATIENCE_S: Final = 60.0
T = TypeVar("T")


class Served(Struct, frozen=True):
    """A process that answers on 127.0.0.1."""

    port: int
    pid: int

    @property
    def cpu_s(self) -> float:
        """Processor time it has used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rsplit(") ", 1)[1]
        user, system = fields.split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    @property
    def rss_bytes(self) -> int:
        """Memory it holds."""
        pages = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def serving(
    *module: str, environment: Mapping[str, str], log: Path
) -> Generator[Served, None, None]:
    """A module of ours as a server, once it answers; what it logs goes to a file."""
    port = free_port()
    told = {**environment, "TAWSIL_PORT": str(port)}
    with starting(*module, environment=told, log=log, port=port) as pid:
        yield Served(port, pid)


@contextmanager
def starting(
    *module: str, environment: Mapping[str, str], log: Path, port: int | None = None
) -> Generator[int, None, None]:
    """A module of ours in a process, by its id; once it answers on the port, if it has one."""
    with log.open("wb") as stderr:
        process = subprocess.Popen(  # noqa: S603 - our own modules under our own interpreter
            [sys.executable, "-m", *module],
            env={**os.environ, **environment},
            stdout=stderr,
            stderr=stderr,
        )
        try:
            if port is not None:
                _wait(process, port, log)
            yield process.pid
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    until = time.monotonic() + PATIENCE_S
    while True:
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None or time.monotonic() > until:
            last = log.read_text(encoding="utf-8", errors="replace").strip()[-400:]
            raise OSError(f"a server to measure did not come up: {last}")
        time.sleep(0.05)


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(port: int, path: str, *, token: str | None = None) -> bytes:
    """One answer's body.

    Raises:
        OSError: nothing answers, or with an error.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310 - our own
        return answer.read()


class Worker:
    """A process that answers each line it is sent with a line."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def ask(self, what: Struct, answer: type[T]) -> T:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(what) + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise OSError("the process that loads the servers has ended")
        return msgspec.json.decode(line, type=answer)


@contextmanager
def working(module: str) -> Generator[Worker, None, None]:
    """A module of ours that takes lines and answers them, in a process of its own."""
    process = subprocess.Popen(  # noqa: S603 - see `serving`
        [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        yield Worker(process)
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
