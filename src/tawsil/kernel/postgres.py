"""A PostgreSQL of our own on this machine: made, started, attached to and stopped.

    with EmbeddedPostgres(data=Path(".tawsil/postgres")) as postgres:
        postgres.ensure_database("tawsil")
        postgres.url("tawsil")

What lies in the data folder: `cluster` (the database itself), `password` and `port`, `server.log`,
`lock` (held while somebody makes or starts the server) and `serving` (locked by the server for as
long as any of its processes lives, so nothing here ever guesses from a process id).

PostgreSQL refuses to run as root. Root therefore runs it as the system user `tawsil`, made on first
use. Where that user cannot reach the data folder (a 0700 home, say), `cluster` is a symbolic link
to `/var/lib/tawsil/clusters/<hash of the folder's path>`; where it cannot reach the binaries, it
gets a copy of them in `/var/lib/tawsil`. Deleting the data folder is still how to start afresh: a
cluster whose link is gone is moved aside to `<hash>.previous`, never taken up again.

Several commands may share a data folder. The first one runs the server and the others attach to it;
it ends with the one that started it, even if that one is killed.
"""

import fcntl
import hashlib
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import IO, Final, Self
from urllib.parse import quote

from tawsil.kernel.postgres_programs import (
    ENVIRONMENT,
    OLDEST_MAJOR,
    STATE,
    USER,
    PostgresError,
    end_with_parent,
    find_binaries,
    public_folder,
    reaches,
    run,
    runnable_binaries,
    system_user,
)

LOG_LIMIT_BYTES: Final = 5_000_000  # of each of two: server.log and server.log.1

_POLL_S: Final = 0.01
_STOP_S: Final = 30.0
_PORT_ATTEMPTS: Final = 5

