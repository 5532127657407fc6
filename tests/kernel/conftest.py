"""The kernel alone: errors that tests provoke are logged in a line, not drawn with their locals."""

from collections.abc import Iterator

import pytest
import structlog

from tawsil.kernel.logs import configure_logs
from tawsil.kernel.settings import Settings


@pytest.fixture(scope="session", autouse=True)
def _plain_logs() -> Iterator[None]:
    configure_logs(Settings(log_level="WARNING"), service="tawsil-tests", version="0")
    structlog.configure(cache_logger_on_first_use=False)
    yield
    structlog.reset_defaults()
