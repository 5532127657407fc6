// Brings the live city to life: the map, the queue, the stories of orders and couriers. What it is
// narrowed to and what is looked at stands in the address, and works without this file as well.

import { aboutAll, assign } from "../operations/acts.ts";
import { $, announce, here, keepFresh, params, tick } from "../operations/page.ts";
import { palette } from "../operations/palette.ts";
import {
  chosen,
  markRow,
  pick,
  rows,
  showCourier,
  showPicks,
  showQueue,
} from "../operations/queue.ts";
import { Scene } from "../operations/scene.ts";
import { showTrail } from "../operations/trail.ts";
import type { Moved, Snapshot } from "../operations/types.ts";
import { ask } from "../shared/session.ts";
import { toast } from "../shared/toast.ts";
import { read, say } from "../shared/words.ts";

const CHANGES = [
  "new_order",
  "order_status_updated",
  "delivery_eta_updated",
  "unassigned_order_escalated",
  "offer_created",
  "offer_accepted",
  "offer_rejected",
  "availability_changed",
  "break_expired",
  "delivery_courier_changed",
  "delivery_at_risk_updated",
  "conditions_changed",
];
const TYPING_MS = 250;

type Kind = "order" | "courier";

let snapshot = read<Snapshot>("snapshot");
const lookedAt = (): string | null => params().get("order") ?? params().get("courier");

const scene = new Scene(snapshot, {
  order: (id, event) => (event.shiftKey ? pick(id) : open("order", id)),
  courier: (id) => open("courier", id),
  several: (ids) => {
    for (const id of ids) chosen.add(id);
    showPicks();
    scene.mark([...chosen]);
  },
});

function show(fresh: Snapshot): void {
  const order = params().get("order");
  const was = snapshot.orders.find((one) => one.id === order);
  const is = fresh.orders.find((one) => one.id === order);
  snapshot = fresh;
  scene.show(fresh);
  if ($("banner").innerHTML.trim() !== fresh.banner.trim()) $("banner").innerHTML = fresh.banner;
  const strip = $("strip");
  if (strip.dataset["html"] !== fresh.strip) {
    strip.innerHTML = fresh.strip;
    strip.dataset["html"] = fresh.strip;
  }
  showQueue(fresh.queue);
  if (order && was?.status !== is?.status) {
    if (is)
      announce(
        say("js.changed", { number: is.number, status: say(`status.${is.status.toLowerCase()}`) }),
      );
    fetchStory("order", order);
  }
}

// The story of an order, or of a courier.
let asked: string | null = null;

async function fetchStory(kind: Kind, id: string, { focus = false } = {}): Promise<void> {
  const detail = $("detail");
  if (detail.querySelector("details[open] form") && asked === id) return; // somebody fills it in
  const inside = detail.contains(document.activeElement);
  asked = id;
  detail.hidden = false;
  detail.setAttribute("aria-busy", "true");
  try {
    const answer = await ask(`/city/${kind}s/${encodeURIComponent(id)}?part=true`);
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    const html = await answer.text();
    if (asked !== id) return;
    detail.innerHTML = html;
    for (const button of detail.querySelectorAll<HTMLElement>("[data-trail]"))
      button.hidden = false;
    tick();
    if (focus || inside) detail.querySelector("h2")?.focus({ preventScroll: inside });
  } catch {
    if (asked === id) detail.textContent = say("js.failed");
  } finally {
    detail.removeAttribute("aria-busy");
  }
}

function open(kind: Kind, id: string, { push = true } = {}): Promise<void> {
  const at = here({ order: null, courier: null, [kind]: id });
  if (push && params().get(kind) !== id) history.pushState(null, "", at);
  markRow(id);
  scene.choose(id);
  return fetchStory(kind, id, { focus: true });
}

function close({ push = true } = {}): void {
  const id = lookedAt();
  asked = null;
  if (push) history.pushState(null, "", here({ order: null, courier: null }));
  $("detail").hidden = true;
  $("detail").replaceChildren();
  markRow(null);
  scene.choose(null);
  document
    .querySelector<HTMLElement>(`#queue-body a.row[data-id="${CSS.escape(id ?? "")}"]`)
    ?.focus();
}

