// The queue: rows that stayed the same are left alone, and the focus stays where it was. Rows can be
// chosen, one by one or a stretch of them, to do the same about all.

import { say } from "../shared/words.ts";
import { $ } from "./page.ts";

const shown = new Map<string, string>();
export const chosen = new Set<string>();
let lastPicked: string | null = null;

export function showQueue(html: string): void {
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  const body = $("queue-body");
  const focused = document.activeElement?.closest<HTMLElement>("#queue-body a, #queue-body input");
  const key = focused && keyOf(focused);
  const old = body.querySelector(".rows");
  const rows = fresh.content.querySelector(".rows");
  const filters = fresh.content.querySelector(".filters");
  if (old && rows && filters) {
    keepSame(old, rows);
    body.querySelector(".filters")?.replaceWith(filters);
  } else {
    body.replaceChildren(fresh.content);
  }
  showPicks();
  if (key && !document.activeElement?.closest("#queue-body")) {
    body.querySelector<HTMLElement>(key)?.focus({ preventScroll: true });
  }
}

function keyOf({ dataset }: HTMLElement): string {
  const [name, value] =
    Object.entries(dataset).find(([name]) => ["id", "stage", "pick"].includes(name)) ?? [];
  return `[data-${name}="${CSS.escape(value ?? "")}"]`;
}

function keepSame(old: Element, rows: Element): void {
  const before = new Map([...old.children].map((row) => [orderOf(row), row]));
  const first = shown.size === 0;
  const wanted = [...rows.children].map((row) => {
    const order = orderOf(row);
    const html = row.innerHTML;
    const kept = before.get(order);
    if (kept && shown.get(order) === html) return kept;
    if (!kept && !first) row.querySelector("a")?.classList.add("fresh");
    shown.set(order, html);
    return row;
  });
  const ids = new Set(wanted.map(orderOf));
  for (const id of shown.keys()) if (!ids.has(id)) shown.delete(id);
  wanted.forEach((row, n) => {
    if (old.children[n] !== row) old.insertBefore(row, old.children[n] ?? null);
  });
  while (old.children.length > wanted.length) old.lastElementChild?.remove();
}

const orderOf = (row: Element): string => (row as HTMLElement).dataset["order"] ?? "";
export const rows = (): HTMLAnchorElement[] => [
  ...document.querySelectorAll<HTMLAnchorElement>("#queue-body a.row"),
];

export function markRow(id: string | null): void {
  for (const row of rows()) {
    if (row.dataset["id"] === id) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
  shown.clear();
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
