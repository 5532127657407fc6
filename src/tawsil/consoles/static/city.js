// Brings the live city to life: the map, the queue, the story of an order. All of it also works,
// by reloading, without this file.

import { CityMap } from "./map.js";
import { ask, keepSession } from "./session.js";

const SOON_MS = 250;
const AT_MOST_EVERY_MS = 1000;
const ANYWAY_MS = 15_000;
const STALE_MS = 45_000;
const REOPEN_MS = 4_000;
const CHANGES = [
  "new_order", "order_status_updated", "delivery_eta_updated", "unassigned_order_escalated",
  "offer_created", "offer_accepted", "offer_rejected", "availability_changed", "break_expired",
];

const $ = (id) => document.getElementById(id);
const read = (id) => JSON.parse($(id).textContent);
const words = read("words");
let snapshot = read("snapshot");
let behind_ms = Date.parse(snapshot.at) - Date.now();
let fetchedAt = Date.now();
const now = () => Date.now() + behind_ms;

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

// The connection, in words.
const { timezone } = $("pulse").dataset;
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: timezone });
let connected = false;

function showPulse(state) {
  const pulse = $("pulse");
  const said = words[state].replace("{at}", `\u2068${clock.format(fetchedAt)}\u2069`);
  pulse.querySelector("[data-words]").textContent = said;
  if (pulse.dataset.state === state) return;
  const before = pulse.dataset.state;
  pulse.dataset.state = state;
  if (before !== "static") announce(said);
}

function judge() {
  if (!navigator.onLine) showPulse("offline");
  else if (Date.now() - fetchedAt > STALE_MS) showPulse("stale");
  else showPulse(connected ? "live" : "reconnecting");
}

function announce(said) {
  $("announce").textContent = said;
}

// What has changed is fetched, soon, but not more than once a second.
let waiting = null;
let lastAsked = 0;
let asking = false;
let again = false;

function changed() {
  if (waiting) return;
  const rest = AT_MOST_EVERY_MS - (Date.now() - lastAsked);
  waiting = setTimeout(refresh, Math.max(SOON_MS, rest));
}

async function refresh() {
  clearTimeout(waiting);
  waiting = null;
  if (asking) {
    again = true;
    return;
  }
  asking = true;
  lastAsked = Date.now();
  const asked = location.search;
  try {
    const answer = await ask(`/city/snapshot${asked}`);
    if (answer.status === 401) return leave();
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = await answer.json();
    if (asked === location.search) show(fresh);
    else again = true;
  } catch {
    // What is shown stays, and the pulse says how old it is.
  } finally {
    asking = false;
    judge();
    if (again) {
      again = false;
      changed();
    }
  }
}

function leave() {
  showPulse("ended");
  location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
}

function show(fresh) {
  const chosen = params().get("order");
  const was = snapshot.orders.find((order) => order.id === chosen);
  const is = fresh.orders.find((order) => order.id === chosen);
  snapshot = fresh;
  fetchedAt = Date.now();
  behind_ms = Date.parse(fresh.at) - fetchedAt;
  map.setScene(fresh);
  if ($("strip").dataset.html !== fresh.strip) {
    $("strip").innerHTML = fresh.strip;
    $("strip").dataset.html = fresh.strip;
  }
  showQueue(fresh.queue);
  if (chosen && was?.status !== is?.status) {
    if (is) announce(words.changed.replace("{number}", is.number).replace("{status}", words.statuses[is.status]));
    fetchStory(chosen);
  }
  tick();
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

document.querySelector(".preferences").addEventListener("submit", (event) => {
  event.target.elements.next.value = location.pathname + location.search;
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

// Every second: what is due, and how long ago we heard.
function tick() {
  for (const time of document.querySelectorAll("time[data-until]")) {
    const s = Math.round((Date.parse(time.dateTime) - now()) / 1000);
    const rest = Math.abs(s);
    const said = `${s < 0 ? "−" : ""}${Math.floor(rest / 60)}:${String(rest % 60).padStart(2, "0")}`;
    time.firstElementChild.textContent = said;
    time.classList.toggle("bad", s < 0);
  }
  for (const time of document.querySelectorAll("time[data-promise]")) {
    const left = Math.floor((Date.parse(time.dateTime) - now()) / 60_000);
    const said = left < 0 ? words.late_min : words.in_min;
    time.textContent = said.replace("{n}", Math.abs(left));
    time.classList.toggle("bad", left < 0);
  }
}

// Live messages.
let source = null;

function listen() {
  source = new EventSource("/v4/live");
  source.onopen = () => {
    connected = true;
    judge();
    changed();
  };
  source.onerror = async () => {
    connected = false;
    judge();
    if (source.readyState !== EventSource.CLOSED) return;
    source.close();
    if ((await keepSession(0)) === "ended") return leave();
    setTimeout(listen, REOPEN_MS);
  };
  for (const name of CHANGES) {
    source.addEventListener(name, (event) => {
      changed();
      const { orderId, deliveryId } = JSON.parse(event.data);
      const about = orderId ?? deliveryId;
      if (about && about === params().get("order")) fetchStory(about);
    });
  }
  source.addEventListener("reload", () => location.reload());
  source.addEventListener("delivery_location_updated", (event) => {
    const { courierId, latitude, longitude, at } = JSON.parse(event.data);
    map.move(courierId, [longitude, latitude], at);
  });
}

addEventListener("online", refresh);
addEventListener("offline", judge);
addEventListener("pagehide", () => source?.close());
addEventListener("pageshow", (event) => event.persisted && location.reload());
document.addEventListener("visibilitychange", () => document.hidden || refresh());
setInterval(() => { tick(); judge(); }, 1000);
setInterval(() => document.hidden || refresh(), ANYWAY_MS);
setInterval(async () => (await keepSession()) === "ended" && leave(), 30_000);
drawGround();
listen();
keepSession();
