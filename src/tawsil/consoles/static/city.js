// Brings the live city to life: the map, the queue, the story of an order. All of it also works,
// by reloading, without this file.

import { $, announce, keepFresh, read, tick, words } from "./live.js";
import { CityMap } from "./map.js";
import { ask } from "./session.js";

const CHANGES = [
  "new_order", "order_status_updated", "delivery_eta_updated", "unassigned_order_escalated",
  "offer_created", "offer_accepted", "offer_rejected", "availability_changed", "break_expired",
  "delivery_courier_changed", "delivery_at_risk_updated", "conditions_changed",
];

let snapshot = read("snapshot");

// Where we are stands in the address.
const params = () => new URLSearchParams(location.search);
const here = (changes) => {
  const next = params();
  for (const [name, value] of Object.entries(changes)) {
    if (value) next.set(name, value);
    else next.delete(name);
  }
  return `/city?${next}`;
};

// The map.
const map = new CityMap($("canvas"), { pick: (id) => open(id), tip: showTip, words });
document.querySelector(".map-buttons").hidden = false;
document.querySelector(".map-buttons").addEventListener("click", (event) => {
  const act = event.target.closest("button")?.dataset.map;
  if (act === "in") map.zoom(1.5);
  if (act === "out") map.zoom(1 / 1.5);
  if (act === "fit") map.fit();
});

function showTip(found) {
  const tip = $("map-tip");
  tip.hidden = !found;
  if (!found) return;
  tip.replaceChildren(...found.said.flatMap((said, n) => {
    const part = document.createElement("bdi");
    part.textContent = said;
    return n ? [" · ", part] : [part];
  }));
  const room = $("map").clientWidth - tip.offsetWidth - 4;
  const x = Math.max(4, Math.min(room, found.x - tip.offsetWidth / 2));
  tip.style.transform = `translate(${x}px, ${Math.max(4, found.y - 38)}px)`;
}

async function drawGround() {
  $("map-note").textContent = words.loading;
  try {
    const answer = await ask(`/city/map.geojson?${params()}`);
    if (!answer.ok) throw new Error(String(answer.status));
    map.setGround(await answer.json());
    $("map-note").hidden = true;
  } catch {
    $("map-note").textContent = words.no_map;
  }
  map.setScene(snapshot);
  map.choose(params().get("order"));
}

function show(fresh) {
  const chosen = params().get("order");
  const was = snapshot.orders.find((order) => order.id === chosen);
  const is = fresh.orders.find((order) => order.id === chosen);
  snapshot = fresh;
  map.setScene(fresh);
  if ($("banner").innerHTML.trim() !== fresh.banner.trim()) $("banner").innerHTML = fresh.banner;
  if ($("strip").dataset.html !== fresh.strip) {
    $("strip").innerHTML = fresh.strip;
    $("strip").dataset.html = fresh.strip;
  }
  showQueue(fresh.queue);
  if (chosen && was?.status !== is?.status) {
    if (is) announce(words.changed.replace("{number}", is.number).replace("{status}", words.statuses[is.status]));
    fetchStory(chosen);
  }
}

// The queue: rows that stayed the same are left alone, and the focus stays where it was.
const shown = new Map();

function showQueue(html) {
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  const body = $("queue-body");
  const focused = document.activeElement?.closest?.("#queue-body a");
  const focusedOn = focused && { id: focused.dataset.id, stage: focused.dataset.stage };
  const old = body.querySelector(".rows");
  const rows = fresh.content.querySelector(".rows");
  if (old && rows) {
    keepSame(old, rows);
    body.querySelector(".filters").replaceWith(fresh.content.querySelector(".filters"));
  } else {
    body.replaceChildren(fresh.content);
  }
  if (focusedOn && !document.activeElement?.closest("#queue-body a")) {
    const key = focusedOn.id ? `[data-id="${focusedOn.id}"]` : `[data-stage="${focusedOn.stage}"]`;
    body.querySelector(`a${key}`)?.focus({ preventScroll: true });
  }
}

function keepSame(old, rows) {
  const before = new Map([...old.children].map((row) => [row.dataset.order, row]));
  const first = shown.size === 0;
  const wanted = [...rows.children].map((row) => {
    const { order } = row.dataset;
    const html = row.innerHTML;
    const kept = before.get(order);
    if (kept && shown.get(order) === html) return kept;
    if (!kept && !first) row.firstElementChild.classList.add("fresh");
    shown.set(order, html);
    return row;
  });
  const ids = new Set(wanted.map((row) => row.dataset.order));
  for (const id of shown.keys()) if (!ids.has(id)) shown.delete(id);
  wanted.forEach((row, n) => {
    if (old.children[n] !== row) old.insertBefore(row, old.children[n] ?? null);
  });
  while (old.children.length > wanted.length) old.lastElementChild.remove();
}

