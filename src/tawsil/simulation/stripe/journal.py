"""What the sandbox must not forget over a restart: one JSON object a line."""

from pathlib import Path

import msgspec

from tawsil.simulation.stripe.world import Line


class Journal:
    """A file appended to with each change; it survives the process, not the power."""

    def __init__(self, *, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = path.open("ab", buffering=0)

    def read(self) -> list[Line]:
        """Every whole line; a last one torn by a crash is cut off, as nobody heard its answer."""
        content = self._path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            self._file.truncate(len(whole))
        return msgspec.json.Decoder(Line).decode_lines(whole)

    def record(self, line: Line) -> None:
        self._file.write(msgspec.json.encode(line) + b"\n")

    def close(self) -> None:
        self._file.close()
