// What comes out of the build besides scripts: a sprite of icons, and the mark as pictures.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { initWasm, Resvg } from "@resvg/resvg-wasm";
import type { Plugin } from "vite";

const { resolve } = createRequire(import.meta.url);

/** `icons.svg`: a `<symbol>` for each icon named in icons.json. */
export function icons(): Plugin {
  return {
    name: "icons",
    apply: "build",
    async buildStart() {
      const names: string[] = JSON.parse(await readFile("icons.json", "utf8"));
      const symbols = await Promise.all(names.map(symbol));
      const source = `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>`;
      this.emitFile({ type: "asset", name: "icons.svg", originalFileName: "icons.svg", source });
      this.addWatchFile("icons.json");
    },
  };
}

async function symbol(name: string): Promise<string> {
  const drawn = await readFile(resolve(`lucide-static/icons/${name}.svg`), "utf8");
  const inner = drawn.slice(
    drawn.indexOf(">", drawn.indexOf("<svg")) + 1,
    drawn.lastIndexOf("</svg>"),
  );
  return `<symbol id="${name}" viewBox="0 0 24 24">${inner.replace(/\s+/g, " ").trim()}</symbol>`;
}

/** The mark as pictures for home screens: with its own corners, and to be cut to any shape. */
export function marks(): Plugin {
  return {
    name: "marks",
    apply: "build",
    async buildStart() {
      const mark = await readFile("../src/tawsil/consoles/static/mark.svg", "utf8");
      const whole = mark
        .replace('rx="8" ', "")
        .replace('viewBox="0 0 28 28"', 'viewBox="-3 -3 34 34"');
      const filled = whole.replace(
        /<rect [^>]*fill/,
        '<rect x="-3" y="-3" width="34" height="34" fill',
      );
      await initWasm(readFile(resolve("@resvg/resvg-wasm/index_bg.wasm")));
      for (const [name, drawn, size] of [
        ["mark-192.png", mark, 192],
        ["mark-512.png", mark, 512],
        ["mark-maskable-512.png", filled, 512],
        ["mark-touch.png", filled, 180],
      ] as const) {
        const picture = new Resvg(drawn, { fitTo: { mode: "width", value: size } }).render();
        this.emitFile({ type: "asset", name, originalFileName: name, source: picture.asPng() });
      }
    },
  };
}
