// The board as the API has it, and what its people do. A reload at any time shows the same.

import { computed, effect, signal } from "@preact/signals";
import { api, newKey, Problem, Unreachable } from "../shared/api.ts";
import { type LiveState, on, onState } from "../shared/live.ts";
import { toast } from "../shared/toast.ts";
import { isolated, read, say } from "../shared/words.ts";
import { Alarm } from "./alarm.ts";
import { type Board, lost, type Order, ringing, sight } from "./model.ts";
import { print } from "./paper.ts";
import { markSeen, seen, setShift, settings, shift } from "./settings.ts";

export interface Page {
  id: string;
  name: string;
  icons: string;
}

const CONNECTS_WITHIN_MS = 5_000;
const ANYWAY_MS = 15_000;
const SOON_MS = 150;
const CHANGES = [
  "order_status_updated",
  "order_message",
  "order_messages_read",
  "merchant_updated",
  "merchant_standing_updated",
  "delivery_eta_updated",
  "delivery_courier_arrived",
  "reload",
];

const BEGAN = Date.now();

export const page = read<Page>("page");
export const board = signal<Board | null>(null);
export const failed = signal<string | null>(null);
export const live = signal<LiveState>("reconnecting");
export const heardAt = signal(0);
export const now = signal(Date.now());
export const pending = signal<ReadonlySet<string>>(new Set());
export const opened = signal<string | null>(null);
export const asked = signal<"decline" | "items" | "pause" | "settings" | "keys" | null>(null);
export const declining = signal<string | null>(null);
export const sought = signal("");
export const audible = signal(false);
export const alarm = new Alarm();

const behind_ms = signal(0);
/** The platform's clock, which deadlines are told by. */
export const today = computed(() => now.value + behind_ms.value);
export const orders = computed(() => board.value?.orders ?? []);
export const calling = computed(() => ringing(orders.value, seen.value, today.value));
/** A cut that lasts is told by sound as well: a kitchen does not look at the screen all day. */
export const cut = computed(
  () => live.value !== "live" && (heardAt.value > 0 || now.value - BEGAN > CONNECTS_WITHIN_MS),
);
export const sounding = computed(() => {
  if (!shift.value) return null;
  if (calling.value.length) return "order";
  return cut.value ? "lost" : null;
});

let asking = false;
let again = false;
let waiting = 0;

/** Ask for the whole board: what it answers is what is so. */
export async function load(): Promise<void> {
  clearTimeout(waiting);
  waiting = 0;
  if (asking) {
    again = true;
    return;
  }
  asking = true;
  try {
    const fresh = await api("get", "/v4/merchants/{merchant_id}/board", {
      at: { merchant_id: page.id },
    });
    behind_ms.value = Date.parse(fresh.at) - Date.now();
    tellLost(board.value?.orders ?? [], fresh.orders);
    board.value = fresh;
    failed.value = null;
  } catch (error) {
    failed.value = error instanceof Problem ? error.message : say("board.unreachable");
  } finally {
    asking = false;
    if (again) {
      again = false;
      soon();
    }
  }
}

function soon(): void {
  if (!waiting) waiting = window.setTimeout(load, SOON_MS);
}

function tellLost(before: readonly Order[], after: readonly Order[]): void {
  for (const order of lost(before, after)) {
    toast({ words: say("board.called_off", { number: order.number }), tone: "bad", stays_s: 60 });
  }
}

function complain(error: unknown): void {
  if (!(error instanceof Problem || error instanceof Unreachable)) throw error;
  const words = error instanceof Problem ? error.message : say("board.unreachable");
  toast({ words, tone: "bad", stays_s: 12 });
}

/** Do something about an order that cannot be taken back: shown as done when the API says so. */
async function act(order: Order, work: () => Promise<unknown>): Promise<boolean> {
  if (pending.value.has(order.id)) return false;
  pending.value = new Set([...pending.value, order.id]);
  try {
    await work();
    return true;
  } catch (error) {
    complain(error);
    return false;
  } finally {
    await load();
    pending.value = new Set([...pending.value].filter((id) => id !== order.id));
  }
}

const at = (order: Order) => ({ at: { order_id: order.id }, key: newKey() });

export async function accept(order: Order, prep_time_minutes: number): Promise<void> {
  const done = await act(order, () =>
    api("post", "/v4/orders/{order_id}/accept", { ...at(order), body: { prep_time_minutes } }),
  );
  if (done && settings.value.printOnAccept) print(order);
}

