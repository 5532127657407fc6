// Keeps the session alive. A refresh token works once, so tabs take turns.

const UNTIL = "tawsil_session_until";
const EARLY_S = 90;

function until() {
  const found = document.cookie.split("; ").find((part) => part.startsWith(`${UNTIL}=`));
  return found ? Number(found.slice(UNTIL.length + 1)) : 0;
}

function inTurn(work) {
  return navigator.locks ? navigator.locks.request("tawsil-session", work) : work();
}

/**
 * Have a token that lasts. `refused` is the expiry that was known when the server said 401.
 * Answers "alive", "ended" (sign in again) or "unreachable".
 */
export function keepSession(refused = null) {
  return inTurn(async () => {
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
export async function ask(address) {
  const known = until();
  const answer = await fetch(address, { headers: { Accept: "*/*" } });
  if (answer.status !== 401 && !answer.redirected) return answer;
  if ((await keepSession(known)) !== "alive") return answer;
  return fetch(address);
}

const form = document.querySelector("form[data-continue]");
if (form) {
  keepSession(until()).then((state) => {
    if (state === "alive") location.replace(form.elements.next.value);
    else if (state === "ended") location.replace("/sign-in");
  });
}
