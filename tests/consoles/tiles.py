"""The least archive of vector tiles there is (PMTiles 3): one tile, the whole world under water."""

import struct
from typing import Final

EXTENT: Final = 4_096
LAYER: Final = "water"
METADATA: Final = b'{"vector_layers":[{"id":"water","fields":{"class":"String"}}]}'
HEADER: Final = struct.Struct("<7sB11Q6B4iB2i")
WORLD: Final = (-1_800_000_000, -850_000_000, 1_800_000_000, 850_000_000)


def archive() -> bytes:
    tile = _tile()
    directory = b"".join(map(_varint, (1, 0, 1, len(tile), 1)))  # one: its id, run, length, offset
    sections = (directory, METADATA, b"", tile)
    places: list[int] = []
    offset = HEADER.size
    for section in sections:
        places += [offset, len(section)]
        offset += len(section)
    uncompressed, vector = 1, 1
    header = HEADER.pack(
        *(b"PMTiles", 3),
        *places,
        *(1, 1, 1),  # tiles addressed, in the directory, and different
        *(1, uncompressed, uncompressed, vector),
        *(0, 0),  # zooms
        *WORLD,
        *(0, 0, 0),
    )
    return header + b"".join(sections)


def _tile() -> bytes:
    """A layer with one polygon that covers the tile."""
    corners = [(0, 0), (EXTENT, 0), (0, EXTENT), (-EXTENT, 0)]
    move, draw, close = 1 | 1 << 3, 2 | 3 << 3, 7 | 1 << 3
    steps = [move, *_zigzag(corners[0])]
    steps += [draw, *(n for corner in corners[1:] for n in _zigzag(corner)), close]
    polygon = 3
    feature = _number(3, polygon) + _bytes(4, b"".join(map(_varint, steps)))
    layer = _bytes(1, LAYER.encode()) + _bytes(2, feature) + _number(5, EXTENT) + _number(15, 2)
    return _bytes(3, layer)


def _zigzag(step: tuple[int, int]) -> list[int]:
    return [n << 1 if n >= 0 else -n * 2 - 1 for n in step]


def _varint(n: int) -> bytes:
    said = bytearray()
    while n > 0x7F:
        said.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes([*said, n])


def _number(field: int, n: int) -> bytes:
    return _varint(field << 3) + _varint(n)


def _bytes(field: int, of: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(of)) + of
