// Where the phone is: as often as it matters, no more than moved, and kept while out of reach.

import { post, Refused } from "./api.ts";
import type { Ping, Store } from "./database.ts";

export type Pace = "job" | "free" | "off";

/** How often a position is kept while moving and while standing, and how often they are sent. */
const PACES = {
  job: { moving_ms: 3_000, standing_ms: 15_000, send_ms: 5_000, precise: true },
  free: {
    moving_ms: 10_000,
    standing_ms: 30_000,
    send_ms: 15_000,
    precise: false,
  },
} as const;
const MOVED_M = 12;
const MOST_AT_ONCE = 500;
const MOST_KEPT = 5_000;

export class Positions {
  #watch: number | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #pace: Pace = "off";
  #last: Ping | undefined;
  #seq = 0;

  readonly store: Store;
  readonly courierId: string;
  readonly seen: (ping: Ping) => void;
  readonly blocked: (is: boolean) => void;

  constructor(
    store: Store,
    courierId: string,
    seen: (ping: Ping) => void,
    blocked: (is: boolean) => void,
  ) {
    this.store = store;
    this.courierId = courierId;
    this.seen = seen;
    this.blocked = blocked;
  }

  at(pace: Pace): void {
    if (pace === this.#pace) return;
    this.#stop();
    this.#pace = pace;
    if (pace === "off" || !("geolocation" in navigator)) return;
    const { precise, moving_ms, standing_ms, send_ms } = PACES[pace];
    const heard = (position: GeolocationPosition) => void this.#heard(position);
    const failed = (error: GeolocationPositionError) =>
      this.blocked(error.code === error.PERMISSION_DENIED);
    const how = { enableHighAccuracy: precise, maximumAge: moving_ms, timeout: 30_000 };
    this.#watch = navigator.geolocation.watchPosition(heard, failed, how);
    this.#timer = setInterval(() => {
      // A phone that lies still may say nothing by itself; who is not heard of gets no offers.
      const since_ms = Date.now() - Date.parse(this.#last?.at ?? "1970-01-01");
      if (since_ms >= standing_ms) navigator.geolocation.getCurrentPosition(heard, failed, how);
      void this.send();
    }, send_ms);
  }

  #stop(): void {
    if (this.#watch !== undefined) navigator.geolocation.clearWatch(this.#watch);
    clearInterval(this.#timer);
    this.#watch = undefined;
    this.#last = undefined;
  }

  /** The first at a pace is sent at once: who comes on duty is to be found. */
  async #heard({ coords, timestamp }: GeolocationPosition): Promise<void> {
    this.blocked(false);
    const ping: Ping = {
      latitude: coords.latitude,
      longitude: coords.longitude,
      accuracy_m: coords.accuracy,
      at: new Date(timestamp).toISOString(),
      seq: this.#seq,
    };
    if (coords.speed !== null && coords.speed >= 0) ping.speed_mps = coords.speed;
    if (coords.heading !== null && !Number.isNaN(coords.heading)) ping.heading_deg = coords.heading;
    this.seen(ping);
    if (this.#pace === "off" || !worthKeeping(ping, this.#last, PACES[this.#pace])) return;
    const first = this.#last === undefined;
    this.#last = ping;
    this.#seq += 1;
    await this.store.add("pings", ping);
    if (first) await this.send();
  }

  /** All that is kept, oldest first. What the server has seen before does no harm. */
  async send(): Promise<void> {
    if (!navigator.onLine) return this.#thin();
    const kept = this.store.transaction("pings");
    const [keys, pings] = await Promise.all([
      kept.store.getAllKeys(undefined, MOST_AT_ONCE),
      kept.store.getAll(undefined, MOST_AT_ONCE),
    ]);
    const last = keys.at(-1);
    if (last === undefined) return;
    try {
      await post(`/v4/drivers/${this.courierId}/positions`, { pings });
    } catch (error) {
      if (!(error instanceof Refused) || error.passing) return this.#thin();
    }
    await this.store.delete("pings", IDBKeyRange.upperBound(last));
    if (keys.length === MOST_AT_ONCE) await this.send();
  }

  /** Long out of reach: of what is old every other one goes, so that the way stays to be seen. */
  async #thin(): Promise<void> {
    if ((await this.store.count("pings")) <= MOST_KEPT) return;
    const kept = this.store.transaction("pings", "readwrite");
    const keys = await kept.store.getAllKeys();
    const old = keys.slice(0, MOST_KEPT / 2);
    for (const [n, key] of old.entries()) if (n % 2) kept.store.delete(key);
    await kept.done;
  }
}

export function worthKeeping(
  ping: Ping,
  last: Ping | undefined,
  pace: { moving_ms: number; standing_ms: number },
): boolean {
  if (!last) return true;
  const after_ms = Date.parse(ping.at) - Date.parse(last.at);
  const moved = metres(ping, last) > Math.max(MOVED_M, Math.min(ping.accuracy_m, 50) / 2);
  return after_ms >= (moved ? pace.moving_ms : pace.standing_ms);
}

interface At {
  latitude: number;
  longitude: number;
}

const EARTH_M = 6_371_000;

export function metres(a: At, b: At): number {
  const rad = Math.PI / 180;
  const dLat = (b.latitude - a.latitude) * rad;
  const dLon = (b.longitude - a.longitude) * rad * Math.cos(((a.latitude + b.latitude) / 2) * rad);
  return EARTH_M * Math.hypot(dLat, dLon);
}
