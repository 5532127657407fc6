// What stands on a merchant's board, and where. Nothing here knows of the page.

import type { Data } from "../shared/api.ts";

export type Board = Data<"/v4/merchants/{merchant_id}/board", "get">;
export type Order = Board["orders"][number];
export type Merchant = Board["merchant"];

export const COLUMNS = ["new", "preparing", "ready", "handed"] as const;
export type Column = (typeof COLUMNS)[number];

const COLUMN_OF: Partial<Record<Order["status"], Column>> = {
  PENDING: "new",
  ACCEPTED: "preparing",
  PREPARING: "preparing",
  READY_FOR_PICKUP: "ready",
};
export const LAST_CALL_MS = 60_000;
export const COURIER_STALE_S = 60;

export const DECLINE_REASONS = ["sold_out", "too_busy", "closing_soon", "cannot_make_it"] as const;
export const PREP_STEP_MIN = 5;
export const MOST_PREP_MIN = 120;

export function columnOf(order: Order): Column {
  return COLUMN_OF[order.status] ?? "handed";
}

/** What is due first stands first; what was handed over last stands first. */
export function inColumn(orders: readonly Order[], column: Column): Order[] {
  const found = orders.filter((order) => columnOf(order) === column);
  const due = (order: Order) => Date.parse(order.answer_by_at ?? order.ready_at ?? order.placed_at);
  const done = (order: Order) =>
    Date.parse(order.picked_up_at ?? order.ended_at ?? order.placed_at);
  return column === "handed"
    ? found.sort((a, b) => done(b) - done(a))
    : found.sort((a, b) => due(a) - due(b) || a.number - b.number);
}

/** New orders that nobody has seen; in the last minute it takes a second look. */
export function ringing(orders: readonly Order[], seen: ReadonlySet<string>, now: number): Order[] {
  return orders.filter((order) => columnOf(order) === "new" && !seen.has(sight(order, now)));
}

/** What having seen an order now is noted as. */
export function sight(order: Order, now: number): string {
  const left_ms = Date.parse(order.answer_by_at ?? order.placed_at) - now;
  return left_ms < LAST_CALL_MS ? `${order.id}!` : order.id;
}

/** Called off by somebody else while the kitchen was at it. */
export function lost(before: readonly Order[], after: readonly Order[]): Order[] {
  const worked = new Set(
    before.filter((order) => ["preparing", "ready"].includes(columnOf(order))).map(({ id }) => id),
  );
  return after.filter((order) => order.status === "CANCELLED" && worked.has(order.id));
}

/** By number, or by what is in it, in either language. */
export function matches(order: Order, words: string): boolean {
  const sought = words.trim().toLocaleLowerCase().replace(/^#/, "");
  if (!sought) return true;
  const names = order.items.flatMap((item) => [
    item.name_en,
    item.name_ar,
    ...item.options,
    ...item.options_ar,
  ]);
  return (
    String(order.number).includes(sought) ||
    names.some((name) => name.toLocaleLowerCase().includes(sought))
  );
}

/** "4:05", or "−0:30" once it is past. */
export function clock(ms: number): string {
  const s = Math.round(Math.abs(ms) / 1000);
  return `${ms < -499 ? "−" : ""}${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}

export const minutes = (ms: number): number => Math.max(0, Math.round(ms / 60_000));
export const pieces = (order: Order): number =>
  order.items.reduce((sum, item) => sum + item.quantity, 0);
