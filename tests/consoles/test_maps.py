"""The ground of a city: for everybody, from a file where there is one."""

import os
from pathlib import Path
from typing import Any

import pytest

from consoles.painted import CITY
from tawsil.consoles.maps_routes import routes
from tawsil.kernel.settings import Settings

HERE = f"/maps/{CITY.id}"
NOWHERE = "/maps/01900000-0000-7000-8000-00000000ffff"


@pytest.fixture
def maps(tmp_path: Path) -> Path:
    folder = tmp_path / "maps"
    folder.mkdir()
    return folder


@pytest.fixture
async def client(serve: Any, known: dict[str, Any]) -> Any:
    return await serve(routes, **known)


async def test_streets_are_a_grid_until_there_is_a_file(client: Any, maps: Path) -> None:
    ground = (await client.get(f"{HERE}/ground.json", headers={"Accept-Language": "ar"})).json()
    assert ground["words"].pop("zoom_in") == "تقريب"
    assert all(ground.pop("words").values())
    assert ground == {
        "kind": "streets",
        "address": f"{HERE}/streets.geojson",
        "centre": [CITY.centre.longitude, CITY.centre.latitude],
    }
    grid = await client.get(ground["address"])
    assert {f["properties"]["kind"] for f in grid.json()["features"]} == {"street", "avenue"}
    drawn = b'{"type":"FeatureCollection","features":[]}'
    (maps / "marsa.geojson").write_bytes(drawn)
    streets = await client.get(ground["address"])
    assert (streets.content, streets.headers["cache-control"]) == (drawn, "public, max-age=3600")
    known = {"If-None-Match": streets.headers["etag"]}
    again = await client.get(ground["address"], headers=known)
    assert (again.status_code, again.content) == (304, b"")


async def test_what_is_no_city_has_no_ground(client: Any) -> None:
    for path in ("ground.json", "streets.geojson", "tiles/0123456789ab"):
        assert (await client.get(f"{NOWHERE}/{path}")).status_code == 404
    assert (await client.get(f"{HERE}/tiles/0123456789ab")).status_code == 404


@pytest.mark.parametrize(
    ("asked", "status", "body", "said"),
    [
        (None, 200, b"PMTiles, really", None),
        ("bytes=0-6", 206, b"PMTiles", "bytes 0-6/15"),
        ("bytes=9-", 206, b"really", "bytes 9-14/15"),
        ("bytes=9-900", 206, b"really", "bytes 9-14/15"),
        ("bytes=15-", 416, b"", "bytes */15"),
        ("bytes=5-4", 416, b"", "bytes */15"),
        ("bytes=-4", 416, b"", "bytes */15"),
        ("bytes=0-1,3-4", 416, b"", "bytes */15"),
        ("lines=1-2", 416, b"", "bytes */15"),
    ],
)
async def test_tiles_are_read_in_parts(
    client: Any, maps: Path, asked: str | None, status: int, body: bytes, said: str | None
) -> None:
    (maps / "marsa.pmtiles").write_bytes(b"PMTiles, really")
    ground = (await client.get(f"{HERE}/ground.json")).json()
    assert ground["kind"] == "tiles"
    answer = await client.get(ground["address"], headers={"Range": asked} if asked else {})
    assert (answer.status_code, answer.content) == (status, body)
    assert answer.headers.get("content-range") == said


async def test_parts_of_two_archives_are_never_mixed(client: Any, maps: Path) -> None:
    archive = maps / "marsa.pmtiles"
    archive.write_bytes(b"one")
    before = (await client.get(f"{HERE}/ground.json")).json()["address"]
    archive.write_bytes(b"two")
    os.utime(archive, ns=(1, 1))
    after = (await client.get(f"{HERE}/ground.json")).json()["address"]
    assert before != after
    assert (await client.get(before)).status_code == 404
    assert (await client.get(after)).content == b"two"


async def test_a_style_of_somebody_elses_takes_the_place_of_ours(
    serve: Any, known: dict[str, Any], maps: Path
) -> None:
    style = "https://tiles.example.org/styles/calm.json?key=1"
    settings = Settings(data=maps.parent, map_style_url=style)
    client = await serve(routes, **{**known, "settings": settings})
    ground = (await client.get(f"{HERE}/ground.json")).json()
    assert (ground["kind"], ground["address"]) == ("style", style)
    assert settings.map_hosts == ("https://tiles.example.org",)
    assert Settings().map_hosts == ()


@pytest.mark.parametrize(
    "address",
    ["http://tiles.example.org/style.json", "ftp://x", "https://a; script-src *", "/style.json"],
)
def test_a_style_must_come_safely(address: str) -> None:
    with pytest.raises(ValueError, match="must be an https"):
        Settings(map_style_url=address)
