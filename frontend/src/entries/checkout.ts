// Checkout: the price follows what is chosen, and the card is asked of the acquirer's frame.

const FORGET_S = 20;

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

// ── the card ───────────────────────────────────────────────────────────────────────────────────

const frame = document.getElementById("card-field");
const token = document.getElementById("card-token");
const problem = document.getElementById("card-problem");

const byCard = () =>
  form.querySelector<HTMLInputElement>('[name="method"]:checked')?.value === "card";

if (
  frame instanceof HTMLIFrameElement &&
  token instanceof HTMLInputElement &&
  problem instanceof HTMLElement
) {
  const address = new URL(frame.dataset["src"] ?? "", location.href);
  const { lang, dataset } = document.documentElement;
  address.searchParams.set("origin", location.origin);
  address.searchParams.set("locale", lang);
  address.searchParams.set("theme", dataset["theme"] ?? "system");
  frame.src = address.href;
  const show = () => {
    frame.hidden = !byCard();
  };
  show();
  form.addEventListener("change", show);

  let waiting = 0;
  const say = (words: string) => {
    clearTimeout(waiting);
    problem.textContent = words;
    busy(false);
  };
  addEventListener("message", ({ data, origin, source }: MessageEvent) => {
    if (source !== frame.contentWindow || origin !== address.origin) return;
    if (typeof data?.height === "number") frame.height = String(Math.ceil(data.height));
    if (data?.entered) form.requestSubmit(placing());
    if (typeof data?.problem === "string") {
      say(data.problem);
      frame.focus();
    }
    if (typeof data?.token === "string" && waiting) {
      token.value = data.token;
      form.submit();
    }
  });
  form.addEventListener("submit", (event) => {
    const priced = event.submitter?.id === "price";
    if (priced || !byCard() || token.value || !placing()) return;
    event.preventDefault();
    if (waiting) return;
    problem.textContent = "";
    busy(true);
    waiting = window.setTimeout(() => {
      waiting = 0;
      busy(false);
      frame.src = address.href;
    }, FORGET_S * 1000);
    frame.contentWindow?.postMessage({ ask: "token" }, address.origin);
  });

  function busy(is: boolean): void {
    if (!is) waiting = 0;
    placing()?.toggleAttribute("aria-disabled", is);
  }
}

function placing(): HTMLButtonElement | null {
  const button = document.getElementById("place");
  return button instanceof HTMLButtonElement ? button : null;
}

export {};
