"""Answers that are the same for many: kept as bytes, forgotten when what they tell of changes.

A cache belongs to one process. It hears of changes from the event log, some moments after they are
committed, so whoever may change a thing reads past the cache and always sees what they have done.

A route whose `opt` has a `recall` is asked first whether the answer is kept: if so, the caller is
let through by the route's rule and limit like any other, and the handler is not called at all.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final, TypeVar, cast

import msgspec
from litestar import Response
from litestar.types import Receive, Scope, Send
from msgspec import Raw, Struct

from tawsil.kernel import metrics
from tawsil.kernel.http.envelope import Envelope, envelope

Recall = Callable[[Any], "Kept | None"]
"""From the scope of a request that was let through to what is kept for it."""
T = TypeVar("T")
MOST_KEPT: Final = 4_096
KEPT_FOR: Final = timedelta(seconds=30)
"""At most: what changes without an event, or while the log cannot be read, is seen by then."""
_TOLD_EVERY: Final = 256

_encode: Final = msgspec.json.Encoder().encode


class Kept(Struct, frozen=True):
    """The data of an answer as it is sent. It holds until an instant, when that is known."""

    data: Raw
    etag: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    until: datetime | None

    @classmethod
    def of(cls, data: object, *, until: datetime | None = None) -> "Kept":
        encoded = _encode(data)
        etag = f'W/"{blake2b(encoded, digest_size=12).hexdigest()}"'.encode()
        headers = (
            (b"etag", etag),
            (b"cache-control", b"no-cache"),
            (b"vary", b"accept-language, cookie"),
        )
        return cls(Raw(encoded), etag, headers, until)


class Cache:
    """Answers by subject, and by what else they depend on (such as a language)."""

    def __init__(self, name: str, *, now: Callable[[], datetime], most: int = MOST_KEPT) -> None:
        self._now = now
        self._most = most
        self._subjects: OrderedDict[Hashable, dict[Hashable, tuple[Kept, datetime]]] = OrderedDict()
        self._hits = metrics.cache_lookups.labels(name, "hit")
        self._misses = metrics.cache_lookups.labels(name, "miss")
        self._ratio = metrics.cache_hit_ratio.labels(name)
        self._asked = self._answered = self._told = 0

    def __len__(self) -> int:
        return len(self._subjects)

    def recall(self, subject: Hashable, variant: Hashable) -> Kept | None:
        """What is kept."""
        variants = self._subjects.get(subject)
        found = variants.get(variant) if variants is not None else None
        if found is None or found[1] <= self._now():
            self._count(known=False)
            return None
        self._subjects.move_to_end(subject)
        self._count(known=True)
        return found[0]

    async def keep(
        self, subject: Hashable, variant: Hashable, *, read: Callable[[], Awaitable[Kept]]
    ) -> Kept:
        """What `read` finds. It is kept, unless it changed meanwhile."""
        latest = self._now() + KEPT_FOR
        variants = self._subjects.setdefault(subject, {})
        if len(self._subjects) > self._most:
            self._subjects.popitem(last=False)
        try:
            kept = await read()
        except BaseException:
            if not variants and self._subjects.get(subject) is variants:
                del self._subjects[subject]
            raise
        # When the subject was forgotten while we read, nobody looks into these variants any more.
        variants[variant] = (kept, min(latest, kept.until or latest))
        return kept

    def forget(self, subject: Hashable) -> None:
        """It has changed: whoever asks from now on reads it anew."""
        self._subjects.pop(subject, None)

    def _count(self, *, known: bool) -> None:
        """Metrics hear of it now and then: telling them takes longer than an answer."""
        self._asked += 1
        self._answered += known
        if not known or self._asked % _TOLD_EVERY == 0:
            self._hits.inc(self._answered - self._told)
            self._told = self._answered
            if not known:
                self._misses.inc()
            self._ratio.set(self._answered / self._asked)


class KeptAnswer(Response[Any]):
    """The kept data in an envelope of this request; a 304 for whoever has it already.

    It is itself what Litestar would make of a response: making one would take longer than all the
    rest, so that nothing of one is initialised here.
    """

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        return self

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        status, body, headers = 200, b"", self._kept.headers
        for name, value in scope["headers"]:
            if name == b"if-none-match" and (value.strip() == b"*" or self._kept.etag in value):
                status = 304
        if status == 200:
            body = _encode(envelope(self._kept.data))
            length = (b"content-length", b"%d" % len(body))
            headers = (*headers, (b"content-type", b"application/json"), length)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})


def answer_kept(kept: Kept, _: type[T]) -> Response[Envelope[T]]:
    """An answer whose data, of a type, was kept."""
    return cast("Response[Envelope[T]]", KeptAnswer(kept))
