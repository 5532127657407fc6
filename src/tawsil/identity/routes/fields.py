"""What may stand in the fields of a request. In a pattern `$` alone lets a last newline pass."""

from typing import Annotated, Literal

from msgspec import Meta

from tawsil.identity.narrowing import PERMISSION
from tawsil.kernel.text import OneLine

Email = Annotated[
    str,
    Meta(
        min_length=3,
        max_length=254,
        pattern=r"^[^@\s\x00-\x1f<>()\[\],;:\"\\]+@[^@\s\x00-\x1f<>()\[\],;:\"\\]+$(?!\n)",
        examples=["mona@example.org"],
    ),
]
Password = Annotated[str, Meta(max_length=1_000, examples=["correct horse battery"])]
Name = Annotated[OneLine, Meta(min_length=1, max_length=200, examples=["Mona Haddad"])]
Phone = Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{6,14}$(?!\n)", examples=["+9613123456"])]
Language = Annotated[Literal["en", "ar"], Meta(examples=["ar"])]
DeviceId = Annotated[
    str,
    Meta(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$(?!\n)", examples=["pixel-9-a81f"]),
]
DeviceToken = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=100,
        pattern=r"^[A-Za-z0-9_-]+$(?!\n)",
        examples=["pJ6b0G0kBq3W1v9sYt2n8c4d5e6f7a8h"],
    ),
]
Token = Annotated[str, Meta(min_length=1, max_length=4_096)]
Permission = Annotated[
    str, Meta(max_length=100, pattern=PERMISSION, examples=["order:read:assigned"])
]
Code = Annotated[
    str,
    Meta(min_length=6, max_length=30, pattern=r"^[A-Za-z0-9 -]+$(?!\n)", examples=["492 039"]),
]
MailedToken = Annotated[
    str,
    Meta(
        min_length=20,
        max_length=200,
        pattern=r"^[A-Za-z0-9_-]+$(?!\n)",
        examples=["d1Zq3y0yQH5mJ0cYx2Jm6wqv7E0l1bq9u8s7t6r5p4o"],
    ),
]
