/** What is put into the cart is sent in the background; the parts of the page that tell of it follow. */
const TOLD = ["#cart-bar", "#news", ".shop-cart"];

export function keepCart(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !form.matches("[data-add]")) return;
    if (!document.querySelector("#news")) return; // a dish on a page of its own: the menu comes next
    event.preventDefault();
    void send(form);
  });
}

async function send(form: HTMLFormElement): Promise<void> {
  const button = form.querySelector<HTMLButtonElement>("button:not([type=button])");
  if (button?.disabled) return;
  if (button) button.disabled = true;
  try {
    const body = new URLSearchParams();
    for (const [name, value] of new FormData(form)) body.append(name, String(value));
    const answer = await fetch(form.action, { method: "POST", body });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const refused = page.querySelector("#refused");
    if (refused && form.closest("dialog")) {
      form.parentElement?.querySelector("#refused")?.remove();
      form.before(document.adoptNode(refused));
      refused.scrollIntoView({ block: "nearest" });
      return;
    }
    if (!page.querySelector("#news")) {
      location.assign(answer.redirected ? answer.url : form.action);
      return;
    }
    for (const part of TOLD) {
      const fresh = page.querySelector(part);
      const old = document.querySelector(part);
      if (fresh && old) old.innerHTML = fresh.innerHTML;
    }
    form.closest("dialog")?.close();
  } catch {
    form.submit(); // the browser says what is wrong with the network better than we could
  } finally {
    if (button) button.disabled = false;
  }
}
