import type { LonLat } from "../shared/map/index.ts";

/** What `/city/snapshot` answers. */
export interface Snapshot {
  at: string;
  centre: LonLat;
  couriers: Courier[];
  orders: Order[];
  merchants: { id: string; name: string; at: LonLat }[];
  banner: string;
  strip: string;
  queue: string;
}

export interface Courier {
  id: string;
  name: string;
  presence: "free" | "offered" | "busy" | "break";
  late: boolean;
  at: LonLat | null;
  seen_at: string | null;
}

export interface Order {
  id: string;
  number: number;
  status: string;
  late: boolean;
  merchant: string;
  courier_id: string | null;
  pickup: LonLat;
  dropoff: LonLat;
  next_stop: LonLat;
}

/** `couriers_moved`: who, where, in metres so sure, and when. */
export interface Moved {
  couriers: [string, number, number, number, string][];
}