DEFAULTS: Final[Mapping[str, str]] = {
    # Durable: what was committed is there after a power cut.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # One small machine, short transactions, a solid-state disk.
    "max_connections": "200",
    "shared_buffers": "256MB",
    "work_mem": "8MB",
    "random_page_cost": "1.1",
    "jit": "off",
    # Fewer, longer checkpoints: less written twice.
    "wal_compression": "on",
    "checkpoint_timeout": "15min",
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",
    "timezone": "UTC",
    # A short log that carries nobody's data: callers are told about their errors themselves.
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %d ",
    "log_checkpoints": "off",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
_OURS: Final = frozenset({"listen_addresses", "port", "unix_socket_directories", "cluster_name"})


class EmbeddedPostgres:
    """One PostgreSQL server over one data folder, on 127.0.0.1 behind a random password.

    `settings` are postgresql.conf parameters laid over `DEFAULTS`; they count only for the
    command that starts the server, not for those that attach. Use it from one thread.
    """

    def __init__(
        self,
        *,
        data: Path,
        settings: Mapping[str, str] | None = None,
        binaries: Path | None = None,
        start_timeout_s: float = 60.0,
    ) -> None:
        self.data = data.expanduser().resolve()
        self._settings = {**DEFAULTS, **(settings or {})}
        self._found = binaries
        self._start_timeout_s = start_timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._port: int | None = None
        self._log_start = 0
        if refused := _OURS & self._settings.keys():
            raise ValueError(f"the supervisor itself decides {', '.join(sorted(refused))}")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Attach to the server of this folder or, when there is none, make and start it.

        Raises:
            PostgresError: it cannot be made, reached, or be ready within `start_timeout_s`.
        """
        deadline = time.monotonic() + self._start_timeout_s
        with self._explained():
            self.data.mkdir(parents=True, exist_ok=True)
            with (self.data / "lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if self._process is not None and self._process.poll() is not None:
                    self._process = None
                with (self.data / "serving").open("a") as serving:
                    if self._attach_or_lock(serving, deadline):
                        return
                    cluster = self._cluster()
                    (cluster / "postmaster.pid").unlink(missing_ok=True)  # nobody holds `serving`
                    self._launch(cluster, serving, deadline)

    def stop(self) -> None:
        """End the server if this object started it, and wait until none of its processes is left.

        Open sessions are cut off and their transactions rolled back (a fast shutdown). A server
        that this object only attached to is left to whoever started it.
        """
        process, self._process, self._port = self._process, None, None
        if process is None:
            return
        for ask in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # fast, immediate, at once
            process.send_signal(ask)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_S)
                break
        with (self.data / "serving").open("a") as serving:
            deadline = time.monotonic() + _STOP_S
            while not _try_lock(serving) and time.monotonic() < deadline:
                time.sleep(_POLL_S)

    def destroy(self) -> None:
        """Stop the server and delete the data folder with everything that belongs to it."""
        self.stop()
        if self.is_running:
            raise PostgresError(f"{self.data} is in use by another command: stop that one first")
        cluster = (self.data / "cluster").resolve()
        for folder in (cluster, cluster.with_suffix(".previous"), self.data):
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def is_running(self) -> bool:
        with self._explained():
            if not (self.data / "serving").exists():
                return False
            with (self.data / "serving").open("a") as serving:
                return not _try_lock(serving) and self._served_port() is not None

    @cached_property
    def version(self) -> str:
        """Of the binaries, such as "18.6"."""
        told = run(self.binaries / "postgres", "--version")
        found = re.search(r"\d+(\.\d+)?", told.stdout)
        if found is None or int(found[0].split(".")[0]) < OLDEST_MAJOR:
            raise PostgresError(
                f"{self.binaries} does not hold PostgreSQL {OLDEST_MAJOR} or later: "
                f"{(told.stdout or told.stderr).strip()}"
            )
        return found[0]

    @cached_property
    def binaries(self) -> Path:
        return self._found or find_binaries()

    def url(self, database: str = USER) -> str:
        if self._port is None:
            raise PostgresError(f"the database in {self.data} has not been started")
        name = quote(database, safe="")
        return f"postgresql://{USER}:{self._password()}@127.0.0.1:{self._port}/{name}"

    def create_database(self, name: str, template: str | None = None) -> None:
        """Make a database, empty or as a copy of one that nobody is connected to."""
        copied = f" TEMPLATE {_quoted(template)}" if template else ""
        self._sql(f"CREATE DATABASE {_quoted(name)}{copied}")

    def drop_database(self, name: str) -> None:
        """Delete a database if it exists, cutting off whoever uses it."""
        self._sql(f"DROP DATABASE IF EXISTS {_quoted(name)} WITH (FORCE)")

    def ensure_database(self, name: str) -> None:
        """Make an empty database unless it exists; two commands may do so at once."""
        if self._has_database(name):
            return
        try:
            self.create_database(name)
        except PostgresError:
            if not self._has_database(name):
                raise

    def _has_database(self, name: str) -> bool:
        literal = name.replace("'", "''")
        return bool(self._sql(f"SELECT 1 FROM pg_database WHERE datname = '{literal}'"))  # noqa: S608  quoted above

    def _sql(self, statement: str) -> str:
        if self._port is None:
            raise PostgresError(f"the database in {self.data} has not been started")
        done = run(
            self.binaries / "psql",
            *("--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--command", statement),
            *("--host=127.0.0.1", f"--port={self._port}", f"--username={USER}", "postgres"),
            environment={"PGPASSWORD": self._password()},  # arguments are for everybody to see
        )
        if done.returncode:
            raise PostgresError(f"the database refused: {done.stderr.strip()}")
        return done.stdout.strip()

    # Attaching

    def _attach_or_lock(self, serving: IO[str], deadline: float) -> bool:
        """True when attached to a live server; false when `serving` is ours, so there is none.

        A server that is just starting, stopping or was killed is waited for.
        """
        while not _try_lock(serving):
            self._port = self._served_port()
            if self._port is not None:
                self._password()
                return True
            if time.monotonic() > deadline:
                raise PostgresError(
                    f"processes of an earlier server still hold {self.data} without serving it: "
                    "end them (they are called postgres) and try again"
                )
            time.sleep(_POLL_S)
        return False

    def _served_port(self) -> int | None:
        """The port of the live server of this folder, once it accepts connections."""
        try:
            lines = (self.data / "cluster/postmaster.pid").read_text().splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if len(lines) < 8 or lines[7].strip() != "ready":
            return None
        with socket.socket() as probe:
            probe.settimeout(1)
            return int(lines[3]) if probe.connect_ex(("127.0.0.1", int(lines[3]))) == 0 else None

    def _password(self) -> str:
        password = self.data / "password"
        if not password.exists():
            raise PostgresError(
                f"{password} is missing, so nobody can sign in to the database beside it: "
                "restore that file, or delete the whole folder to start with an empty database"
            )
        with self._explained():
            return password.read_text().strip()

    # Making the cluster

    @cached_property
    def _user(self) -> pwd.struct_passwd | None:
        """Who runs the server, when that is not the user of this command."""
        return system_user() if os.geteuid() == 0 else None

    @cached_property
    def _server_binaries(self) -> Path:
        """The binaries, where the user who runs the server can read them."""
        if self._user is None:
            return self.binaries
        return runnable_binaries(self.binaries, user=self._user)

    def _cluster(self) -> Path:
        """The folder of the database itself, made if this is the first time."""
        link = self.data / "cluster"
        if link.is_symlink() and not link.exists():
            raise PostgresError(
                f"the database that {link} points to ({link.readlink()}) is gone: "
                "restore it, or delete that link to start with an empty database"
            )
        if link.exists():
            self._check(link.resolve())
        elif self._user is None or reaches(self._user, self.data):
            self._make(link)
        else:
            cluster = STATE / "clusters" / hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
            public_folder(cluster.parent)
            if cluster.exists():
                previous = cluster.with_suffix(".previous")
                shutil.rmtree(previous, ignore_errors=True)
                cluster.rename(previous)
            self._make(cluster)
            link.symlink_to(cluster)
        return link.resolve()

    def _check(self, cluster: Path) -> None:
        owner = _name_of(cluster.stat().st_uid)
        runner = self._user.pw_name if self._user else _name_of(os.geteuid())
        if owner != runner:
            raise PostgresError(
                f"{cluster} belongs to the user {owner}, but the database would run as {runner}: "
                "run this as the user who made it, or choose another data folder"
            )
        if self._user is not None and not reaches(self._user, cluster):
            raise PostgresError(
                f"the system user {runner} can no longer reach {cluster}: "
                "allow others to pass through the folders above it (chmod o+x)"
            )
        try:
            made_by = (cluster / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            raise PostgresError(
                f"{cluster} does not hold a PostgreSQL database: move it away to start afresh"
            ) from None
        if made_by != self.version.split(".")[0]:
            raise PostgresError(
                f"{cluster} was made by PostgreSQL {made_by}, but {self.binaries} is "
                f"{self.version}: use version {made_by}, or dump it there and load it here"
            )

    def _make(self, cluster: Path) -> None:
        """Run initdb beside the final place, then rename: half a cluster is never mistaken."""
        password = self.data / "password"
        if not password.exists() or not password.stat().st_size:
            with os.fdopen(os.open(password, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
                file.write(secrets.token_hex(24))
        work = cluster.with_name(f"{cluster.name}.new")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(mode=0o700)
        given = work / "password"
        given.write_text(password.read_text())
        if self._user is not None:
            os.chown(given, self._user.pw_uid, self._user.pw_gid)
            os.chown(work, self._user.pw_uid, self._user.pw_gid)
        locale = ["--locale=C"]
        if int(self.version.split(".")[0]) >= 17:  # Unicode case rules, the same on every system
            locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        hurry = ["--no-sync"] if self._settings["fsync"] == "off" else []
        done = run(
            self._server_binaries / "initdb",
            *("--pgdata", str(work / "cluster"), "--username", USER, "--pwfile", str(given)),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--data-checksums", *locale, *hurry),
            user=self._user,
        )
        if done.returncode:
            raise PostgresError(f"could not make a database in {cluster}: {done.stderr.strip()}")
        (work / "cluster").rename(cluster)
        shutil.rmtree(work)
        _sync_folder(cluster.parent)

    # Running the server

    def _launch(self, cluster: Path, serving: IO[str], deadline: float) -> None:
        for _ in range(_PORT_ATTEMPTS):
            port = self._free_port()
            process = self._spawn(cluster, serving, port)
            try:
                ready = self._wait_until_ready(process, deadline)
            except BaseException:
                process.kill()
                process.wait()
                raise
            if ready:
                self._process, self._port = process, port
                (self.data / "port").write_text(str(port))
                return
            if "Address already in use" not in self._log_tail():
                break
        raise PostgresError(
            f"PostgreSQL did not start over {cluster}; its log, {self.data / 'server.log'}, "
            f"says why, and moving {self.data} away starts afresh:\n{self._log_tail()}"
        )

    def _wait_until_ready(self, process: subprocess.Popen[bytes], deadline: float) -> bool:
        """False when the server ended instead."""
        while process.poll() is None:
            if self._served_port() is not None:
                return True
            if time.monotonic() > deadline:
                raise PostgresError(
                    f"PostgreSQL over {self.data} was not ready within {self._start_timeout_s:g} s "
                    f"(a long recovery may need a longer start_timeout_s):\n{self._log_tail()}"
                )
            time.sleep(_POLL_S)
        return False

    def _spawn(self, cluster: Path, serving: IO[str], port: int) -> subprocess.Popen[bytes]:
        ours = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            "cluster_name": USER,
        }
        settings = [f"--{name}={value}" for name, value in {**self._settings, **ours}.items()]
        log = self.data / "server.log"
        if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
            log.replace(log.with_name("server.log.1"))
        with log.open("a") as output:
            self._log_start = output.tell()
            return subprocess.Popen(  # noqa: S603  our own binaries and settings
                [
                    *end_with_parent(),
                    str(self._server_binaries / "postgres"),
                    *("-D", str(cluster), *settings),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=ENVIRONMENT,
                start_new_session=True,  # Ctrl-C is for the command, which then stops the server
                pass_fds=[serving.fileno()],  # locked until the last server process is gone
                user=self._user.pw_uid if self._user else None,
                group=self._user.pw_gid if self._user else None,
                extra_groups=[] if self._user else None,
            )

    def _free_port(self) -> int:
        """The port of last time where it is still free, so that addresses stay valid."""
        kept = self.data / "port"
        wanted = kept.read_text().strip() if kept.exists() else ""
        for port in (int(wanted) if wanted.isdigit() else 0, 0):
            with socket.socket() as probe, suppress(OSError, OverflowError):
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
                return probe.getsockname()[1]
        raise PostgresError("no port is free on 127.0.0.1")

    def _log_tail(self) -> str:
        """The last lines of what this start wrote."""
        with (self.data / "server.log").open("rb") as log:
            log.seek(self._log_start)
            return "\n".join(log.read().decode(errors="replace").splitlines()[-12:])

    @contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except PermissionError as error:
            raise PostgresError(
                f"the user {_name_of(os.geteuid())} may not use {error.filename or self.data}: "
                "run this as the user who made the folder, or choose another data folder"
            ) from error
        except OSError as error:
            raise PostgresError(
                f"cannot keep a database in {self.data}: {error.strerror} "
                f"({error.filename or self.data}); choose another data folder"
            ) from error


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
