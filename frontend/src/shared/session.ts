// Keeps the session alive. A refresh token works once, so tabs take turns.

const UNTIL = "tawsil_session_until";
const EARLY_S = 90;
const LOOK_EVERY_MS = 30_000;

export type Session = "alive" | "ended" | "unreachable";

/** When the session's token expires, in Unix seconds; 0 where there is none. */
export function until(): number {
  const found = document.cookie.split("; ").find((part) => part.startsWith(`${UNTIL}=`));
  return found ? Number(found.slice(UNTIL.length + 1)) : 0;
}

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  return navigator.locks ? await navigator.locks.request("tawsil-session", work) : work();
}

/**
 * Have a token that lasts. `refused` is the expiry that was known when the server said 401.
 * "ended": sign in again.
 */
export function keepSession(refused: number | null = null): Promise<Session> {
  return inTurn(async (): Promise<Session> => {
    const known = until();
    if (!known && refused === null) return "alive"; // nothing says otherwise
    const fresh = known - Date.now() / 1000 > EARLY_S;
    if (fresh && known !== refused) return "alive";
    try {
      const answer = await fetch("/session/refresh", {
        method: "POST",
        headers: { Accept: "application/json" },
      });
      if (answer.ok) return "alive";
      return answer.status === 401 ? "ended" : "unreachable";
    } catch {
      return "unreachable";
    }
  });
}

/** Fetch from our own server; an expired session is taken up again once. */
export async function ask(address: string, init: RequestInit = {}): Promise<Response> {
  const known = until();
  const wanted = { ...init, headers: { Accept: "*/*", ...init.headers } };
  const answer = await fetch(address, wanted);
  if (answer.status !== 401 && !(answer.redirected && answer.url.includes("/session")))
    return answer;
  if ((await keepSession(known)) !== "alive") return answer;
  return fetch(address, wanted);
}

/** To where one signs in, and back here afterwards. */
export function leave(): void {
  location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
}

/** Look now and then, as long as the page is open; and go on where a form waits for it. */
export function keepAlive(): void {
  if (until()) {
    keepSession();
    setInterval(async () => (await keepSession()) === "ended" && leave(), LOOK_EVERY_MS);
  }
  const form = document.querySelector<HTMLFormElement>("form[data-continue]");
  if (!form) return;
  const next = form.elements.namedItem("next");
  keepSession(until()).then((state) => {
    if (state === "alive" && next instanceof HTMLInputElement) location.replace(next.value);
    else if (state === "ended") location.replace("/sign-in");
  });
}
