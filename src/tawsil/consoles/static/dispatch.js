// Brings the dispatch page to life. All of it also works, by reloading, without this file.

import { keepFresh, read } from "./live.js";

const CHANGES = [
  "conditions_changed", "unassigned_order_escalated", "offer_created", "offer_accepted",
  "offer_rejected", "delivery_eta_updated", "order_status_updated", "availability_changed",
  "delivery_courier_changed", "delivery_at_risk_updated", "support_ticket_created",
];
const shown = new Map();

function show({ parts }) {
  const focused = document.activeElement?.dataset?.focus;
  for (const part of document.querySelectorAll("[data-part]")) {
    const html = parts[part.dataset.part];
    if (html !== undefined && shown.get(part.dataset.part) !== html) showPart(part, html);
  }
  if (focused && document.activeElement?.dataset?.focus !== focused) {
    document.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }
}

// A form that somebody has opened stays where it is, as they left it; all around it is fresh.
function showPart(part, html) {
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  const old = part.querySelector(".cases");
  const rows = fresh.content.querySelector(".cases");
  const kept = new Map(
    [...part.querySelectorAll("[data-key]")]
      .filter((row) => row.querySelector("details[open]"))
      .map((row) => [row.dataset.key, row]),
  );
  const wanted = [...(rows?.children ?? [])].map((row) => {
    const mine = kept.get(row.dataset.key);
    mine?.querySelector(".case-facts").replaceWith(row.querySelector(".case-facts"));
    return mine ?? row;
  });
  if (!old || !wanted.some((row) => kept.has(row.dataset.key))) {
    part.replaceChildren(fresh.content);
    shown.set(part.dataset.part, html);
    return;
  }
  for (const row of [...old.children]) if (!wanted.includes(row)) row.remove();
  wanted.forEach((row, n) => {
    if (old.children[n] !== row) old.insertBefore(row, old.children[n] ?? null);
  });
  for (const other of [...part.children]) if (other !== old) other.remove();
  rows.remove();
  part.append(fresh.content);
  shown.delete(part.dataset.part);
}

// One form at a time; Escape closes it.
document.addEventListener("toggle", (event) => {
  if (!event.target.matches?.("details.act[open]")) return;
  for (const other of document.querySelectorAll("details.act[open]")) {
    if (other !== event.target) other.open = false;
  }
}, true);
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = event.target.closest("details.act[open]");
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
});

// After a refused form the address is the form's; the page is found at its own.
const page = `/city/dispatch?city=${encodeURIComponent(document.querySelector("main").dataset.city)}`;
if (location.pathname !== "/city/dispatch") history.replaceState(null, "", page);

keepFresh({
  at: read("snapshot").at,
  address: () => `/city/dispatch/parts${location.search}`,
  show,
  changes: CHANGES,
});
