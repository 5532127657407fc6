// Dialogs opened and closed by attributes: data-opens="<id>", data-closes, a click beside it. And
// after another language or theme was chosen, the page is found as it is now.

import { toast } from "./toast.ts";

export function listen(): void {
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element)) return;
    const opener = event.target.closest<HTMLElement>("[data-opens]");
    if (opener) {
      const dialog = document.getElementById(opener.dataset["opens"] ?? "");
      if (dialog instanceof HTMLDialogElement) dialog.showModal();
      return;
    }
    const saying = event.target.closest<HTMLElement>("[data-toast]");
    if (saying) {
      const { toast: words = "", undo } = saying.dataset;
      toast(undo ? { words, action: { words: undo, run: () => {} } } : { words });
      return;
    }
    const dialog = event.target.closest("dialog");
    if (dialog && (event.target === dialog || event.target.closest("[data-closes]")))
      dialog.close();
  });
  document.addEventListener("submit", ({ target }) => {
    if (!(target instanceof HTMLFormElement) || !target.action.endsWith("/preferences")) return;
    const next = target.elements.namedItem("next");
    if (next instanceof HTMLInputElement) next.value = location.pathname + location.search;
  });
}
