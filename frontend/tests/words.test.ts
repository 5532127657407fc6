import { describe, expect, it } from "vitest";
import { speaker } from "../src/shared/words.ts";

const things = {
  zero: "لا أصناف",
  one: "صنف واحد",
  two: "صنفان",
  few: "{n} أصناف",
  many: "{n} صنفًا",
  other: "{n} صنف",
};

describe("words", () => {
  it("choose among the six plurals of Arabic", () => {
    const say = speaker({ things }, "ar");
    expect([0, 1, 2, 3, 11, 100].map((n) => say("things", { n }))).toEqual([
      "لا أصناف",
      "صنف واحد",
      "صنفان",
      "3 أصناف",
      "11 صنفًا",
      "100 صنف",
    ]);
  });

  it("are filled in, and what is not given stays", () => {
    const say = speaker({ late: "{n} min late, {who}" }, "en");
    expect(say("late", { n: 3 })).toBe("3 min late, {who}");
  });

  it("that a page does not have are an error", () => {
    expect(() => speaker({}, "en")("courier.accept")).toThrow("courier.accept");
  });
});
