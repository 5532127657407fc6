import { describe, expect, it } from "vitest";
import { cellsOf } from "../src/operations/cells.ts";
import { areaKm2, flaw, parsed, written } from "../src/operations/outline.ts";
import type { LonLat } from "../src/shared/map/index.ts";

const square: LonLat[] = [
  [53.08, 24.1],
  [53.12, 24.1],
  [53.12, 24.14],
  [53.08, 24.14],
];
const at = (...order: number[]) => order.map((n) => square[n] as LonLat);

describe("an outline", () => {
  it("is read as it is written, or from a feature, or from its bare corners", () => {
    const polygon = JSON.parse(written(square));
    expect(polygon.coordinates[0]).toHaveLength(5);
    for (const text of [polygon, { type: "Feature", geometry: polygon }, square])
      expect(parsed(JSON.stringify(text))).toEqual(square);
  });

  it("is nothing else", () => {
    const ring = [...square, square[0]];
    for (const text of [
      "",
      "[",
      "[]",
      "{}",
      "[[190, 1]]",
      '[["a", 1]]',
      JSON.stringify([[ring, ring]]),
    ])
      expect(parsed(text)).toBeNull();
  });

  it("has three corners, does not cross itself, and is no country", () => {
    expect(flaw(square)).toBeNull();
    expect(flaw(at(0, 1, 0, 1))).toBe("few");
    expect(flaw(at(0, 2, 1, 3))).toBe("crosses");
    expect(flaw(square.map(([lon, lat]) => [lon * 10 - 480, lat * 10 - 215]))).toBe("large");
  });

  it("may have sides in one line", () => {
    const comb: LonLat[] = [
      [0, 0],
      [3, 0],
      [3, 2],
      [2, 2],
      [2, 1],
      [1, 1],
      [1, 2],
      [0, 2],
    ].map(([x, y]) => [53 + (x ?? 0) / 100, 24 + (y ?? 0) / 100]);
    expect(flaw(comb)).toBeNull();
  });

  it("has an area, and the cells whose middle lies in it", () => {
    expect(areaKm2(square)).toBeCloseTo(18.06, 1);
    expect(cellsOf(square)).toHaveLength(200);
    const speck = square.map(
      ([lon, lat]): LonLat => [53.1 + (lon - 53.1) / 1e4, 24 + (lat - 24) / 1e4],
    );
    expect(cellsOf(speck)).toHaveLength(1);
  });
});
