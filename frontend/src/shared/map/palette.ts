// The colours of the page's own tokens, as a canvas and a map style understand them.

const NAMES = [
  "land",
  "sea",
  "park",
  "street",
  "avenue",
  "casing",
  "district",
  "words",
  "halo",
  "free",
  "offered",
  "busy",
  "break",
  "merchant",
  "order",
  "late",
] as const;

export type Palette = Record<(typeof NAMES)[number], string>;

export function palette(): Palette {
  const probe = document.createElement("span");
  document.body.append(probe);
  const colours = Object.fromEntries(
    NAMES.map((name) => {
      probe.style.color = `var(--map-${name})`;
      return [name, getComputedStyle(probe).color];
    }),
  );
  probe.remove();
  return colours as Palette;
}

/** Tell when the page changes between light and dark, by its system or by its reader. */
export function onThemeChange(changed: () => void): () => void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const attribute = new MutationObserver(changed);
  attribute.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  system.addEventListener("change", changed);
  return () => {
    attribute.disconnect();
    system.removeEventListener("change", changed);
  };
}
