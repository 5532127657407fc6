"""The HTTP process."""

import asyncio
import gc
import resource
import signal
from typing import Final

import structlog
import uvloop
from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server
from litestar.types import ASGIApp

from tawsil import __version__
from tawsil.apps.platform import create_api, open_database
from tawsil.kernel.logs import configure_logs
from tawsil.kernel.settings import Settings, load_settings

log = structlog.get_logger(__name__)
MOST_CONNECTIONS: Final = 16_384  # an idle live stream holds one
STREAMS_END_WITHIN_S: Final = 0.5
HEADERS_WITHIN_MS: Final = 10_000


def main() -> None:
    """Serve in this process, on a database that is there and migrated."""
    settings = load_settings()
    configure_logs(settings, service="tawsil-api", version=__version__)
    uvloop.run(serve(settings))


def _open_more_files() -> None:
    """As many as the machine allows: every live stream is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def server_of(app: ASGIApp, settings: Settings) -> Server:
    """What speaks HTTP for an application, in this process."""
    return Server(
        app,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        backlog=4_096,
        backpressure=MOST_CONNECTIONS,
        http1_settings=HTTP1Settings(header_read_timeout=HEADERS_WITHIN_MS),
        log_level=LogLevels.error,
    )


async def serve(settings: Settings) -> None:
    """Serve the API and the pages until told to stop."""
    _open_more_files()
    async with open_database(settings, most=16) as database:
        app = create_api(settings, database)
        server = server_of(app, settings)
        loop = asyncio.get_running_loop()

        def stop() -> None:
            app.state.hub.close()
            loop.call_later(STREAMS_END_WITHIN_S, server.stop)

        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stop)
        gc.collect()
        gc.freeze()  # what is there now stays: looking through it again and again is for nothing
        log.info("api.serving", address=f"http://{settings.host}:{settings.port}")
        await server.serve()


if __name__ == "__main__":
    main()
