import { expect, test } from "vitest";
import {
  clock,
  columnOf,
  inColumn,
  lost,
  matches,
  type Order,
  ringing,
  sight,
} from "../src/board/model.ts";

const NOON = Date.parse("2026-11-20T12:00:00Z");
const at = (minutes: number) => new Date(NOON + minutes * 60_000).toISOString();

function order(number: number, changes: Partial<Order> = {}): Order {
  return {
    id: `order-${number}`,
    number,
    status: "PENDING",
    items: [],
    placed_at: at(0),
    answer_by_at: at(5),
    ready_at: null,
    picked_up_at: null,
    ended_at: null,
    ...changes,
  } as Order;
}

test("what is due first stands first, and what has ended stands last", () => {
  const soon = order(2, { answer_by_at: at(1) });
  expect(inColumn([order(1), soon], "new").map(({ number }) => number)).toEqual([2, 1]);
  expect(columnOf(order(3, { status: "IN_TRANSIT" }))).toBe("handed");
});

test("a seen order is silent until its last minute, and then until it is seen again", () => {
  const one = order(1);
  const seen = new Set([sight(one, NOON)]);
  expect(ringing([one], new Set(), NOON)).toEqual([one]);
  expect(ringing([one], seen, NOON)).toEqual([]);
  const late = NOON + 4.5 * 60_000;
  expect(ringing([one], seen, late)).toEqual([one]);
  expect(ringing([one], new Set([...seen, sight(one, late)]), late)).toEqual([]);
});

test("what is called off while it is cooked is told, and nothing else", () => {
  const before = [order(1, { status: "PREPARING" }), order(2)];
  const after = before.map((one) => ({ ...one, status: "CANCELLED" as const }));
  expect(lost(before, after).map(({ number }) => number)).toEqual([1]);
});

test("an order is found by its number and by its dishes in either language", () => {
  const items = [
    {
      name_en: "Kebab",
      name_ar: "كباب",
      options: ["No onions"],
      options_ar: ["بدون بصل"],
      quantity: 1,
    },
  ];
  const one = order(10_042, { items: items as unknown as Order["items"] });
  for (const words of ["", "#100", "42", "keb", "كبا", "ONION"])
    expect(matches(one, words)).toBe(true);
  expect(matches(one, "falafel")).toBe(false);
});

test("a countdown goes on below nothing", () => {
  expect([clock(65_000), clock(0), clock(-90_000)]).toEqual(["1:05", "0:00", "−1:30"]);
});
