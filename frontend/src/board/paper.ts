// A kitchen ticket on paper: the one order that is printed is put beside the page, and the print
// stylesheet leaves nothing else.

import { signal } from "@preact/signals";
import type { Order } from "./model.ts";

export const printed = signal<Order | null>(null);

export function print(order: Order): void {
  printed.value = order;
  // Once it has been drawn.
  requestAnimationFrame(() => requestAnimationFrame(() => window.print()));
}

addEventListener("afterprint", () => {
  printed.value = null;
});
