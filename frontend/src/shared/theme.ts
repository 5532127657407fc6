// Light or dark, as chosen or as the system is: for what CSS cannot reach, such as maps and charts.

export type Theme = "light" | "dark";

const system = matchMedia("(prefers-color-scheme: dark)");

export function theme(): Theme {
  const chosen = document.documentElement.dataset["theme"];
  if (chosen === "light" || chosen === "dark") return chosen;
  return system.matches ? "dark" : "light";
}

/** Tell of every change; answers what ends it. */
export function onTheme(tell: (theme: Theme) => void): () => void {
  const changed = () => tell(theme());
  system.addEventListener("change", changed);
  return () => system.removeEventListener("change", changed);
}

/** A colour of the design as it is now: `colour("accent")`. */
export function colour(name: string): string {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
