"""What is written about an order, as a page for its customer; and how to call its people."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect
from msgspec import Struct

from tawsil.consoles.assets import Asked
from tawsil.consoles.own_api import Refused, answered, ask_as_caller, refusal_of
from tawsil.consoles.pages import HTML, fragment
from tawsil.consoles.shop.frame import shop_page, visit_of
from tawsil.kernel.http import allow

READ: Final = "order:read"
WRITE: Final = "order:update"
ADDRESS: Final = "/orders/{order_id:uuid}/messages"


class Message(Struct, frozen=True, kw_only=True):
    id: UUID
    writer: str
    mine: bool
    words: str
    sent_at: datetime
    read_by: list[str]


class QuickReply(Struct, frozen=True, kw_only=True):
    code: str
    words: str


class Thread(Struct, frozen=True, kw_only=True):
    thread: str
    may_write: bool
    why_not: str | None
    unread: int
    messages: list[Message]
    quick_replies: list[QuickReply]


class Chat(Struct, frozen=True, kw_only=True):
    """Of the API's answer, what the page shows."""

    writer: str
    may_call: list[str]
    threads: list[Thread]

    def chosen(self, thread: str | None) -> Thread | None:
        """The one that is asked for; else where something is new; else where one may write."""

        def worth(one: Thread) -> tuple[bool, bool, bool]:
            return one.thread == thread, one.unread > 0, one.may_write

        return max(self.threads, key=worth, default=None)


class Called(Struct, frozen=True, kw_only=True):
    number: str


@get(ADDRESS, opt={"rule": allow(READ)}, include_in_schema=False)
async def show_messages(
    request: Asked,
    order_id: FromPath[UUID],
    thread: FromQuery[str | None] = None,
    part: FromQuery[str | None] = None,
) -> Response[str]:
    """Complete without scripts; with them, the part with the messages is fresh by itself."""
    if not part:
        return await _page(request, order_id, thread=thread)
    _, chosen = await _read(request, order_id, thread)
    shown = fragment("_chat.html", chosen=chosen)
    return Response(shown, media_type=HTML, headers={"Cache-Control": "no-store"})


@post(ADDRESS, opt={"rule": allow(WRITE)}, include_in_schema=False, status_code=303)
async def send(request: Asked, order_id: FromPath[UUID]) -> Response[Any]:
    form = await request.form()
    thread = str(form.get("thread", ""))
    body = {
        "thread": thread,
        "words": str(form.get("words", "")).strip() or None,
        "quick": str(form.get("quick", "")) or None,
    }
    path = f"/v4/orders/{order_id}"
    if to := str(form.get("call", "")):
        called = await ask_as_caller(request, "POST", f"{path}/call", json={"to": to})
        if called.is_success:
            number = answered(called, Called).number
            return await _page(request, order_id, thread=thread, number=number)
        return await _page(request, order_id, thread=thread, refused=refusal_of(called))
    sent = await ask_as_caller(request, "POST", f"{path}/messages", json=body)
    if sent.is_success:
        return Redirect(f"/orders/{order_id}/messages?thread={thread}", status_code=303)
    return await _page(
        request, order_id, thread=thread, refused=refusal_of(sent), words=body["words"]
    )


async def _page(
    request: Asked, order_id: UUID, *, thread: str | None, **known: Any
) -> Response[str]:
    chat, chosen = await _read(request, order_id, thread)
    told: dict[str, Any] = {"refused": None, "number": None, "words": None, **known}
    refused: Refused | None = told["refused"]
    return shop_page(
        request,
        await visit_of(request),
        "shop/messages.html",
        status=refused.status if refused else 200,
        here=f"/orders/{order_id}/messages",
        order_id=order_id,
        chat=chat,
        chosen=chosen,
        **told,
    )


async def _read(request: Asked, order_id: UUID, thread: str | None) -> tuple[Chat, Thread | None]:
    """The conversations; the one that is shown counts as read."""
    path = f"/v4/orders/{order_id}/messages"
    chat = answered(await ask_as_caller(request, "GET", path), Chat)
    chosen = chat.chosen(thread)
    if chosen is not None and chosen.unread:
        mark = {"thread": chosen.thread, "message_id": chosen.messages[-1].id}
        await ask_as_caller(request, "POST", f"{path}/read", json=mark)
    return chat, chosen


pages: Final[list[Any]] = [show_messages, send]
