"""Addresses that customers keep."""

from typing import Any

import httpx
import pytest

from tawsil.ordering import routes
from tawsil.ordering.address_book.model import MOST

HOME = {"name": "Home", "address": "Corniche 12", "latitude": 24.12, "longitude": 53.1}
WORK = {"name": "Work", "address": "Souq Street 3", "latitude": 24.14, "longitude": 53.12}


class Book:
    """One customer's addresses, over HTTP."""

    def __init__(self, client: httpx.AsyncClient, token: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}"}

    async def ask(self, method: str, path: str = "", **sent: Any) -> httpx.Response:
        address = f"/v4/addresses{path}"
        return await self._client.request(method, address, headers=self._headers, **sent)

    async def keep(self, said: dict[str, Any], **more: Any) -> Any:
        kept = await self.ask("POST", json=said | more)
        assert kept.status_code == 201, kept.text
        return kept.json()["data"]

    async def names(self) -> list[str]:
        """The default first, marked with a star."""
        listed = (await self.ask("GET")).json()["data"]
        return [f"{one['name']}{'*' if one['is_default'] else ''}" for one in listed]


@pytest.fixture
async def books(serve: Any, callers: Any) -> tuple[Book, Book]:
    client = await serve(routes.routes)
    first, second = (Book(client, callers.token("customer", "order:create")) for _ in range(2))
    return first, second


async def test_addresses_are_kept_named_and_one_is_the_default(books: tuple[Book, Book]) -> None:
    mine, _ = books
    home = await mine.keep(HOME)
    work = await mine.keep(WORK, instructions="At the desk")
    assert (work["instructions"], work["is_default"]) == ("At the desk", False)
    assert await mine.names() == ["Home*", "Work"]

    renamed = await mine.ask("PUT", f"/{home['id']}", json=HOME | {"name": "Mother's"})
    assert renamed.json()["data"]["is_default"], "it is not lost by being renamed"
    await mine.ask("PUT", f"/{work['id']}", json=WORK | {"is_default": True})
    assert await mine.names() == ["Work*", "Mother's"]


async def test_what_is_kept_already_is_not_kept_twice(books: tuple[Book, Book]) -> None:
    mine, _ = books
    home = await mine.keep(HOME)
    again = await mine.keep(HOME | {"name": "The same", "latitude": 24.1201})
    assert again == home
    elsewhere = await mine.keep(HOME | {"latitude": 24.2})
    assert elsewhere["id"] != home["id"], "the same words in another town are another place"


async def test_forgetting_can_be_undone_and_leaves_a_default(books: tuple[Book, Book]) -> None:
    mine, _ = books
    home, _ = await mine.keep(HOME), await mine.keep(WORK)
    gone = await mine.ask("DELETE", f"/{home['id']}")
    assert await mine.names() == ["Work*"]
    kept = {name: value for name, value in gone.json()["data"].items() if name != "id"}
    await mine.keep(kept)
    assert await mine.names() == ["Home*", "Work"]
    assert (await mine.ask("DELETE", f"/{home['id']}")).status_code == 404


async def test_a_book_is_its_customers_alone_and_has_an_end(books: tuple[Book, Book]) -> None:
    mine, theirs = books
    home = await mine.keep(HOME)
    assert await theirs.names() == []
    assert (await theirs.ask("DELETE", f"/{home['id']}")).status_code == 404
    assert (await theirs.ask("PUT", f"/{home['id']}", json=WORK)).status_code == 404
    for n in range(1, MOST):
        await mine.keep(WORK | {"latitude": 24.3 + n / 100})
    refused = await mine.ask("POST", json=WORK)
    assert refused.status_code == 409
    assert str(MOST) in refused.json()["errors"][0]["message"]
    for wrong in ({"name": ""}, {"latitude": 91}, {"address": "x" * 121}, {"customer_id": "me"}):
        assert (await mine.ask("POST", json=HOME | wrong)).status_code == 400
