// Taps go into the outbox first and are sent in order. What was not answered is sent again: the
// server knows each by its id. See docs/courier-offline.md.

import { signal } from "@preact/signals";
import { call, post, Refused } from "./api.ts";
import type { Item, Line, Picture, Store } from "./database.ts";
import type { Action, Outcome, Receipt, Tap } from "./types.ts";
import { uuid7 } from "./uuid.ts";

const MOST_ACTIONS = 50;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 6_000;
const TIMEOUT_MS = 20_000;

type Keyed = { key: number; item: Item };

export class Outbox {
  readonly unsent = signal<Item[]>([]);
  /** What the server has taken in, but the picture we have of it does not show yet. */
  readonly settled = signal<Action[]>([]);
  readonly sending = signal(false);
  #pause_ms = FIRST_PAUSE_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #again = false;

  readonly store: Store;
  readonly courierId: string;
  readonly told: (outcomes: Outcome[]) => void;

  constructor(store: Store, courierId: string, told: (outcomes: Outcome[]) => void) {
    this.store = store;
    this.courierId = courierId;
    this.told = told;
  }

  async open(): Promise<void> {
    this.unsent.value = (await this.#waiting()).map(({ item }) => item);
  }

  /** Keep taps, all or none, and send what there is; resolves once they are kept. */
  async add(...taps: Tap[]): Promise<void> {
    await this.#add([], taps);
  }

  /** Pictures of a handover, and the handover that they show. */
  async addShown(pictures: Picture[], tap: Tap): Promise<void> {
    await this.#add(pictures, [tap]);
  }

  async #add(pictures: Picture[], taps: Tap[]): Promise<void> {
    const kept = this.store.transaction(["outbox", "known"], "readwrite", {
      durability: "strict",
    });
    const line = ((await kept.objectStore("known").get("line")) as Line) ?? newLine();
    const at = new Date().toISOString();
    const actions = taps.map((tap, n) => ({
      ...tap,
      action_id: uuid7(),
      seq: line.next + n,
      at,
    }));
    const items: Item[] = [
      ...pictures.map((picture): Item => ({ kind: "picture", picture })),
      ...actions.map((action): Item => ({ kind: "action", action })),
    ];
    for (const item of items) kept.objectStore("outbox").add(item);
    kept.objectStore("known").put({ ...line, next: line.next + taps.length }, "line");
    await kept.done;
    this.unsent.value = [...this.unsent.value, ...items];
    void this.flush();
  }

  /** Send what there is, one request after the other; one tab at a time. */
  async flush(): Promise<void> {
    if (this.sending.value) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    this.sending.value = true;
    try {
      await navigator.locks.request(`tawsil-outbox-${this.courierId}`, () => this.#sendAll());
      this.#pause_ms = FIRST_PAUSE_MS;
    } catch {
      this.#timer = setTimeout(() => void this.flush(), this.#pause_ms);
      this.#pause_ms = Math.min(this.#pause_ms * 2, LONGEST_PAUSE_MS);
    } finally {
      this.sending.value = false;
    }
    if (this.#again) {
      this.#again = false;
      void this.flush();
    }
  }

  async #sendAll(): Promise<void> {
    for (;;) {
      const waiting = await this.#waiting();
      this.unsent.value = waiting.map(({ item }) => item);
      const first = waiting[0];
      if (!first) return;
      if (first.item.kind === "picture") await this.#sendPicture(first.key, first.item.picture);
      else await this.#sendActions(leading(waiting));
    }
  }

