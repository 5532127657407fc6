"""Two languages side by side, and the word lists that ship beside this module."""

from importlib.resources import files
from typing import TypeVar

import msgspec

T = TypeVar("T")


class Words(msgspec.Struct, frozen=True, array_like=True):
    """The same thing said in English and in Arabic."""

    en: str
    ar: str


def read_list(name: str, shape: type[T]) -> T:
    """One of the TOML files of this package, checked against its shape."""
    return msgspec.toml.decode((files(__package__ or __name__) / name).read_bytes(), type=shape)
