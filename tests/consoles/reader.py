"""What tests of pages share: somebody in front of them, who sends their forms."""

from urllib.parse import urlencode

import httpx

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Browser:
    """Somebody in front of the pages, who sends their forms."""

    def __init__(self, client: httpx.AsyncClient, token: str, locale: str) -> None:
        self.client = client
        self.headers = {
            "Authorization": f"Bearer {token}",
            "Origin": str(client.base_url).rstrip("/"),
            "Accept-Language": locale,
        }

    async def see(self, address: str) -> str:
        answer = await self.client.get(address, headers=self.headers)
        assert answer.status_code == 200, answer.text
        assert "console." not in answer.text, "a word is missing"
        return answer.text

    async def send(self, address: str, **fields: str) -> httpx.Response:
        return await self.client.post(
            address, content=urlencode(fields), headers={**self.headers, **FORM}
        )
