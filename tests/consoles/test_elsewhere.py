"""Signing in with another provider through the pages: a real provider, on this machine."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from litestar import Litestar

from consoles.front import SITE, browsing
from consoles.painted import PaintedWatch
from identity.crooked import Crooked, running
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.settings import load_settings

pytestmark = pytest.mark.filterwarnings("ignore:get_jwt_config")  # the provider's own


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patched, running(Crooked()) as issuer:
        patched.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # the provider's: it speaks http here
        yield issuer


@pytest.fixture
def clock() -> VirtualClock:
    """The provider's is the system's."""
    return VirtualClock(datetime.now(UTC))


@pytest.fixture
def known(watch: PaintedWatch, tmp_path: Path, issuer: str) -> dict[str, Any]:
    company = {
        "name": "company",
        "label": "Marsa & Sons",
        "issuer": issuer,
        "client_id": "tawsil",
        "client_secret": "secret",
        "allow_sign_up": True,
    }
    settings = load_settings(data=tmp_path, public_url=SITE, oidc_providers=[company])
    return {"watch": watch, "settings": settings}


@pytest.fixture
async def client(front: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    async with browsing(front) as client:
        yield client


async def through_the_provider(client: Any, issuer: str, *, action: str = "authorize") -> Any:
    """From the button on the sign-in page to where the browser ends up."""
    page = await client.get("/sign-in", params={"next": "/account"})
    assert "Sign in with Marsa &amp; Sons" in page.text
    start = page.text.partition('href="/v4/auth/oidc/company/start')[2].partition('"')[0]
    begun = await client.get(f"/v4/auth/oidc/company/start{start}", follow_redirects=False)
    async with httpx.AsyncClient() as outside:
        claims = {"email": "rana@example.org", "email_verified": True, "name": "Rana"}
        await outside.put(f"{issuer}/users/rana", json=claims)
        agreed = await outside.post(
            begun.headers["location"], data={"sub": "rana", "action": action}
        )
    return await client.get(agreed.headers["location"], headers={"Accept": "text/html"})


async def test_a_button_leads_there_and_back_into_a_session(client: Any, issuer: str) -> None:
    page = await through_the_provider(client, issuer)
    assert page.status_code == 200
    assert "You are signed in" in page.text
    assert '<meta http-equiv="refresh" content="0; url=/account">' in page.text
    assert page.url.path == "/session/elsewhere"
    assert all("samesite=strict" in c.lower() for c in page.headers.get_list("set-cookie"))
    account = await client.get("/account")
    assert account.status_code == 200
    assert "rana@example.org" in account.text


async def test_what_is_shown_again_or_elsewhere_lets_nobody_in(
    client: Any, front: Litestar, issuer: str
) -> None:
    page = await through_the_provider(client, issuer)
    again = await client.get(str(page.url))
    assert again.status_code == 401
    assert "This sign-in is over. Begin again." in again.text
    async with browsing(front) as other:
        elsewhere = await other.get(str(page.url))
        assert elsewhere.status_code == 401
        assert "tawsil_access" not in other.cookies


async def test_whoever_is_refused_reads_why_on_the_sign_in_page(client: Any) -> None:
    query = "next=%2Faccount&error=identity.oidc_unreachable&provider=company"
    page = await client.get(f"/session/elsewhere?{query}")
    assert page.status_code == 401
    assert "Marsa &amp; Sons does not answer at the moment." in page.text
    for error in ("identity.login_failed", "<script>", "console.sign_in.lead"):
        page = await client.get(f"/session/elsewhere?error={quote(error)}&provider={quote(error)}")
        assert "This sign-in is over. Begin again." in page.text
        assert "<script>alert" not in page.text


@pytest.mark.parametrize("after", ["https://mallory.example", "//mallory.example", "/\\mallory"])
async def test_nobody_is_sent_elsewhere(client: Any, after: str) -> None:
    page = await client.get("/session/elsewhere", params={"next": after, "error": "x"})
    assert "mallory" not in page.text
