// A card is typed into the acquirer's frame: a form that is paid by card is sent once that has
// given a token for it.

const FORGET_S = 20;

export interface CardForm {
  /** What sends the form so that it is paid; other buttons of the form do not ask for a card. */
  button: () => HTMLElement | null;
}

export function askForCard(form: HTMLFormElement, { button }: CardForm): void {
  const frame = form.querySelector("#card-field");
  const token = form.querySelector("#card-token");
  const problem = form.querySelector("#card-problem");
  if (!(frame instanceof HTMLIFrameElement && token instanceof HTMLInputElement && problem)) return;
  const address = new URL(frame.dataset["src"] ?? "", location.href);
  const { lang, dataset } = document.documentElement;
  address.searchParams.set("origin", location.origin);
  address.searchParams.set("locale", lang);
  address.searchParams.set("theme", dataset["theme"] ?? "system");

  const byCard = () =>
    form.querySelector<HTMLInputElement>('[name="method"]:checked')?.value === "card";
  const show = () => {
    frame.hidden = !byCard();
    if (!frame.hidden && !frame.src) frame.src = address.href;
  };
  show();
  form.addEventListener("change", show);

  let waiting = 0;
  const busy = (is: boolean) => {
    if (!is) waiting = 0;
    button()?.toggleAttribute("aria-disabled", is);
  };
  const say = (words: string) => {
    clearTimeout(waiting);
    problem.textContent = words;
    busy(false);
  };
  addEventListener("message", ({ data, origin, source }: MessageEvent) => {
    if (source !== frame.contentWindow || origin !== address.origin) return;
    if (typeof data?.height === "number") frame.height = String(Math.ceil(data.height));
    if (data?.entered) form.requestSubmit(button());
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
    const paying = button();
    const other = event.submitter && event.submitter !== paying;
    if (other || !byCard() || token.value || !paying) return;
    event.preventDefault();
    if (waiting) return;
    problem.textContent = "";
    busy(true);
    waiting = window.setTimeout(() => {
      busy(false);
      frame.src = address.href;
    }, FORGET_S * 1000);
    frame.contentWindow?.postMessage({ ask: "token" }, address.origin);
  });
  // A page that comes back as it was left: its token was used.
  window.addEventListener("pageshow", ({ persisted }) => {
    if (!persisted) return;
    token.value = "";
    clearTimeout(waiting);
    busy(false);
  });
}
