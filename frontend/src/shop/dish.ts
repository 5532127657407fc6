/** A dish's options in a dialog over the menu; its own page where that fails. */
export function openDishes(): void {
  const dialog = document.querySelector<HTMLDialogElement>("#dish-dialog");
  const page = document.querySelector<HTMLFormElement>(".dish-page form.options");
  if (page) limit(page);
  if (!dialog) return;
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element && event.target.closest("a[data-dish]");
    if (!(link instanceof HTMLAnchorElement) || event.metaKey || event.ctrlKey || event.shiftKey)
      return;
    event.preventDefault();
    void show(dialog, link.href);
  });
  dialog.addEventListener("click", (event) => {
    const outside = event.target === dialog;
    if (outside || (event.target as Element).closest("[data-closes]")) dialog.close();
  });
}

async function show(dialog: HTMLDialogElement, address: string): Promise<void> {
  try {
    const answer = await fetch(address);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const dish = page.querySelector("#dish");
    if (!dish) throw new Error("no dish");
    dialog.replaceChildren(document.adoptNode(dish));
  } catch {
    location.assign(address);
    return;
  }
  const close = document.createElement("button");
  close.type = "button";
  close.className = "button quiet square dialog-close";
  close.dataset.closes = "";
  close.setAttribute("aria-label", dialog.dataset.close ?? "");
  close.textContent = "×";
  dialog.prepend(close);
  const form = dialog.querySelector<HTMLFormElement>("form.options");
  if (form) limit(form);
  dialog.showModal();
  dialog.scrollTop = 0;
  dialog.querySelector<HTMLElement>("#dish-name")?.focus();
}

/** No more can be chosen than a group allows. */
function limit(form: HTMLFormElement): void {
  const check = (): void => {
    for (const group of form.querySelectorAll<HTMLFieldSetElement>("fieldset")) {
      const most = Number(group.dataset.most);
      const boxes = [...group.querySelectorAll<HTMLInputElement>("input[type=checkbox]")];
      const full = boxes.filter((box) => box.checked).length >= most;
      for (const box of boxes) box.disabled = full && !box.checked;
    }
  };
  form.addEventListener("change", check);
  check();
}
