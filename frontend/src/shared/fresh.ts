// What keeps a page of operations fresh: the connection in words, what is fetched when something
// happens, and times that run. The page has #pulse, #announce, #alarms and #words.

import { type LiveState, on, onState, state } from "./live.ts";
import { ask, leave } from "./session.ts";
import { read } from "./words.ts";

const SOON_MS = 250;
const AT_MOST_EVERY_MS = 1000;
const ANYWAY_MS = 15_000;
const STALE_MS = 45_000;
const MOST_ALERTS = 3;

export interface Fresh {
  /** When the first of it was so. */
  at: string;
  address: () => string;
  /** Put what was fetched on the page. */
  show: (fresh: never) => void;
  /** Live messages after which it is asked for again: soon, but not more than once a second. */
  changes: readonly string[];
  /** Handlers of live messages by name. */
  hears?: Readonly<Record<string, (data: never) => void>>;
}

interface Alarm {
  deliveryId: string;
  level: number;
}

export function $(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

let known: Record<string, string> | null = null;

export function word(name: string): string {
  known ??= read<Record<string, string>>("words");
  return known[name] ?? name;
}

export function announce(said: string): void {
  $("announce").textContent = said;
}

let behind_ms = 0;
let fetchedAt = Date.now();
/** The server's clock. */
export const now = () => Date.now() + behind_ms;

function sameInstant(at: string): void {
  fetchedAt = Date.now();
  behind_ms = Date.parse(at) - fetchedAt;
}

/** Every second: what is due, how long something lasts, and how long ago we heard. */
export function tick(): void {
  const running = "time[data-until], time[data-since]";
  for (const time of document.querySelectorAll<HTMLTimeElement>(running)) {
    const away_s = Math.round((Date.parse(time.dateTime) - now()) / 1000);
    const s = "since" in time.dataset ? Math.max(0, -away_s) : away_s;
    const rest = Math.abs(s);
    const said = `${s < 0 ? "−" : ""}${Math.floor(rest / 60)}:${String(rest % 60).padStart(2, "0")}`;
    if (time.firstElementChild) rewrite(time.firstElementChild, said);
    time.classList.toggle("bad", s < 0);
  }
  for (const time of document.querySelectorAll<HTMLTimeElement>("time[data-promise]")) {
    const left = Math.floor((Date.parse(time.dateTime) - now()) / 60_000);
    const said = word(left < 0 ? "late_min" : "in_min");
    rewrite(time, said.replace("{n}", String(Math.abs(left))));
    time.classList.toggle("bad", left < 0);
  }
}

/** What says the same already is left alone: to write it again is to lay out the page again. */
function rewrite(element: Element, said: string): void {
  if (element.textContent !== said) element.textContent = said;
}

/** A rung of the ladder that calls for people: it stays until somebody has seen it. */
function raiseAlarm({ deliveryId, level }: Alarm): void {
  const alarm = document.createElement("div");
  const link = document.createElement("a");
  const close = document.createElement("button");
  alarm.className = "alarm";
  alarm.append(word("alarm").replace("{level}", String(level)), " ", link, close);
  link.href = `/city/orders/${encodeURIComponent(deliveryId)}`;
  link.textContent = word("alarm_open");
  close.className = "button";
  close.textContent = word("alarm_close");
  close.addEventListener("click", () => alarm.remove());
  const alarms = $("alarms");
  alarms.append(alarm);
  while (alarms.children.length > MOST_ALERTS) alarms.firstElementChild?.remove();
}

/** Keep a page fresh: soon after a change, and anyway now and then. */
export function keepFresh({ at, address, show, changes, hears = {} }: Fresh): {
  refresh: () => Promise<void>;
} {
  const clock = new Intl.DateTimeFormat("en-GB", {
    timeStyle: "medium",
    timeZone: $("pulse").dataset["timezone"] ?? "UTC",
  });
  let waiting: ReturnType<typeof setTimeout> | null = null;
  let lastAsked = 0;
  let asking = false;
  let again = false;
  sameInstant(at);

  function showPulse(shown: LiveState): void {
    const pulse = $("pulse");
    const said = word(shown).replace("{at}", `\u2068${clock.format(fetchedAt)}\u2069`);
    const words = pulse.querySelector("[data-words]");
    if (words) words.textContent = said;
    const before = pulse.dataset["state"];
    if (before === shown) return;
    pulse.dataset["state"] = shown;
    if (before !== "static") announce(said);
  }

  function judge(): void {
    const wire = state();
    showPulse(wire !== "offline" && Date.now() - fetchedAt > STALE_MS ? "stale" : wire);
  }

  function changed(): void {
    if (waiting) return;
    const rest = AT_MOST_EVERY_MS - (Date.now() - lastAsked);
    waiting = setTimeout(refresh, Math.max(SOON_MS, rest));
  }

  async function refresh(): Promise<void> {
    if (waiting) clearTimeout(waiting);
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
        show(fresh as never);
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

  let before: LiveState | null = null;
  onState(
    (wire) => {
      if (wire === "live" && before !== "live") changed();
      before = wire;
      judge();
    },
    { watchful: true },
  );
  for (const name of changes) on(name, changed);
  for (const [name, hear] of Object.entries(hears)) on(name, hear);
  on("operator_alert", raiseAlarm);
  on("reload", () => location.reload());
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
  setInterval(() => {
    tick();
    judge();
  }, 1000);
  setInterval(() => document.hidden || refresh(), ANYWAY_MS);
  return { refresh };
}