export async function decline(order: Order, reason: string): Promise<void> {
  const done = await act(order, () =>
    api("post", "/v4/orders/{order_id}/cancel", { ...at(order), body: { reason } }),
  );
  if (done) toast({ words: say("board.declined", { number: order.number }) });
}

export async function moveReadyTime(order: Order, delta_minutes: number): Promise<void> {
  await act(order, () =>
    api("post", "/v4/orders/{order_id}/ready-time", { ...at(order), body: { delta_minutes } }),
  );
}

export async function step(order: Order, name: "ready" | "pick-up" | "return"): Promise<void> {
  await act(order, () =>
    api("post", "/v4/orders/{order_id}/steps/{step}", {
      at: { order_id: order.id, step: name },
      key: newKey(),
    }),
  );
}

export function see(some: readonly Order[]): void {
  markSeen(some.map((order) => sight(order, today.value)));
}

// What the merchant says about itself can be taken back, so it is shown at once.

type Switch = "pause" | "resume" | "busy";

async function say_(name: Switch, body: object | undefined): Promise<void> {
  const path = `/v4/merchants/{merchant_id}/${name}` as const;
  await api("post", path, { at: { merchant_id: page.id }, body, key: newKey() });
}

async function turn(
  words: string,
  does: () => Promise<void>,
  undo: () => Promise<void>,
): Promise<void> {
  try {
    await does();
    const back = () => void undo().catch(complain).finally(load);
    toast({ words, action: { words: say("board.undo"), run: back } });
  } catch (error) {
    complain(error);
  } finally {
    await load();
  }
}

export async function pause(minutes: number | null): Promise<void> {
  const words = minutes
    ? say("board.paused_for", { n: minutes })
    : say("board.paused_until_resumed");
  await turn(
    words,
    () => say_("pause", minutes ? { minutes } : {}),
    () => say_("resume", undefined),
  );
}

export async function resume(): Promise<void> {
  const until = board.value?.merchant.paused_until ?? null;
  await turn(
    say("board.resumed"),
    () => say_("resume", undefined),
    () => say_("pause", until ? { until } : {}),
  );
}

export async function setBusy(extra_minutes: number): Promise<void> {
  const before = Math.round((board.value?.merchant.busy_extra_s ?? 0) / 60);
  const words = extra_minutes
    ? say("board.busy_set", { n: extra_minutes })
    : say("board.busy_over");
  await turn(
    words,
    () => say_("busy", { extra_minutes }),
    () => say_("busy", { extra_minutes: before }),
  );
}

export type Availability = "available" | "out_for_4_hours" | "out_today" | "out_indefinitely";

export async function setAvailability(
  product: { id: string; name: string },
  availability: Availability,
  before: Availability,
  changed: () => void,
): Promise<void> {
  const put = (to: Availability) =>
    api("put", "/v4/products/{product_id}/availability", {
      at: { product_id: product.id },
      body: { availability: to },
    }).then(changed);
  const words = say(`board.items.now_${availability}`, { name: isolated(product.name) });
  await turn(
    words,
    () => put(availability),
    () => put(before),
  );
}

export async function startShift(): Promise<void> {
  audible.value = await alarm.unlock();
  setShift(true);
  alarm.test();
  await keepAwake();
}

/** A screen that goes dark in a kitchen is one that nobody looks at. */
async function keepAwake(): Promise<void> {
  try {
    await navigator.wakeLock?.request("screen");
  } catch {
    // The battery is low, or the page is not in sight: the alarm still sounds.
  }
}

export function begin(): void {
  setInterval(() => {
    now.value = Date.now();
  }, 500);
  setInterval(load, ANYWAY_MS);
  for (const name of CHANGES) on(name, soon, { watchful: true });
  on("new_order", () => void load(), { watchful: true });
  onState(
    (state, at) => {
      const back = state === "live" && live.value !== "live";
      live.value = state;
      heardAt.value = Math.max(heardAt.value, at);
      if (back) void load();
    },
    { watchful: true },
  );
  effect(() => {
    alarm.volume = settings.value.volume;
  });
  effect(() => alarm.set(sounding.value));
  effect(() => {
    const n = calling.value.length;
    document.title = n ? say("board.title_new", { n, name: page.name }) : `${page.name} · Tawsil`;
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    void load();
    if (shift.value) void keepAwake();
  });
  // In a tab whose shift goes on, the first touch after a reload brings the sound back.
  const wake = async () => {
    if (shift.value) audible.value = await alarm.unlock();
    if (audible.value)
      for (const event of ["pointerdown", "keydown"]) removeEventListener(event, wake);
  };
  for (const event of ["pointerdown", "keydown"]) addEventListener(event, wake);
  void load();
}
