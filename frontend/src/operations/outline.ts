// The outline of a zone as it is written, and what can be wrong with it.

import type { LonLat } from "../shared/map/index.ts";

const MOST_KM2 = 1_000;
const KM_PER_DEGREE = 111.195;
const DIGITS = 6; // a tenth of a metre

export type Flaw = "few" | "crosses" | "large";

/** The corners that GeoJSON names (a polygon, a feature, or a bare list), each once; else null. */
export function parsed(text: string): LonLat[] | null {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    return null;
  }
  const geometry = isRecord(given) && "geometry" in given ? given["geometry"] : given;
  const rings = isRecord(geometry) ? geometry["coordinates"] : [geometry];
  if (!Array.isArray(rings) || rings.length !== 1) return null;
  const ring: unknown = rings[0];
  if (!Array.isArray(ring) || !ring.length || !ring.every(isCorner)) return null;
  return opened(ring);
}

/** GeoJSON, a corner to a line, as the server writes it. */
export function written(corners: LonLat[]): string {
  const lines = closed(corners).map(([lon, lat]) => `  [${lon}, ${lat}]`);
  return `{"type": "Polygon", "coordinates": [[\n${lines.join(",\n")}\n]]}`;
}

export const rounded = (at: readonly number[]): LonLat => [
  Number((at[0] ?? 0).toFixed(DIGITS)),
  Number((at[1] ?? 0).toFixed(DIGITS)),
];

/** The first corner again at the end. */
export const closed = (corners: LonLat[]): LonLat[] =>
  corners[0] ? [...corners, corners[0]] : corners;

export function opened(ring: LonLat[]): LonLat[] {
  const [first, last] = [ring[0], ring.at(-1)];
  return ring.length > 1 && first && last && same(first, last) ? ring.slice(0, -1) : ring;
}

export function flaw(corners: LonLat[]): Flaw | null {
  if (new Set(corners.map(String)).size < 3) return "few";
  if (crosses(corners)) return "crosses";
  return areaKm2(corners) > MOST_KM2 ? "large" : null;
}

/** About how large it is, as if the earth were flat there. */
export function areaKm2(corners: LonLat[]): number {
  const [x0, y0] = corners[0] ?? [0, 0];
  const shrink = Math.cos((y0 * Math.PI) / 180);
  const flat = closed(corners).map(([x, y]): LonLat => [(x - x0) * shrink, y - y0]);
  const twice = sides(flat).reduce((sum, [a, b]) => sum + a[0] * b[1] - b[0] * a[1], 0);
  return (Math.abs(twice) / 2) * KM_PER_DEGREE ** 2;
}

function crosses(corners: LonLat[]): boolean {
  const all = sides(closed(corners));
  return all.some(([a, b], n) =>
    all
      .slice(n + 2)
      .some(([c, d], m) => !(n === 0 && n + 2 + m === all.length - 1) && meet(a, b, c, d)),
  );
}

/** Whether two sides have a place in common. */
function meet(a: LonLat, b: LonLat, c: LonLat, d: LonLat): boolean {
  const [c0, d0, a1, b1] = [turn(a, b, c), turn(a, b, d), turn(c, d, a), turn(c, d, b)];
  if (c0 * d0 < 0 && a1 * b1 < 0) return true;
  return (
    (!c0 && between(a, b, c)) ||
    (!d0 && between(a, b, d)) ||
    (!a1 && between(c, d, a)) ||
    (!b1 && between(c, d, b))
  );
}

/** More than 0 when a, b, c go round to the left, 0 when they are in line. */
const turn = (a: LonLat, b: LonLat, c: LonLat): number =>
  Math.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]));

/** Whether c, in line with a and b, is between them. */
const between = (a: LonLat, b: LonLat, c: LonLat): boolean =>
  ([0, 1] as const).every((n) => Math.min(a[n], b[n]) <= c[n] && c[n] <= Math.max(a[n], b[n]));

const sides = (ring: LonLat[]): [LonLat, LonLat][] =>
  ring.slice(1).map((to, n) => [ring[n] as LonLat, to]);

const same = (a: LonLat, b: LonLat): boolean => a[0] === b[0] && a[1] === b[1];

const isRecord = (given: unknown): given is Record<string, unknown> =>
  typeof given === "object" && given !== null && !Array.isArray(given);

const isCorner = (given: unknown): given is LonLat =>
  Array.isArray(given) &&
  given.length === 2 &&
  given.every((one, n) => typeof one === "number" && Math.abs(one) <= (n ? 90 : 180));
