// One key for what is done a hundred times a shift. They can be switched off.

import { columnOf, inColumn, type Order } from "./model.ts";
import { print } from "./paper.ts";
import { settings } from "./settings.ts";
import { asked, calling, opened, orders, see } from "./state.ts";

/** By where a key is, so that they work on an Arabic keyboard too. */
const BUTTONS: Record<string, string> = {
  KeyA: "accept",
  KeyD: "decline",
  KeyR: "ready",
  KeyH: "hand",
  Equal: "more",
  NumpadAdd: "more",
  Minus: "less",
  NumpadSubtract: "less",
};
export const KEYS: [string, string][] = [
  ["A", "accept"],
  ["D", "decline"],
  ["S", "see"],
  ["R", "ready"],
  ["H", "hand"],
  ["+ −", "prep"],
  ["J K", "move"],
  ["O", "open"],
  ["P", "print"],
  ["/", "search"],
  ["?", "keys"],
];

const cards = () =>
  [...document.querySelectorAll<HTMLElement>("[data-order]")].filter((c) => c.checkVisibility());

/** The order in focus; else the one that is most pressing. */
function current(): { card: HTMLElement; order: Order } | null {
  const focused = document.activeElement?.closest<HTMLElement>("[data-order]");
  const pressing = ["new", "preparing", "ready"] as const;
  const first = pressing.flatMap((column) => inColumn(orders.value, column))[0];
  const card = focused ?? cards().find((one) => one.dataset["order"] === first?.id);
  const order = orders.value.find((one) => one.id === card?.dataset["order"]);
  return card && order ? { card, order } : null;
}

function go(by: number): void {
  const all = cards();
  const at = all.findIndex((card) => card.contains(document.activeElement));
  const next = all[Math.max(0, Math.min(all.length - 1, at + by))];
  next?.querySelector<HTMLElement>(".order-number")?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

function press(event: KeyboardEvent): boolean {
  const found = current();
  const act = BUTTONS[event.code];
  if (act) {
    const wanted = act === "accept" || act === "decline" ? pressingNew(found) : found?.card;
    const button = wanted?.querySelector<HTMLButtonElement>(`[data-act="${act}"]:not(:disabled)`);
    button?.click();
    return button !== undefined && button !== null;
  }
  switch (event.key === "?" || event.key === "/" ? event.key : event.code) {
    case "KeyS":
      see(calling.value);
      return true;
    case "KeyJ":
      go(1);
      return true;
    case "KeyK":
      go(-1);
      return true;
    case "KeyO":
      if (found) opened.value = found.order.id;
      return true;
    case "KeyP":
      if (found) print(found.order);
      return true;
    case "/":
      document.querySelector<HTMLInputElement>("#board-search")?.focus();
      return true;
    case "?":
      asked.value = "keys";
      return true;
    default:
      return false;
  }
}

/** Accepting is about the new order in focus, or else the one that is due first. */
function pressingNew(found: ReturnType<typeof current>): HTMLElement | undefined {
  if (found && columnOf(found.order) === "new") return found.card;
  const first = inColumn(orders.value, "new")[0];
  return cards().find((card) => card.dataset["order"] === first?.id);
}

export function listenToKeys(): void {
  window.addEventListener("keydown", (event) => {
    if (!settings.value.keys || event.ctrlKey || event.metaKey || event.altKey || event.repeat)
      return;
    if (event.target instanceof Element && event.target.closest("input, textarea, select, dialog"))
      return;
    if (document.querySelector("dialog[open]")) return;
    if (press(event)) event.preventDefault();
  });
}
