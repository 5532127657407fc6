"""Write the JSON Schema of every event: `python -m tawsil.apps.schemas FOLDER`.

An incompatible change is refused: give the changed event a new version instead.
"""

import json
import sys
from pathlib import Path

from tawsil.apps.wiring import REGISTRY
from tawsil.kernel.schemas import breaks, schema_of


def write(folder: Path) -> list[str]:
    """Bring the files up to date; what could not be, and why."""
    folder.mkdir(parents=True, exist_ok=True)
    refused: list[str] = []
    for name, cls in sorted(REGISTRY.by_name.items()):
        path, now = folder / f"{name}.json", schema_of(cls)
        broken = breaks(json.loads(path.read_text()), now) if path.exists() else []
        if broken:
            refused.append(f"{name}: {'; '.join(broken)}")
        else:
            path.write_text(json.dumps(now, indent=2, sort_keys=True) + "\n")
    return refused


def main() -> int:
    refused = write(Path(sys.argv[1]))
    for line in refused:
        print(line, file=sys.stderr)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
