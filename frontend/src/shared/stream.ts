// One stream of live messages. It is told of its own silence: the server beats as often as asked,
// and whoever has heard nothing for two beats and a half has been cut off.

import type { Session } from "./session.ts";

export type Wire = "open" | "cut" | "ended";

export interface Listener {
  heard(name: string, data: unknown, id: string): void;
  /** Whether it is open; `heardAt` is when it last said anything. */
  changed(wire: Wire, heardAt: number): void;
  /** Refresh the session: only a page can. */
  keep(): Promise<Session>;
}

export const ADDRESS = "/v4/live";
export const QUIET_BEAT_S = 15;
export const WATCHFUL_BEAT_S = 2;
const REOPEN_MS = 1_500;
const SLOW_OPEN_MS = 8_000;
const LOOK_MS = 250;

export class Stream {
  readonly #listener: Listener;
  readonly #names = new Set<string>();
  #source: EventSource | null = null;
  #beat_s = QUIET_BEAT_S;
  #lastId = "";
  #heardAt = 0;
  #askedAt = 0;
  #wire: Wire = "cut";
  #look: ReturnType<typeof setInterval> | null = null;
  #reopening: ReturnType<typeof setTimeout> | null = null;

  constructor(listener: Listener) {
    this.#listener = listener;
  }

  get wire(): Wire {
    return this.#wire;
  }

  get heardAt(): number {
    return this.#heardAt;
  }

  /** Listen to messages of these names too, and notice silence within two beats and a half. */
  want(names: Iterable<string>, { watchful = false } = {}): void {
    const beat_s = watchful ? WATCHFUL_BEAT_S : this.#beat_s;
    for (const name of names) {
      if (this.#names.has(name)) continue;
      this.#names.add(name);
      if (this.#source) this.#attach(this.#source, name);
    }
    if (beat_s === this.#beat_s && this.#source) return;
    this.#beat_s = beat_s;
    this.open();
  }

  /** Begin anew, from where it was cut. */
  open(): void {
    this.#stop();
    const asked = new URLSearchParams({ beat_s: String(this.#beat_s) });
    if (this.#lastId) asked.set("last_event_id", this.#lastId);
    const source = new EventSource(`${ADDRESS}?${asked}`);
    this.#source = source;
    this.#askedAt = Date.now();
    this.#look ??= setInterval(() => this.#judge(), LOOK_MS);
    source.onopen = () => this.#alive();
    source.onerror = () => this.#failed(source);
    source.addEventListener("beat", (event) => this.#alive(event.lastEventId));
    source.addEventListener("goodbye", (event) => this.#goodbye(event));
    for (const name of this.#names) this.#attach(source, name);
  }

  close(): void {
    this.#stop();
    if (this.#look) clearInterval(this.#look);
    this.#look = null;
    this.#names.clear();
    this.#beat_s = QUIET_BEAT_S;
    this.#lastId = "";
    this.#wire = "cut";
  }

  #attach(source: EventSource, name: string): void {
    source.addEventListener(name, (event: MessageEvent<string>) => {
      this.#alive(event.lastEventId);
      this.#listener.heard(name, JSON.parse(event.data), event.lastEventId);
    });
  }

  #alive(id = ""): void {
    this.#heardAt = Date.now();
    if (id) this.#lastId = id;
    this.#become("open");
  }

  #judge(): void {
    const silence_ms = Date.now() - Math.max(this.#heardAt, this.#askedAt);
    if (this.#wire === "open" && silence_ms > this.#beat_s * 2_250) {
      this.#become("cut");
      this.open();
    } else if (this.#wire === "cut" && !this.#reopening && silence_ms > SLOW_OPEN_MS) {
      this.open();
    }
  }

  #failed(source: EventSource): void {
    if (source !== this.#source) return;
    this.#become("cut");
    if (source.readyState === EventSource.CLOSED) void this.#refused();
  }

  async #refused(): Promise<void> {
    this.#stop();
    if ((await this.#listener.keep()) === "ended") this.#become("ended");
    else this.#later();
  }

  #goodbye(event: MessageEvent<string>): void {
    if (JSON.parse(event.data).reason !== "signed_out") return; // the browser comes back by itself
    this.#become("cut");
    void this.#refused();
  }

  #later(): void {
    if (this.#reopening || !this.#look) return;
    this.#reopening = setTimeout(() => {
      this.#reopening = null;
      this.open();
    }, REOPEN_MS);
  }

  #stop(): void {
    if (this.#reopening) clearTimeout(this.#reopening);
    this.#reopening = null;
    this.#source?.close();
    this.#source = null;
  }

  #become(wire: Wire): void {
    if (wire === this.#wire && wire !== "open") return;
    this.#wire = wire;
    this.#listener.changed(wire, this.#heardAt);
  }
}
