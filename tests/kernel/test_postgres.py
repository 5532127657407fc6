"""Against real servers: each test that breaks one has a data folder of its own."""

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from tawsil.kernel import postgres_programs
from tawsil.kernel.postgres import EmbeddedPostgres, PostgresError, find_binaries

INSTALLED = {
    folder.resolve()
    for folder in postgres_programs._candidates()
    if all((folder / name).is_file() for name in ("postgres", "initdb", "psql"))
}

QUICK = {"fsync": "off"}  # matters only when the machine itself dies

SPIN = """DO $$ DECLARE begun timestamptz = clock_timestamp(); BEGIN
    WHILE clock_timestamp() < begun + interval '1 second' LOOP END LOOP;
END $$"""

# Root drops to `nobody` only after its imports: the interpreter may lie where nobody cannot read.
AS_ORDINARY_USER = """
import os, pwd, sys
from pathlib import Path
from tawsil.kernel.postgres import EmbeddedPostgres, PostgresError, find_binaries
from tawsil.kernel.postgres_programs import runnable_binaries
data, binaries = Path(sys.argv[1]), find_binaries()
if os.geteuid() == 0:
    nobody = pwd.getpwnam("nobody")
    binaries = runnable_binaries(binaries, user=nobody)
    os.setgroups([]), os.setgid(nobody.pw_gid), os.setuid(nobody.pw_uid)
try:
    with EmbeddedPostgres(data=data, binaries=binaries, settings={"fsync": "off"}) as server:
        server.ensure_database("tawsil")
        print((data / "cluster").stat().st_uid, os.geteuid(), server._sql("SELECT 42"))
except PostgresError as error:
    print(error)
"""

START_AND_WAIT = """
import sys, time
from pathlib import Path
from tawsil.kernel.postgres import EmbeddedPostgres
EmbeddedPostgres(data=Path(sys.argv[1]), settings={"fsync": "off"}).start()
print("started", flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(data=tmp_path_factory.mktemp("postgres") / "data")
    server.start()
    server.ensure_database("tawsil")
    yield server
    server.destroy()
    assert not server.data.exists()


@pytest.fixture
def own(open_folder: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(data=open_folder / "data", settings=QUICK)
    yield server
    server.stop()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user of the machine can enter, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="tawsil-postgres-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def python(script: str, data: Path) -> list[str]:
    return [sys.executable, "-c", script, str(data)]


def as_ordinary_user(data: Path) -> str:
    return subprocess.run(  # noqa: S603  a script above
        python(AS_ORDINARY_USER, data), capture_output=True, text=True, check=True
    ).stdout


def postmaster(server: EmbeddedPostgres) -> int:
    return int((server.data / "cluster/postmaster.pid").read_text().splitlines()[0])


def is_alive(pid: int) -> bool:
    """A zombie has ended, whenever its parent comes to notice."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


async def ask(server: EmbeddedPostgres, *statements: str, database: str = "postgres") -> object:
    connection = await asyncpg.connect(server.url(database))
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return await connection.fetchval(statements[-1])
    finally:
        await connection.close()


async def test_it_answers_and_is_durable_and_knows_unicode(server: EmbeddedPostgres):
    assert server.is_running
    shown = "SELECT current_setting('{}')"
    assert await ask(server, shown.format("server_version"), database="tawsil") == server.version
    for setting in ("fsync", "synchronous_commit", "data_checksums"):
        assert await ask(server, shown.format(setting)) == "on"
    assert await ask(server, shown.format("listen_addresses")) == "127.0.0.1"
    assert await ask(server, "SELECT lower('ÀÉ')", database="tawsil") == "àé"


async def test_a_wrong_password_is_refused(server: EmbeddedPostgres):
    right = server._password()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.url("postgres").replace(right, "guessed"))
    assert (server.data / "password").stat().st_mode & 0o077 == 0


