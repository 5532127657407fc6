"""What clients of the direct provider share: who asks, in JSON, and what its silence means."""

from collections.abc import Mapping
from typing import Any, Final, Self, TypeVar

import httpx
import msgspec
from msgspec import Struct

from tawsil.payments.model.psp import Unheard

FINAL: Final = frozenset({400, 404, 409, 422})
"""Statuses that mean: nothing was done, and the same request will not do better."""

T = TypeVar("T")


class Error(Struct, frozen=True):
    code: str


class PlainJson:
    """To be opened with `async with`. Silence, 5xx and what cannot be read are `Unheard`."""

    def __init__(self, *, url: str, api_key: str, timeout_s: float) -> None:
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {api_key}"},
            timeout=timeout_s,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def send(self, method: str, path: str, **request: Any) -> httpx.Response | Unheard:
        try:
            return await self._client.request(method, path, **request)
        except httpx.HTTPError as error:
            return Unheard(type(error).__name__)

    async def get(self, path: str, params: Mapping[str, str]) -> httpx.Response | Unheard:
        """An answer that succeeded."""
        answer = await self.send("GET", path, params=params)
        if isinstance(answer, Unheard) or answer.is_success:
            return answer
        return unheard(answer)

    async def find(self, path: str, params: Mapping[str, str], cls: type[T]) -> T | Unheard:
        answer = await self.get(path, params)
        return answer if isinstance(answer, Unheard) else read(answer, cls)


def read(answer: httpx.Response, cls: type[T]) -> T | Unheard:
    try:
        return msgspec.json.decode(answer.content, type=cls)
    except msgspec.MsgspecError as error:
        return Unheard(f"unreadable: {error}")


def unheard(answer: httpx.Response) -> Unheard:
    return Unheard(f"status {answer.status_code}")
