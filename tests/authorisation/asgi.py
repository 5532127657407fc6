"""One request to an application in this process, up to where its answer begins or ends."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import msgspec
from msgspec import Struct

Message = MutableMapping[str, Any]
PATIENCE_S = 10.0


class Answer(Struct, frozen=True):
    status: int
    body: bytes = b""

    @property
    def data(self) -> Any:
        return msgspec.json.decode(self.body)["data"]

    @property
    def code(self) -> str:
        """Which refusal it is; a page says it in words."""
        try:
            answer = msgspec.json.decode(self.body)
            return answer["errors"][0]["code"] if "errors" in answer else answer["error"]
        except (msgspec.DecodeError, LookupError, TypeError):
            return f"page.{self.status}"


async def ask(
    app: Any, method: str, path: str, *, token: str | None = None, json: Any = None
) -> Answer:
    """The answer to a request; of a stream, that it has begun."""
    body = b"" if json is None else msgspec.json.encode(json)
    path, _, query = path.partition("?")
    headers = [
        (b"host", b"127.0.0.1"),
        (b"sec-fetch-site", b"same-origin"),
        (b"content-length", str(len(body)).encode()),
    ]
    if json is not None:
        headers.append((b"content-type", b"application/json"))
    if token is not None:
        headers.append((b"authorization", f"Bearer {token}".encode()))
    return await asyncio.wait_for(
        _exchange(
            app,
            {
                "type": "http",
                "method": method,
                "path": path,
                "raw_path": path.encode(),
                "query_string": query.encode(),
                "headers": headers,
            },
            {"type": "http.request", "body": body, "more_body": False},
        ),
        PATIENCE_S,
    )


async def knock(app: Any, path: str, *, token: str | None = None) -> Answer:
    """What a WebSocket is answered: 101 when it is let in."""
    headers = [(b"host", b"127.0.0.1")]
    if token is not None:
        headers.append((b"authorization", f"Bearer {token}".encode()))
    scope = {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
    }
    return await asyncio.wait_for(_exchange(app, scope, {"type": "websocket.connect"}), PATIENCE_S)


async def _exchange(app: Any, scope: dict[str, Any], first: Message) -> Answer:
    incoming: asyncio.Queue[Message] = asyncio.Queue()
    incoming.put_nowait(first)
    begun: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    ended = asyncio.Event()
    streaming = False
    chunks: list[bytes] = []

    async def send(message: Message) -> None:
        nonlocal streaming
        match message["type"]:
            case "http.response.start" | "websocket.http.response.start":
                types = [v for k, v in message["headers"] if k.lower() == b"content-type"]
                streaming = any(kind.startswith(b"text/event-stream") for kind in types)
                begun.set_result(message["status"])
            case "websocket.accept":
                streaming = True
                begun.set_result(101)
            case "websocket.close":
                if not begun.done():
                    begun.set_result(403)
                ended.set()
            case _:
                chunks.append(message.get("body", b""))
                if not message.get("more_body"):
                    incoming.put_nowait({"type": "http.disconnect"})
                    ended.set()
        if streaming:
            ended.set()

    scope = {
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "extensions": {},
        "state": {},
        **scope,
    }
    running = asyncio.create_task(app(scope, incoming.get, send))
    waiting = asyncio.create_task(ended.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if streaming:
        running.cancel()
        await asyncio.wait({running})
    else:
        await running
    return Answer(status=await begun, body=b"".join(chunks))
