"""A line to a provider that can be cut, in the ways in which providers go down."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from itertools import count
from typing import Final

_UNAVAILABLE: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)


class Line(StrEnum):
    """How the line is.

    `hang` is the worst: what is asked arrives every other time, and no answer ever comes back.
    """

    UP = "up"
    HANG = "hang"
    REFUSE = "refuse"
    UNAVAILABLE = "unavailable"


class Gate:
    """Forwards connections to a port of this machine, as long as the line is up."""

    def __init__(self, *, port: int, target: int) -> None:
        self._port = port
        self._target = target
        self._line = Line.UP
        self._numbers = count()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        await self._listen()
        try:
            yield
        finally:
            await self._stop_listening()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def cut(self, line: Line) -> None:
        """Bring the line down, or up again."""
        self._line = line
        if line is Line.REFUSE:
            await self._stop_listening()
        elif self._server is None:
            await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)

    async def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._forward(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrives = next(self._numbers) % 2 == 0
        with suppress(OSError):
            from_target, to_target = await asyncio.open_connection("127.0.0.1", self._target)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._there(reader, to_target, writer, arrives=arrives))
                    both.create_task(self._back(from_target, writer))
            except* OSError:
                pass
            finally:
                to_target.close()
                writer.close()

    async def _there(
        self,
        reader: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        writer: asyncio.StreamWriter,
        *,
        arrives: bool,
    ) -> None:
        while asked := await reader.read(65_536):
            match self._line:
                case Line.UP:
                    target.write(asked)
                    await target.drain()
                case Line.HANG:
                    if arrives:
                        target.write(asked)
                        await target.drain()
                case Line.UNAVAILABLE:
                    writer.write(_UNAVAILABLE)
                    await writer.drain()
                    break
                case Line.REFUSE:
                    break
        target.close()
        writer.close()

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while answer := await reader.read(65_536):
            if self._line is Line.UP:
                writer.write(answer)
                await writer.drain()
        writer.close()
