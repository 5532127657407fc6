"""A whole platform with a city living in it, and the people of one order to look at it with."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any
from uuid import UUID

import httpx
from msgspec import Struct

from surfaces.pages import SERVED
from tawsil.kernel.settings import load_settings
from tawsil.simulation import hierarchy, seeding
from tawsil.simulation.city import build_city, demo_accounts

SEED = 7
BEGINS_WITHIN_S = 480
RUNNING = "TAWSIL_SURFACES_AT"
"""The address of a `tawsil demo` that runs already, to be looked at instead of one of our own; its
data is where the settings say."""
ADMIN = "admin@example.com"


class Living(Struct, frozen=True):
    """`people` are addresses to sign in with, by what they are; `facts` fill addresses of pages.

    `data` is where the platform keeps its database.
    """

    url: str
    data: Path
    people: dict[str, str]
    facts: dict[str, str]

    async def find(self, who: str | None) -> None:
        """Wait for whoever is not there from the beginning."""
        if who != SERVED or who in self.people:
            return
        async with httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=10) as client:
            operator = await _signed_in(client, self.people["operator"])
            async with asyncio.timeout(BEGINS_WITHIN_S):
                while not (brought := await _orders(client, operator, status="DELIVERED")):
                    await asyncio.sleep(1)
        city = build_city(SEED)
        whose = seeding.ids_of(city).customers.index(UUID(brought[0]["customer_id"]))
        self.people[SERVED] = city.customers[whose].email
        self.facts["brought"] = brought[0]["id"]


@asynccontextmanager
async def living() -> AsyncIterator[Living]:
    """As `tawsil demo` brings it up, in a folder of its own, until it is looked at no more."""
    if running := os.environ.get(RUNNING):
        yield await _cast(running, data=load_settings().data)
        return
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        port, direct, stripe = _free_ports(3)
        url = f"http://127.0.0.1:{port}"
        settings = {
            "TAWSIL_DATA": folder,
            "TAWSIL_PORT": str(port),
            "TAWSIL_PSP_URL": f"http://127.0.0.1:{direct}",
            "TAWSIL_STRIPE_URL": f"http://127.0.0.1:{stripe}",
            "TAWSIL_LOG_LEVEL": "ERROR",
            "TAWSIL_RATE_LIMITS_EXEMPT": "127.0.0.1",
        }
        with (Path(folder) / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tawsil.apps.cli", "demo"),
                *("--seed", str(SEED), "--speed", "8", "--rate", "120"),
                env=os.environ | settings,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield await _cast(url, data=Path(folder))
        except TimeoutError:
            print((Path(folder) / "log").read_text()[-4_000:])
            raise
        finally:
            process.send_signal(signal.SIGINT)
            try:
                async with asyncio.timeout(20):
                    await process.wait()
            except TimeoutError:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()


def _free_ports(count: int) -> list[int]:
    holders = [socket.socket() for _ in range(count)]
    for holder in holders:
        holder.bind(("127.0.0.1", 0))
    ports = [holder.getsockname()[1] for holder in holders]
    for holder in holders:
        holder.close()
    return ports


async def _cast(url: str, *, data: Path) -> Living:
    """Wait until a courier has an order: its people are who will look at the pages."""
    city = build_city(SEED)
    ids, accounts = seeding.ids_of(city), demo_accounts(city)
    until = monotonic() + BEGINS_WITHIN_S
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=10) as client:
        order: dict[str, Any] | None = None
        while order is None:
            if monotonic() > until:
                raise TimeoutError("no courier had an order in time")
            await asyncio.sleep(1)
            try:
                order = await _order(client, accounts.operator.email)
            except httpx.HTTPError:
                continue
        customer = city.customers[ids.customers.index(UUID(order["customer_id"]))]
        token = await _busy(client, customer.email, order)
        around = await _around(client, accounts.operator.email, order)
    merchant = city.merchants[ids.merchants.index(UUID(order["merchant_id"]))]
    courier = city.couriers[ids.couriers.index(UUID(order["courier_id"]))]
    return Living(
        url=url,
        data=data,
        people={
            "operator": accounts.operator.email,
            "customer": customer.email,
            "merchant": merchant.email,
            "courier": courier.email,
            "admin": ADMIN,
            "manager": hierarchy.EMAILS[next(iter(hierarchy.EMAILS))],
        },
        facts={
            "order": order["id"],
            "token": token,
            **around,
            "merchant": order["merchant_id"],
            "courier": order["courier_id"],
            "city": seeding.slug_of(city),
            "city_id": str(ids.city),
        },
    )


async def _order(client: httpx.AsyncClient, email: str) -> dict[str, Any] | None:
    found = await _orders(client, await _signed_in(client, email))
    return next((one for one in found if one["courier_id"]), None)


async def _busy(client: httpx.AsyncClient, email: str, order: dict[str, Any]) -> str:
    """The customer keeps where it goes, is about to order again, and shares the way of it.

    Returns the token of the link.
    """
    headers = await _signed_in(client, email)
    own = f"/v4/orders/{order['id']}"
    at = {name: order["dropoff"][name] for name in ("latitude", "longitude")}
    known = (await client.get(own, headers=headers)).json()["data"]
    address = {"name": "Home", "address": known["destination"]["address"][:120], **at}
    menu = (await client.get(f"/v4/merchants/{order['merchant_id']}/menu")).json()["data"]
    products = [product for category in menu["categories"] for product in category["products"]]
    plain = next((one for one in products if not one["option_groups"]), products[0])
    lines = [{"product_id": plain["id"], "quantity": 2}]
    cart = {"merchant_id": order["merchant_id"], "lines": lines}
    (await client.post("/v4/addresses", json=address, headers=headers)).raise_for_status()
    (await client.put("/v4/cart", json=cart, headers=headers)).raise_for_status()
    shared = await client.post(f"{own}/share", headers=headers)
    shared.raise_for_status()
    return shared.json()["data"]["token"]


async def _around(
    client: httpx.AsyncClient, operator: str, order: dict[str, Any]
) -> dict[str, str]:
    """A dish of its merchant, and why that courier has it."""
    headers = await _signed_in(client, operator)
    why = await client.get(f"/v4/deliveries/{order['id']}/decisions", headers=headers)
    menu = await client.get(f"/v4/merchants/{order['merchant_id']}/menu")
    return {
        "decision": why.raise_for_status().json()["data"][0]["id"],
        "product": menu.raise_for_status().json()["data"]["categories"][0]["products"][0]["id"],
    }


async def _signed_in(client: httpx.AsyncClient, email: str) -> dict[str, str]:
    """Headers of somebody's requests."""
    credentials = {"email": email, "password": seeding.PASSWORD}
    signed_in = await client.post("/v4/auth/login", json=credentials)
    signed_in.raise_for_status()
    return {"Authorization": f"Bearer {signed_in.json()['data']['access_token']}"}


async def _orders(
    client: httpx.AsyncClient, headers: dict[str, str], **asked: str
) -> list[dict[str, Any]]:
    listed = await client.get("/v4/orders", params={"limit": "50", **asked}, headers=headers)
    listed.raise_for_status()
    return listed.json()["data"]