async def test_databases_are_made_copied_and_deleted(server: EmbeddedPostgres):
    name = "a \"quoted\" 'name'"
    server.ensure_database(name)
    server.ensure_database(name)
    await ask(server, "CREATE TABLE t AS SELECT 7 AS n", "SELECT n FROM t", database=name)
    server.create_database("copied", template=name)
    assert await ask(server, "SELECT n FROM t", database="copied") == 7
    with pytest.raises(PostgresError, match="already exists"):
        server.create_database("copied")
    user = await asyncpg.connect(server.url("copied"))
    server.drop_database("copied")
    server.drop_database("copied")
    server.drop_database(name)
    user.terminate()
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(server.url("copied"))


async def test_a_second_command_attaches_and_leaves_it_running(server: EmbeddedPostgres):
    with EmbeddedPostgres(data=server.data) as second:
        assert second.url() == server.url()
        assert await ask(second, "SELECT 1") == 1
        with pytest.raises(PostgresError, match="in use by another command"):
            second.destroy()
    assert server.is_running
    with pytest.raises(PostgresError, match="has not been started"):
        second.url()


def test_it_runs_as_somebody_who_is_not_root(server: EmbeddedPostgres):
    owner = (server.data / "cluster").stat().st_uid
    assert owner == (pwd.getpwnam("tawsil").pw_uid if os.geteuid() == 0 else os.geteuid())


async def test_data_port_and_settings_from_run_to_run(own: EmbeddedPostgres):
    with own:
        before = own.url()
        await ask(own, "CREATE TABLE t AS SELECT 1 AS n", "SELECT 1")
        pids = [postmaster(own)]
        connection = await asyncpg.connect(own.url("postgres"))
        pids += [row["pid"] for row in await connection.fetch("SELECT pid FROM pg_stat_activity")]
    connection.terminate()
    assert len(pids) > 4
    assert not any(map(is_alive, pids))
    assert not own.is_running
    with EmbeddedPostgres(data=own.data, settings={**QUICK, "work_mem": "9MB"}) as again:
        assert again.url() == before
        assert await ask(again, "SELECT n FROM t") == 1
        assert await ask(again, "SELECT current_setting('work_mem')") == "9MB"


async def test_what_was_committed_survives_a_killed_server(own: EmbeddedPostgres):
    own.start()
    await ask(own, "CREATE TABLE t (n int)", "INSERT INTO t VALUES (1) RETURNING n")
    busy = await asyncpg.connect(own.url("postgres"))
    orphan = busy.get_server_pid()
    spinning = asyncio.ensure_future(busy.execute(SPIN))  # outlives its server for a second
    await asyncio.sleep(0.1)
    killed = postmaster(own)
    os.kill(killed, signal.SIGKILL)
    await asyncio.to_thread(os.waitid, os.P_PID, killed, os.WEXITED | os.WNOWAIT)  # not reaped
    with EmbeddedPostgres(data=own.data) as other:
        assert not is_alive(orphan)
        assert await ask(other, "SELECT n FROM t") == 1
        own.start()
        assert own.url() == other.url()
    assert not own.is_running
    with suppress(asyncpg.PostgresConnectionError, ConnectionError):
        await spinning


def test_a_server_ends_with_the_command_that_started_it(own: EmbeddedPostgres):
    assert postgres_programs.end_with_parent()
    command = python(START_AND_WAIT, own.data)
    starter = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603  a script above
    with starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"started\n"
        assert own.is_running
        pid = postmaster(own)
        starter.kill()
    for _ in range(500):
        if not is_alive(pid):
            break
        time.sleep(0.01)
    assert not own.is_running
    assert "database system is shut down" in (own.data / "server.log").read_text()


def test_one_of_several_commands_at_once_starts_it(open_folder: Path):
    servers = [EmbeddedPostgres(data=open_folder / "data", settings=QUICK) for _ in range(3)]
    with ThreadPoolExecutor() as threads:
        list(threads.map(EmbeddedPostgres.start, servers))
        list(threads.map(lambda server: server.ensure_database("tawsil"), servers))
    assert len({server.url() for server in servers}) == 1
    assert len([server for server in servers if server._process]) == 1
    for server in servers:
        server.stop()


def test_the_port_moves_when_somebody_else_has_taken_it(own: EmbeddedPostgres):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        own.data.mkdir()
        (own.data / "port").write_text(str(taken.getsockname()[1]))
        with own:
            assert f":{taken.getsockname()[1]}/" not in own.url()


