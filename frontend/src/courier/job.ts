// What is to do next, from what the server said last and what was tapped since. No I/O.

import type { Action, Door, JobStop, Sheet, Snapshot, StopKind } from "./types.ts";

/** A door, and all that changes hands there. */
export interface Stop {
  kind: StopKind;
  sheets: Sheet[];
  door: Door;
  expectedAt: string;
  returning: boolean;
  arrived: boolean;
}

const BEFORE_PICKUP = new Set(["PENDING", "ACCEPTED", "PREPARING", "READY_FOR_PICKUP"]);
const ON_BOARD = new Set(["PICKED_UP", "IN_TRANSIT"]);
const AT_DOOR = { pickup: "at_pickup", dropoff: "at_dropoff" } as const;

/** The orders as they are once every tap has been taken in. */
export function ahead(sheets: Sheet[], taps: Action[]): Sheet[] {
  const status = new Map(sheets.map((sheet) => [sheet.order_id, sheet.status]));
  for (const tap of taps) {
    if (!("order_id" in tap)) continue;
    const becomes = BECOMES[tap.do];
    if (becomes && status.has(tap.order_id)) status.set(tap.order_id, becomes);
  }
  return sheets.map((sheet) => ({
    ...sheet,
    status: status.get(sheet.order_id) as string,
  }));
}

const BECOMES: Partial<Record<Action["do"], string>> = {
  pick_up: "PICKED_UP",
  deliver: "DELIVERED",
  cannot_deliver: "UNDELIVERABLE",
  bring_back: "RETURNED",
  give_back: "GIVEN_BACK",
};

/** The doors still to visit, in the order of riding: collect, hand over, bring back. */
export function stopsOf(known: Snapshot, taps: Action[]): Stop[] {
  const sheets = new Map(ahead(known.sheets, taps).map((sheet) => [sheet.order_id, sheet]));
  const left = (stop: JobStop, open: (status: string) => boolean): Sheet[] =>
    stop.reference_ids
      .map((id) => sheets.get(id))
      .filter((sheet): sheet is Sheet => sheet !== undefined && open(sheet.status));
  const collect: Stop[] = [];
  const handOver: Stop[] = [];
  for (const stop of known.job.stops) {
    if (stop.returning) continue;
    const pickup = stop.kind === "pickup";
    const open = pickup
      ? (status: string) => BEFORE_PICKUP.has(status)
      : (status: string) => BEFORE_PICKUP.has(status) || ON_BOARD.has(status);
    const theirs = left(stop, open);
    if (theirs.length) (pickup ? collect : handOver).push(at(stop, theirs, known, taps));
  }
  const back = [...sheets.values()]
    .filter((sheet) => sheet.status === "UNDELIVERABLE")
    .map((sheet): Stop => {
      const planned = known.job.stops.find((s) => s.reference_ids.includes(sheet.order_id));
      const expectedAt = planned?.expected_at ?? known.at;
      const door = sheet.pickup;
      return {
        kind: "pickup",
        sheets: [sheet],
        door,
        expectedAt,
        returning: true,
        arrived: true,
      };
    });
  return [...collect, ...handOver, ...back];
}

function at(stop: JobStop, sheets: Sheet[], known: Snapshot, taps: Action[]): Stop {
  const [first] = sheets as [Sheet];
  const door = stop.kind === "pickup" ? first.pickup : first.dropoff;
  const here = (sheet: Sheet): boolean =>
    known.job.deliveries.some(
      (d) => d.reference_id === sheet.order_id && d.state === AT_DOOR[stop.kind],
    ) ||
    taps.some((t) => t.do === "arrive" && t.order_id === sheet.order_id && t.stop === stop.kind);
  const { kind, expected_at: expectedAt } = stop;
  return {
    kind,
    sheets,
    door,
    expectedAt,
    returning: false,
    arrived: sheets.every(here),
  };
}

export interface Duty {
  availability: string;
  breakEndsAt: string | null;
}

/** Whether on duty and on a break, as tapped. */
export function dutyOf(known: Snapshot, taps: Action[]): Duty {
  let availability: string = known.courier?.availability ?? "OFFLINE";
  let breakEndsAt = known.courier?.break_ends_at ?? null;
  for (const tap of taps) {
    if (tap.do === "take_break") {
      availability = "ON_BREAK";
      breakEndsAt = new Date(Date.parse(tap.at) + tap.minutes * 60_000).toISOString();
    } else if (tap.do === "resume") {
      availability = "AVAILABLE";
      breakEndsAt = null;
    } else if (tap.do === "end_shift" || tap.do === "vehicle_unsafe") {
      availability = availability === "ON_JOB" ? "ENDING_SHIFT" : "OFFLINE";
      breakEndsAt = null;
    }
  }
  return { availability, breakEndsAt };
}