const again = () => {
  const order = params().get("order");
  if (order) {
    asked = null;
    fetchStory("order", order);
  }
  refresh();
};

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element) || event.ctrlKey || event.metaKey || event.button) return;
  const act = event.target.closest<HTMLElement>("[data-trail], [data-bulk], input[data-pick]");
  if (act?.dataset["trail"] && scene.map) {
    const courier = { id: act.dataset["trail"], name: act.dataset["name"] ?? "" };
    showTrail(scene.map, courier).catch(() => toast({ words: say("js.failed"), tone: "bad" }));
  } else if (act?.dataset["pick"]) {
    pick(act.dataset["pick"], { stretch: event.shiftKey, on: (act as HTMLInputElement).checked });
    scene.mark([...chosen]);
  } else if (act?.dataset["bulk"]) {
    bulk(act.dataset["bulk"]);
  }
  const link = event.target.closest("a");
  if (!link) return;
  if (link.matches("#queue-body a.row") && event.shiftKey) {
    event.preventDefault();
    pick(link.dataset["id"] ?? "", { stretch: true, on: true });
    scene.mark([...chosen]);
  } else if (link.matches("a.row")) {
    event.preventDefault();
    open("order", link.dataset["id"] ?? "");
  } else if (link.dataset["courier"]) {
    event.preventDefault();
    open("courier", link.dataset["courier"]);
  } else if (link.matches("[data-close]")) {
    event.preventDefault();
    close();
  } else if (link.matches("a.filter")) {
    event.preventDefault();
    narrow({ stage: link.dataset["stage"] === "all" ? null : (link.dataset["stage"] ?? null) });
    for (const filter of document.querySelectorAll("a.filter")) {
      if (filter === link) filter.setAttribute("aria-current", "true");
      else filter.removeAttribute("aria-current");
    }
  }
});

function bulk(act: string): void {
  const orders = snapshot.orders
    .filter(({ id }) => chosen.has(id))
    .map(({ id, number }) => ({ id, number: String(number) }));
  if (act === "escalate" || act === "reassign") aboutAll(act, orders, again);
  chosen.clear();
  showPicks();
  scene.mark([]);
}

// What the city is narrowed to.
function narrow(changes: Record<string, string | null>): void {
  history.replaceState(null, "", here(changes));
  refresh();
}

const form = $<HTMLFormElement>("narrow");
let typing = 0;

function narrowByForm(): void {
  const given = new FormData(form);
  const names = ["q", "presence", "vehicle", "zone", "late"];
  narrow(Object.fromEntries(names.map((name) => [name, String(given.get(name) ?? "")])));
  const count = names.slice(1).filter((name) => given.get(name)).length;
  const shown = form.querySelector("[data-count]");
  if (shown) shown.textContent = count ? String(count) : "";
}
form.addEventListener("change", narrowByForm);
form.addEventListener("input", () => {
  clearTimeout(typing);
  typing = window.setTimeout(narrowByForm, TYPING_MS);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  narrowByForm();
});

for (const preferences of document.querySelectorAll<HTMLFormElement>(
  "form.preferences, form.language",
)) {
  preferences.addEventListener("submit", () => {
    const next = preferences.elements.namedItem("next");
    if (next instanceof HTMLInputElement) next.value = location.pathname + location.search;
  });
}

addEventListener("popstate", () => {
  const order = params().get("order");
  const courier = params().get("courier");
  if (order) open("order", order, { push: false });
  else if (courier) open("courier", courier, { push: false });
  else close({ push: false });
  refresh();
});

/** Seen at once; what the server makes of it is fetched when it has answered. */
function give(
  order: { id: string; number: string },
  courier: { id: string; name: string } | null,
): void {
  showCourier(order.id, courier?.name ?? null);
  scene.give(order.id, courier?.id ?? null);
  assign(order, courier, again);
}

// An order goes to whom it is given: by the form in its story, or dropped on a courier.
$("detail").addEventListener("submit", (event) => {
  const sent = event.target;
  if (!(sent instanceof HTMLFormElement) || !sent.action.endsWith("/reassign")) return;
  event.preventDefault();
  const acts = sent.closest<HTMLElement>("[data-order]");
  const given = sent.querySelector<HTMLInputElement>('input[name="courier_id"]:checked');
  const name = given?.closest("label")?.querySelector("bdi")?.textContent ?? "";
  const order = { id: acts?.dataset["order"] ?? "", number: acts?.dataset["number"] ?? "" };
  const details = sent.closest("details");
  if (details) details.open = false;
  give(order, given?.value ? { id: given.value, name } : null);
});

