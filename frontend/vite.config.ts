import { globSync } from "node:fs";
import { basename } from "node:path";
import { defineConfig } from "vite";
import { icons, marks } from "./plugins.ts";

const built = "../src/tawsil/consoles/built";
const input = Object.fromEntries(
  globSync("src/entries/*.{ts,tsx,css}").map((path) => [
    basename(path).replace(/\.\w+$/, ""),
    path,
  ]),
);

export default defineConfig({
  base: "./",
  publicDir: false,
  plugins: [icons(), marks()],
  worker: { format: "es", rolldownOptions: { output: { entryFileNames: "[name]-[hash].js" } } },
  build: {
    outDir: built,
    emptyOutDir: true,
    assetsDir: "",
    assetsInlineLimit: 0,
    manifest: "manifest.json",
    target: "es2022",
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2_000,
    rolldownOptions: {
      input,
      output: {
        entryFileNames: "[name]-[hash].js",
        chunkFileNames: "[name]-[hash].js",
        assetFileNames: "[name]-[hash][extname]",
      },
    },
  },
});