def test_an_ordinary_user_keeps_everything_in_its_folder(open_folder: Path):
    open_folder.chmod(0o777)
    data = open_folder / "data"
    owner, runner, answer = map(int, as_ordinary_user(data).split())
    assert owner == runner != 0
    assert answer == 42
    if os.geteuid() == 0:
        with pytest.raises(PostgresError, match="belongs to the user nobody"):
            EmbeddedPostgres(data=data).start()


def test_a_folder_of_somebody_else_is_refused(open_folder: Path):
    data = open_folder / "data"
    data.mkdir()
    (data / "lock").touch()
    (data / "lock").chmod(0)
    assert "run this as the user who made the folder" in as_ordinary_user(data)


async def test_deleting_the_folder_is_how_to_start_afresh(tmp_path: Path):
    server = EmbeddedPostgres(data=tmp_path / "data", settings=QUICK)
    with server:
        server.ensure_database("tawsil")
    shutil.rmtree(server.data)
    with server:
        server.create_database("tawsil")
        assert await ask(server, "SELECT 1", database="tawsil") == 1
    server.destroy()


@pytest.mark.parametrize("broken", ["PG_VERSION", "global/pg_control"])
def test_a_broken_cluster_is_explained(server: EmbeddedPostgres, open_folder: Path, broken: str):
    whole = (server.data / "cluster").resolve()
    cluster = open_folder / "data/cluster"
    skipped = shutil.ignore_patterns("base", "pg_wal", "postmaster.*")
    shutil.copytree(whole, cluster, ignore=skipped)
    if os.geteuid() == 0:
        user = pwd.getpwnam("tawsil")
        for path in (cluster, *cluster.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid)
    (cluster / broken).unlink()
    with pytest.raises(PostgresError) as raised:
        EmbeddedPostgres(data=cluster.parent).start()
    assert str(cluster) in str(raised.value)
    assert "does not hold a PostgreSQL database" in str(raised.value) or broken in str(raised.value)


def test_a_folder_that_cannot_be_is_explained(open_folder: Path):
    (open_folder / "file").touch()
    with pytest.raises(PostgresError, match="choose another data folder"):
        EmbeddedPostgres(data=open_folder / "file/data").start()
    (open_folder / "cluster").symlink_to(open_folder / "gone")
    with pytest.raises(PostgresError, match="is gone"):
        EmbeddedPostgres(data=open_folder).start()


def test_a_wrong_setting_is_explained_with_the_log(server: EmbeddedPostgres, open_folder: Path):
    with pytest.raises(PostgresError, match="shared_buffers"):
        EmbeddedPostgres(
            data=open_folder / "a", settings={**QUICK, "shared_buffers": "lots"}
        ).start()
    with pytest.raises(ValueError, match="port"):
        EmbeddedPostgres(data=server.data, settings={"port": "5432"})


@pytest.mark.parametrize("binaries", sorted(INSTALLED - {find_binaries().resolve()}), ids=str)
async def test_the_binaries_of_the_system_serve_too(open_folder: Path, binaries: Path):
    with EmbeddedPostgres(data=open_folder / "data", binaries=binaries, settings=QUICK) as server:
        server.ensure_database("tawsil")
        version = await ask(server, "SHOW server_version", database="tawsil")
        assert str(version).startswith(server.version)
    with pytest.raises(PostgresError, match="was made by PostgreSQL"):
        EmbeddedPostgres(data=open_folder / "data").start()


def test_a_copy_of_the_wheel_runs(open_folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(postgres_programs, "STATE", open_folder / "state")
    copied = postgres_programs._copy_of_wheel(find_binaries())
    assert postgres_programs._copy_of_wheel(find_binaries()) == copied
    assert copied.is_relative_to(open_folder)
    assert (copied / "postgres").stat().st_mode & 0o005 == 0o005
    with EmbeddedPostgres(data=open_folder / "data", binaries=copied, settings=QUICK) as server:
        server.ensure_database("tawsil")
    assert [path.name for path in (open_folder / "state").iterdir()] == [copied.parents[2].name]