  async #sendPicture(key: number, picture: Picture): Promise<void> {
    const { id, order_id, kind, taken_at, content } = picture;
    const path = `/v4/orders/${order_id}/proofs/${id}`;
    try {
      await inTime(call("PUT", path, { kind, taken_at, content: await base64(content) }));
    } catch (error) {
      if (!(error instanceof Refused) || error.passing) throw error;
      this.told([refusal(id, order_id, error)]);
    }
    await this.store.delete("outbox", key);
  }

  async #sendActions(these: { key: number; action: Action }[]): Promise<void> {
    const line = (await this.store.get("known", "line")) as Line;
    const sent = {
      device_id: line.device_id,
      sent_at: new Date().toISOString(),
      actions: these.map(({ action }) => action),
    };
    let receipt: Receipt;
    try {
      receipt = await inTime(post<Receipt>(`/v4/drivers/${this.courierId}/outbox`, sent));
    } catch (error) {
      if (!(error instanceof Refused) || error.passing) throw error;
      await this.#sendApart(these, error);
      return;
    }
    const answered = receipt.outcomes.filter((outcome) => outcome.result !== "held");
    await this.#forget(these, answered);
    if (answered.length < receipt.outcomes.length) await this.#countAnew();
  }

  /** One of them cannot be read: alone, the others are taken, and that one says why not. */
  async #sendApart(these: { key: number; action: Action }[], error: Refused): Promise<void> {
    const [first] = these;
    if (these.length > 1 && first) return this.#sendActions([first]);
    if (!first) return;
    await this.#forget(these, [refusal(first.action.action_id, null, error)]);
    await this.#countAnew();
  }

  async #forget(these: { key: number; action: Action }[], answered: Outcome[]): Promise<void> {
    const known = new Set(answered.map((outcome) => outcome.action_id));
    const gone = these.filter(({ action }) => known.has(action.action_id));
    const kept = this.store.transaction("outbox", "readwrite");
    for (const { key } of gone) kept.store.delete(key);
    await kept.done;
    const applied = new Set(answered.filter((o) => o.result !== "refused").map((o) => o.action_id));
    const inPlace = gone.map(({ action }) => action).filter((a) => applied.has(a.action_id));
    this.settled.value = [...this.settled.value, ...inPlace];
    this.told(answered);
  }

  /** Our place in line is lost: what is left is counted from one, as by another phone. */
  async #countAnew(): Promise<void> {
    const kept = this.store.transaction(["outbox", "known"], "readwrite");
    const line = newLine();
    let cursor = await kept.objectStore("outbox").openCursor();
    while (cursor) {
      const item = cursor.value;
      if (item.kind === "action") {
        await cursor.update({
          ...item,
          action: { ...item.action, seq: line.next },
        });
        line.next += 1;
      }
      cursor = await cursor.continue();
    }
    await kept.objectStore("known").put(line, "line");
    await kept.done;
  }

  async #waiting(): Promise<Keyed[]> {
    const kept = this.store.transaction("outbox");
    const [keys, items] = await Promise.all([kept.store.getAllKeys(), kept.store.getAll()]);
    return items.map((item, n) => ({ key: keys[n] as number, item }));
  }
}

function newLine(): Line {
  return { device_id: uuid7(), next: 1 };
}

/** The actions up to the next picture, which must be there before what it shows. */
function leading(waiting: Keyed[]): { key: number; action: Action }[] {
  const these: { key: number; action: Action }[] = [];
  for (const { key, item } of waiting) {
    if (item.kind !== "action" || these.length === MOST_ACTIONS) break;
    these.push({ key, action: item.action });
  }
  return these;
}

function refusal(action_id: string, order_id: string | null, error: Refused): Outcome {
  const { code, message } = error;
  const none = { seq: 0, kept: false, order_status: null };
  return { action_id, order_id, result: "refused", code, message, ...none };
}

/** A network that swallows everything is no network. */
function inTime<T>(asked: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("no answer in time")), TIMEOUT_MS);
    asked.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

export async function base64(content: Blob): Promise<string> {
  const bytes = new Uint8Array(await content.arrayBuffer());
  let text = "";
  for (let n = 0; n < bytes.length; n += 8_192) {
    text += String.fromCharCode(...bytes.subarray(n, n + 8_192));
  }
  return btoa(text);
}
