// Asking our own server with the session's cookies; an expired session is taken up again once.

import { ask } from "../shared/session.ts";

/** What was answered that is no success: a sentence for a person, and whether to try again. */
export class Refused extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }

  /** Not about what was asked: the same may be taken another time. */
  get passing(): boolean {
    return [401, 408, 425, 429].includes(this.status) || this.status >= 500;
  }
}

/** By how much the server's clock is ahead of the phone's, as its last answer told. */
let ahead_ms = 0;

/** What the server's clock shows now: deadlines are by it. */
export const serverNow = (): number => Date.now() + ahead_ms;

export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const init: RequestInit = { method, headers: { Accept: "application/json" } };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { ...init.headers, "Content-Type": "application/json" };
  }
  const asked = Date.now();
  const answer = await ask(path, init);
  const said = await answer.json().catch(() => null);
  const at = Date.parse(said?.meta?.timestamp ?? "");
  if (!Number.isNaN(at)) ahead_ms = at - (asked + Date.now()) / 2;
  if (!answer.ok) {
    const error = said?.errors?.[0];
    throw new Refused(answer.status, error?.code ?? "unknown", error?.message ?? answer.statusText);
  }
  return said.data as T;
}

export const get = <T>(path: string): Promise<T> => call<T>("GET", path);
export const post = <T>(path: string, body?: unknown): Promise<T> => call<T>("POST", path, body);
