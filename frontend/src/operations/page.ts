// What the pages of operations have in common: where we are stands in the address, times run, and
// the pulse says how fresh it all is.

import { type LiveState, on, onState } from "../shared/live.ts";
import { ask, leave } from "../shared/session.ts";
import { say } from "../shared/words.ts";

const SOON_MS = 250;
const AT_MOST_EVERY_MS = 1000;
const ANYWAY_MS = 15_000;
const STALE_MS = 45_000;
const MOST_ALERTS = 3;

export const $ = <E extends HTMLElement = HTMLElement>(id: string): E => {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found as E;
};

export function announce(said: string): void {
  $("announce").textContent = said;
}

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

let behind_ms = 0;
let fetchedAt = Date.now();
export const now = (): number => Date.now() + behind_ms;

function sameInstant(at: string): void {
  fetchedAt = Date.now();
  behind_ms = Date.parse(at) - fetchedAt;
}

/** What is due, how long something lasts, and how long ago we heard. */
export function tick(): void {
  for (const time of document.querySelectorAll("time[data-until], time[data-since]")) {
    if (!(time instanceof HTMLTimeElement)) continue;
    const away_s = Math.round((Date.parse(time.dateTime) - now()) / 1000);
    const s = "since" in time.dataset ? Math.max(0, -away_s) : away_s;
    const rest = Math.abs(s);
    const shown = `${s < 0 ? "−" : ""}${Math.floor(rest / 60)}:${String(rest % 60).padStart(2, "0")}`;
    if (time.firstElementChild) time.firstElementChild.textContent = shown;
    time.classList.toggle("bad", s < 0);
  }
  for (const time of document.querySelectorAll<HTMLTimeElement>("time[data-promise]")) {
    const left = Math.floor((Date.parse(time.dateTime) - now()) / 60_000);
    time.textContent = say(left < 0 ? "queue.late_min" : "queue.in_min", { n: Math.abs(left) });
    time.classList.toggle("bad", left < 0);
  }
}

/** A rung of the ladder that calls for people: it stays until somebody has seen it. */
function raiseAlarm({ deliveryId, level }: { deliveryId: string; level: number }): void {
  const alarm = document.createElement("div");
  const link = document.createElement("a");
  const close = document.createElement("button");
  alarm.className = "alarm";
  alarm.append(say("alarm.no_courier", { level }), " ", link, close);
  link.href = `/city/orders/${encodeURIComponent(deliveryId)}`;
  link.textContent = say("alarm.open");
  close.className = "button";
  close.textContent = say("alarm.close");
  close.addEventListener("click", () => alarm.remove());
  const alarms = $("alarms");
  alarms.append(alarm);
  while (alarms.children.length > MOST_ALERTS) alarms.firstElementChild?.remove();
}

/**
 * Keep a page fresh. `address()` answers JSON with `at`, which `show` puts on the page; it is asked
 * soon after a live message in `changes`, but not more than once a second, and anyway now and then.
 */
export function keepFresh<T extends { at: string }>(
  at: string,
  {
    address,
    show,
    changes,
  }: { address: () => string; show: (fresh: T) => void; changes: string[] },
): { refresh: () => Promise<void> } {
  const pulse = $("pulse");
  const clock = new Intl.DateTimeFormat("en-GB", {
    timeStyle: "medium",
    timeZone: pulse.dataset["timezone"],
  });
  let live: LiveState = "reconnecting";
  let waiting = 0;
  let lastAsked = 0;
  let asking = false;
  let again = false;
  sameInstant(at);

  function judge(): void {
    const stale = Date.now() - fetchedAt > STALE_MS;
    const state = live === "live" && stale ? "stale" : live;
    const said = say(`live.${state}`, { at: `\u2068${clock.format(fetchedAt)}\u2069` });
    const words = pulse.querySelector("[data-words]");
    if (words) words.textContent = said;
    const before = pulse.dataset["state"];
    if (before === state) return;
    pulse.dataset["state"] = state;
    if (before !== "static") announce(said);
  }

  function changed(): void {
    if (waiting) return;
    const rest = AT_MOST_EVERY_MS - (Date.now() - lastAsked);
    waiting = window.setTimeout(refresh, Math.max(SOON_MS, rest));
  }

  async function refresh(): Promise<void> {
    clearTimeout(waiting);
    waiting = 0;
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
      const fresh: T = await answer.json();
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

  for (const name of changes) on(name, changed);
  on("operator_alert", raiseAlarm);
  on("reload", () => location.reload());
  onState((state) => {
    if (state === "live" && live !== "live") changed();
    live = state;
    judge();
  });
  addEventListener("online", refresh);
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
  setInterval(() => {
    tick();
    judge();
  }, 1000);
  setInterval(() => document.hidden || refresh(), ANYWAY_MS);
  return { refresh };
}