document.addEventListener("dragstart", (event) => {
  const row =
    event.target instanceof Element && event.target.closest<HTMLElement>("#queue-body a.row");
  if (!row || !event.dataTransfer) return;
  event.dataTransfer.setData("text/x-order", row.dataset["id"] ?? "");
  event.dataTransfer.effectAllowed = "move";
  announce(say("js.drop"));
});
$("map").addEventListener("dragover", (event) => {
  if (!event.dataTransfer?.types.includes("text/x-order")) return;
  event.preventDefault();
  scene.map?.choose("couriers", scene.courierAt(event.clientX, event.clientY)?.id ?? null);
});
$("map").addEventListener("drop", (event) => {
  const id = event.dataTransfer?.getData("text/x-order");
  const courier = scene.courierAt(event.clientX, event.clientY);
  const order = snapshot.orders.find((one) => one.id === id);
  if (!order || !courier) return;
  event.preventDefault();
  give({ id: order.id, number: String(order.number) }, courier);
});

// J and K walk the queue, X chooses, A assigns, / searches; the button switches the letters off.
const keys = $("keys");
let keysOn = localStorage.getItem("tawsil-keys") !== "off";

function showKeys(): void {
  const said = keys.querySelector<HTMLElement>("[data-on]");
  keys.hidden = false;
  keys.setAttribute("aria-pressed", String(keysOn));
  if (said) said.textContent = (keysOn ? said.dataset["on"] : said.dataset["off"]) ?? "";
}
keys.addEventListener("click", () => {
  keysOn = !keysOn;
  localStorage.setItem("tawsil-keys", keysOn ? "on" : "off");
  showKeys();
});
showKeys();

function walk(step: number): void {
  const all = rows();
  const at = all.indexOf(document.activeElement as HTMLAnchorElement);
  const marked = all.findIndex((row) => row.hasAttribute("aria-current"));
  const from = at >= 0 ? at : marked >= 0 ? marked : step > 0 ? -1 : all.length;
  const row = all[Math.max(0, Math.min(all.length - 1, from + step))];
  row?.focus();
  row?.scrollIntoView({ block: "nearest" });
}

function choose(): void {
  const id = document.activeElement?.closest<HTMLElement>("#queue-body a.row")?.dataset["id"];
  if (!id) return;
  pick(id);
  scene.mark([...chosen]);
}

async function beginAssigning(): Promise<void> {
  const row = document.activeElement?.closest<HTMLElement>("#queue-body a.row");
  if (row) await open("order", row.dataset["id"] ?? "");
  const summary = $("detail").querySelector<HTMLElement>(
    '[data-focus^="reassign-"], [data-focus^="hand-over-"]',
  );
  const details = summary?.closest("details");
  if (!details) return;
  details.open = true;
  (details.querySelector<HTMLElement>("input[type=radio]") ?? summary)?.focus();
}

const PRESSED: Record<string, () => void> = {
  j: () => walk(1),
  ت: () => walk(1),
  k: () => walk(-1),
  ن: () => walk(-1),
  x: choose,
  ء: choose,
  a: () => void beginAssigning(),
  ش: () => void beginAssigning(),
  "/": () => form.querySelector<HTMLInputElement>("[name=q]")?.focus(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]"))
    return;
  const inside = event.target instanceof Element ? event.target : null;
  if (event.key === "Escape") {
    const details = inside?.closest<HTMLDetailsElement>("details[open]");
    if (details) {
      details.open = false;
      details.querySelector<HTMLElement>("summary")?.focus();
    } else if (!$("detail").hidden) close();
    return;
  }
  const run = PRESSED[event.key.toLowerCase()];
  if (!keysOn || !run || inside?.closest("input:not([type=checkbox]), textarea, select")) return;
  event.preventDefault();
  run();
});

palette(() => snapshot, {
  order: (id) => void open("order", id),
  courier: (id) => void open("courier", id),
  at: (place) => scene.map?.fit([place], { maxZoom: 15, glide: true }),
});

// Live messages.
function hear({ orderId, deliveryId }: { orderId?: string; deliveryId?: string }): void {
  const about = orderId ?? deliveryId;
  if (about && about === params().get("order")) fetchStory("order", about);
}
const { refresh } = keepFresh({
  at: snapshot.at,
  address: () => `/city/snapshot${location.search}`,
  show,
  changes: CHANGES,
  hears: {
    ...Object.fromEntries(CHANGES.map((name) => [name, hear])),
    couriers_moved: (moved: Moved) => scene.move(moved),
  },
});
showPicks();
for (const button of document.querySelectorAll<HTMLElement>("[data-trail]")) button.hidden = false;
