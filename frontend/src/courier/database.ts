// What the phone keeps: taps that were not sent, positions, and how things stood last.

import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { Action, Snapshot } from "./types.ts";

export interface Picture {
  id: string;
  order_id: string;
  kind: "photo" | "signature";
  taken_at: string;
  content: Blob;
}

export type Item = { kind: "action"; action: Action } | { kind: "picture"; picture: Picture };

export interface Ping {
  latitude: number;
  longitude: number;
  accuracy_m: number;
  at: string;
  speed_mps?: number;
  heading_deg?: number;
  seq: number;
}

export interface Line {
  device_id: string;
  /** The number the next action gets. */
  next: number;
}

interface Kept extends DBSchema {
  outbox: { key: number; value: Item };
  pings: { key: number; value: Ping };
  known: { key: string; value: Line | Snapshot | number };
}

export type Store = IDBPDatabase<Kept>;

/** Each courier's own: who signs in on the same phone does not send another's taps. */
export function openStore(courierId: string): Promise<Store> {
  return openDB<Kept>(`tawsil-courier-${courierId}`, 1, {
    upgrade(store) {
      store.createObjectStore("outbox", { autoIncrement: true });
      store.createObjectStore("pings", { autoIncrement: true });
      store.createObjectStore("known");
    },
  });
}
