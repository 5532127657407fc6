// Checkout: the price follows what is chosen, and the card is asked of the acquirer's frame.

import { askForCard } from "../shop/card.ts";

const found = document.getElementById("checkout");
if (!(found instanceof HTMLFormElement)) throw new Error("the page has no #checkout");
const form = found;

// ── the price ──────────────────────────────────────────────────────────────────────────────────

let asked = 0;

/** The bill of what is chosen now, in the place of the one that is shown. */
async function price(): Promise<void> {
  asked += 1;
  const turn = asked;
  const bill = document.getElementById("bill");
  bill?.setAttribute("aria-busy", "true");
  const body = new URLSearchParams();
  for (const [name, value] of new FormData(form))
    if (typeof value === "string") body.append(name, value);
  const answer = await fetch("/checkout/price", { method: "POST", body });
  if (turn !== asked || !answer.headers.get("content-type")?.includes("html")) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("bill");
  if (fresh && bill) bill.replaceWith(document.adoptNode(fresh));
  else location.reload();
}

form.addEventListener("change", (event) => {
  if (!(event.target instanceof HTMLElement) || !("prices" in event.target.dataset)) return;
  const later = form.querySelector<HTMLInputElement>('[name="later"][value="yes"]');
  if (event.target.id === "when" && later) later.checked = true;
  void price();
});

askForCard(form, { button: () => document.getElementById("place") });
