// A short word about what was done, with a way back. It stays while it is looked at.

export interface Toast {
  words: string;
  tone?: "bad";
  /** A button, such as "Undo", and what it does. */
  action?: { words: string; run: () => void };
  stays_s?: number;
}

const USUAL_S = 6;
const WITH_ACTION_S = 10;
const MOST = 3;

/** Show it in the live region `#toasts`; answers what takes it away. */
export function toast({ words, tone, action, stays_s }: Toast): () => void {
  const region = document.getElementById("toasts");
  if (!region) throw new Error("the page has no #toasts");
  const shown = document.createElement("div");
  shown.className = "toast";
  if (tone) shown.dataset["tone"] = tone;
  const said = document.createElement("span");
  said.textContent = words;
  shown.append(said);

  let left_ms = 1000 * (stays_s ?? (action ? WITH_ACTION_S : USUAL_S));
  let since = 0;
  let timer = 0;
  const close = () => {
    clearTimeout(timer);
    shown.remove();
  };
  const run = () => {
    since = Date.now();
    timer = window.setTimeout(close, left_ms);
  };
  const wait = () => {
    clearTimeout(timer);
    left_ms = Math.max(1500, left_ms - (Date.now() - since));
  };
  for (const event of ["pointerenter", "focusin"]) shown.addEventListener(event, wait);
  for (const event of ["pointerleave", "focusout"]) shown.addEventListener(event, run);

  if (action) {
    const button = document.createElement("button");
    button.className = "button small";
    button.textContent = action.words;
    button.addEventListener("click", () => {
      close();
      action.run();
    });
    shown.append(button);
  }
  region.append(shown);
  while (region.children.length > MOST) region.firstElementChild?.remove();
  run();
  return close;
}
