"""Put the schema on file: `python -m tawsil.apps.graph.on_file FILE`; no break gets by."""

import sys
from pathlib import Path

from graphql import build_schema, find_breaking_changes

from tawsil.apps.graph.schema import SCHEMA


def write(file: Path) -> list[str]:
    """Bring the file up to date; or what would break clients, and leave it as it is."""
    now = SCHEMA.as_str()
    broken = (
        [
            change.description
            for change in find_breaking_changes(build_schema(file.read_text()), build_schema(now))
        ]
        if file.exists()
        else []
    )
    if not broken:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(now)
    return broken


def main() -> int:
    broken = write(Path(sys.argv[1]))
    sys.stderr.writelines(f"{line}\n" for line in broken)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
