// The platform's own API, `/v4`, asked with the session of whoever looks at the page.

import type { paths } from "@api/schema";
import { ask } from "./session.ts";

export interface ErrorItem {
  code: string;
  message: string;
  field?: string;
  detail?: Record<string, unknown>;
}

export interface Pagination {
  page: number;
  limit: number;
  total: number;
  total_pages: number;
}

interface Envelope {
  success: boolean;
  data: unknown;
  meta: { pagination?: Pagination };
  errors?: ErrorItem[];
}

/** Why the API refused. `message` is a sentence for people, in the language of the page. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly status: number;
  readonly code: string;
  readonly items: ErrorItem[];
  readonly retryAfter_s: number | null;

  constructor(status: number, items: ErrorItem[], retryAfter_s: number | null = null) {
    super(items[0]?.message ?? `HTTP ${status}`);
    this.status = status;
    this.code = items[0]?.code ?? "request.failed";
    this.items = items;
    this.retryAfter_s = retryAfter_s;
  }
}

/** The API could not be reached: what was asked may or may not have arrived. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

type Method = "get" | "post" | "put" | "patch" | "delete";
type Values = Record<string, string | number | boolean | null | undefined>;
type Content<R> = R extends { content: { "application/json": infer E } } ? E : never;
type Good<Op> = Op extends { responses: infer R } ? Content<R[keyof R & (200 | 201 | 202)]> : never;

/** The `data` that a route answers with. */
export type Data<P extends keyof paths, M extends Method> = M extends keyof paths[P]
  ? Good<paths[P][M]> extends { data: infer D }
    ? D
    : unknown
  : unknown;

export interface Asking {
  /** What the `{names}` of the path stand for. */
  at?: Values;
  query?: Values;
  body?: unknown;
  /** Its Idempotency-Key: the same again is done once. `newKey()` makes one. */
  key?: string;
  signal?: AbortSignal;
}

export const newKey = (): string => crypto.randomUUID();

/** Ask for a page of a list as well as how many there are. */
export async function page<P extends keyof paths & string>(
  path: P,
  asking: Asking = {},
): Promise<{ items: Data<P, "get">; pagination: Pagination | undefined }> {
  const { data, meta } = await envelope("get", path, asking);
  return { items: data as Data<P, "get">, pagination: meta.pagination };
}

/**
 * Ask, and have the answer's data: `await api("get", "/v4/orders/{order_id}", { at: { order_id } })`.
 * Throws `Problem` when refused and `Unreachable` when there was no answer.
 */
export async function api<P extends keyof paths & string, M extends Method & keyof paths[P]>(
  method: M,
  path: P,
  asking: Asking = {},
): Promise<Data<P, M>> {
  return (await envelope(method, path, asking)).data as Data<P, M>;
}

async function envelope(method: Method, path: string, asking: Asking): Promise<Envelope> {
  const headers: Record<string, string> = {
    Accept: "application/json",
    "Accept-Language": document.documentElement.lang,
  };
  const init: RequestInit = { method: method.toUpperCase(), headers };
  if (asking.key) headers["Idempotency-Key"] = asking.key;
  if (asking.signal) init.signal = asking.signal;
  if (asking.body !== undefined) {
    headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(asking.body);
  }
  let answer: Response;
  try {
    answer = await ask(address(path, asking), init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Unreachable();
  }
  if (answer.status === 204) return { success: true, data: null, meta: {} };
  const said: Partial<Envelope> = await answer.json().catch(() => ({}));
  if (answer.ok) return said as Envelope;
  const wait_s = Number(answer.headers.get("Retry-After"));
  throw new Problem(
    answer.status,
    said.errors ?? [],
    Number.isFinite(wait_s) && wait_s ? wait_s : null,
  );
}

export function address(path: string, { at = {}, query = {} }: Asking): string {
  const filled = path.replace(/\{(\w+)[^}]*\}/g, (_, name: string) => {
    const value = at[name];
    if (value === undefined || value === null) throw new Error(`${path} wants ${name}`);
    return encodeURIComponent(String(value));
  });
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null) asked.set(name, String(value));
  }
  return asked.size ? `${filled}?${asked}` : filled;
}
