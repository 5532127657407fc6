// Brings the dispatch page to life. All of it also works, by reloading, without this file.

import { keepFresh } from "../shared/fresh.ts";
import { read } from "../shared/words.ts";

const CHANGES = [
  "conditions_changed",
  "unassigned_order_escalated",
  "offer_created",
  "offer_accepted",
  "offer_rejected",
  "delivery_eta_updated",
  "order_status_updated",
  "availability_changed",
  "delivery_courier_changed",
  "delivery_at_risk_updated",
  "support_ticket_created",
];
const shown = new Map<string, string>();

function show({ parts }: { parts: Record<string, string> }): void {
  const focused = focusedPart();
  for (const part of document.querySelectorAll<HTMLElement>("[data-part]")) {
    const name = part.dataset["part"] ?? "";
    const html = parts[name];
    if (html !== undefined && shown.get(name) !== html) showPart(part, name, html);
  }
  if (focused && focusedPart() !== focused) {
    const again = document.querySelector<HTMLElement>(`[data-focus="${CSS.escape(focused)}"]`);
    again?.focus({ preventScroll: true });
  }
}

function focusedPart(): string | undefined {
  const { activeElement } = document;
  return activeElement instanceof HTMLElement ? activeElement.dataset["focus"] : undefined;
}

// A form that somebody has opened stays where it is, as they left it; all around it is fresh.
function showPart(part: HTMLElement, name: string, html: string): void {
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  const old = part.querySelector(".cases");
  const rows = fresh.content.querySelector(".cases");
  const kept = new Map(
    [...part.querySelectorAll<HTMLElement>("[data-key]")]
      .filter((row) => row.querySelector("details[open]"))
      .map((row) => [row.dataset["key"], row]),
  );
  const wanted = [...(rows?.children ?? [])].map((row) => {
    const mine = row instanceof HTMLElement ? kept.get(row.dataset["key"]) : undefined;
    const facts = row.querySelector(".case-facts");
    if (mine && facts) mine.querySelector(".case-facts")?.replaceWith(facts);
    return mine ?? row;
  });
  if (!old || !rows || !wanted.some((row) => row.parentElement === old)) {
    part.replaceChildren(fresh.content);
    shown.set(name, html);
    return;
  }
  for (const row of [...old.children]) if (!wanted.includes(row)) row.remove();
  wanted.forEach((row, n) => {
    if (old.children[n] !== row) old.insertBefore(row, old.children[n] ?? null);
  });
  for (const other of [...part.children]) if (other !== old) other.remove();
  rows.remove();
  part.append(fresh.content);
  shown.delete(name);
}

// One form at a time; Escape closes it.
document.addEventListener(
  "toggle",
  ({ target }) => {
    if (!(target instanceof HTMLDetailsElement) || !target.matches(".act[open]")) return;
    for (const other of document.querySelectorAll<HTMLDetailsElement>("details.act[open]")) {
      if (other !== target) other.open = false;
    }
  },
  true,
);
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !(event.target instanceof Element)) return;
  const open = event.target.closest<HTMLDetailsElement>("details.act[open]");
  if (!open) return;
  open.open = false;
  open.querySelector("summary")?.focus();
});

// After a refused form the address is the form's; the page is found at its own.
const city = document.querySelector("main")?.dataset["city"] ?? "";
const page = `/city/dispatch?city=${encodeURIComponent(city)}`;
if (location.pathname !== "/city/dispatch") history.replaceState(null, "", page);

keepFresh({
  at: read<{ at: string }>("snapshot").at,
  address: () => `/city/dispatch/parts${location.search}`,
  show,
  changes: CHANGES,
});