// The story of an order.
let storyAsked = null;

async function fetchStory(id, { focus = false } = {}) {
  const detail = $("detail");
  const inside = detail.contains(document.activeElement);
  storyAsked = id;
  detail.hidden = false;
  detail.setAttribute("aria-busy", "true");
  try {
    const answer = await ask(`/city/orders/${encodeURIComponent(id)}?part=true`);
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    const html = await answer.text();
    if (storyAsked !== id) return;
    detail.innerHTML = html;
    tick();
    if (focus || inside) detail.querySelector("h2").focus({ preventScroll: inside });
  } catch {
    if (storyAsked === id) detail.textContent = words.failed;
  } finally {
    detail.removeAttribute("aria-busy");
  }
}

function open(id, { push = true } = {}) {
  if (push && params().get("order") !== id) history.pushState(null, "", here({ order: id }));
  mark(id);
  map.choose(id);
  return fetchStory(id, { focus: true });
}

function close({ push = true } = {}) {
  const id = params().get("order");
  storyAsked = null;
  if (push) history.pushState(null, "", here({ order: null }));
  $("detail").hidden = true;
  $("detail").replaceChildren();
  mark(null);
  map.choose(null);
  document.querySelector(`a.row[data-id="${CSS.escape(id ?? "")}"]`)?.focus();
}

function mark(id) {
  for (const row of document.querySelectorAll("a.row")) {
    if (row.dataset.id === id) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
  shown.clear();
}

document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  const link = event.target.closest("a");
  if (!link) return;
  if (link.matches("a.row")) {
    event.preventDefault();
    open(link.dataset.id);
  } else if (link.matches("[data-close]")) {
    event.preventDefault();
    close();
  } else if (link.matches("a.filter")) {
    event.preventDefault();
    history.pushState(null, "", here({ stage: link.dataset.stage }));
    for (const filter of document.querySelectorAll("a.filter")) {
      if (filter === link) filter.setAttribute("aria-current", "true");
      else filter.removeAttribute("aria-current");
    }
    refresh();
  }
});

addEventListener("popstate", () => {
  const order = params().get("order");
  if (order) open(order, { push: false });
  else close({ push: false });
  refresh();
});

// J and K walk the queue, Enter opens; the button switches the letters off.
const keys = $("keys");
let keysOn = localStorage.getItem("tawsil-keys") !== "off";

function showKeys() {
  const said = keys.querySelector("[data-on]");
  keys.hidden = false;
  keys.setAttribute("aria-pressed", String(keysOn));
  said.textContent = keysOn ? said.dataset.on : said.dataset.off;
}
keys.addEventListener("click", () => {
  keysOn = !keysOn;
  localStorage.setItem("tawsil-keys", keysOn ? "on" : "off");
  showKeys();
});
showKeys();

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && !$("detail").hidden) return close();
  const step = { j: 1, k: -1, "ت": 1, "ن": -1 }[event.key.toLowerCase()];
  if (!keysOn || !step || event.target.closest("input, textarea, select")) return;
  const rows = [...document.querySelectorAll("a.row")];
  const at = rows.indexOf(document.activeElement);
  const chosen = rows.findIndex((row) => row.hasAttribute("aria-current"));
  const from = at >= 0 ? at : chosen >= 0 ? chosen : step > 0 ? -1 : rows.length;
  const row = rows[Math.max(0, Math.min(rows.length - 1, from + step))];
  if (!row) return;
  event.preventDefault();
  row.focus();
  row.scrollIntoView({ block: "nearest" });
});

// Live messages.
function hear({ orderId, deliveryId }) {
  const about = orderId ?? deliveryId;
  if (about && about === params().get("order")) fetchStory(about);
}

const { refresh } = keepFresh({
  at: snapshot.at,
  address: () => `/city/snapshot${location.search}`,
  show,
  changes: CHANGES,
  hears: {
    ...Object.fromEntries(CHANGES.map((name) => [name, hear])),
    delivery_location_updated: ({ courierId, latitude, longitude, at }) =>
      map.move(courierId, [longitude, latitude], at),
  },
});
drawGround();
