// An order's page: fresh as soon as something happens to it, and small things a form cannot do.

import htmx from "../shared/htmx.ts";
import { on } from "../shared/live.ts";
import { askForCard } from "../shop/card.ts";
import { followOnMap } from "../shop/follow.ts";

interface About {
  orderId?: string;
  deliveryId?: string;
}

const progress = document.getElementById("progress");
const order = progress?.dataset["order"];
const reached = () => document.getElementById("now")?.dataset["status"];
let shown = reached();

/** What is offered beside the progress hangs on the status: look again, unless somebody types. */
function follow(): void {
  const now = reached();
  if (now === shown) return;
  shown = now;
  const busy = document.activeElement?.matches("input, textarea, select") ?? false;
  if (!busy) location.reload();
}

const PAYING_MS = [1_000, 2_500, 5_000, 9_000];
/** Whether the bank is still to be heard of: no live message tells that it asks for something. */
const paying = () => document.getElementById("now")?.dataset["payment"] === "awaited";

// After a form that answered with the page itself, a reload is of the page and not of the form.
if (order) history.replaceState(null, "", `/orders/${order}`);

if (progress) {
  const map = followOnMap(order);
  const look = () => htmx.trigger(progress, "order-changed");
  progress.addEventListener("htmx:after:swap", () => {
    map.look();
    follow();
  });
  for (const after of PAYING_MS) setTimeout(() => paying() && look(), after);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") look();
  });
  // Who has an account hears of it at once; who follows by a link asks every few seconds.
  if (order) {
    const hear = ({ orderId, deliveryId }: About) => {
      if ((orderId ?? deliveryId) === order) look();
    };
    for (const name of ["order_status_updated", "delivery_eta_updated", "order_choice_updated"]) {
      on(name, hear);
    }
    on("reload", look);
  }
}

const TIP_MS = 2_500;
const tip = document.getElementById("tip-form");
if (tip instanceof HTMLFormElement) {
  askForCard(tip, { button: () => document.getElementById("give-tip") });
}
// A tip whose money is still to be heard of: no live message tells of it.
if (document.querySelector("[data-awaited]")) {
  setTimeout(() => document.activeElement?.matches("input, textarea") || location.reload(), TIP_MS);
}

for (const button of document.querySelectorAll<HTMLButtonElement>("[data-prints]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
for (const button of document.querySelectorAll<HTMLButtonElement>("[data-copies]")) {
  const field = document.getElementById(button.dataset["copies"] ?? "");
  if (!(field instanceof HTMLInputElement)) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(field.value);
    button.textContent = button.dataset["copied"] ?? "";
  });
}
