"""What the sandbox must not forget over a restart: changes and posted webhooks, one JSON a line."""

from pathlib import Path

import msgspec
from msgspec import Struct

from tawsil.simulation.psp.model import Change
from tawsil.simulation.psp.payouts import PayoutChange


class Line(Struct, frozen=True, omit_defaults=True):
    """One of the three: a change, a payout, or the id of an event the platform has accepted."""

    change: Change | None = None
    payout: PayoutChange | None = None
    posted: str | None = None


class Journal:
    """A file appended to before each change; it survives the process, not the power."""

    def __init__(self, *, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = path.open("ab", buffering=0)

    def read(self) -> list[Line]:
        """Every whole line; a last one torn by a crash is cut off, as it never took effect.

        Raises:
            ValueError: when a whole line cannot be read.
        """
        content = self._path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            self._file.truncate(len(whole))
        decoder = msgspec.json.Decoder(Line)
        lines: list[Line] = []
        for number, text in enumerate(whole.splitlines(), start=1):
            try:
                lines.append(decoder.decode(text))
            except msgspec.DecodeError as error:
                raise ValueError(f"{self._path}, line {number}: {error}") from error
        return lines

    def record(self, change: Change) -> None:
        self._write(Line(change=change))

    def record_payout(self, change: PayoutChange) -> None:
        self._write(Line(payout=change))

    def posted(self, event_id: str) -> None:
        self._write(Line(posted=event_id))

    def close(self) -> None:
        self._file.close()

    def _write(self, line: Line) -> None:
        text = msgspec.json.encode(line) + b"\n"
        written = self._file.write(text)
        assert written == len(text), "a line is written whole"
