// The queue: rows that stayed the same are left alone, and the focus stays where it was. Rows can be
// chosen, one by one or a stretch of them, to do the same about all.

import { say } from "../shared/words.ts";
import { $ } from "./page.ts";

const shown = new Map<string, string>();
export const chosen = new Set<string>();
let lastPicked: string | null = null;

export function showQueue(html: string): void {
  const [head = "", ...texts] = html.split(/(?=<li data-order=")/);
  const body = $("queue-body");
  const focused = document.activeElement?.closest<HTMLElement>("#queue-body a, #queue-body input");
  const key = focused && keyOf(focused);
  const old = body.querySelector(".rows");
  const filters = parsed(head).querySelector(".filters");
  if (old && texts.length && filters) {
    keepSame(old, texts);
    body.querySelector(".filters")?.replaceWith(filters);
  } else {
    body.replaceChildren(parsed(html));
    shown.clear();
  }
  showPicks();
  if (key && !document.activeElement?.closest("#queue-body")) {
    body.querySelector<HTMLElement>(key)?.focus({ preventScroll: true });
  }
}

function parsed(html: string): DocumentFragment {
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  return fresh.content;
}

function keyOf({ dataset }: HTMLElement): string {
  const [name, value] =
    Object.entries(dataset).find(([name]) => ["id", "stage", "pick"].includes(name)) ?? [];
  return `[data-${name}="${CSS.escape(value ?? "")}"]`;
}

/** Only rows of which anything but the time left has changed are read: there may be hundreds. */
function keepSame(old: Element, texts: string[]): void {
  const before = new Map([...old.children].map((row) => [orderOf(row), row]));
  const first = shown.size === 0;
  const rows = texts.map((text) => ({
    id: /data-order="([^"]*)"/.exec(text)?.[1] ?? "",
    text,
    said: text.replace(/(<time\b[^>]*>).*?<\/time>/gs, "$1"),
  }));
  const changed = rows.filter(({ id, said }) => !before.has(id) || shown.get(id) !== said);
  const read = parsed(changed.map(({ text }) => text).join(""));
  const fresh = new Map(
    [...read.querySelectorAll("[data-order]")].map((row) => [orderOf(row), row]),
  );
  for (const [id, row] of fresh) {
    if (!first && !before.has(id)) row.querySelector("a")?.classList.add("fresh");
  }
  shown.clear();
  for (const { id, said } of rows) shown.set(id, said);
  const wanted = rows.flatMap(({ id }) => fresh.get(id) ?? before.get(id) ?? []);
  const staying = new Set(wanted);
  for (const row of [...old.children]) if (!staying.has(row)) row.remove();
  wanted.forEach((row, n) => {
    if (old.children[n] !== row) old.insertBefore(row, old.children[n] ?? null);
  });
}

const orderOf = (row: Element): string => (row as HTMLElement).dataset["order"] ?? "";
export const rows = (): HTMLAnchorElement[] => [
  ...document.querySelectorAll<HTMLAnchorElement>("#queue-body a.row"),
];

export function markRow(id: string | null): void {
  for (const row of rows()) {
    const its = row.dataset["id"] ?? "";
    if (its !== id && !row.hasAttribute("aria-current")) continue;
    if (its === id) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
    shown.delete(its);
  }
}

/** Who has an order now, before the server has said so; nobody: null. */
export function showCourier(order: string, name: string | null): void {
  const row = rows().find(({ dataset }) => dataset["id"] === order);
  const said = document.createElement(name ? "bdi" : "span");
  said.textContent = name ?? say("queue.no_courier");
  row?.querySelector(".row-who")?.lastElementChild?.replaceWith(said);
  shown.delete(order); // what the server says next is taken anyway
}

/** What is chosen, on the page: the boxes, how many, and what can be done about them. */
export function showPicks(): void {
  const boxes = document.querySelectorAll<HTMLInputElement>("input[data-pick]");
  const there = new Set([...boxes].map((box) => box.dataset["pick"] ?? ""));
  for (const id of chosen) if (!there.has(id)) chosen.delete(id);
  for (const box of boxes) {
    box.checked = chosen.has(box.dataset["pick"] ?? "");
    const label = box.closest("label");
    if (label) label.hidden = false;
  }
  const bulk = $("bulk");
  bulk.hidden = chosen.size === 0;
  const said = bulk.querySelector("[data-chosen]");
  if (said && chosen.size) said.textContent = say("bulk.chosen", { n: chosen.size });
}

/** Choose one, or with `stretch` all from the last one on. */
export function pick(id: string, { stretch = false, on = !chosen.has(id) } = {}): void {
  const ids = rows().map((row) => row.dataset["id"] ?? "");
  const [from, to] = [ids.indexOf(lastPicked ?? id), ids.indexOf(id)].sort((a, b) => a - b);
  const among =
    stretch && from !== undefined && from >= 0 && to !== undefined ? ids.slice(from, to + 1) : [id];
  for (const one of among) {
    if (on) chosen.add(one);
    else chosen.delete(one);
  }
  lastPicked = id;
  showPicks();
}
