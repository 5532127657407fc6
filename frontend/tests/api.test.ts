import { expect, it } from "vitest";
import { address } from "../src/shared/api.ts";

it("fills the names of a path and leaves out what nobody asked for", () => {
  const asked = { at: { order_id: "a/b" }, query: { page: 2, status: undefined, city: "beirut" } };
  expect(address("/v4/orders/{order_id}", asked)).toBe("/v4/orders/a%2Fb?page=2&city=beirut");
});

it("wants every name of a path", () => {
  expect(() => address("/v4/orders/{order_id}", {})).toThrow("order_id");
});
