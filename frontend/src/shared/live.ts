// What happens, as it happens. All pages of a browser share one stream where it can be shared.

import type { FromPage, ToPage } from "./live.worker.ts";
import { keepSession, leave, until } from "./session.ts";
import { Stream, type Wire } from "./stream.ts";

/**
 * "live": heard of a moment ago. "reconnecting": cut off, and on the way back. "stale": cut off for
 * so long that what is shown may not be so any more. "offline": this device has no network.
 */
export type LiveState = "live" | "reconnecting" | "stale" | "offline";
export type Hear = (data: never, id: string) => void;

export interface Options {
  /** Notice a cut within five seconds, at the price of a beat every two. */
  watchful?: boolean;
}

const STALE_MS = 15_000;
const LOOK_MS = 500;

const hearers = new Map<string, Set<Hear>>();
const watchers = new Set<(state: LiveState, heardAt: number) => void>();
let wire: Wire = "cut";
let heardAt = 0;
let cutAt = Date.now();
let shown: LiveState | null = null;
let watchful = false;
let post: ((message: FromPage) => void) | null = null;

/** Hear messages of a name: `on("order_status_updated", ({ orderId }) => …)`; answers what ends it. */
export function on<T>(
  name: string,
  hear: (data: T, id: string) => void,
  options: Options = {},
): () => void {
  const hearing = hearers.get(name) ?? new Set();
  hearers.set(name, hearing.add(hear as Hear));
  want([name], options);
  return () => void hearing.delete(hear as Hear);
}

/** Be told how the stream is, now and when it changes, and when it last said anything. */
export function onState(
  see: (state: LiveState, heardAt: number) => void,
  options: Options = {},
): () => void {
  watchers.add(see);
  want([], options);
  see(state(), heardAt);
  return () => void watchers.delete(see);
}

export function state(): LiveState {
  if (!navigator.onLine) return "offline";
  if (wire === "open") return "live";
  return Date.now() - cutAt > STALE_MS ? "stale" : "reconnecting";
}

function want(names: string[], options: Options): void {
  watchful ||= options.watchful ?? false;
  post ??= begin();
  post({ want: names, watchful });
}

function heard(name: string, data: unknown, id: string): void {
  for (const hear of hearers.get(name) ?? []) hear(data as never, id);
}

function changed(now: Wire, at: number): void {
  if (wire === "open" && now !== "open") cutAt = Date.now();
  wire = now;
  heardAt = at;
  if (now === "ended") leave();
  judge();
}

function judge(): void {
  const now = state();
  if (now === shown) return;
  shown = now;
  for (const see of watchers) see(now, heardAt);
}

function begin(): (message: FromPage) => void {
  const said = typeof SharedWorker === "undefined" ? alone() : together();
  setInterval(judge, LOOK_MS);
  addEventListener("offline", judge);
  addEventListener("online", () => said({ retry: true }));
  addEventListener("pagehide", () => said({ leave: true }));
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
  return said;
}

function together(): (message: FromPage) => void {
  const { port } = new SharedWorker(new URL("./live.worker.ts", import.meta.url), {
    type: "module",
    name: "tawsil-live",
  });
  port.onmessage = async ({ data }: MessageEvent<ToPage>) => {
    if ("heard" in data) heard(data.heard, data.data, data.id);
    else if ("wire" in data) changed(data.wire, data.heardAt);
    else port.postMessage({ session: await keepSession(until()) } satisfies FromPage);
  };
  return (message) => port.postMessage(message);
}

function alone(): (message: FromPage) => void {
  const stream = new Stream({ heard, changed, keep: () => keepSession(until()) });
  return (message) => {
    if ("want" in message) stream.want(message.want, message);
    else if ("retry" in message) stream.open();
    else if ("leave" in message) stream.close();
  };
}
