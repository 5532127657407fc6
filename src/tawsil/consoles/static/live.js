// What keeps a page alive: the connection in words, what is fetched when something happens, and
// times that run.

import { ask, keepSession } from "./session.js";

const SOON_MS = 250;
const AT_MOST_EVERY_MS = 1000;
const ANYWAY_MS = 15_000;
const STALE_MS = 45_000;
const REOPEN_MS = 4_000;
const MOST_ALERTS = 3;

export const $ = (id) => document.getElementById(id);
export const read = (id) => JSON.parse($(id).textContent);
export const words = read("words");

let behind_ms = 0;
let fetchedAt = Date.now();
const now = () => Date.now() + behind_ms;

export function announce(said) {
  $("announce").textContent = said;
}

function sameInstant(at) {
  fetchedAt = Date.now();
  behind_ms = Date.parse(at) - fetchedAt;
}

// Every second: what is due, how long something lasts, and how long ago we heard.
export function tick() {
  for (const time of document.querySelectorAll("time[data-until], time[data-since]")) {
    const away_s = Math.round((Date.parse(time.dateTime) - now()) / 1000);
    const s = "since" in time.dataset ? Math.max(0, -away_s) : away_s;
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

// A rung of the ladder that calls for people: it stays until somebody has seen it.
function raiseAlarm({ deliveryId, level }) {
  const alarm = document.createElement("div");
  const link = document.createElement("a");
  const close = document.createElement("button");
  alarm.className = "alarm";
  alarm.append(words.alarm.replace("{level}", level), " ", link, close);
  link.href = `/city/orders/${encodeURIComponent(deliveryId)}`;
  link.textContent = words.alarm_open;
  close.className = "button";
  close.textContent = words.alarm_close;
  close.addEventListener("click", () => alarm.remove());
  const alarms = $("alarms");
  alarms.append(alarm);
  while (alarms.children.length > MOST_ALERTS) alarms.firstElementChild.remove();
}

/**
 * Keep a page fresh. `address()` answers JSON with `at`, which `show` puts on the page; it is asked
 * soon after a live message in `changes`, but not more than once a second, and anyway now and then.
 * `hears` are handlers of live messages by name; those in `changes` come after the asking began.
 */
export function keepFresh({ at, address, show, changes, hears = {} }) {
  const { timezone } = $("pulse").dataset;
  const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: timezone });
  let connected = false;
  let waiting = null;
  let lastAsked = 0;
  let asking = false;
  let again = false;
  let source = null;
  sameInstant(at);

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
    const asked = address();
    try {
      const answer = await ask(asked);
      if (answer.status === 401) return leave();
      if (!answer.ok) throw new Error(String(answer.status));
      const fresh = await answer.json();
      if (asked === address()) {
        sameInstant(fresh.at);
        show(fresh);
        tick();
      } else again = true;
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
    for (const name of new Set([...changes, ...Object.keys(hears)])) {
      source.addEventListener(name, (event) => {
        if (changes.includes(name)) changed();
        hears[name]?.(JSON.parse(event.data));
      });
    }
    source.addEventListener("operator_alert", (event) => raiseAlarm(JSON.parse(event.data)));
    source.addEventListener("reload", () => location.reload());
  }

  addEventListener("online", refresh);
  addEventListener("offline", judge);
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => event.persisted && location.reload());
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
  setInterval(() => { tick(); judge(); }, 1000);
  setInterval(() => document.hidden || refresh(), ANYWAY_MS);
  setInterval(async () => (await keepSession()) === "ended" && leave(), 30_000);
  listen();
  keepSession();
  return { refresh };
}
