import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Store } from "../src/courier/database.ts";
import { Positions } from "../src/courier/positions.ts";

type Hear = (position: GeolocationPosition) => void;

let watched: Hear;
let sent: { pings: { latitude: number }[] }[];

const here = (latitude: number): GeolocationPosition =>
  ({
    coords: { latitude, longitude: 53.1, accuracy: 5, speed: null, heading: null },
    timestamp: Date.now(),
  }) as GeolocationPosition;

/** Pings alone, kept as the browser's own store keeps them. */
function store(): Store {
  let kept: unknown[] = [];
  return {
    add: async (_: string, ping: unknown) => kept.push(ping),
    count: async () => kept.length,
    delete: async () => {
      kept = [];
    },
    transaction: () => ({
      store: { getAllKeys: async () => kept.map((_, n) => n), getAll: async () => [...kept] },
    }),
  } as unknown as Store;
}

beforeEach(() => {
  vi.useFakeTimers();
  sent = [];
  vi.stubGlobal("document", { cookie: "" });
  vi.stubGlobal("IDBKeyRange", { upperBound: (key: number) => key });
  vi.stubGlobal("navigator", {
    onLine: true,
    geolocation: {
      watchPosition: (hear: Hear) => {
        watched = hear;
        return 1;
      },
      getCurrentPosition: (hear: Hear) => hear(here(24.2)),
      clearWatch: () => undefined,
    },
  });
  vi.stubGlobal("fetch", async (_: string, init: RequestInit) => {
    sent.push(JSON.parse(String(init.body)));
    return new Response(JSON.stringify({ data: {} }), { status: 200 });
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const positions = () =>
  new Positions(
    store(),
    "courier",
    () => undefined,
    () => undefined,
  );

it("tells where a courier is as soon as they come on duty", async () => {
  positions().at("free");
  watched(here(24.1));
  await vi.advanceTimersByTimeAsync(100);
  expect(sent.map(({ pings }) => pings.map(({ latitude }) => latitude))).toEqual([[24.1]]);
});

it("asks a phone that lies still, so that its courier stays to be found", async () => {
  positions().at("free");
  watched(here(24.1));
  await vi.advanceTimersByTimeAsync(120_000);
  expect(sent.length).toBeGreaterThanOrEqual(3);
  expect(sent.at(-1)?.pings.at(-1)?.latitude).toBe(24.2);
});
