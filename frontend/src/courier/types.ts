// What the platform's API says to a courier, as far as the app reads it.

export type Availability =
  | "OFFLINE"
  | "AVAILABLE"
  | "ON_OFFER"
  | "ON_JOB"
  | "ON_BREAK"
  | "ENDING_SHIFT";

export interface Place {
  latitude: number;
  longitude: number;
}

export interface Courier {
  id: string;
  city_id: string;
  availability: Availability;
  break_ends_at: string | null;
  shift_ends_at: string | null;
  fault: string | null;
  message: string | null;
}

export interface OfferStop {
  kind: StopKind;
  place: Place;
  at: string;
}

export interface Offer {
  id: string;
  estimated_earning_minor: number;
  incentive_minor: number;
  collect_minor: number;
  currency: string;
  distance_m: number;
  distance_to_pickup_m: number;
  deliveries: number;
  prep_state: "ready" | "preparing";
  ready_at: string | null;
  stops: OfferStop[];
  made_at: string;
  expires_at: string;
}

/** An offer as the live stream tells of it. */
export interface OfferMade {
  offerId: string;
  driverId: string;
  expiresAt: string;
  payload: {
    estimatedEarning: number;
    incentive: number;
    collect: number;
    currency: string;
    distance: number;
    distanceToPickup: number;
    deliveries: number;
    prepState: "ready" | "preparing";
    readyAt: string | null;
    stops: OfferStop[];
  };
}

export function offerOf({ offerId, expiresAt, payload }: OfferMade, now: number): Offer {
  return {
    id: offerId,
    estimated_earning_minor: payload.estimatedEarning,
    incentive_minor: payload.incentive,
    collect_minor: payload.collect,
    currency: payload.currency,
    distance_m: payload.distance,
    distance_to_pickup_m: payload.distanceToPickup,
    deliveries: payload.deliveries,
    prep_state: payload.prepState,
    ready_at: payload.readyAt,
    stops: payload.stops,
    made_at: new Date(now).toISOString(),
    expires_at: expiresAt,
  };
}

export type StopKind = "pickup" | "dropoff";

export interface Delivery {
  reference_id: string;
  state: string;
  dropoff_eta_at: string | null;
}

export interface JobStop {
  kind: StopKind;
  reference_ids: string[];
  place: Place;
  expected_at: string;
  returning: boolean;
}

export interface Job {
  deliveries: Delivery[];
  stops: JobStop[];
}

export interface Door {
  name_en: string;
  name_ar: string;
  address_en: string;
  address_ar: string;
  instructions: string;
  place: Place;
}

export type Proof = "pin" | "photo" | "signature";

export interface Sheet {
  order_id: string;
  number: number;
  status: string;
  pickup: Door;
  dropoff: Door;
  items: {
    name_en: string;
    name_ar: string;
    quantity: number;
    options: string[];
    options_ar: string[];
  }[];
  currency: string;
  collect_minor: number;
  ready_at: string | null;
  handover: { proofs: Proof[]; word_is_enough: boolean };
  unread: number;
}

/** Everything the app shows without asking again; kept on the phone. */
export interface Snapshot {
  courier: Courier | null;
  offer: Offer | null;
  job: Job;
  sheets: Sheet[];
  at: string;
}

export type Reason =
  | "customer_absent"
  | "customer_refused"
  | "wrong_address"
  | "damaged"
  | "accident"
  | "vehicle"
  | "unsafe_place";

/** One tap, without what the outbox adds to it. */
export type Tap =
  | { do: "arrive"; order_id: string; stop: StopKind }
  | { do: "pick_up"; order_id: string }
  | { do: "deliver"; order_id: string; pin?: string; proof_ids?: string[] }
  | { do: "cannot_deliver"; order_id: string; reason: Reason; note?: string }
  | { do: "bring_back"; order_id: string }
  | { do: "give_back"; order_id: string; note?: string }
  | { do: "take_break"; minutes: number }
  | { do: "resume" }
  | { do: "end_shift" }
  | { do: "vehicle_unsafe"; reason: string };

export type Action = Tap & { action_id: string; seq: number; at: string };

export interface Outcome {
  action_id: string;
  seq: number;
  result: "applied" | "already_applied" | "refused" | "held";
  code: string | null;
  message: string | null;
  kept: boolean;
  order_id: string | null;
  order_status: string | null;
}

export interface Receipt {
  outcomes: Outcome[];
  next_seq: number;
  availability: Availability | null;
  break_ends_at: string | null;
}
