// Where we are stands in the address.

export { announce, keepFresh, now, tick } from "../shared/fresh.ts";

export const $ = <E extends HTMLElement = HTMLElement>(id: string): E => {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found as E;
};

export const params = () => new URLSearchParams(location.search);

/** This page's address with some of it changed; null and "" leave it out. */
export function here(changes: Record<string, string | null>): string {
  const next = params();
  for (const [name, value] of Object.entries(changes)) {
    if (value) next.set(name, value);
    else next.delete(name);
  }
  return `${location.pathname}?${next}`;
}
