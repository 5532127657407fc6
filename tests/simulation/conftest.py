"""Empty, migrated databases by the dozen: each day needs one of its own."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tawsil.kernel.postgres import EmbeddedPostgres
from tawsil.migrations import migrate

FreshDatabase = Callable[[], AbstractContextManager[str]]


@pytest.fixture(scope="session")
def fresh_database(worker_id: str) -> Iterator[FreshDatabase]:
    """A context manager that gives the address of a database, and drops it afterwards."""
    data = Path(os.environ.get("TAWSIL_TEST_DATA", ".tawsil/test-postgres")) / worker_id
    with EmbeddedPostgres(data=data, settings={"fsync": "off"}) as server:
        template = f"tawsil_empty_{worker_id}_{os.getpid()}"
        server.create_database(template)
        migrate(server.url(template))
        made = 0

        @contextmanager
        def fresh() -> Iterator[str]:
            nonlocal made
            made += 1
            name = f"tawsil_day_{worker_id}_{os.getpid()}_{made}"
            server.create_database(name, template=template)
            try:
                yield server.url(name)
            finally:
                server.drop_database(name)

        try:
            yield fresh
        finally:
            server.drop_database(template)
