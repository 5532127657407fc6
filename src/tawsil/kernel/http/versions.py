"""Addresses that older clients know as well."""


def since_v2(path: str) -> list[str]:
    """The addresses of a route that is answered under `/v2` too, in the shape of today."""
    return [f"/v4{path}", f"/v2{path}"]
